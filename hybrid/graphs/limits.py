"""What a crystal's graph may hold, asked before it is made."""

import math
from collections.abc import Container

from pymatgen.core import Element, Structure

from hybrid.errors import InputError
from hybrid.settings import GraphSettings

MOST_NEIGHBOURS, MOST_ANGLES = 2e7, 2e6  # of one crystal; either takes some GB while it is sorted
SHELL = 2.0  # bonds an atom over the neighbours asked for, where whole shells count both ways


def refuse_too_large(structure: Structure, settings: GraphSettings, angles: bool, where: str) -> None:
    """Raises an InputError if the graph of a crystal would take too much memory and time.

    It has bond `angles` or not; `where` names the crystal.
    """
    n_atoms, n = len(structure), settings.max_neighbours
    within = 4 / 3 * math.pi * settings.radius**3 * n_atoms / structure.volume  # the radius, of each atom
    pairs = n_atoms * ((SHELL * n) ** 2 if angles else max(n, within))
    if pairs > (MOST_ANGLES if angles else MOST_NEIGHBOURS):
        what = "bond angles" if angles else "neighbours"
        raise InputError(
            f"{where}: its graph would have {pairs:.1e} {what}; fewer --max-neighbours or a smaller --radius "
            "are needed"
        )


def refuse_without_features(structure: Structure, described: Container[int], where: str) -> None:
    """Raises an InputError, which names `where`, if an element of a crystal has no features (`described`)."""
    for number, site in enumerate(structure, start=1):
        if site.specie.Z not in described:
            name = Element.from_Z(site.specie.Z).symbol
            raise InputError(f"{where}: site {number} is {name}, which atom_init.json does not describe")
