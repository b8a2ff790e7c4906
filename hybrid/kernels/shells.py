"""The choice of ALIGNN's bonds among pairs of near atoms as one operation on the CPU."""

import ctypes
from pathlib import Path

import numpy as np

from hybrid.graphs.shells import SHORTEST, Pairs
from hybrid.kernels.compiler import compiled

SOURCE = Path(__file__).with_suffix(".cpp")
_POINTER = ctypes.c_void_p


class _Pairs(ctypes.Structure):
    _fields_ = (
        ("n_atoms", ctypes.c_int64),
        ("n_pairs", ctypes.c_int64),
        ("centres", _POINTER),
        ("neighbours", _POINTER),
        ("images", _POINTER),
        ("distances", _POINTER),
        ("shortest", ctypes.c_double),
        ("radius", ctypes.c_double),
    )


class Shells:
    """The kernel."""

    def __init__(self, library: ctypes.CDLL):
        self.library = library
        library.shells.restype = ctypes.c_int64

    @classmethod
    def get(cls) -> "Shells | None":
        """The kernel, or None where there is no compiler."""
        library = compiled(SOURCE, exact=True)
        return None if library is None else cls(library)

    def __call__(self, pairs: Pairs, max_neighbours: int, radius: float) -> np.ndarray | None:
        """See `hybrid.graphs.shells.whole_shells`."""
        n_pairs = len(pairs.centres)
        arrays = [np.ascontiguousarray(ends, dtype=np.int64) for ends in (pairs.centres, pairs.neighbours)]
        arrays += [np.ascontiguousarray(reals, dtype=np.float64) for reals in (pairs.images, pairs.distances)]
        addresses = (array.ctypes.data for array in arrays)
        bonds = np.empty((n_pairs, 5), dtype=np.int64)
        n_bonds = self.library.shells(
            ctypes.byref(_Pairs(pairs.n_atoms, n_pairs, *addresses, SHORTEST, radius)),
            ctypes.c_int64(max_neighbours),
            _POINTER(bonds.ctypes.data),
        )
        return bonds[:n_bonds] if n_bonds else None
