"""The search for nearest neighbours in C++, with exactly the result of pymatgen."""

import ctypes
from pathlib import Path
from typing import Self

import numpy as np
from pymatgen.core import Structure

from hybrid.kernels.compiler import POINTER, Kernel, compiled

SOURCE = Path(__file__).with_name("neighbours.cpp")


class Neighbours(Kernel):
    """The compiled search."""

    @classmethod
    def get(cls) -> Self | None:
        """The search; None where it cannot be compiled."""
        library = compiled(SOURCE, exact=True)
        return cls(library) if library else None

    def find(self, structure: Structure, max_neighbours: int, radius: float) -> tuple[np.ndarray, np.ndarray]:
        """See `hybrid.graphs.nearest_neighbours.nearest_neighbours`."""
        positions = np.ascontiguousarray(structure.cart_coords, np.float64)
        lattice = np.ascontiguousarray(structure.lattice.matrix, np.float64)
        periodic = np.array(structure.pbc, np.int64)
        neighbours = np.zeros((len(structure), max_neighbours), np.int64)
        distances = np.full(neighbours.shape, radius + 1.0)
        self.library.nearest(
            ctypes.c_int64(len(structure)),
            *(POINTER(array.ctypes.data) for array in (positions, lattice, periodic)),
            ctypes.c_int64(max_neighbours),
            ctypes.c_double(radius),
            *(POINTER(array.ctypes.data) for array in (neighbours, distances)),
        )
        return neighbours, distances
