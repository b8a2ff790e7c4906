"""Bonds and bond angles as ALIGNN defines them: complete shells of nearest neighbours, in both directions."""

from dataclasses import dataclass

import numpy as np
from pymatgen.core import Structure
from pymatgen.optimization.neighbors import find_points_in_spheres

from hybrid.kernels.shells import Pairs, Shells, whole_shells

LATTICE_DECIMALS = 5  # to which upstream's library rounds lattice vectors, in Å
SPARE = 2.0  # average number of atoms in the first sphere searched, over the number of neighbours needed
GROWTH = 1.25  # of the sphere's radius from one search to the next
MARGIN = 1e-3  # Å, added to the radius of the search; well above rounding errors


@dataclass(frozen=True)
class Bonds:
    """The directed edges of a crystal graph; every bond appears in both directions."""

    source: np.ndarray  # (n_bonds,) atom
    target: np.ndarray  # (n_bonds,) atom
    vectors: np.ndarray  # (n_bonds, 3) Å, from source to target

    @property
    def lengths(self) -> np.ndarray:
        """(n_bonds,) in Å."""
        lengths: np.ndarray = np.sqrt(_sums(self.vectors**2))
        return lengths


@dataclass(frozen=True)
class Angles:
    """The directed edges of the line graph, from a bond into an atom to another bond out of it."""

    first: np.ndarray  # (n_angles,) bond
    second: np.ndarray  # (n_angles,) bond, ascending
    cosines: np.ndarray  # (n_angles,) of the angle at the atom; 1 where the second bond goes back


def bonds_of(structure: Structure, max_neighbours: int, radius: float) -> Bonds:
    """The bonds between each atom and all atoms that are not farther than its `max_neighbours`-th neighbour.

    An atom is therefore also bonded to atoms that have it among their nearest neighbours. A bond between
    images of one atom appears twice, because it is found from both ends. This is the graph of upstream's
    trainer (`use_canonize`). Distances are computed in upstream's order of operations, because rounding
    errors decide which of several equally distant atoms are neighbours.

    Args:
        structure: a crystal.
        max_neighbours: how many neighbours an atom has at least.
        radius: the largest radius of the first search, in Å; it grows until there are enough neighbours.
    """
    crystal = _Crystal.of(structure)
    shells = _nearest(crystal, max_neighbours, radius)
    start, end, shifts = shells[:, 0], shells[:, 1], shells[:, 2:]
    vectors = (crystal.places[end] + shifts - crystal.places[start]) @ crystal.rounded
    return Bonds(
        np.concatenate([start, end]), np.concatenate([end, start]), np.concatenate([vectors, -vectors])
    )


@dataclass(frozen=True)
class _Crystal:
    places: np.ndarray  # (n_atoms, 3) fractional coordinates
    lattice: np.ndarray  # (3, 3) in Å
    rounded: np.ndarray  # (3, 3) in Å, the lattice as upstream's library rounds it
    periodic: np.ndarray  # (3,) 1 or 0
    volume: float  # Å³

    @classmethod
    def of(cls, structure: Structure) -> "_Crystal":
        lattice = np.ascontiguousarray(structure.lattice.matrix)
        rounded, periodic = np.around(lattice, LATTICE_DECIMALS), np.array(structure.pbc, dtype=np.int64)
        return cls(structure.frac_coords, lattice, rounded, periodic, structure.volume)


def _nearest(crystal: _Crystal, max_neighbours: int, radius: float) -> np.ndarray:
    """Complete shells (n, 5), in the format of `whole_shells`."""
    n_atoms = len(crystal.places)
    sphere = SPARE * max_neighbours * crystal.volume / n_atoms
    radius = min(radius, (3 * sphere / (4 * np.pi)) ** (1 / 3))
    places = crystal.places @ crystal.lattice
    find_shells = Shells.get() or whole_shells
    while True:
        centres, neighbours, images, _ = find_points_in_spheres(
            places, places, radius + MARGIN, crystal.periodic, crystal.lattice
        )
        images = images.round()
        distances = _distances(crystal, centres, neighbours, images)
        shells = find_shells(Pairs(n_atoms, centres, neighbours, images, distances), max_neighbours, radius)
        if shells is not None:
            return shells
        radius *= GROWTH


def _distances(
    crystal: _Crystal, centres: np.ndarray, neighbours: np.ndarray, images: np.ndarray
) -> np.ndarray:
    """Distances (n_pairs,) in Å, in upstream's order of operations.

    Positions come from the rounded lattice, and the origins of periodic images from the exact one. Each image
    is multiplied by the lattice separately, because a product of large matrices may be rounded differently.
    """
    origins = np.matmul(images[:, None], crystal.lattice)[:, 0]
    places = crystal.places @ crystal.rounded
    distances: np.ndarray = np.sum((origins + places[neighbours] - places[centres]) ** 2, axis=-1) ** 0.5
    return distances


def angles_of(bonds: Bonds, n_atoms: int) -> Angles:
    """All pairs of a bond into an atom and another bond out of it, which may lead back."""
    by_target = np.argsort(bonds.target, kind="stable")
    n_into = np.bincount(bonds.target, minlength=n_atoms)
    first_into = np.cumsum(n_into) - n_into
    n_pairs = n_into[bonds.source]
    second = np.repeat(np.arange(len(bonds.source)), n_pairs)
    rank = np.arange(len(second)) - np.repeat(np.cumsum(n_pairs) - n_pairs, n_pairs)
    first = by_target[first_into[bonds.source[second]] + rank]
    other = first != second
    first, second = first[other], second[other]
    directions = bonds.vectors / bonds.lengths[:, None]
    cosines = -_sums(directions[first] * directions[second])
    return Angles(first, second, np.minimum(np.maximum(cosines, -1), 1))


def _sums(rows: np.ndarray) -> np.ndarray:
    """Sums (n,) of rows (n, 3), from left to right on every machine."""
    sums: np.ndarray = rows[:, 0] + rows[:, 1] + rows[:, 2]
    return sums
