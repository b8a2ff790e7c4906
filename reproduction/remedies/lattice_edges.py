"""Lattice edges: an edge from each atom to itself along each lattice vector, as in Matformer.

Yan et al., NeurIPS 2022. The network is told the lengths of the cell. Whether it can use them depends on how
they are expanded.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Self

import torch
from pymatgen.core import Structure
from torch import Tensor

from hybrid.graphs.crystal import CrystalGraphs
from hybrid.graphs.equivalence import TOLERANCE
from hybrid.graphs.merged_crystal import MergedCrystalGraphs
from hybrid.settings import GraphSettings
from reproduction.remedies.remedy import Remedy

BEYOND = 2.0  # Å between the cut-off and where the logarithm of 1 Å is placed
SCALE = 4 / 3  # Å for a factor of e: Gaussians are 15 % of a length wide
LONGEST = 400.0  # Å, of a lattice vector that is resolved


class LatticeGraphs(MergedCrystalGraphs):
    """Crystal graphs in which every atom has itself as three more neighbours, at the cell's lengths."""

    @classmethod
    def from_structures(
        cls, structures: Iterable[Structure], settings: GraphSettings, tolerance: float | None = TOLERANCE
    ) -> Self:
        """Builds the graph of every structure, and merges equivalent atoms."""
        lengths: list[tuple[float, ...]] = []

        def measured() -> Iterator[Structure]:
            for structure in structures:
                lengths.append(tuple(cls.placed(length, settings) for length in structure.lattice.abc))
                yield structure

        graphs = CrystalGraphs.from_structures(measured(), settings)
        own = torch.arange(len(graphs.species)) - graphs.first_atom.repeat_interleave(graphs.n_atoms)
        cells = torch.tensor(lengths).repeat_interleave(graphs.n_atoms, dim=0)
        neighbours = torch.cat([graphs.neighbours, own.unsqueeze(1).expand(-1, 3)], dim=1)
        distances = torch.cat([graphs.distances, cells], dim=1)
        return cls.of(replace(graphs, neighbours=neighbours, distances=distances), tolerance)

    @staticmethod
    def placed(length: float, settings: GraphSettings) -> float:
        """The distance in the graph of a lattice vector's length, both in Å."""
        return length


class LogLatticeGraphs(LatticeGraphs):
    """The same with lengths on a logarithmic scale of their own, beyond the distances of neighbours."""

    @staticmethod
    def placed(length: float, settings: GraphSettings) -> float:
        """Between the cut-off, with a gap, and `furthest`."""
        return settings.radius + BEYOND + SCALE * math.log(max(1.0, length))


def furthest(settings: GraphSettings) -> float:
    """Where the longest resolved lattice vector is placed, in Å."""
    return LogLatticeGraphs.placed(LONGEST, settings)


class ShortLatticeEdges(Remedy):
    """Lattice edges in the basis of the neighbours, from 0 to 8 Å: longer ones look all the same."""

    graphs = LatticeGraphs
    told_the_cell = True


class LatticeEdges(Remedy):
    """Lattice edges in a basis in the logarithm of the length, which resolves 1 to 400 Å."""

    graphs = LogLatticeGraphs
    told_the_cell = True

    def __init__(self, atom_features: Tensor, graph: GraphSettings, n_outputs: int):
        super().__init__(atom_features, graph.model_copy(update={"radius": furthest(graph)}), n_outputs)
