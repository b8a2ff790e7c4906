"""The descriptors of a dataset folder: those in its descriptors.csv, the others computed."""

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from hybrid.atomic import locked_where_possible
from hybrid.data.folder import CrystalFolder
from hybrid.descriptors.many import describe_many, described, kept_rows, write_descriptors
from hybrid.descriptors.registry import paper_descriptors, select_descriptors
from hybrid.descriptors.table import DescriptorTable
from hybrid.errors import InputError, note
from hybrid.structures import without_ending


def folder_descriptors(folder: CrystalFolder, names: Sequence[str] = ()) -> DescriptorTable:
    """The descriptors of a folder's crystals, one row each.

    A folder without descriptors.csv gets one with the paper's 29, and one whose structures have changed since
    they were described gets a new one. Of columns that are asked for and not in the file those that the
    project knows are computed; the file stays as it is. Of a part of a folder without a file only that part
    is described, and no file is written.

    Args:
        folder: the crystals.
        names: which descriptors; empty: all columns of the file.

    Raises:
        InputError: the file cannot be used, or lacks a crystal, or a descriptor that cannot be computed.
    """
    asked = names or [d.name for d in paper_descriptors(space_group=True)]
    if not folder.stored:
        return _computed(folder, asked)
    path, computable = folder.path / "descriptors.csv", {d.name: d for d in select_descriptors()}
    table = DescriptorTable.read(path) if path.exists() else None
    try:
        if table is None and folder.part:
            table = _computed(folder, list(computable))
        elif table is None or _changed(folder):
            if kept := [name for name in (table.names if table else ()) if name not in computable]:
                note(f"{path}: {', '.join(kept)} cannot be computed and stay as they are in the file")
            write_descriptors(folder.path, n_jobs=folder.jobs)
            table = DescriptorTable.read(path)
    except OSError:  # the folder cannot be written to
        return _computed(folder, asked)
    names = tuple(names) or table.names
    own = {name for name in names if name in computable and computable[name].function}  # may have changed
    missing = [name for name in names if name not in table.names or name in own]
    if missing:
        table = table.select([name for name in table.names if name not in missing])
        computed = _computed(folder, missing)
        values = torch.cat([table.rows(folder.ids, gaps=True), computed.values], dim=1)
        errors = {**table.errors, **computed.errors}
        table = replace(
            table, ids=tuple(folder.ids), names=(*table.names, *missing), values=values, errors=errors
        )
    return table.select(names)


def _changed(folder: CrystalFolder) -> bool:
    """Whether structures are not those that the folder's table describes; says how many."""
    noted = described(folder.path)
    if not noted:
        return False  # the user's table
    pairs = zip(folder.ids, folder.contents, strict=True)
    n = sum(noted.get(name, noted.get(without_ending(name))) != content for name, content in pairs)
    if n:
        print(f"{folder.path}: {n} structures are described anew, as they have changed", file=sys.stderr)
    return n > 0


def atom_counts(folder: CrystalFolder) -> np.ndarray:
    """The numbers of atoms in the primitive cells (n_crystals,), from descriptors.csv if it exists.

    Raises:
        InputError: the file cannot be used, or the number of a crystal is not known.
    """
    named = ["natoms"]
    known = folder.stored and (folder.path / "descriptors.csv").exists()
    table = folder_descriptors(folder, named) if known else _computed(folder, named)
    return np.asarray(table.rows(folder.ids)[:, 0])


def _computed(folder: CrystalFolder, names: Sequence[str]) -> DescriptorTable:
    """Computes these descriptors without writing descriptors.csv; one process at a time, as they are kept."""
    known = {d.name for d in select_descriptors()}
    if unknown := ", ".join(name for name in names if name not in known):
        lack, how = "the crystals lack", "if it is one of yours, call register_descriptor first"
        if folder.stored:
            lack = f"{folder.path / 'descriptors.csv'}: lacks"
            how = "if a file of yours defines it, give it by --code"
        raise InputError(f"{lack} {unknown}, which the package cannot compute; {how}")
    cache = kept_rows(folder.path) if folder.stored else None
    with locked_where_possible(cache.with_suffix(".lock")) if cache else contextlib.nullcontext():
        path, shown = folder.path / "descriptors.csv", folder.stored
        return describe_many(folder.files, names, n_jobs=folder.jobs, cache=cache, progress=shown, path=path)
