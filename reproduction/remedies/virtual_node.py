"""A virtual node, which collects from all atoms after each convolution and answers them all."""

from typing import ClassVar

from torch import Tensor, nn

from hybrid.graphs.merged_crystal import MergedCrystalBatch
from hybrid.readout import Crystals, crystal_mean, crystal_sum
from hybrid.settings import GraphSettings
from reproduction.remedies.remedy import Remedy

TYPICAL = 32  # atoms in a cell, by which sums are divided


class MeanVirtualNode(Remedy):
    """A virtual node that averages: it has all atoms within reach, and repeated cells do not change it."""

    def __init__(self, atom_features: Tensor, graph: GraphSettings, n_outputs: int):
        super().__init__(atom_features, graph, n_outputs)
        self.answers = nn.ModuleList(
            nn.Sequential(nn.Linear(self.width, self.width), nn.SiLU(), nn.Linear(self.width, self.width))
            for _ in self.convs
        )

    def atom_vectors(self, batch: MergedCrystalBatch) -> Tensor:
        """The atom vectors after the last convolution and answer, (n_kinds, width)."""
        atoms, convolve, crystals = self.initial_vectors(batch), self.convolving(batch), batch.crystals
        for layer, answer in zip(self.convs, self.answers, strict=True):
            atoms = convolve(layer, atoms)
            atoms = atoms + answer(self.collected(atoms, crystals))[crystals.of_row]
        return atoms

    def collected(self, atoms: Tensor, crystals: Crystals) -> Tensor:
        """What the virtual node gets, (n_crystals, width)."""
        return crystal_mean(atoms, crystals)


class VirtualNode(MeanVirtualNode):
    """A virtual node that adds up, which is the usual one; a sum tells the number of atoms."""

    told_the_cell: ClassVar[bool] = True

    def collected(self, atoms: Tensor, crystals: Crystals) -> Tensor:
        """The sum over the atoms, (n_crystals, width)."""
        return crystal_sum(atoms, crystals) / TYPICAL
