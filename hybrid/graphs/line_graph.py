"""Packed crystal graphs and line graphs for ALIGNN: atoms, bonds between them, angles between bonds.

Equivalent atoms, bonds and angles are merged: there is one of each kind, and the number that it represents
(see `hybrid.graphs.equivalence`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import torch
from pymatgen.core import Structure
from torch import Tensor

from hybrid.graphs.bonds import Bonds, angles_of, bonds_of
from hybrid.graphs.equivalence import TOLERANCE, MergedGraph, merge_equivalent, numbered
from hybrid.graphs.packed import Packed, Rows, begins, bounded, to_device
from hybrid.kernels.links import EqualRows, Links
from hybrid.kernels.merging import Merging
from hybrid.readout import Crystals
from hybrid.settings import GraphSettings


@dataclass(frozen=True)
class LineBatch:
    """The graphs of a batch of crystals, with a row for each kind of atom, bond and angle."""

    species: Tensor  # (n_atom_kinds,) atomic numbers
    lengths: Tensor  # (n_bond_kinds,) Å
    cosines: Tensor  # (n_angle_kinds,)
    bonds: Links  # from atom to atom
    angles: Links  # from bond to bond: the second begins where the first ends
    equal_lengths: EqualRows  # among the bonds of a crystal
    equal_cosines: EqualRows  # among the angles of a crystal
    crystals: Crystals  # a row for each kind of atom


@dataclass(frozen=True)
class LineGraphs(Packed):
    """The graphs of a data set, one after the other; indices are within their crystal."""

    species: Tensor  # (n_atom_kinds,) atomic numbers
    atoms_of_kind: Tensor  # (n_atom_kinds,) number of atoms that each represents
    source: Tensor  # (n_bond_kinds,) atom where a bond begins
    target: Tensor  # (n_bond_kinds,) atom where it ends, ascending
    lengths: Tensor  # (n_bond_kinds,) Å
    bonds_of_kind: Tensor  # (n_bond_kinds,)
    first: Tensor  # (n_angle_kinds,) bond into an atom
    second: Tensor  # (n_angle_kinds,) bond out of it, ascending
    cosines: Tensor  # (n_angle_kinds,) of the angle between them
    angles_of_kind: Tensor  # (n_angle_kinds,)
    length_group: Tensor  # (n_bond_kinds,) number of its length among the different ones of its crystal
    cosine_group: Tensor  # (n_angle_kinds,)
    n_groups: Tensor  # (n_crystals, 2) numbers of different lengths and cosines
    n_atoms: Tensor  # (n_crystals,)
    n_kinds: Tensor  # (n_crystals, 3) numbers of kinds of atoms, bonds and angles

    on_host = ("n_groups", "n_atoms", "n_kinds")

    @classmethod
    def from_structures(
        cls,
        structures: Iterable[Structure],
        settings: GraphSettings,
        tolerance: float | None = TOLERANCE,
        dtype: torch.dtype = torch.float32,
    ) -> "LineGraphs":
        """Builds the graph of every structure.

        The radius is that of the first search for neighbours only. Bond lengths (Å) and cosines have this
        dtype, and count as equal within the tolerance; None: nothing is merged.
        """
        precision = torch.empty(0, dtype=dtype).numpy().dtype
        columns: list[tuple[np.ndarray, ...]] = []
        n_atoms, n_groups = [], []
        for structure in structures:
            bonds = bonds_of(structure, settings.max_neighbours, settings.radius)
            graph = _merged(np.array(structure.atomic_numbers), bonds, tolerance)
            values = (graph.lengths.astype(precision), graph.cosines.astype(precision))
            groups = list(map(numbered, values))
            columns.append((*(getattr(graph, f.name) for f in fields(graph)), *groups))
            n_groups.append([group.max() + 1 for group in groups])
            n_atoms.append(len(structure))
        tensors = [torch.from_numpy(np.concatenate(column)) for column in zip(*columns, strict=True)]
        packed = [t.to(dtype) if t.is_floating_point() else t.to(torch.int32) for t in tensors]
        n_kinds = torch.tensor([[len(graph[k]) for k in (0, 2, 6)] for graph in columns])
        packed += [torch.tensor(n_groups), torch.tensor(n_atoms), n_kinds]
        return cls(*packed)

    def __len__(self) -> int:
        return len(self.n_atoms)

    @cached_property
    def first_kind(self) -> Tensor:
        """(n_crystals, 3) positions of each crystal's first kind of atom, bond and angle."""
        return begins(self.n_kinds)

    @bounded
    def batch(self, indices: Tensor) -> LineBatch:
        """The graphs at `indices` (n_crystals,) of the host, on the device where the graphs are."""
        n_kinds, first_kind, device = self.n_kinds[indices], self.first_kind[indices], self.species.device
        atoms, bonds, angles = (Rows.of(first_kind[:, k], n_kinds[:, k], device) for k in range(3))
        source, target = (bonds.shifted(of, atoms) for of in (self.source, self.target))
        first, second = (angles.shifted(of, bonds) for of in (self.first, self.second))
        lengths, cosines = self.lengths[bonds.at], self.cosines[angles.at]
        n_of_atoms = self.atoms_of_kind[atoms.at].to(lengths.dtype)
        n_of_bonds = self.bonds_of_kind[bonds.at].to(lengths.dtype)
        n_of_angles = self.angles_of_kind[angles.at].to(lengths.dtype)
        n_groups = self.n_groups[indices]
        moved, totals = to_device(begins(n_groups), device), n_groups.sum(dim=0).tolist()
        n_nodes, n_edges = (to_device(n_kinds[:, k], device) for k in range(2))
        by_length = self.length_group[bonds.at] + moved[bonds.crystal, 0]
        by_cosine = self.cosine_group[angles.at] + moved[angles.crystal, 1]
        return LineBatch(
            self.species[atoms.at].long(),
            lengths,
            cosines,
            Links.of(source, target, n_of_bonds, n_of_atoms, n_nodes),
            Links.of(first, second, n_of_angles, n_of_bonds, n_edges),
            EqualRows.of(by_length, totals[0], n_of_bonds),
            EqualRows.of(by_cosine, totals[1], n_of_angles),
            Crystals(atoms.crystal, n_of_atoms, to_device(self.n_atoms[indices], device)),
        )


def _merged(species: np.ndarray, bonds: Bonds, tolerance: float | None) -> MergedGraph:
    kernel = Merging.get()
    if kernel is None or tolerance is None:
        return merge_equivalent(species, bonds, angles_of(bonds, len(species)), tolerance)
    return MergedGraph(*kernel(species, bonds.source, bonds.target, bonds.vectors, tolerance))
