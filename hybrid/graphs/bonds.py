"""Bonds and bond angles as ALIGNN defines them: whole shells of nearest neighbours, both ways."""

from dataclasses import dataclass

import numpy as np
from pymatgen.core import Structure

SHORTEST = 0.15  # Å; upstream takes two atoms at less than this for one
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
    centres, neighbours, images = _nearest(crystal, structure, max_neighbours, radius)
    swapped = neighbours < centres
    start, end = np.where(swapped, neighbours, centres), np.where(swapped, centres, neighbours)
    shifts = np.where(swapped[:, None], -images, images)
    one_way = np.unique(_numbers(start, end, *shifts.T), return_index=True)[1]
    start, end, shifts = start[one_way], end[one_way], shifts[one_way]
    vectors = (crystal.places[end] + shifts - crystal.places[start]) @ crystal.rounded
    return Bonds(
        np.concatenate([start, end]), np.concatenate([end, start]), np.concatenate([vectors, -vectors])
    )


@dataclass(frozen=True)
class _Crystal:
    places: np.ndarray  # (n_atoms, 3) fractional
    lattice: np.ndarray  # (3, 3) in Å
    rounded: np.ndarray  # (3, 3) in Å, the lattice as upstream's library keeps it

    @classmethod
    def of(cls, structure: Structure) -> "_Crystal":
        lattice = structure.lattice.matrix
        return cls(structure.frac_coords, lattice, np.around(lattice, LATTICE_DECIMALS))


def _numbers(*columns: np.ndarray) -> np.ndarray:
    """Whole numbers (n,) in the order of the rows of whole numbers, equal where they are equal."""
    numbers = np.zeros_like(columns[0])
    for column in columns:
        first = column.min()
        numbers = numbers * (column.max() - first + 1) + (column - first)
    return numbers


def _nearest(
    crystal: _Crystal, structure: Structure, max_neighbours: int, radius: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs (centre, neighbour, image of the neighbour's cell) of whole shells."""
    n_atoms = len(crystal.places)
    sphere = SPARE * max_neighbours * structure.volume / n_atoms
    radius = min(radius, (3 * sphere / (4 * np.pi)) ** (1 / 3))
    counts = np.zeros(1, dtype=np.int64)
    while counts.min() < max_neighbours:
        centres, neighbours, images, _ = structure.get_neighbor_list(radius + MARGIN)
        images = images.round().astype(np.int64)
        distances = _distances(crystal, centres, neighbours, images)
        counts = np.bincount(centres[(distances > SHORTEST) & (distances < radius)], minlength=n_atoms)
        radius *= GROWTH
    order = np.lexsort((distances, centres))
    order = order[distances[order] > SHORTEST]
    centres, neighbours, images = centres[order], neighbours[order], images[order]
    distances = distances[order]
    first = np.searchsorted(centres, np.arange(n_atoms))
    kept = distances <= distances[first + max_neighbours - 1][centres]
    return centres[kept], neighbours[kept], images[kept]


def _distances(
    crystal: _Crystal, centres: np.ndarray, neighbours: np.ndarray, images: np.ndarray
) -> np.ndarray:
    """In upstream's order of operations: places from the rounded lattice, images of cells from the exact one.

    Each image is multiplied with the lattice by itself, since a product of matrices may round otherwise.
    """
    origins = np.matmul(images[:, None].astype(float), crystal.lattice)[:, 0]
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
    directions = bonds.vectors / np.linalg.norm(bonds.vectors, axis=1)[:, None]
    cosines = -np.einsum("ij,ij->i", directions[first], directions[second])
    return Angles(first, second, np.minimum(np.maximum(cosines, -1), 1))
