"""Packed graphs for CGCNN with equivalent atoms merged: a row for each kind of atom instead of each atom.

Atoms are of one kind if they are of one element and have neighbours of the same kinds at the same distances.
They get the same vector in every layer, so it is computed once. Kinds are found by colour refinement;
`hybrid.graphs.equivalence` does the same for graphs with angles.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
import torch
from pymatgen.core import Structure
from torch import Tensor

from hybrid.graphs.crystal import CrystalBatch, CrystalGraphs
from hybrid.graphs.equivalence import TOLERANCE, Kinds, bins_of, hashed, numbered
from hybrid.graphs.packed import Packed, Rows, begins, bounded, to_device
from hybrid.readout import Crystals
from hybrid.settings import GraphSettings

AT_ONCE = 512  # crystals that are merged together; limited by memory


@dataclass(frozen=True)
class MergedCrystalBatch:
    """The graphs of a batch of crystals; edges are sorted by the kind of atom that they belong to."""

    species: Tensor  # (n_kinds,) atomic numbers
    edges_of_kind: Tensor  # (n_kinds,) number of edges
    neighbours: Tensor  # (n_edges,) kind of the neighbour in this batch
    times: Tensor  # (n_edges,) floating point: number of an atom's neighbours that an edge represents
    distances: Tensor  # (n_edges,) Å
    first_kind: Tensor  # (n_crystals + 1,) position of each crystal's first kind; last, the number of kinds
    crystals: Crystals  # a row for each kind


@dataclass(frozen=True)
class MergedCrystalGraphs(Packed):
    """The graphs of a data set, one after the other; distances are expanded in Gaussians when used."""

    species: Tensor  # (n_kinds,) atomic numbers
    atoms_of_kind: Tensor  # (n_kinds,) floating point: number of atoms
    edges_of_kind: Tensor  # (n_kinds,) number of edges
    neighbours: Tensor  # (n_edges,) kind of the neighbour within its crystal
    times: Tensor  # (n_edges,) floating point: number of an atom's neighbours that an edge represents
    distances: Tensor  # (n_edges,) Å
    n_atoms: Tensor  # (n_crystals,)
    n_tied: Tensor  # (n_crystals,) atoms with a further neighbour as far away as the last that counts
    n_kinds: Tensor  # (n_crystals, 2) numbers of kinds of atoms and of edges

    on_host: ClassVar[tuple[str, ...]] = ("n_atoms", "n_tied", "n_kinds")

    @classmethod
    def from_structures(
        cls, structures: Iterable[Structure], settings: GraphSettings, tolerance: float | None = TOLERANCE
    ) -> Self:
        """Builds the graph of every structure; see `of`."""
        return cls.of(CrystalGraphs.from_structures(structures, settings), tolerance)

    @classmethod
    def of(cls, graphs: CrystalGraphs, tolerance: float | None = TOLERANCE) -> Self:
        """Merges equivalent atoms and edges.

        Args:
            graphs: with a row for each atom.
            tolerance: largest difference of equal distances, Å; None: nothing is merged, and the order of
                atoms and edges is kept.
        """
        parts = torch.arange(len(graphs)).split(AT_ONCE)
        columns = zip(*(_merged(graphs.batch(part), tolerance) for part in parts), strict=True)
        *packed, n_kinds = (torch.from_numpy(np.concatenate(column)) for column in columns)
        packed += [graphs.n_atoms, graphs.n_tied, n_kinds]
        return cls(*packed)

    def __len__(self) -> int:
        return len(self.n_atoms)

    @cached_property
    def first_kind(self) -> Tensor:
        """(n_crystals, 2) positions of each crystal's first kind of atom and first edge."""
        return begins(self.n_kinds)

    @bounded
    def batch(self, indices: Tensor) -> MergedCrystalBatch:
        """The graphs at `indices` (n_crystals,) of the host, on the device where the graphs are."""
        n_kinds, first_kind, device = self.n_kinds[indices], self.first_kind[indices], self.species.device
        atoms, edges = (Rows.of(first_kind[:, k], n_kinds[:, k], device) for k in range(2))
        return MergedCrystalBatch(
            self.species[atoms.at],
            self.edges_of_kind[atoms.at],
            edges.shifted(self.neighbours, atoms),
            self.times[edges.at],
            self.distances[edges.at],
            atoms.first,
            Crystals(atoms.crystal, self.atoms_of_kind[atoms.at], to_device(self.n_atoms[indices], device)),
        )


def _merged(batch: CrystalBatch, tolerance: float | None) -> tuple[np.ndarray, ...]:
    """The first six columns of `MergedCrystalGraphs` and its `n_kinds`."""
    species, crystal, distances = (
        tensor.numpy() for tensor in (batch.species, batch.crystals.of_row, batch.distances.double())
    )
    neighbours = batch.neighbours.numpy()
    if tolerance is None:
        colours, bins = np.arange(len(species)), np.arange(distances.size)
    else:
        far = crystal * (distances.max() + 1)  # keeps the distances of different crystals apart
        bins = bins_of((distances + far[:, None]).ravel(), tolerance)
        colours = colours_of(species, crystal, neighbours, bins.reshape(neighbours.shape))
    atoms = Kinds.of(colours, along=crystal)
    to = atoms.label[neighbours].ravel()
    edges = Kinds.of(bins * (to.max() + 1) + to, along=atoms.label.repeat(neighbours.shape[1]))
    owner = atoms.label[edges.example // neighbours.shape[1]]
    edges_of_kind = np.bincount(owner)
    n_kinds = np.bincount(crystal[atoms.example])
    first_kind = np.cumsum(n_kinds) - n_kinds
    of_crystal = crystal[atoms.example]
    return (
        species[atoms.example].astype(np.int32),
        atoms.count.astype(np.float32),
        edges_of_kind.astype(np.int32),
        (to[edges.example] - first_kind[of_crystal[owner]]).astype(np.int32),
        (edges.count / atoms.count[owner]).astype(np.float32),
        edges.mean(distances.ravel()).astype(np.float32),
        np.stack([n_kinds, np.bincount(of_crystal, edges_of_kind).astype(np.int64)], axis=1),
    )


def colours_of(
    species: np.ndarray, crystal: np.ndarray, neighbours: np.ndarray, bins: np.ndarray
) -> np.ndarray:
    """Numbers (n_atoms,), by colour refinement, that are equal for atoms of one kind in one crystal.

    Args:
        species: (n_atoms,) atomic numbers.
        crystal: (n_atoms,) the crystal of each atom.
        neighbours: (n_atoms, max_neighbours) atoms.
        bins: (n_atoms, max_neighbours) numbers that are equal for equal distances.
    """
    by_distance = hashed(bins.ravel()).reshape(bins.shape)
    colours = hashed(crystal, species)
    found, before = len(np.unique(colours)), 0
    while found != before:
        met = (by_distance * hashed(colours)[neighbours]).sum(axis=1, dtype=np.uint64)
        colours = hashed(colours, met)
        found, before = len(np.unique(colours)), found
    return numbered(colours)
