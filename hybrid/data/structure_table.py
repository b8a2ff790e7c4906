"""Structures that have been read before, so that no file is parsed twice.

A folder's table is `.hybrid/structures.jsonl`: one structure a line, under a hash of its file's content.
"""

import hashlib
from pathlib import Path
from types import TracebackType
from typing import Self

from pymatgen.core import Lattice, Structure

from hybrid.errors import InputError
from hybrid.line_cache import LineCache
from hybrid.structures import read_structure


class StructureTable:
    """Reads structure files, each content once in a lifetime.

    Args:
        folder: where the files are; one that cannot be written to has no table.
    """

    def __init__(self, folder: Path):
        try:
            self._lines = LineCache(folder / ".hybrid" / "structures.jsonl")
        except InputError:
            self._lines = LineCache()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()

    def read(self, path: Path) -> Structure:
        """The structure in a file.

        Raises:
            InputError: it cannot be used; see `hybrid.structures.read_structure`.
        """
        key = _key(path)
        if key not in self._lines:
            structure = read_structure(path)
            row = {
                "lattice": structure.lattice.matrix.tolist(),
                "species": [site.species_string for site in structure],
                "frac": structure.frac_coords.tolist(),
            }
            self._lines.add(key, row)
        row = self._lines[key]
        return Structure(Lattice(row["lattice"]), row["species"], row["frac"])


def _key(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    return hashlib.sha256(f"{path.suffix}\0".encode() + content).hexdigest()[:32]
