"""Attention among all atoms of a cell before they are pooled, as in GraphTrans (Wu et al., NeurIPS 2021).

Rows stand for several equal atoms. An atom that occurs m times has m times the weight of one, which is ln m
added to the logarithm of its weight.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hybrid.graphs.packed import begins
from hybrid.readout import Crystals, crystal_mean
from hybrid.settings import GraphSettings
from reproduction.remedies.remedy import Readout


class Attention(Readout):
    """Transformer layers among the atoms, then their mean.

    The weights are shares, which repeated cells do not change.
    """

    def __init__(
        self, atom_features: Tensor, graph: GraphSettings, n_outputs: int, heads: int = 4, depth: int = 2
    ):
        super().__init__(atom_features, graph, n_outputs)
        self.layers = nn.ModuleList(Layer(self.width, heads) for _ in range(depth))

    def pooled(self, atoms: Tensor, crystals: Crystals) -> Tensor:
        """The mean over the atoms, (n_crystals, width)."""
        rows, places = padded(atoms, crystals)
        count = rows.new_zeros(rows.shape[:2])
        count[places] = crystals.atoms_of_row.to(atoms.dtype)
        for layer in self.layers:
            rows = layer(rows, count)
        return crystal_mean(rows[places], crystals)


class ClassToken(Attention):
    """The same, but a learnt vector joins the atoms and is read out in place of their mean.

    There is one of it in each cell, beside any number of atoms, so that its own weight tells their number.
    """

    told_the_cell = True

    def __init__(
        self, atom_features: Tensor, graph: GraphSettings, n_outputs: int, heads: int = 4, depth: int = 2
    ):
        super().__init__(atom_features, graph, n_outputs, heads, depth)
        self.token = nn.Parameter(0.3 * torch.randn(self.width))

    def pooled(self, atoms: Tensor, crystals: Crystals) -> Tensor:
        """The token after the last layer, (n_crystals, width)."""
        rows, places = padded(atoms, crystals)
        count = rows.new_zeros(rows.shape[:2])
        count[places] = crystals.atoms_of_row.to(atoms.dtype)
        rows = torch.cat([self.token.expand(len(rows), 1, -1), rows], dim=1)
        count = F.pad(count, (1, 0), value=1.0)
        for layer in self.layers:
            rows = layer(rows, count)
        return rows[:, 0]


class Layer(nn.Module):
    """Attention and a perceptron, both added to their normalised input."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.asked = nn.Linear(width, 3 * width)  # queries, keys, values
        self.joined = nn.Linear(width, width)
        self.perceptron = nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))

    def forward(self, rows: Tensor, count: Tensor) -> Tensor:
        """The new rows (n_crystals, most_rows, width), of which `count` (n_crystals, most_rows) are equal."""
        n, most, width = rows.shape
        parts = self.asked(self.norms[0](rows)).view(n, most, 3, self.heads, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        weight = count.log()[:, None, None, :]  # of padding: minus infinity
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=weight)
        rows = rows + self.joined(seen.transpose(1, 2).reshape(n, most, width))
        new: Tensor = rows + self.perceptron(self.norms[1](rows))
        return new


def padded(atoms: Tensor, crystals: Crystals) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Each crystal's rows, filled up with zeros, (n_crystals, most_rows, width), and where each row is."""
    n_rows = torch.bincount(crystals.of_row, minlength=len(crystals.n_atoms))
    places = crystals.of_row, torch.arange(len(atoms), device=atoms.device) - begins(n_rows)[crystals.of_row]
    rows = atoms.new_zeros(len(n_rows), int(n_rows.max()), atoms.shape[1])
    return rows.index_put(places, atoms), places
