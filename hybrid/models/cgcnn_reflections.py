"""CGCNN with a readout that counts the crystal's Bragg reflections.

The number of reciprocal lattice vectors up to some length is proportional to the volume of the primitive
cell. A repeated cell has more of them, but there the structure factors of the atom vectors are 0. So the
number of reflections, which are the vectors with a structure factor, tells the size of the primitive cell,
however the cell is chosen.
"""

import math
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hybrid.graphs.reciprocal import N_GAUSSIANS, ReciprocalBatch, ReciprocalGraphs, fading, gaussians
from hybrid.models.cgcnn import ARCHITECTURES as OTHERS
from hybrid.models.cgcnn import CGCNN
from hybrid.readout import crystal_mean
from hybrid.settings import GraphSettings, ModelSettings, Recipe

N_COUNTS = 16
WEAK = 1e-3  # relative power that counts half, before training


class CGCNNReflections(CGCNN):
    """CGCNN that joins counts of reflections to the pooled vector, where de-CGCNN joins descriptors.

    Each count is sum_k f(|k|) p / (p + w), smooth in all. The relative power p = |S(k)|^2 / <b^2>, from 0 to
    1, is of a number b that is learnt for each atom, with S(k) = sum_j b_j exp(i k r_j) / n. The filter f > 0
    is learnt, and goes to 0 at the cut-off. A reflection of the power w, which is learnt too, counts half.
    Joined are the counts, their logarithms, and the mean count times the mean of the atom vectors, which is
    in the place of a sum over the atoms of the primitive cell; all are standardised.
    """

    graphs: ClassVar[Any] = ReciprocalGraphs

    def __init__(
        self,
        atom_features: Tensor,
        graph: GraphSettings,
        model: ModelSettings,
        n_descriptors: int = 0,
        n_outputs: int | None = None,
        classification: bool = False,
    ):
        super().__init__(atom_features, graph, model, n_descriptors, n_outputs, classification)
        width = model.atom_fea_len
        self.scatterers = nn.Linear(width, N_COUNTS)
        self.filters = nn.Linear(N_GAUSSIANS, N_COUNTS)
        self.weak = nn.Parameter(torch.full((N_COUNTS,), math.log(WEAK)))
        self.standardised = nn.BatchNorm1d(2 * N_COUNTS + width, affine=False)
        n_joined = self.standardised.num_features + n_descriptors
        self.conv_to_fc = nn.Linear(width + n_joined, model.h_fea_len)

    def forward(self, batch: ReciprocalBatch, descriptors: Tensor | None = None) -> Tensor:
        """Outputs, or log-probabilities of classes, (n_crystals, n_outputs)."""
        atoms = self.atom_vectors(batch)
        joined = self.standardised(self.joined(atoms, batch))
        joined = joined if descriptors is None else torch.cat([joined, descriptors], dim=1)
        return self.read_out(atoms, batch.crystals, joined)

    def crystal_embeddings(self, batch: ReciprocalBatch) -> Tensor:
        """The mean of the atom vectors and what is joined to it, (n_crystals, n_features)."""
        atoms = self.atom_vectors(batch)
        return torch.cat([crystal_mean(atoms, batch.crystals), self.joined(atoms, batch)], dim=1)

    def joined(self, atoms: Tensor, batch: ReciprocalBatch) -> Tensor:
        """What is joined to the pooled vector, (n_crystals, 2 * N_COUNTS + atom_fea_len)."""
        counts = self.counts(self.scatterers(atoms), batch)
        mean = F.softplus(crystal_mean(atoms, batch.crystals))
        return torch.cat([counts, counts.log1p(), counts.mean(dim=1, keepdim=True) * mean], dim=1)

    def counts(self, scatterers: Tensor, batch: ReciprocalBatch) -> Tensor:
        """The counts of reflections (n_crystals, N_COUNTS), from b of each atom (n_atoms, N_COUNTS)."""
        largest = crystal_mean(scatterers**2, batch.crystals)
        counts = torch.zeros_like(largest)
        for of in batch.waves:
            crystals = batch.crystals.of_row[of.rows[:, 0]]
            cosines, sines = of.sums(scatterers)
            power = (cosines**2 + sines**2) / (of.n_atoms**2).view(-1, 1, 1) / largest[crystals].unsqueeze(1)
            filters = F.softplus(self.filters(gaussians(of.lengths))) * fading(of.lengths).unsqueeze(2)
            counts = counts.index_add(0, crystals, (filters * power / (power + self.weak.exp())).sum(dim=1))
        return counts


ARCHITECTURES = {
    "cgcnn-reflections": replace(
        OTHERS["cgcnn"],
        name="cgcnn-reflections",
        build=CGCNNReflections,
        graphs=ReciprocalGraphs,
        at_once=32,
        tuned={"mean": Recipe(trainer=CGCNNReflections.trainer)},
    )
}
