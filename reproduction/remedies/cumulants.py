"""Cumulants: more of the distribution of a crystal's atom vectors than its mean."""

import torch
from torch import Tensor

from hybrid.readout import Crystals, crystal_mean
from reproduction.remedies.remedy import Readout

SMALLEST = 1e-4  # added to variances, so that equal atoms have a gradient


class Cumulants(Readout):
    """Mean, standard deviation, skewness, minimum and maximum of each number of the atom vectors.

    Repeated cells repeat the distribution, so that these do not depend on the choice of the cell.
    """

    n_pooled = 5

    def pooled(self, atoms: Tensor, crystals: Crystals) -> Tensor:
        """The five, side by side, (n_crystals, 5 * width)."""
        mean = crystal_mean(atoms, crystals)
        centred = atoms - mean[crystals.of_row]
        deviation = (crystal_mean(centred**2, crystals) + SMALLEST).sqrt()
        skewness = crystal_mean(centred**3, crystals) / deviation**3
        of_row = crystals.of_row.unsqueeze(1).expand_as(atoms)
        ends = [
            torch.zeros_like(mean).scatter_reduce(0, of_row, atoms, end, include_self=False)
            for end in ("amin", "amax")
        ]
        return torch.cat([mean, deviation, skewness, *ends], dim=1)
