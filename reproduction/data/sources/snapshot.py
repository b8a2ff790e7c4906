"""A snapshot of 30,914 Materials Project structures by mp-id, in place of a download from there.

One JSON object a line: `id`, `lattice` (3x3, Å, rows are vectors), `species`, `frac` and `source`, where the
structure was collected from. Structures are as stored there, neither reduced nor wrapped; those of source
`mp21k_structures_labels` are conventional cells, so take `hybrid.cells.reduced_cell` of each.
"""

import json
from collections.abc import Collection, Iterator
from typing import Any

from pymatgen.core import Structure

from hybrid.errors import InputError
from reproduction.data.files import data_file, open_text
from reproduction.data.sources.entries import parse_structure

FILE = "mp_snapshot.jsonl.gz"


def structures(ids: Collection[str] | None = None) -> Iterator[tuple[str, Structure]]:
    """The id and the structure of the entries in `ids`, of all without it; ids not there are left out.

    Raises:
        MissingDataError: there is no snapshot.
        InputError: a line of it cannot be used.
    """
    wanted = None if ids is None else frozenset(ids)
    for where, entry in _entries():
        if wanted is None or entry["id"] in wanted:
            yield entry["id"], parse_structure(where, _structure, entry)


def origins() -> dict[str, str]:
    """Where each structure was collected from, by id; raises as `structures`."""
    return {entry["id"]: entry["source"] for _, entry in _entries()}


def ids() -> list[str]:
    """The ids in the order of the file; raises as `structures`."""
    return list(origins())


def _structure(entry: dict[str, Any]) -> Structure:
    return Structure(entry["lattice"], entry["species"], entry["frac"])


def _entries() -> Iterator[tuple[str, dict[str, Any]]]:
    """The file with the line number, and the object there."""
    path = data_file(FILE)
    seen = set()
    with open_text(path) as file:
        for number, line in enumerate(file, start=1):
            where = f"{path}: line {number}"
            try:
                entry = json.loads(line)
                identity, _ = entry["id"], entry["source"]
            except (ValueError, TypeError, KeyError) as error:
                raise InputError(f"{where}: is not an entry with id and source ({error})") from error
            if identity in seen:
                raise InputError(f"{where}: id '{identity}' occurs twice")
            seen.add(identity)
            yield f"{where} ({identity})", entry
