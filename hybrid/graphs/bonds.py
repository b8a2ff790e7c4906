"""Bonds and bond angles as ALIGNN defines them: whole shells of nearest neighbours, both ways."""

from dataclasses import dataclass

import numpy as np
from pymatgen.core import Structure
from pymatgen.optimization.neighbors import find_points_in_spheres

from hybrid.kernels.shells import Pairs, Shells, whole_shells

LATTICE_DECIMALS = 5  # of lattice vectors in Å, which upstream's library rounds
SPARE = 2.0  # atoms in the first sphere searched, on average, over the neighbours wanted
GROWTH = 1.25  # of the sphere's radius from one search to the next
MARGIN = 1e-3  # Å by which the search reaches further than needed, well above rounding errors


@dataclass(frozen=True)
class Bonds:
    """Directed edges of a crystal graph; every bond stands there in both directions."""

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
    """Directed edges of the line graph, from a bond into an atom to another bond out of it."""

    first: np.ndarray  # (n_angles,) bond
    second: np.ndarray  # (n_angles,) bond, ascending
    cosines: np.ndarray  # (n_angles,) of the angle at the atom; 1 where the second bond goes back


def bonds_of(structure: Structure, max_neighbours: int, radius: float) -> Bonds:
    """An atom's bonds: to all that are not farther than its `max_neighbours`-th neighbour, and from them.

    An atom is thus bonded also to those that count it among their nearest neighbours. A bond between images
    of one atom comes twice, since either end finds it: upstream's graph as its trainer makes it
    (`use_canonize`). Distances are computed operation by operation as upstream does, for where a shell is
    tied, rounding errors decide which of its atoms are neighbours.

    Args:
        structure: a crystal.
        max_neighbours: how many neighbours an atom has at least.
        radius: in Å, the furthest that the search for them begins with; it grows until there are enough.
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
    places: np.ndarray  # (n_atoms, 3) fractional
    lattice: np.ndarray  # (3, 3) in Å
    rounded: np.ndarray  # (3, 3) in Å, the lattice as upstream's library keeps it
    periodic: np.ndarray  # (3,) 1 or 0
    volume: float  # Å³

    @classmethod
    def of(cls, structure: Structure) -> "_Crystal":
        lattice = np.ascontiguousarray(structure.lattice.matrix)
        return cls(
            structure.frac_coords,
            lattice,
            np.around(lattice, LATTICE_DECIMALS),
            np.array(structure.pbc, dtype=np.int64),
            structure.volume,
        )


def _nearest(crystal: _Crystal, max_neighbours: int, radius: float) -> np.ndarray:
    """Whole shells (n, 5) as `whole_shells` gives them."""
    n_atoms = len(crystal.places)
    sphere = SPARE * max_neighbours * crystal.volume / n_atoms
    radius = min(radius, (3 * sphere / (4 * np.pi)) ** (1 / 3))
    places = crystal.places @ crystal.lattice
    choose = Shells.get() or whole_shells
    while True:
        centres, neighbours, images, _ = find_points_in_spheres(
            places, places, radius + MARGIN, crystal.periodic, crystal.lattice
        )
        images = images.round()
        distances = _distances(crystal, centres, neighbours, images)
        shells = choose(Pairs(n_atoms, centres, neighbours, images, distances), max_neighbours, radius)
        if shells is not None:
            return shells
        radius *= GROWTH


def _distances(
    crystal: _Crystal, centres: np.ndarray, neighbours: np.ndarray, images: np.ndarray
) -> np.ndarray:
    """In upstream's order of operations: places from the rounded lattice, images of cells from the exact one.

    Each image is multiplied with the lattice by itself, since a product of matrices may round otherwise.
    """
    origins = np.matmul(images[:, None], crystal.lattice)[:, 0]
    places = crystal.places @ crystal.rounded
    distances: np.ndarray = np.sum((origins + places[neighbours] - places[centres]) ** 2, axis=-1) ** 0.5
    return distances


def angles_of(bonds: Bonds, n_atoms: int) -> Angles:
    """All pairs of a bond into an atom and another bond out of it, the way back included."""
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
    """Sums (n,) of rows (n, 3) from left to right, on every machine."""
    sums: np.ndarray = rows[:, 0] + rows[:, 1] + rows[:, 2]
    return sums
