"""Depth: many layers, with the measures that DeeperGATGNN takes against equal atom vectors.

Residual connections, and differentiable group normalisation (Zhou et al., NeurIPS 2020) as in Omee et al.,
Patterns 3, 100491 (2022).
"""

import torch
from torch import Tensor, nn

from hybrid.graphs.merged_crystal import MergedCrystalBatch
from hybrid.kernels.running_statistics import update_running_statistics
from hybrid.settings import GraphSettings
from reproduction.remedies.remedy import Remedy


class Deep(Remedy):
    """CGCNN with many layers, of which each adds its normalised messages to its input as it is."""

    def __init__(self, atom_features: Tensor, graph: GraphSettings, n_outputs: int, n_layers: int = 8):
        super().__init__(atom_features, graph, n_outputs, n_layers)
        self.norms = nn.ModuleList(GroupNormalisation(self.width) for _ in self.convs)

    def atom_vectors(self, batch: MergedCrystalBatch) -> Tensor:
        """The atom vectors after the last layer, (n_kinds, width)."""
        atoms, convolve = self.initial_vectors(batch), self.convolving(batch)
        for layer, norm in zip(self.convs, self.norms, strict=True):
            sums = convolve(layer, atoms)  # softplus of atoms and messages, which is inverted
            messages = sums + (-torch.expm1(-sums.clamp(min=1e-30))).log() - atoms
            atoms = atoms + norm(messages, batch.crystals.atoms_of_row)
        return atoms


class GroupNormalisation(nn.Module):
    """Differentiable group normalisation: H + λ sum_g BN_g(s_g H).

    s = softmax(H U) are the shares of the groups. Each group is normalised by itself, so that groups stay
    apart however many layers there are.

    Args:
        width: length of the vectors.
        n_groups: number of groups; as DeeperGATGNN has it.
        scale: λ; likewise.
    """

    def __init__(self, width: int, n_groups: int = 10, scale: float = 0.01):
        super().__init__()
        self.scale = scale
        self.groups = nn.Linear(width, n_groups, bias=False)
        self.norm = nn.BatchNorm1d(width * n_groups)  # of s_g H, which is never made: all is products with s

    def forward(self, rows: Tensor, counts: Tensor) -> Tensor:
        """The normalised rows (n, width), each of which represents `counts` (n,) equal ones."""
        shares = self.groups(rows).softmax(dim=1)
        mean, variance = self._statistics(shares, rows, counts)
        factor = (variance + self.norm.eps).rsqrt() * self.norm.weight.view_as(mean)
        constant = (self.norm.bias.view_as(mean) - mean * factor).sum(dim=0)
        new: Tensor = rows + self.scale * (rows * (shares @ factor) + constant)
        return new

    def _statistics(self, shares: Tensor, rows: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of s_g H, (n_groups, width), of the batch or as they were in training."""
        kind = shares.shape[1], rows.shape[1]
        if not self.norm.training:
            return self.norm.running_mean.view(kind), self.norm.running_var.view(kind)  # type: ignore[union-attr]
        total = counts.sum()
        weights = (counts / total).unsqueeze(1)
        mean = shares.mT @ (weights * rows)
        variance = ((shares**2).mT @ (weights * rows**2) - mean**2).clamp(min=0)
        unbiased = variance.detach() * total / (total - 1).clamp(min=1)
        update_running_statistics(self.norm, mean.detach().flatten(), unbiased.flatten())
        return mean, variance
