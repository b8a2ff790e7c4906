"""ALIGNN and de-ALIGNN (eqs. 13, 14) on packed graphs, without DGL, with upstream's parameters."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hybrid.graphs.line_graph import LineBatch, LineGraphs
from hybrid.kernels.edge_gated import EdgeGated
from hybrid.kernels.links import EqualRows, Links
from hybrid.kernels.products import linear
from hybrid.models.alignn_operations import gated_mean, normalised_silu, outside_autocast, update_statistics
from hybrid.models.network import Architecture, CrystalNetwork
from hybrid.readout import Crystals, get_pooling
from hybrid.settings import GraphSettings, ModelSettings, Recipe, TrainerSettings, annealed

LONGEST = 8.0  # Å, the last Gaussian of bond lengths, for any graph


class ALIGNN(CrystalNetwork):
    """Upstream's network, computed faster.

    The results are upstream's, the computation is different: equivalent atoms, bonds and angles are computed
    once and weighted by their number, equal bond lengths and cosines are embedded once, sums over neighbours
    run over sorted edges, and results of the last layers that are not used are not computed. Parameters,
    their names and the order in which they are initialised are upstream's. Checkpoints can therefore be
    loaded in both directions, and a seed gives the same weights.

    The arguments are those of `hybrid.models.cgcnn.CGCNN`; bond lengths are expanded up to 8 Å with any
    settings of the graph.
    """

    def __init__(
        self,
        atom_features: Tensor,
        graph: GraphSettings,
        model: ModelSettings,
        n_descriptors: int = 0,
        n_outputs: int | None = None,
        classification: bool = False,
    ):
        super().__init__()
        sizes = model.alignn
        hidden, joined = sizes.hidden, sizes.hidden + n_descriptors
        self.classification, self.pooling = classification, get_pooling(model.pooling)
        self.n_outputs = n_outputs or (2 if classification else 1)
        self.atom_embedding = Perceptron(atom_features.shape[1], hidden)
        self.edge_embedding = nn.Sequential(
            Gaussians(0, LONGEST, sizes.bond_features),
            Perceptron(sizes.bond_features, sizes.embedding),
            Perceptron(sizes.embedding, hidden),
        )
        self.angle_embedding = nn.Sequential(
            Gaussians(-1, 1, sizes.angle_features),
            Perceptron(sizes.angle_features, sizes.embedding),
            Perceptron(sizes.embedding, hidden),
        )
        self.alignn_layers = nn.ModuleList(LineConvolution(hidden) for _ in range(sizes.alignn_layers))
        self.gcn_layers = nn.ModuleList(Convolution(hidden) for _ in range(sizes.gcn_layers))
        self.fc = nn.Linear(hidden, self.n_outputs)
        self.n_descriptors = n_descriptors
        if n_descriptors:  # a head that replaces fc
            self.extra_feature_embedding = Perceptron(n_descriptors, n_descriptors)
            self.fc3 = nn.Linear(joined, self.n_outputs)
            self.fc1 = Perceptron(joined, joined)
            self.fc2 = Perceptron(joined, joined)
        self.register_buffer("atom_features", atom_features, persistent=False)

    def atom_vectors(self, batch: LineBatch) -> Tensor:
        """The atom vectors after the last layer, (n_atom_kinds, hidden)."""
        bonds, angles = batch.bonds, batch.angles
        x = _perceptron(
            self.atom_embedding, self.atom_features[batch.species], bonds.node_share, bonds.node_total
        )
        y = _expanded(self.edge_embedding, batch.lengths, batch.equal_lengths, bonds.total)
        z = _expanded(self.angle_embedding, batch.cosines, batch.equal_cosines, angles.total)
        for number, layer in enumerate(self.alignn_layers, start=1):
            x, m = _convolve(layer.node_update, x, y, bonds)
            y, z = _convolve(layer.edge_update, m, z, angles, number < len(self.alignn_layers))
        for number, layer in enumerate(self.gcn_layers, start=1):
            x, y = _convolve(layer, x, y, bonds, number < len(self.gcn_layers))
        return x.to(self.atom_features.dtype)

    def read_out(self, atoms: Tensor, crystals: Crystals, descriptors: Tensor | None = None) -> Tensor:
        """The result of `forward`, from the atom vectors (n_rows, hidden)."""
        with outside_autocast(atoms.device):
            rows = self.pooling.pool_atoms(atoms, crystals)
            if self.n_descriptors:
                rows = self.pooling.join(rows, self.extra_feature_embedding(descriptors), crystals)
                counts = self.pooling.counts(crystals).to(rows.dtype)
                total = counts.sum()
                for layer in (self.fc1, self.fc2):
                    rows = _perceptron(layer, rows, counts / total, total)
                rows = self.fc3(rows)
            else:
                rows = self.fc(rows)
            outputs = self.pooling.pool_outputs(rows, crystals)
            return F.log_softmax(outputs, dim=1) if self.classification else outputs


class Perceptron(nn.Module):
    """A linear layer, batch normalisation and SiLU."""

    def __init__(self, n_inputs: int, n_outputs: int):
        super().__init__()
        self.layer = nn.Sequential(nn.Linear(n_inputs, n_outputs), nn.BatchNorm1d(n_outputs), nn.SiLU())

    def forward(self, rows: Tensor) -> Tensor:
        """(n, n_outputs) from (n, n_inputs); all rows have the same weight."""
        activated: Tensor = self.layer(rows)
        return activated


class Gaussians(nn.Module):
    """Gaussians exp(-γ (x - x_k)²) with n centres x_k from first to last; 1/γ is the distance between two."""

    centers: Tensor

    def __init__(self, first: float, last: float, n: int):
        super().__init__()
        self.register_buffer("centers", torch.linspace(first, last, n))
        self.gamma = float(1 / np.diff(self.centers.numpy()).mean())  # in upstream's precision

    def forward(self, values: Tensor) -> Tensor:
        """(n_values, n) from (n_values,)."""
        return torch.exp(-self.gamma * (values.unsqueeze(1) - self.centers) ** 2)


class Convolution(nn.Module):
    """The parameters of an edge-gated convolution: gates, messages and two batch normalisations."""

    def __init__(self, width: int):
        super().__init__()
        self.src_gate, self.dst_gate, self.edge_gate = (nn.Linear(width, width) for _ in range(3))
        self.bn_edges = nn.BatchNorm1d(width)
        self.src_update, self.dst_update = (nn.Linear(width, width) for _ in range(2))
        self.bn_nodes = nn.BatchNorm1d(width)


class LineConvolution(nn.Module):
    """A convolution on atoms and bonds, and one on bonds and angles."""

    def __init__(self, width: int):
        super().__init__()
        self.node_update = Convolution(width)
        self.edge_update = Convolution(width)


def _perceptron(layer: Any, rows: Tensor, share: Tensor, total: Tensor) -> Tensor:
    transform, norm, _ = layer.layer
    rows = linear(rows, transform.weight, transform.bias)
    kernel = EdgeGated.get(rows)
    if kernel:
        return kernel.normalised_silu(rows, norm, share, total)
    return normalised_silu(rows.to(share.dtype), norm, share, total)


@dataclass(frozen=True)
class _Repeated:
    """Rows of which many are equal, such as those of equal bond lengths before the first layer."""

    rows: Tensor  # (n_groups, n), one of each group
    equal: EqualRows


def _expanded(embedding: nn.Sequential, values: Tensor, equal: EqualRows, total: Tensor) -> _Repeated:
    """The embedding of lengths or cosines (n,) by Gaussians and two layers, (n, hidden)."""
    gaussians, inner, outer = embedding
    rows = _perceptron(inner, gaussians(equal.once(values)), equal.share, total)
    return _Repeated(_perceptron(outer, rows, equal.share, total), equal)


def _convolve(
    layer: Any, nodes: Tensor, edges: Tensor | _Repeated, links: Links, edges_needed: bool = True
) -> Any:
    """Node and edge vectors after an edge-gated convolution.

    If the edge vectors are not needed, they are not computed; the running statistics are updated as upstream.
    """
    parts = (layer.src_gate, layer.dst_gate, layer.dst_update, layer.src_update)
    bias = torch.cat([part.bias for part in parts])
    width = len(layer.edge_gate.bias)
    at_targets = F.pad(layer.edge_gate.bias, (width, 2 * width))  # added here, where there are fewest rows
    projected = linear(nodes, torch.cat([part.weight for part in parts]), bias + at_targets)
    if isinstance(edges, _Repeated):  # in the first layer
        m = edges.equal.repeated(linear(edges.rows, layer.edge_gate.weight))
        edges = edges.equal.repeated(edges.rows)
    else:
        m = linear(edges, layer.edge_gate.weight)
    kernel = EdgeGated.get(nodes)
    if kernel:
        return kernel.convolve(layer, projected, m, nodes, edges if edges_needed else None, links)
    sources, targets, messages, own = projected.to(nodes.dtype).chunk(4, dim=1)
    means, m = gated_mean(sources, targets, m.to(edges.dtype), messages, links)
    nodes = nodes + normalised_silu(own + means, layer.bn_nodes, links.node_share, links.node_total)
    if edges_needed:
        edges = edges + normalised_silu(m, layer.bn_edges, links.share, links.total)
    elif layer.training:
        update_statistics(m, layer.bn_edges, links.share, links.total)
    return nodes, edges


_ALIGNN = Architecture(
    "alignn",
    ALIGNN,
    graphs=LineGraphs,
    sizes=("alignn",),
    precisions=("fp32", "bf16"),
    at_once=32,
    head=("fc", "extra_feature_embedding", "fc1", "fc2", "fc3"),
    tuned={
        "mean": Recipe(trainer=annealed(learning_rate=0.001, weight_decay=1e-5, batch_size=64, loss="mse"))
    },
    paper={
        "mean": Recipe(
            trainer=TrainerSettings(
                batch_size=64, optimiser="adamw", learning_rate=0.01, schedule="one-cycle"
            )
        )
    },
)
ARCHITECTURES = {
    "alignn": _ALIGNN,
    "de-alignn": replace(_ALIGNN, name="de-alignn", takes_descriptors=True, normalises_crystals=True),
}
