"""Bond angles and the merging of equivalent atoms, bonds and angles as one operation on the CPU.

The result is exactly that of `hybrid.graphs.equivalence.merge_equivalent`, which uses NumPy.
"""

import ctypes
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from hybrid.kernels.compiler import Kernel, compiled, structure

SOURCE = Path(__file__).with_suffix(".cpp")
_Crystal = structure("#n_atoms #n_bonds *species *source *target *vectors =tolerance")
_Merged = structure("#n_atoms #n_bonds #n_angles *integers *reals")


class Merging(Kernel):
    """The kernel."""

    @classmethod
    def get(cls) -> "Merging | None":
        """The kernel, or None where there is no compiler."""
        library = compiled(SOURCE, exact=True)
        return None if library is None else cls(library)

    def __call__(
        self,
        species: np.ndarray,
        source: np.ndarray,
        target: np.ndarray,
        vectors: np.ndarray,
        tolerance: float,
    ) -> tuple[np.ndarray, ...]:
        """Finds the angles between bonds, and merges equivalent atoms, bonds and angles.

        Args:
            species: (n_atoms,) atomic numbers.
            source: (n_bonds,) atom where a bond begins.
            target: (n_bonds,) atom where it ends.
            vectors: (n_bonds, 3) Å, from source to target.
            tolerance: largest difference of equal lengths (Å) or cosines.

        Returns:
            The arrays of a `hybrid.graphs.equivalence.MergedGraph`, in their order.
        """
        n_atoms, n_bonds = len(species), len(source)
        arrays = [
            *(np.ascontiguousarray(whole, dtype=np.int64) for whole in (species, source, target)),
            np.ascontiguousarray(vectors, dtype=np.float64),
        ]
        crystal = _Crystal(n_atoms, n_bonds, *(array.ctypes.data for array in arrays), tolerance)
        n_into, n_out = (np.bincount(ends, minlength=n_atoms) for ends in (target, source))
        n_pairs = int(n_into @ n_out)
        integers = np.empty(2 * n_atoms + 3 * (n_bonds + n_pairs), np.int64)
        reals = np.empty(n_bonds + n_pairs)
        merged: Any = _Merged(0, 0, 0, integers.ctypes.data, reals.ctypes.data)
        self.library.merge(ctypes.byref(crystal), ctypes.byref(merged))
        n_atoms, n_bonds, n_angles = merged.n_atoms, merged.n_bonds, merged.n_angles
        species, atoms_of_kind = _cut(integers, n_atoms, n_atoms)
        source, target, bonds_of_kind, first, second, angles_of_kind = _cut(
            integers[2 * n_atoms :], n_bonds, n_bonds, n_bonds, n_angles, n_angles, n_angles
        )
        lengths, cosines = _cut(reals, n_bonds, n_angles)
        atoms, bonds = (species, atoms_of_kind), (source, target, lengths, bonds_of_kind)
        return *atoms, *bonds, first, second, cosines, angles_of_kind


def _cut(buffer: np.ndarray, *sizes: int) -> Iterator[np.ndarray]:
    """Copies of the arrays at the beginning of a buffer, one behind the other."""
    for begin, size in zip(accumulate(sizes, initial=0), sizes, strict=False):
        yield buffer[begin : begin + size].copy()
