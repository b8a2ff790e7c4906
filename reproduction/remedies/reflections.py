"""Reflections: the readout counts the crystal's Bragg reflections.

The number of reciprocal lattice vectors up to some length is proportional to the volume of the primitive
cell. A repeated cell has more of them, but there the structure factors of the atom vectors are 0. So the
number of reflections, which are the vectors with a structure factor, tells the size of the primitive cell,
however the cell is chosen.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hybrid.readout import crystal_mean
from hybrid.settings import GraphSettings
from reproduction.remedies.reciprocal import (
    N_GAUSSIANS,
    ReciprocalBatch,
    ReciprocalGraphs,
    fading,
    gaussians,
)
from reproduction.remedies.remedy import Remedy

WEAK = 1e-3  # relative power that counts half, before training


class Reflections(Remedy):
    """The mean of the atom vectors, and beside it counts of reflections and their logarithms, standardised.

    There is a count for each number a_c of the atom vectors, sum_k f_c(|k|) p / (p + w_c), smooth in all. The
    relative power p = |S_c(k)|^2 / <a_c^2>, with S_c(k) = sum_j a_jc exp(i k r_j) / n, is between 0 and 1.
    The filter f_c > 0 is learnt, and goes to 0 at the cut-off. A reflection of the power w_c, which is learnt
    too, counts half.
    """

    graphs = ReciprocalGraphs

    def __init__(self, atom_features: Tensor, graph: GraphSettings, n_outputs: int):
        super().__init__(atom_features, graph, n_outputs)
        self.filters = nn.Linear(N_GAUSSIANS, self.width)
        self.weak = nn.Parameter(torch.full((self.width,), math.log(WEAK)))
        self.standardised = nn.BatchNorm1d(2 * self.width, affine=False)
        self.conv_to_fc = nn.Linear(3 * self.width, self.conv_to_fc.out_features)

    def forward(self, batch: ReciprocalBatch, descriptors: Tensor | None = None) -> Tensor:
        """Outputs, (n_crystals, n_outputs)."""
        atoms = self.atom_vectors(batch)
        counts = self.counts(atoms, batch)
        learnt = self.standardised(torch.cat([counts, counts.log1p()], dim=1))
        return self.read_out(atoms, batch.crystals, learnt)

    def counts(self, atoms: Tensor, batch: ReciprocalBatch) -> Tensor:
        """The counts of reflections, (n_crystals, width)."""
        largest = crystal_mean(atoms**2, batch.crystals)
        counts = torch.zeros_like(largest)
        for of in batch.waves:
            crystals = batch.crystals.of_row[of.rows[:, 0]]
            vectors = atoms[of.rows] * (of.rows >= 0).unsqueeze(2)
            power = sum((wave.mT @ vectors) ** 2 for wave in (of.cosines, of.sines))
            power = power / (of.n_atoms**2).view(-1, 1, 1) / largest[crystals].unsqueeze(1)
            seen = power / (power + self.weak.exp())
            weights = F.softplus(self.filters(gaussians(of.lengths))) * fading(of.lengths).unsqueeze(2)
            counts = counts.index_add(0, crystals, (seen * weights).sum(dim=1))
        return counts
