"""CGCNN (eqs. 1-4, 13, 14) on packed graphs, with the parameters of Xie and Grossman's code."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hybrid.graphs.merged_crystal import MergedCrystalBatch, MergedCrystalGraphs
from hybrid.kernels.gated_sum import GatedSum
from hybrid.kernels.running_statistics import update_running_statistics
from hybrid.models.network import Architecture, CrystalNetwork
from hybrid.readout import Crystals, get_pooling
from hybrid.settings import GraphSettings, ModelSettings, Recipe, annealed


class CGCNN(CrystalNetwork):
    """Upstream's network, computed faster.

    The results are upstream's, the computation is different: equivalent atoms are computed once and weighted
    by their number; the linear layer of a convolution acts separately on the vectors of atoms, of neighbours
    and of edges, before they are gathered; distances are expanded when they are used; and there is no loop
    over crystals. Parameters, their names and the order in which they are initialised are upstream's.
    Checkpoints can therefore be loaded in both directions, and a seed gives the same weights.

    Args:
        atom_features: (n_elements + 1, n_features), row Z holds the features of the element Z.
        graph: the graph's settings, which determine the Gaussians.
        model: sizes and pooling.
        n_descriptors: number of descriptors in the readout (eq. 14); 0: none.
        n_outputs: number of targets or classes; None: one target or two classes, as upstream.
        classification: whether the outputs are log-probabilities of classes.
    """

    graphs: ClassVar[Any] = MergedCrystalGraphs
    centres: Tensor

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
        centres = torch.from_numpy(np.arange(0, graph.radius + graph.step, graph.step))
        width, hidden = model.atom_fea_len, model.h_fea_len
        self.classification, self.pooling, self.step = classification, get_pooling(model.pooling), graph.step
        self.embedding = nn.Linear(atom_features.shape[1], width)
        self.convs = nn.ModuleList(Convolution(width, len(centres)) for _ in range(model.n_conv))
        self.conv_to_fc = nn.Linear(width + n_descriptors, hidden)
        self.fcs = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(model.n_h - 1))
        self.fc_out = nn.Linear(hidden, 2 if classification else 1)
        if n_outputs and n_outputs != self.fc_out.out_features:
            self.fc_out = nn.Linear(hidden, n_outputs)  # after upstream's, so that a seed gives its weights
        self.register_buffer("atom_features", atom_features, persistent=False)
        self.register_buffer("centres", centres.to(atom_features.dtype), persistent=False)

    def atom_vectors(self, batch: MergedCrystalBatch) -> Tensor:
        """The atom vectors after the last convolution, (n_kinds, atom_fea_len)."""
        atoms, convolve = self.initial_vectors(batch), self.convolving(batch)
        for layer in self.convs:
            atoms = convolve(layer, atoms)
        return atoms

    def initial_vectors(self, batch: MergedCrystalBatch) -> Tensor:
        """The atom vectors before the first convolution, (n_kinds, atom_fea_len), of the elements alone."""
        return F.embedding(batch.species, self.embedding(self.atom_features))

    def convolving(self, batch: MergedCrystalBatch) -> Callable[[Any, Tensor], Tensor]:
        """The function of a layer and atom vectors (n_kinds, atom_fea_len) that gives the new ones."""
        kernel = GatedSum.get(self.embedding.out_features, len(self.centres), self.centres)
        if kernel:
            return partial(kernel.convolve, edges=kernel.edges(batch, self.step, len(self.centres)))
        gaussians = torch.exp(-(((batch.distances.unsqueeze(-1) - self.centres) / self.step) ** 2))
        return lambda layer, atoms: layer(atoms, batch, gaussians)

    def read_out(self, atoms: Tensor, crystals: Crystals, descriptors: Tensor | None = None) -> Tensor:
        """The result of `forward`, from the atom vectors (n_rows, atom_fea_len).

        The first softplus acts on the learnt part only; descriptors enter the head unchanged. If the head of
        a classifier acts on each atom, equivalent atoms have the same dropout mask.
        """
        learnt = F.softplus(self.pooling.pool_atoms(atoms, crystals))
        rows = F.softplus(self.conv_to_fc(self.pooling.join(learnt, descriptors, crystals)))
        if self.classification:
            rows = F.dropout(rows, training=self.training)
        for layer in self.fcs:
            rows = F.softplus(layer(rows))
        outputs = self.pooling.pool_outputs(self.fc_out(rows), crystals)
        return F.log_softmax(outputs, dim=1) if self.classification else outputs


class Convolution(nn.Module):
    """A convolution (eq. 2): gates and messages of an atom's neighbours, summed, normalised and added."""

    def __init__(self, width: int, n_gaussians: int):
        super().__init__()
        self.fc_full = nn.Linear(2 * width + n_gaussians, 2 * width)
        self.bn1 = nn.BatchNorm1d(2 * width)  # of gates and messages
        self.bn2 = nn.BatchNorm1d(width)  # of their sums

    def forward(self, atoms: Tensor, batch: MergedCrystalBatch, gaussians: Tensor) -> Tensor:
        """The new atom vectors (n_kinds, width).

        The linear layer acts separately on atom, neighbour and edge, so that the parts of atoms are computed
        once for each kind of atom instead of for each edge.
        """
        n, of_kind = atoms.shape[1], batch.crystals.atoms_of_row
        own, neighbour, edge = self.fc_full.weight.tensor_split([n, 2 * n], dim=1)
        owner = torch.repeat_interleave(batch.edges_of_kind, output_size=len(gaussians))
        edges = F.embedding(owner, F.linear(atoms, own, self.fc_full.bias)) + F.linear(gaussians, edge)
        edges = edges + F.embedding(batch.neighbours, F.linear(atoms, neighbour))
        gate, message = normalised(edges, self.bn1, batch.times * of_kind[owner]).chunk(2, dim=1)
        gated = torch.sigmoid(gate) * F.softplus(message) * batch.times.unsqueeze(1)
        return F.softplus(
            atoms + normalised(torch.zeros_like(atoms).index_add(0, owner, gated), self.bn2, of_kind)
        )


def normalised(rows: Tensor, norm: nn.BatchNorm1d, counts: Tensor) -> Tensor:
    """Batch normalisation of rows (n, n_features), each of which represents `counts` (n,) equal ones."""
    if not norm.training:
        return cast(Tensor, norm(rows))
    total = counts.sum()
    share = counts / total
    mean = share @ rows
    centred = rows - mean
    variance = share @ centred**2
    with torch.no_grad():
        update_running_statistics(norm, mean, variance * total / (total - 1).clamp(min=1))
    return centred * ((variance + norm.eps).rsqrt() * norm.weight) + norm.bias


def atom_feature_table(features: dict[int, list[float]]) -> Tensor:
    """The table (largest Z + 1, n_features) from features by atomic number; unknown elements are zero."""
    table = torch.zeros(max(features) + 1, len(next(iter(features.values()))))
    for number, values in features.items():
        table[number] = torch.tensor(values)
    return table


# Found by `make search`. With sum pooling the learning rate has to end at zero: the running statistics of
# batch normalisation lag behind the weights, and a sum over n atoms multiplies this error by n. With a
# constant rate the validation error of large cells stays far above the training error.
_CGCNN = Architecture(
    "cgcnn",
    CGCNN,
    graphs=MergedCrystalGraphs,
    sizes=("atom_fea_len", "n_conv", "h_fea_len", "n_h"),
    at_once=256,
    head=("conv_to_fc", "fcs", "fc_out"),
    tuned={
        "mean": Recipe(trainer=annealed(learning_rate=0.0072, weight_decay=1.8e-5), n_h=3),
        "sum": Recipe(trainer=annealed(learning_rate=0.005, weight_decay=0.01)),
    },
)
_WITH_DESCRIPTORS = Recipe(trainer=annealed(learning_rate=0.0088, weight_decay=1.3e-5), n_h=2)
ARCHITECTURES = {
    "cgcnn": _CGCNN,
    "de-cgcnn": replace(_CGCNN, name="de-cgcnn", takes_descriptors=True, tuned={"mean": _WITH_DESCRIPTORS}),
}
