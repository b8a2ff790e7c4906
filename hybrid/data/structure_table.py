"""Structures that have been read before, so that no file is parsed twice."""

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from pymatgen.core import Composition, Lattice, Structure, get_el_sp

from hybrid.line_cache import LineCache
from hybrid.structures import content_key, read_structure


class StructureTable(LineCache):
    """Reads structure files and keeps the structures in `.hybrid/structures.jsonl` by the files' content.

    If the folder cannot be written to, nothing is kept.
    """

    def __init__(self, folder: Path):
        super().__init__(folder / ".hybrid" / "structures.jsonl", required=False)

    def read(self, path: Path) -> Structure:
        """The structure in a file.

        Raises:
            InputError: it cannot be used; see `hybrid.structures.read_structure`.
        """
        return structure_of(self._row(path))

    def composition(self, path: Path) -> Composition:
        """The elements of the structure in a file, and how many atoms of each; faster than `read`.

        Raises:
            InputError: as by `read`.
        """
        return Composition(Counter(self._row(path)["species"]))

    def _row(self, path: Path) -> dict[str, Any]:
        key = content_key(path)
        if key not in self:
            self.add(key, row_of(read_structure(path)))
        row: dict[str, Any] = self[key]
        return row


def row_of(structure: Structure) -> dict[str, Any]:
    """A structure as a row of the table."""
    return {
        "lattice": structure.lattice.matrix.tolist(),
        "species": [site.species_string for site in structure],
        "frac": structure.frac_coords.tolist(),
    }


def structure_of(row: dict[str, Any]) -> Structure:
    """The structure in a row of the table."""
    return Structure(Lattice(row["lattice"]), [_of_site(name) for name in row["species"]], row["frac"])


@cache
def _of_site(species: str) -> Composition:
    """The occupation of a site. Pymatgen would make one for each site, which takes most of the time."""
    return Composition({get_el_sp(species): 1})
