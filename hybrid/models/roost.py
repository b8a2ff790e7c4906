"""Roost (Goodall and Lee, Nature Communications 11, 6280, 2020) on packed composition graphs.

It uses the chemical formula only, so it cannot distinguish polymorphs.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from hybrid.errors import InputError
from hybrid.graphs.composition import CompositionBatch, CompositionGraphs
from hybrid.models.network import Architecture
from hybrid.settings import GraphSettings, ModelSettings, Recipe, annealed

try:
    from aviary.roost.model import Roost as UpstreamRoost
except ModuleNotFoundError as error:
    raise InputError(
        f"Roost needs the package aviary-models, and {error.name} is not installed; "
        "pip install '.[roost]' in the checkout"
    ) from error


class Roost(UpstreamRoost):
    """Upstream's network: attention among the elements of a formula, then over them.

    Parameters, their names and their initialisation are upstream's. As there, every target has its own output
    network, and the element features (Matscholar's by default) are initial values that training changes.

    Args:
        model: sizes.
        n_outputs: number of targets or classes; None: one target or two classes.
        classification: whether the outputs are log-probabilities of classes.
    """

    def __init__(self, model: ModelSettings, n_outputs: int | None = None, classification: bool = False):
        sizes = model.roost
        n_outputs = n_outputs or (2 if classification else 1)
        task = "classification" if classification else "regression"
        n_targets = [n_outputs] if classification else [1] * n_outputs
        super().__init__(
            robust=False,
            n_targets=n_targets,
            task_dict={f"target {number}": task for number in range(len(n_targets))},
            device="cpu",
            elem_embedding=sizes.element_features,
            elem_fea_len=sizes.elem_fea_len,
            n_graph=sizes.n_graph,
            elem_heads=sizes.heads,
            cry_heads=sizes.heads,
        )
        self.classification = classification

    @property
    def atom_features(self) -> Tensor:
        """The element features (largest Z + 1, n_features); rows of elements without any are zero."""
        features: Tensor = self.elem_embedding.weight.detach()
        return features

    def forward(self, batch: CompositionBatch, descriptors: Tensor | None = None) -> Tensor:
        """Outputs, or log-probabilities, (n_crystals, n_outputs); Roost takes no descriptors."""
        outputs = super().forward(batch.weights, batch.species, batch.target, batch.source, batch.of_element)
        rows = torch.cat(outputs, dim=1)
        return F.log_softmax(rows, dim=1) if self.classification else rows

    def crystal_embeddings(self, batch: CompositionBatch) -> Tensor:
        """The crystals' embeddings, pooled over the elements, (n_crystals, elem_fea_len)."""
        features = self.elem_embedding(batch.species)
        vectors: Tensor = self.material_nn(
            batch.weights, features, batch.target, batch.source, batch.of_element
        )
        return vectors


def _build(
    _: Tensor,  # upstream has its own element features
    __: GraphSettings,  # a formula has no distances
    model: ModelSettings,
    n_descriptors: int,
    n_outputs: int | None,
    classification: bool,
) -> Roost:
    return Roost(model, n_outputs, classification)


_TRAINED = Recipe(
    trainer=annealed(learning_rate=0.0003, weight_decay=1e-6, batch_size=128, gradient_clip=None)
)
ARCHITECTURES = {
    "roost": Architecture(
        "roost",
        _build,
        graphs=CompositionGraphs,
        sizes=("roost",),
        sees_structure=False,
        poolings=("mean",),  # in fact attention over the elements; a formula has no cell
        at_once=1024,
        head=("trunk_nn", "output_nns"),
        tuned={"mean": _TRAINED},
        paper={"mean": _TRAINED},
    )
}
