"""Which datasets can be had here: built before the runs that need them, or noted as missing."""

from collections.abc import Iterable
from pathlib import Path

from tqdm import tqdm

from hybrid.atomic import write_text
from hybrid.errors import InputError
from reproduction.data.registry import dataset_folder
from reproduction.paths import DATASETS


def build(names: Iterable[str]) -> None:
    """Builds datasets that are not there; one that cannot be had is noted as missing until it can."""
    for name in names:
        note = _note(name)
        try:
            dataset_folder(name)
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
