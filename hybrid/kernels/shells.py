"""The pairs of atoms that are bonds in ALIGNN's graphs: complete shells of nearest neighbours.

Implemented twice: in NumPy, and in C++ for the CPU.
"""

import ctypes
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hybrid.kernels.compiler import POINTER, Kernel, compiled, structure

SOURCE = Path(__file__).with_suffix(".cpp")
SHORTEST = 0.15  # Å; upstream treats two atoms at a smaller distance as one


@dataclass(frozen=True)
class Pairs:
    """All pairs of an atom and an atom within a sphere around it, with or without the atom itself."""

    n_atoms: int
    centres: np.ndarray  # (n_pairs,) atom
    neighbours: np.ndarray  # (n_pairs,) atom
    images: np.ndarray  # (n_pairs, 3) floating point, of the neighbour's cell
    distances: np.ndarray  # (n_pairs,) Å


def whole_shells(pairs: Pairs, max_neighbours: int, radius: float) -> np.ndarray | None:
    """Pairs that are not farther apart than the centre and its `max_neighbours`-th neighbour, listed once.

    `Shells` does the same in C++.

    Args:
        pairs: all within the radius; there may be others.
        max_neighbours: the least number of neighbours of an atom.
        radius: within which there have to be as many, in Å.

    Returns:
        (n, 5) integers, sorted: the atom with the lower number, the other atom, and the image of its cell;
        None if an atom has too few neighbours within the radius.
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


_Pairs = structure("#n_atoms #n_pairs *centres *neighbours *images *distances =shortest =radius")


class Shells(Kernel):
    """The kernel."""

    def __init__(self, library: ctypes.CDLL):
        super().__init__(library)
        library.shells.restype = ctypes.c_int64

    @classmethod
    def get(cls) -> "Shells | None":
        """The kernel, or None where there is no compiler."""
        library = compiled(SOURCE, exact=True)
        return None if library is None else cls(library)

    def __call__(self, pairs: Pairs, max_neighbours: int, radius: float) -> np.ndarray | None:
        """See `whole_shells`."""
        n_pairs = len(pairs.centres)
        arrays = [np.ascontiguousarray(ends, dtype=np.int64) for ends in (pairs.centres, pairs.neighbours)]
        arrays += [np.ascontiguousarray(reals, dtype=np.float64) for reals in (pairs.images, pairs.distances)]
        addresses = (array.ctypes.data for array in arrays)
        bonds = np.empty((n_pairs, 5), dtype=np.int64)
        n_bonds = self.library.shells(
            ctypes.byref(_Pairs(pairs.n_atoms, n_pairs, *addresses, SHORTEST, radius)),
            ctypes.c_int64(max_neighbours),
            POINTER(bonds.ctypes.data),
        )
        return bonds[:n_bonds] if n_bonds else None
