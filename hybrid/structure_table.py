"""Many structures in one file, one a line: read a hundred times faster than as many CIF files.

Each line is a JSON object with `id`, `lattice` (3x3, Å, rows are vectors), `species` and `frac` (fractional
coordinates), and whatever else its writer adds. Numbers keep all their digits.
"""

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from pymatgen.core import Lattice, Structure

from hybrid.atomic import atomic_file
from hybrid.errors import InputError


def write_structure_table(path: Path, structures: Mapping[str, Structure]) -> None:
    """Writes ordered structures by id, atomically; compressed if the name ends in `.gz`.

    Raises:
        InputError: a structure has a partially occupied site.
    """
    with atomic_file(path) as temporary, _open(temporary, "wt") as file:
        for identity, structure in structures.items():
            if not structure.is_ordered:
                raise InputError(
                    f"{path}: '{identity}' has partially occupied sites; ordered structures only"
                )
            entry = {
                "id": identity,
                "lattice": structure.lattice.matrix.tolist(),
                "species": [site.species_string for site in structure],
                "frac": structure.frac_coords.tolist(),
            }
            file.write(json.dumps(entry, separators=(",", ":")) + "\n")


def read_structure_table(path: Path, ids: Iterable[str] | None = None) -> dict[str, Structure]:
    """Reads structures by id, in the file's order.

    Args:
        path: the table.
        ids: read these only; ids that the table lacks are left out.

    Raises:
        InputError: the file cannot be read, a line is not a structure, or an id stands there twice.
    """
    wanted = None if ids is None else set(ids)
    structures: dict[str, Structure] = {}
    for number, entry in _entries(path):
        try:
            identity = entry["id"]
            if wanted is not None and identity not in wanted:
                continue
            if identity in structures:
                raise InputError(f"{path}: line {number}: id '{identity}' stands there twice")
            structures[identity] = Structure(Lattice(entry["lattice"]), entry["species"], entry["frac"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}: line {number}: is not a structure ({error!r})") from error
    return structures


def _entries(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The file's lines with their numbers."""
    try:
        with _open(path, "rt") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield number, json.loads(line)
                except ValueError as error:
                    raise InputError(f"{path}: line {number}: is not JSON ({error})") from error
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error


def _open(path: Path, mode: str) -> TextIO:
    opener: Any = gzip.open if path.suffix == ".gz" else Path.open
    file: TextIO = opener(path, mode)
    return file
