"""The number of atoms, given to the readout."""

import torch
from torch import Tensor, nn

from hybrid.readout import Crystals, crystal_mean
from hybrid.settings import GraphSettings
from reproduction.remedies.remedy import Readout


class LogNumberOfAtoms(Readout):
    """The logarithm of the number of atoms, standardised, beside the mean of the atom vectors."""

    told_the_cell = True

    def __init__(self, atom_features: Tensor, graph: GraphSettings, n_outputs: int):
        super().__init__(atom_features, graph, n_outputs)
        self.standardised = nn.BatchNorm1d(1, affine=False)
        self.conv_to_fc = nn.Linear(self.width + 1, self.conv_to_fc.out_features)

    def pooled(self, atoms: Tensor, crystals: Crystals) -> Tensor:
        """(n_crystals, width + 1)."""
        size = self.standardised(crystals.n_atoms.to(atoms.dtype).log().unsqueeze(1))
        return torch.cat([crystal_mean(atoms, crystals), size], dim=1)
