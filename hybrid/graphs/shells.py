"""Which of the pairs of near atoms ALIGNN takes for bonds: whole shells of nearest neighbours."""

from dataclasses import dataclass

import numpy as np

SHORTEST = 0.15  # Å; upstream takes two atoms at less than this for one


@dataclass(frozen=True)
class Pairs:
    """All pairs of atoms within a sphere around each, both ways, itself included or not."""

    n_atoms: int
    centres: np.ndarray  # (n_pairs,) atom
    neighbours: np.ndarray  # (n_pairs,) atom
    images: np.ndarray  # (n_pairs, 3) floating point, of the neighbour's cell
    distances: np.ndarray  # (n_pairs,) Å


def whole_shells(pairs: Pairs, max_neighbours: int, radius: float) -> np.ndarray | None:
    """Pairs that are not farther apart than the centre and its `max_neighbours`-th neighbour, each once.

    `hybrid.kernels.shells` does the same in C++.

    Args:
        pairs: all that are within the radius, and perhaps others.
        max_neighbours: how many neighbours an atom has at least.
        radius: in Å, within which they have to be.

    Returns:
        (n, 5) whole numbers, ascending: the lower atom, the other, and the image of the other's cell; None
        if an atom has too few neighbours within the radius.
    """
    others = pairs.distances > SHORTEST
    centres, neighbours = pairs.centres[others], pairs.neighbours[others]
    images, distances = pairs.images[others].astype(np.int64), pairs.distances[others]
    if np.bincount(centres[distances < radius], minlength=pairs.n_atoms).min() < max_neighbours:
        return None
    first = np.append(0, np.bincount(centres)[:-1].cumsum())
    furthest = distances[np.lexsort((distances, centres))[first + max_neighbours - 1]]
    swapped = np.where(neighbours < centres, -1, 1)
    rows = np.column_stack(
        [np.minimum(centres, neighbours), np.maximum(centres, neighbours), swapped[:, None] * images]
    )
    return np.unique(rows[distances <= furthest[centres]], axis=0)
