"""Crystal graphs with reciprocal lattice vectors: the waves exp(i k r) in which a crystal's atoms scatter.

A repeated cell has further vectors k, at which its structure factors are 0. At the others they are the same,
divided by the number of atoms. So what is made of these does not depend on the choice of the cell.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from pymatgen.core import Structure
from torch import Tensor

from hybrid.graphs.crystal import CrystalGraphs
from hybrid.graphs.merged_crystal import MergedCrystalBatch, MergedCrystalGraphs
from hybrid.graphs.packed import begins, bounded, to_device
from hybrid.settings import GraphSettings

CUTOFF = 3.6  # 1/Å, of |k|
TOGETHER = 8  # crystals whose waves are filled up to one size


@dataclass(frozen=True)
class Waves:
    """The waves exp(i k r_j) of some crystals; cosines and sines are 0 where there is no atom or vector k."""

    rows: Tensor  # (n_crystals, most_atoms) of the atoms in the batch; -1 where there is none
    cosines: Tensor  # (n_crystals, most_atoms, most_vectors)
    sines: Tensor
    lengths: Tensor  # (n_crystals, most_vectors) |k| in 1/Å
    heights: Tensor  # (n_crystals, most_atoms, 3) across vacuum, in Å
    n_atoms: Tensor  # (n_crystals,)

    def sums(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine and sine parts of sum_j v_j exp(i k r_j), (n_crystals, most_vectors, width) each.

        Args:
            vectors: (n_crystals, most_atoms, width), v of each atom.
        """
        return self.cosines.mT @ vectors, self.sines.mT @ vectors


@dataclass(frozen=True)
class ReciprocalBatch(MergedCrystalBatch):
    """The graphs of a batch with its waves, a few crystals at a time."""

    waves: list[Waves]


@dataclass(frozen=True)
class ReciprocalGraphs(MergedCrystalGraphs):
    """Crystal graphs with the places of the atoms and the vectors k; no atoms are merged.

    Of k and -k there is one, since the waves of both are each other's conjugates.
    """

    places: Tensor  # (n_atoms, 3) fractional coordinates, with upright vectors across vacuum
    heights: Tensor  # (n_atoms, 3) in Å, along vectors with vacuum; 0 along others
    vectors: Tensor  # (n_vectors, 3) k in reciprocal lattice vectors
    lengths: Tensor  # (n_vectors,) |k| in 1/Å
    n_vectors: Tensor  # (n_crystals,)

    on_host = (*MergedCrystalGraphs.on_host, "n_vectors")
    version = 2

    @classmethod
    def from_structures(
        cls, structures: Iterable[Structure], settings: GraphSettings, tolerance: float | None = None
    ) -> Self:
        """Builds the graph of every structure."""
        found: list[tuple[np.ndarray, ...]] = []

        def seen() -> Iterable[Structure]:
            for structure in structures:
                found.append(waves_of(structure, settings.radius))
                yield structure

        merged = MergedCrystalGraphs.of(CrystalGraphs.from_structures(seen(), settings), None)
        places, heights, vectors, lengths = (
            torch.from_numpy(np.concatenate(column)).float() for column in zip(*found, strict=True)
        )
        counts = torch.tensor([len(of_crystal) for *_, of_crystal in found])
        return cls(
            **vars(merged), places=places, heights=heights, vectors=vectors, lengths=lengths, n_vectors=counts
        )

    @bounded
    def batch(self, indices: Tensor) -> ReciprocalBatch:
        """The graphs at `indices` (n_crystals,) of the host, on the device where the graphs are."""
        batch = super().batch(indices)
        first_row, first_vector = begins(self.n_atoms[indices]), begins(self.n_vectors)[indices]
        alike = torch.argsort(self.n_atoms[indices], stable=True).split(TOGETHER)
        waves = [self._waves(indices[part], first_row[part], first_vector[part]) for part in alike]
        return ReciprocalBatch(**vars(batch), waves=waves)

    def _waves(self, crystals: Tensor, first_row: Tensor, first_vector: Tensor) -> Waves:
        atom, is_atom = _filled(self.n_atoms[crystals])
        vector, is_vector = _filled(self.n_vectors[crystals])
        there = is_atom.unsqueeze(2) & is_vector.unsqueeze(1)
        rows = (first_row.unsqueeze(1) + atom).where(is_atom, -1)
        place = (self.first_kind[crystals, :1] + atom) * is_atom
        at = (first_vector.unsqueeze(1) + vector) * is_vector
        found = (place, at, there, rows, self.n_atoms[crystals])
        place, at, there, rows, n_atoms = (to_device(tensor, self.places.device) for tensor in found)
        vectors, lengths = self.vectors[at], self.lengths[at]
        phases = 2 * math.pi * self.places[place] @ vectors.mT
        return Waves(rows, phases.cos() * there, phases.sin() * there, lengths, self.heights[place], n_atoms)


def _filled(counts: Tensor) -> tuple[Tensor, Tensor]:
    """Numbers 0, 1, … for each crystal (n_crystals, largest count), and which of them are below its count."""
    numbers = torch.arange(int(counts.max()), device=counts.device).expand(len(counts), -1)
    return numbers, numbers < counts.unsqueeze(1)


def waves_of(structure: Structure, radius: float) -> tuple[np.ndarray, ...]:
    """The vectors k up to the cut-off, without 0 and one of each pair k and -k, and the places of the atoms.

    Along a lattice vector with a gap wider than `radius` Å nothing repeats that an atom could see, and vacuum
    of any width would only add vectors. There k has no component, and atoms have a height instead. Such a
    vector is taken at right angles to the others, so that it does not matter which one was chosen.

    Returns:
        places (n_atoms, 3) as fractions, heights (n_atoms, 3) in Å, multiples (n, 3) of the reciprocal
        lattice vectors, and |k| (n,) in 1/Å.
    """
    spacings = 2 * np.pi / np.array(structure.lattice.reciprocal_lattice.abc)  # of the lattice planes
    fractional = structure.frac_coords % 1
    ordered = np.sort(fractional, axis=0)
    gaps = np.diff(ordered, axis=0, append=ordered[:1] + 1)
    isolated = gaps.max(axis=0) * spacings > radius
    first = ordered[(gaps.argmax(axis=0) + 1) % len(fractional), range(3)]  # the atoms next to the gap
    heights = (fractional - first) % 1 * spacings * isolated
    vectors = structure.lattice.matrix.copy()
    repeated = vectors[~isolated]
    vectors[isolated] -= vectors[isolated] @ np.linalg.pinv(repeated) @ repeated
    reciprocal = 2 * np.pi * np.linalg.inv(vectors).T
    most = np.floor(CUTOFF * np.linalg.norm(vectors, axis=1) / (2 * np.pi)).astype(int) * ~isolated
    grid = np.stack(np.meshgrid(*(np.arange(-m, m + 1) for m in most), indexing="ij"), axis=-1).reshape(-1, 3)
    grid = grid[len(grid) // 2 + 1 :]  # the others are their negatives
    lengths = np.linalg.norm(grid @ reciprocal, axis=1)
    near = lengths < CUTOFF
    return structure.cart_coords @ np.linalg.inv(vectors), heights, grid[near], lengths[near]


def fading(lengths: Tensor) -> Tensor:
    """1 for |k| = 0, and 0 at the cut-off."""
    return 0.5 + 0.5 * torch.cos(math.pi * lengths / CUTOFF)
