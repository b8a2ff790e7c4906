"""The descriptors of a dataset folder: those in its descriptors.csv, the others computed."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from hybrid.data.folder import CrystalFolder
from hybrid.descriptors.many import describe_many, kept_rows, write_descriptors
from hybrid.descriptors.registry import paper_descriptors, select_descriptors
from hybrid.descriptors.table import DescriptorTable
from hybrid.errors import InputError


def folder_descriptors(folder: CrystalFolder, names: Sequence[str] = ()) -> DescriptorTable:
    """The descriptors of a folder's crystals, one row each.

    A folder without descriptors.csv gets one with the paper's 29. Of columns that are asked for and not in
    the file those that the project knows are computed; the file stays as it is.

    Args:
        folder: the crystals.
        names: which descriptors; none: all of the file's columns.

    Raises:
        InputError: the file cannot be used, or lacks a crystal or a descriptor that cannot be computed.
    """
    if not folder.stored:
        return _computed(folder, names or [d.name for d in paper_descriptors(space_group=True)])
    path = folder.path / "descriptors.csv"
    table = DescriptorTable.read(path) if path.exists() else write_descriptors(folder.path, space_group=True)
    missing = [name for name in names if name not in table.names]
    if missing:
        unknown = [name for name in missing if name not in {d.name for d in select_descriptors()}]
        if unknown:
            raise InputError(f"{path}: lacks {', '.join(unknown)}, which only its author can compute")
        computed = _computed(folder, missing)
        values = torch.cat([table.rows(folder.ids, gaps=True), computed.values], dim=1)
        errors = {**table.errors, **computed.errors}
        table = replace(
            table, ids=tuple(folder.ids), names=(*table.names, *missing), values=values, errors=errors
        )
    return table.select(names) if names else table


def atom_counts(folder: CrystalFolder) -> np.ndarray:
    """(n_crystals,) atoms of the primitive cells, by descriptors.csv; without one they are counted.

    Raises:
        InputError: the file cannot be used, or a crystal's number is not known.
    """
    named = ["natoms"]
    known = folder.stored and (folder.path / "descriptors.csv").exists()
    table = folder_descriptors(folder, named) if known else _computed(folder, named)
    counts = table.rows(folder.ids, gaps=True)  # other columns may be missing
    if counts.isnan().any():
        table.rows(folder.ids)  # says whose is not there
    return np.asarray(counts[:, 0])


def _computed(folder: CrystalFolder, names: Sequence[str]) -> DescriptorTable:
    """The named descriptors alone; the folder stays as it is."""
    crystals = zip(folder.ids, folder.files, strict=True)
    cache = kept_rows(folder.path) if folder.stored else None
    return describe_many(
        crystals, names, cache=cache, progress=folder.stored, path=folder.path / "descriptors.csv"
    )
