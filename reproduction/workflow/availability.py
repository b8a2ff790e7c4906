"""Builds datasets before the runs that need them, and notes those whose data are not available."""

from collections.abc import Iterable
from pathlib import Path

from tqdm import tqdm

from hybrid.atomic import write_text
from hybrid.errors import InputError
from reproduction.data.registry import dataset_folder
from reproduction.paths import DATASETS


def build(names: Iterable[str], jobs: int = 1) -> None:
    """Builds datasets that do not exist; the reason why one cannot be built is noted in a file.

    Args:
        names: of the datasets.
        jobs: processes; -1: one for each core.
    """
    for name in names:
        note = _note(name)
        try:
            dataset_folder(name, jobs)
            note.unlink(missing_ok=True)
        except InputError as error:
            write_text(note, f"{error}\n")
            tqdm.write(f"{name}: not built: {error}")


def why_missing(name: str) -> str | None:
    """Why a dataset could not be built; None if it could, or has not been tried."""
    note = _note(name)
    return note.read_text().strip() if note.exists() else None


def _note(name: str) -> Path:
    return DATASETS / f"{name}.missing"
