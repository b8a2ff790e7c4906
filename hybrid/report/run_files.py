"""The files of a finished run that its report reads, and the one that it adds: what its crystals are."""

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from hybrid.atomic import write_text
from hybrid.data.folder import CrystalFolder
from hybrid.errors import InputError
from hybrid.reading import plain_number, read_json, read_rows
from hybrid.trained.learnt_from import OF_STRUCTURES

DATA = "data.json"


def describe_data(run: Path, folder: CrystalFolder, split_file: Path | None = None) -> None:
    """Writes data.json into a run folder: file, formula and number of atoms of each of its crystals.

    Crystals whose structure is not the one that the run learnt from are left out.

    Raises:
        InputError: none of the run's crystals is in the folder.
    """
    noted = [file for file in (run / "inputs.json", *run.glob("*/inputs.json")) if file.exists()]
    inputs = read_json(noted[0]) if noted else {"crystals": {}}
    seen = inputs["crystals"]  # by each member
    own, crystals = set(read_predictions(run)["id"]), {}
    folder = folder.take(i for i, identity in enumerate(folder.ids) if identity in own)
    keys = folder.keys(OF_STRUCTURES in inputs)
    for identity, key, composition in zip(folder.ids, keys, folder.compositions(), strict=True):
        if not seen or seen.get(identity, "  ")[1] == key:
            file = os.path.relpath(folder.files[identity], run) if folder.stored else ""
            crystals[identity] = [file, composition.reduced_formula, round(composition.num_atoms)]
    if not crystals:
        raise InputError(f"{folder.path}: holds none of the crystals of {run}")
    data = {
        "folder": os.path.relpath(folder.path, run) if folder.stored else "",
        "split_file": "" if split_file is None else os.path.relpath(split_file, run),
        "unit": folder.unit,
        "crystals": crystals,
    }
    write_text(run / DATA, json.dumps(data) + "\n")


def printable(text: Any) -> str:
    """A text without control characters and half letters, which pictures and pages cannot hold."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in str(text))


def shown(number: float) -> str:
    """A number for people; a dash where there is none."""
    return f"{number:.4g}".replace("-", "\u2212") if math.isfinite(number) else "\u2013"


def read_predictions(run: Path) -> dict[str, list[str]]:
    """predictions.csv by column.

    Raises:
        InputError: it cannot be read, or lacks a column.
    """
    table = _columns(run / "predictions.csv")
    known = [name for name in table if name == "target" or name.startswith("target ")]
    needed = ["id", "fold", *(known or ["target"]), *(f"prediction{name[6:]}" for name in known)]
    for name in needed:
        if name not in table:
            raise InputError(f"{run / 'predictions.csv'}: lacks the column {name}")
    return table


def read_log(path: Path) -> dict[str, np.ndarray]:
    """log.csv by column.

    Raises:
        InputError: it is damaged.
    """
    table = {name: [plain_number(cell) for cell in cells] for name, cells in _columns(path).items()}
    log = {name: np.array(cells, dtype=float) for name, cells in table.items()}
    for name in ("epoch", "training_loss", "validation_error"):
        if not np.isfinite(log.get(name, np.nan)).any():
            raise InputError(f"{path}: has no numbers in the column {name}")
    return log


def _columns(path: Path) -> dict[str, list[str]]:
    """A table with a header, by column.

    Raises:
        InputError: it cannot be read, is empty, or its rows differ in length.
    """
    (_, header), *rows = [*read_rows(path)] or [(1, [])]
    for place, row in rows:
        if len(row) != len(header):
            raise InputError(f"{path}: row {place} has {len(row)} cells, and the header {len(header)}")
    if not rows:
        raise InputError(f"{path}: has no rows")
    return dict(zip(header, map(list, zip(*(row for _, row in rows), strict=True)), strict=True))
