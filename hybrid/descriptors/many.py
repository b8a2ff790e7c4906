"""Computes the descriptors of many crystals or a dataset folder, with several processes, and resumes."""

import contextlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pymatgen.core import Structure

from hybrid.atomic import write_csv, write_text
from hybrid.data.crystal_table import ID, read_cells
from hybrid.descriptors.cached_rows import Row, key_of
from hybrid.descriptors.compute import descriptor_row
from hybrid.descriptors.registry import Descriptor, select_descriptors
from hybrid.descriptors.table import ERROR, DescriptorTable
from hybrid.errors import InputError
from hybrid.folder_files import structure_files
from hybrid.line_cache import LineCache
from hybrid.processes import check_jobs, in_parallel
from hybrid.progress import Progress
from hybrid.reading import read_json
from hybrid.structures import content_key, without_ending


def describe_many(
    structures: Mapping[str, Structure | Path] | Iterable[tuple[str, Structure | Path]],
    names: Iterable[str] | None = None,
    *,
    n_jobs: int = 1,
    cache: Path | None = None,
    progress: bool = True,
    path: Path = Path("descriptors.csv"),
) -> DescriptorTable:
    """The descriptors of many crystals; what cannot be computed is NaN with the reason in `errors`.

    Args:
        structures: crystals, or the files they are in, by id.
        names: which descriptors, all known ones if None.
        n_jobs: processes; -1: one for each core.
        cache: a JSON-lines file of finished rows, from which a stopped call continues.
        progress: show a progress bar.
        path: the table's name in messages.

    Raises:
        InputError: a name is unknown, an id appears twice, or there cannot be so many processes.
    """
    check_jobs(n_jobs)
    chosen = select_descriptors(names)
    items = structures.items() if isinstance(structures, Mapping) else list(structures)
    keys: dict[str, str] = {}  # by id
    for identity, structure in items:
        if identity in keys:
            raise InputError(f"{path}: id '{identity}' appears twice")
        keys[identity] = key_of(structure, chosen)
    with LineCache(cache, required=False) as rows:
        row_of = partial(_row, chosen=chosen)
        wanted = set(keys.values())
        missing = wanted - rows.keys()
        total, left = len(wanted), len(missing)
        results = in_parallel(row_of, _once(items, keys, missing), n_jobs if left > 1 else 1)
        bar = Progress(results, "descriptors", total, unit="crystals", shown=progress, initial=total - left)
        for key, row in bar:
            rows.add(key, vars(row))
        return _table(rows, keys, chosen, path)


def write_descriptors(folder: Path, *, n_jobs: int = 1, progress: bool = True) -> DescriptorTable:
    """Writes `descriptors.csv` into a dataset folder: the paper's 29 descriptors and the registered ones.

    Finished rows are kept, see `kept_rows`; the table appears when all are done. Columns that were added to
    an existing table stay. Hashes of the structures are kept too, so that a change is noticed; see
    `described`.

    Raises:
        InputError: the folder does not exist or contains no structures, or its table cannot be read.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    files = structure_files(folder)
    if not files:
        raise InputError(f"{folder}: contains no structure files")
    path = folder / "descriptors.csv"
    names = [d.name for d in select_descriptors()]
    own = _own_columns(path, set(names))  # before the work
    table = describe_many(files, names, n_jobs=n_jobs, cache=kept_rows(folder), progress=progress, path=path)
    write_csv(path, _written(table, own), "\n")
    write_text(_noted(folder), json.dumps({name: content_key(file) for name, file in files.items()}))
    return table


def described(folder: Path) -> dict[str, str]:
    """The contents of the structures that a folder's descriptors.csv describes, as far as this wrote it."""
    with contextlib.suppress(InputError):
        found = read_json(_noted(folder))
        return found if isinstance(found, dict) else {}
    return {}


def _noted(folder: Path) -> Path:
    return folder / ".hybrid" / "described.json"


def kept_rows(folder: Path) -> Path:
    """The cache of finished rows: in a `.hybrid` beside the folder if there is one, otherwise in it.

    Data sets in one place can share crystals: a row is found by the content of the structure file.
    """
    shared = folder.resolve().parent / ".hybrid"
    return (shared if shared.is_dir() else folder / ".hybrid") / "descriptors.jsonl"


def _written(table: DescriptorTable, own: Mapping[str, Mapping[str, str]]) -> Iterator[list[str]]:
    """The rows of descriptors.csv, with other columns by id; a crystal that lacks one has an error."""
    others = list(dict.fromkeys(name for cells in own.values() for name in cells))
    yield [ID, *table.names, *others, ERROR]
    for identity, values in zip(table.ids, table.values.numpy(), strict=True):
        cells = ["" if math.isnan(value) else repr(value) for value in values.tolist()]
        mine = own.get(identity, {})
        errors = [f"{name}: has no value" for name in others if not mine.get(name)]
        error = "; ".join(filter(None, [table.errors.get(identity, ""), *errors]))
        yield [identity, *cells, *(mine.get(name, "") for name in others), error]
    for identity in own.keys() - set(table.ids):
        mine = own[identity]
        row = [identity, *[""] * len(table.names), *(mine.get(name, "") for name in others)]
        yield [*row, "has no structure file"]


def _own_columns(path: Path, known: set[str]) -> dict[str, dict[str, str]]:
    """The cells of a table's columns that are the user's own, by id and column."""
    if not path.exists():
        return {}
    header, rows = read_cells(path)
    names = [name for name in header if name not in {*known, ID, ERROR}]
    return {without_ending(row[ID]): {name: row[name] for name in names} for _, row in rows if names}


def _once(
    items: Iterable[tuple[str, Structure | Path]], keys: Mapping[str, str], missing: set[str]
) -> Iterator[tuple[str, Structure | Path]]:
    """The missing crystals by key; the same crystal under two ids comes once."""
    for identity, structure in items:
        if keys[identity] in missing:
            missing.remove(keys[identity])
            yield keys[identity], structure


def _row(item: tuple[str, Structure | Path], chosen: Sequence[Descriptor]) -> tuple[str, Row]:
    """The descriptors of a crystal, with its key."""
    key, structure = item
    return key, descriptor_row(structure, chosen)


def _table(
    rows: Mapping[str, dict[str, Any]], keys: dict[str, str], chosen: Sequence[Descriptor], path: Path
) -> DescriptorTable:
    """The rows of crystals by id, which are read one by one."""
    names = tuple(descriptor.name for descriptor in chosen)
    values = np.full((len(keys), len(names)), math.nan)
    errors = {}
    for i, (identity, key) in enumerate(keys.items()):
        row = Row(**rows[key])
        values[i] = [row.values.get(name, math.nan) for name in names]
        if row.error:
            errors[identity] = row.error
    return DescriptorTable(tuple(keys), names, torch.from_numpy(values), errors, path)
