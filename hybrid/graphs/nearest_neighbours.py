"""The nearest neighbours of every atom under periodic boundary conditions."""

import numpy as np
from pymatgen.core import Structure

from hybrid.kernels.neighbours import Neighbours

TIE = 1e-3  # Å; files round fractional coordinates to four decimals or more


def nearest_neighbours(
    structure: Structure, max_neighbours: int, radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """The `max_neighbours` nearest neighbours of each atom within `radius` Å, nearest first.

    If there are fewer, the row is filled as in upstream CGCNN, with edges to the crystal's first atom at a
    distance of radius + 1 Å. The network learns from these too, so they are needed for equal results.
    Neighbours at the same distance stay in pymatgen's order, as in upstream's stable sort. pymatgen divides
    space into cubes as wide as the cut-off and visits them along x, then y, then z; within a cube the last
    image of the last atom comes first. Since rounding decides which distances are equal, distances are
    computed exactly as in pymatgen.

    Returns:
        neighbours (n_atoms, max_neighbours) int64, distances of the same shape in Å, float64.
    """
    kernel = Neighbours.get()
    if kernel:
        return kernel.find(structure, max_neighbours, radius)
    return neighbours_by_pymatgen(structure, max_neighbours, radius)


def neighbours_by_pymatgen(
    structure: Structure, max_neighbours: int, radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """The same by pymatgen: slower, for machines without a compiler."""
    centres, neighbours, _, distances = structure.get_neighbor_list(radius)
    order = np.lexsort((distances, centres))
    centres = centres[order]
    count = np.bincount(centres, minlength=len(structure))
    rank = np.arange(len(centres)) - (np.cumsum(count) - count)[centres]
    kept = rank < max_neighbours
    rows, columns, order = centres[kept], rank[kept], order[kept]
    nearest = np.zeros((len(structure), max_neighbours), dtype=np.int64)
    nearest_distances = np.full((len(structure), max_neighbours), radius + 1.0)
    nearest[rows, columns] = neighbours[order]
    nearest_distances[rows, columns] = distances[order]
    return nearest, nearest_distances


def nearest_by_element(
    structure: Structure, max_neighbours: int, radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """The same, but of neighbours as far away the lightest elements come first, then the first sites.

    Distances are the same within TIE, so that neither rounding nor the order of the search decides.
    """
    wanted = 2 * max_neighbours
    while True:
        nearest, distances = nearest_neighbours(structure, wanted, radius)
        last = distances[:, -1]
        if ((last > distances[:, max_neighbours - 1] + TIE) | (last > radius)).all():
            break
        wanted *= 2
    shell = np.cumsum(np.diff(distances, axis=1, prepend=0) > TIE, axis=1)
    elements = np.array(structure.atomic_numbers)[nearest]
    order = np.lexsort((nearest, elements, shell))[:, :max_neighbours]
    return np.take_along_axis(nearest, order, axis=1), np.take_along_axis(distances, order, axis=1)


def n_tied(distances: np.ndarray, radius: float) -> int:
    """How many atoms have a further neighbour as far away as the last that counts.

    Distances to the nearest neighbours are (n_atoms, max_neighbours + 1) in Å, nearest first; there are
    neighbours within `radius` Å.
    """
    last, next_one = distances[:, -2], distances[:, -1]
    return int(((next_one <= last + TIE) & (last <= radius)).sum())
