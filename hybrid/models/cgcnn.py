"""CGCNN (eqs. 1-4, 13, 14) on packed graphs, with upstream's parameters."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hybrid.graphs.crystal import CrystalBatch
from hybrid.kernels.gated_sum import GatedSum
from hybrid.readout import Crystals, crystal_mean
from hybrid.settings import GraphSettings, ModelSettings
from reproduction.upstream import vendor

vendor.activate("cgcnn2")

from cgcnn2.model import ConvLayer, CrystalGraphConvNet  # noqa: E402  (on the path only now)


class CGCNN(CrystalGraphConvNet):
    """Patched upstream's network, computed faster.

    It differs from upstream in how, not in what, it computes: the first linear layer of a convolution acts
    on an atom's own vector, its neighbours' and the edges' separately and before they are gathered,
    distances are expanded when they are used, and no loop runs over crystals. Parameters, their names and
    their initialisation are upstream's, so checkpoints load either way.

    Args:
        atom_features: (n_elements + 1, n_features), row Z holds the features of the element Z.
        graph: the graph's settings, which fix the Gaussians.
        model: sizes and pooling.
        n_descriptors: length of the descriptor vector that joins the readout (eq. 14); 0 for none.
        n_outputs: numbers a crystal, or classes; none: upstream's one number or two classes.
        classification: log-probabilities of the classes instead of numbers.
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
        centres = torch.from_numpy(np.arange(0, graph.radius + graph.step, graph.step))
        super().__init__(
            orig_atom_fea_len=atom_features.shape[1],
            nbr_fea_len=len(centres),
            atom_fea_len=model.atom_fea_len,
            n_conv=model.n_conv,
            h_fea_len=model.h_fea_len,
            n_h=model.n_h,
            classification=classification,
            pooling=model.pooling,
            n_descriptors=n_descriptors,
        )
        if n_outputs and n_outputs != (2 if classification else 1):
            self.fc_out = nn.Linear(model.h_fea_len, n_outputs)
        self.step = graph.step
        self.register_buffer("atom_features", atom_features, persistent=False)
        self.register_buffer("centres", centres.to(atom_features.dtype), persistent=False)

    def forward(self, batch: CrystalBatch, descriptors: Tensor | None = None) -> Tensor:
        """Outputs, or log-probabilities, (n_crystals, n_outputs).

        Args:
            batch: the crystals' graphs.
            descriptors: standardised descriptors (n_crystals, n_descriptors).
        """
        output: Tensor = self.read_out(self.atom_vectors(batch), batch.crystals, descriptors)[0]
        return output

    def atom_vectors(self, batch: CrystalBatch) -> Tensor:
        """The atom vectors after the last convolution, (n_atoms, atom_fea_len)."""
        atoms = F.embedding(batch.species, self.embedding(self.atom_features))
        kernel = GatedSum.get(atoms.shape[1], len(self.centres), atoms)
        if kernel:
            edges = kernel.expand(
                batch.distances, batch.neighbours, batch.crystals.n_atoms, self.step, len(self.centres)
            )
            for layer in self.convs:
                atoms = _update(layer, atoms, kernel(edges, *_parts(layer, atoms), layer.bn1))
        else:
            gaussians = torch.exp(-(((batch.distances.unsqueeze(-1) - self.centres) / self.step) ** 2))
            for layer in self.convs:
                atoms = _update(layer, atoms, _gated_sum(layer, atoms, batch.neighbours, gaussians))
        return atoms

    def represent(self, batch: CrystalBatch) -> Tensor:
        """The crystals' learnt vectors, mean_i a_i (n_crystals, atom_fea_len), whatever the pooling."""
        return crystal_mean(self.atom_vectors(batch), batch.crystals)

    def pooling(self, atoms: Tensor, crystals: Crystals) -> Tensor:
        """The head's input rows; replaces upstream's loop over crystals."""
        rows: Tensor = self.readout.pool_atoms(atoms, crystals)
        return rows


def _parts(layer: ConvLayer, atoms: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The first linear layer applied to own and neighbour vectors, (n_atoms, 2 A) each, and the rest.

    It is linear in the concatenation of the three, so the atoms' part is computed once an atom instead of
    once an edge.
    """
    n = layer.atom_fea_len
    own, neighbour, edge = layer.fc_full.weight.split([n, n, layer.nbr_fea_len], dim=1)
    return F.linear(atoms, own, layer.fc_full.bias), F.linear(atoms, neighbour), edge.T


def _gated_sum(layer: ConvLayer, atoms: Tensor, neighbours: Tensor, gaussians: Tensor) -> Tensor:
    own, neighbour, edge_weight = _parts(layer, atoms)
    edges = own.unsqueeze(1) + F.embedding(neighbours, neighbour) + gaussians @ edge_weight
    edges = layer.bn1(edges.flatten(0, 1)).view_as(edges)
    gate, message = edges.chunk(2, dim=2)
    return (torch.sigmoid(gate) * F.softplus(message)).sum(dim=1)


def _update(layer: ConvLayer, atoms: Tensor, gated_sum: Tensor) -> Tensor:
    return F.softplus(atoms + layer.bn2(gated_sum))


def atom_feature_table(features: dict[int, list[float]]) -> Tensor:
    """The table (largest Z + 1, n_features) from features by atomic number; unknown elements are zero."""
    table = torch.zeros(max(features) + 1, len(next(iter(features.values()))))
    for number, values in features.items():
        table[number] = torch.tensor(values)
    return table
