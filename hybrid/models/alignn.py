"""ALIGNN and de-ALIGNN (eqs. 13, 14) on packed graphs, without DGL, with upstream's parameters."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hybrid.graphs.line_graph import LineBatch, Links
from hybrid.kernels.edge_gated import EdgeGated
from hybrid.models.edge_gated import gated_mean, normalised_silu, outside_autocast, update_statistics
from hybrid.readout import crystal_mean
from hybrid.settings import ModelSettings
from reproduction.upstream import vendor

vendor.activate("alignn")

from alignn.models import alignn as upstream  # type: ignore[import-not-found]  # noqa: E402  (found only now)


class ALIGNN(upstream.ALIGNN):
    """Patched upstream's network, computed faster.

    It differs from upstream in how, not in what, it computes: equivalent atoms, bonds and angles are
    computed once and counted as often as they are there, sums over neighbours run over sorted edges, and
    what the last layers compute for nobody is left out. Parameters, their names and their initialisation are
    upstream's, so checkpoints load either way.

    Args:
        atom_features: (n_elements + 1, n_features), row Z holds the features of the element Z.
        model: sizes and pooling.
        n_descriptors: length of the descriptor vector that joins the readout (eq. 14); 0 for none.
        n_outputs: numbers a crystal, or classes; none: upstream's one number or two classes.
        classification: log-probabilities of the classes instead of numbers.
    """

    def __init__(
        self,
        atom_features: Tensor,
        model: ModelSettings,
        n_descriptors: int = 0,
        n_outputs: int | None = None,
        classification: bool = False,
    ):
        n_outputs = n_outputs or (2 if classification else 1)
        config = upstream.ALIGNNConfig(
            name="alignn",
            alignn_layers=model.alignn.alignn_layers,
            gcn_layers=model.alignn.gcn_layers,
            atom_input_features=atom_features.shape[1],
            edge_input_features=model.alignn.bond_features,
            triplet_input_features=model.alignn.angle_features,
            embedding_features=model.alignn.embedding,
            hidden_features=model.alignn.hidden,
            output_features=1 if classification else n_outputs,
            classification=classification,
            num_classes=n_outputs,
            extra_features=n_descriptors,
            pooling=model.pooling,
        )
        super().__init__(config)
        self.n_outputs = n_outputs
        self.register_buffer("atom_features", atom_features, persistent=False)

    def forward(self, batch: LineBatch, descriptors: Tensor | None = None) -> Tensor:
        """Outputs, or log-probabilities, (n_crystals, n_outputs).

        Args:
            batch: the crystals' graphs.
            descriptors: standardised descriptors (n_crystals, n_descriptors).
        """
        atoms = self.atom_vectors(batch)
        with outside_autocast(atoms.device):
            output: Tensor = self.read_out(atoms, batch.crystals, descriptors)
        return output.reshape(len(batch.crystals.n_atoms), self.n_outputs)

    def atom_vectors(self, batch: LineBatch) -> Tensor:
        """The atom vectors after the last layer, (n_atoms, hidden); equivalent atoms one after the other."""
        bonds, angles = batch.bonds, batch.angles
        x = _perceptron(
            self.atom_embedding, self.atom_features[batch.species], bonds.node_share, bonds.node_total
        )
        y = _expanded(self.edge_embedding, batch.lengths, bonds.share, bonds.total)
        z = _expanded(self.angle_embedding, batch.cosines, angles.share, angles.total)
        for number, layer in enumerate(self.alignn_layers, start=1):
            x, m = _convolve(layer.node_update, x, y, bonds)
            y, z = _convolve(layer.edge_update, m, z, angles, number < len(self.alignn_layers))
        for number, layer in enumerate(self.gcn_layers, start=1):
            x, y = _convolve(layer, x, y, bonds, number < len(self.gcn_layers))
        x = x.to(self.atom_features.dtype)
        return torch.repeat_interleave(x, batch.atoms_of_kind, dim=0, output_size=len(batch.crystals.of_atom))

    def represent(self, batch: LineBatch) -> Tensor:
        """The crystals' learnt vectors, mean_i a_i (n_crystals, hidden), whatever the pooling."""
        return crystal_mean(self.atom_vectors(batch), batch.crystals)


def _perceptron(layer: Any, rows: Tensor, share: Tensor, total: Tensor) -> Tensor:
    linear, norm, _ = layer.layer
    rows = linear(rows)
    kernel = EdgeGated.get(rows)
    if kernel:
        return kernel.normalised_silu(rows, norm, share, total)
    return normalised_silu(rows.to(share.dtype), norm, share, total)


def _expanded(embedding: nn.Sequential, values: Tensor, share: Tensor, total: Tensor) -> Tensor:
    """Embeds lengths or cosines (n,): Gaussians and two layers, (n, hidden)."""
    gaussians, inner, outer = embedding
    return _perceptron(outer, _perceptron(inner, gaussians(values), share, total), share, total)


def _convolve(layer: Any, nodes: Tensor, edges: Tensor, links: Links, edges_needed: bool = True) -> Any:
    """Node and edge vectors after an edge-gated convolution.

    Where nobody needs the edges, they are left as they are, but for the running statistics, which are
    upstream's.
    """
    kernel = EdgeGated.get(nodes)
    if kernel:
        return kernel.convolve(layer, nodes, edges, links, edges_needed)
    linears = (layer.src_gate, layer.dst_gate, layer.dst_update, layer.src_update)
    weight = torch.cat([linear.weight for linear in linears])
    bias = torch.cat([linear.bias for linear in linears])
    sources, targets, messages, own = F.linear(nodes, weight, bias).to(nodes.dtype).chunk(4, dim=1)
    means, m = gated_mean(sources, targets, layer.edge_gate(edges).to(edges.dtype), messages, links)
    nodes = nodes + normalised_silu(own + means, layer.bn_nodes, links.node_share, links.node_total)
    if edges_needed:
        edges = edges + normalised_silu(m, layer.bn_edges, links.share, links.total)
    elif layer.training:
        update_statistics(m, layer.bn_edges, links.share, links.total)
    return nodes, edges
