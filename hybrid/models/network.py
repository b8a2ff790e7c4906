"""The interface of networks: what training, checkpoints and predictions need to know about one.

Each network's module provides it: as `ARCHITECTURES` for the built-in ones, as class attributes for your own.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hybrid.errors import InputError
from hybrid.graphs.crystal import CrystalGraphs
from hybrid.readout import Crystals, Pooling, crystal_mean, get_pooling
from hybrid.settings import GraphSettings, ModelSettings, Recipe, TrainerSettings
from hybrid.user_code import UserCode, running

Build = Callable[[Tensor, GraphSettings, ModelSettings, int, int | None, bool], Any]
"""Makes a network from element features (n_elements + 1, n_features), row Z those of element Z; the settings
of graph and model; the number of descriptors; the number of outputs (None: upstream's); and whether it
classifies."""
Recipes = Mapping[str, Recipe]  # by pooling: mean, or sum for all extensive ones


class CrystalNetwork(nn.Module):
    """A network that computes a vector for each atom, pools, and maps the pooled rows to outputs.

    A subclass defines `atom_vectors` and `head`, or its own `read_out`. Its class attributes override the
    defaults here.

    Attributes:
        graphs: the class of its graphs; `LineGraphs` have bond angles.
        graph: their settings.
        trainer: its training settings.
        at_once: number of crystals that are predicted together; limited by memory.
        pooling: of the atom vectors.
        classification: whether its outputs are log-probabilities of classes; set by the package.
        atom_features: (n_elements + 1, n_features), row Z holds the features of the element Z, zeros if they
            are not known; set by the package.
    """

    graphs: ClassVar[Any] = CrystalGraphs
    graph: ClassVar[GraphSettings] = GraphSettings()
    trainer: ClassVar[TrainerSettings] = TrainerSettings(
        epochs=100,
        batch_size=32,
        optimiser="adam",
        learning_rate=0.003,
        schedule="one-cycle",
        gradient_clip=5.0,
    )
    at_once: ClassVar[int] = 64

    pooling: Pooling
    classification: bool
    atom_features: Tensor

    def forward(self, batch: Any, descriptors: Tensor | None = None) -> Tensor:
        """Outputs, or log-probabilities or logits of classes, (n_crystals, n_outputs).

        `batch` holds the crystals' graphs; the descriptors (n_crystals, n_descriptors) are standardised.
        """
        return self.read_out(self.atom_vectors(batch), batch.crystals, descriptors)

    def crystal_embeddings(self, batch: Any) -> Tensor:
        """The crystals' embeddings, mean_i a_i (n_crystals, n_features), with any pooling."""
        return crystal_mean(self.atom_vectors(batch), batch.crystals)

    def atom_vectors(self, batch: Any) -> Tensor:
        """The atom vectors a_i after the last layer, (n_rows, n_features), in the order of the batch."""
        raise NotImplementedError

    def read_out(self, atoms: Tensor, crystals: Crystals, descriptors: Tensor | None = None) -> Tensor:
        """The result of `forward`, from the atom vectors."""
        rows = self.pooling.join(self.pooling.pool_atoms(atoms, crystals), descriptors, crystals)
        return self.pooling.pool_outputs(self.head(rows), crystals)

    def head(self, rows: Tensor) -> Tensor:
        """Outputs (n, n_outputs) from pooled vectors with descriptors (n, n_features + n_descriptors)."""
        raise NotImplementedError


@dataclass(frozen=True)
class Architecture:
    """What the package knows about a network of a given name."""

    name: str  # in settings and checkpoints
    build: Build
    graphs: Any = CrystalGraphs  # the class of its graphs
    graph: GraphSettings = field(default_factory=GraphSettings)  # their default settings
    sizes: tuple[str, ...] = ()  # the fields of ModelSettings that belong to it
    takes_descriptors: bool = False  # whether descriptors enter its readout
    sees_structure: bool = True  # whether it uses more than the chemical formula
    poolings: tuple[str, ...] = ()  # names of the poolings that it supports; empty: all
    precisions: tuple[str, ...] = ("fp32",)  # in which it can be trained
    at_once: int = 64  # crystals that are predicted together
    normalises_crystals: bool = False  # whether batch normalisation is over crystals, not only atoms
    head: tuple[str, ...] = ()  # its modules after the pooling, which a new target may replace
    tuned: Recipes = field(default_factory=dict)  # our training settings
    paper: Recipes = field(default_factory=dict)  # those of the paper or the original code


def user_architecture(code: UserCode) -> Architecture:
    """The architecture of a user's class of torch modules.

    The class is called with those of the arguments `n_outputs`, `n_descriptors`, `pooling`, `atom_features`
    and `graph` that it takes, and with its own settings. It may have the class attributes of
    `CrystalNetwork`.
    """
    arguments = inspect.signature(code.value).parameters

    def attribute(name: str) -> Any:
        return getattr(code.value, name, getattr(CrystalNetwork, name))

    return Architecture(
        code.where,
        partial(UserNetwork, code),
        graphs=attribute("graphs"),
        graph=attribute("graph"),
        sizes=("own",),
        takes_descriptors="n_descriptors" in arguments,
        poolings=() if "pooling" in arguments else ("mean",),
        at_once=attribute("at_once"),
        tuned={"mean": Recipe(trainer=attribute("trainer"))},
        paper={"mean": Recipe(trainer=attribute("trainer"))},
    )


class UserNetwork(CrystalNetwork):
    """Wraps a user's module for training and checkpoints, and checks its outputs.

    The first argument is the class, the others are those of the built-in networks. The class gets the
    arguments that `user_architecture` names and its own settings only.

    Raises:
        InputError: the class cannot be called, or is not one of torch modules.
    """

    def __init__(
        self,
        code: UserCode,
        atom_features: Tensor,
        graph: GraphSettings,
        model: ModelSettings,
        n_descriptors: int = 0,
        n_outputs: int | None = None,
        classification: bool = False,
    ):
        super().__init__()
        n_outputs = n_outputs or (2 if classification else 1)
        self.code, self.classification, self.n_outputs = code, classification, n_outputs
        self.register_buffer("atom_features", atom_features, persistent=False)
        pooling = get_pooling(model.pooling)
        known = {"n_outputs": n_outputs, "n_descriptors": n_descriptors, "pooling": pooling}
        known |= {"atom_features": atom_features, "graph": graph}
        arguments = inspect.signature(code.value).parameters
        named = {name: value for name, value in known.items() if name in arguments}
        try:
            inspect.signature(code.value).bind(**named, **model.own)
        except TypeError as error:
            raise InputError(
                f"{code.where}: cannot be called with {', '.join([*named, *model.own])} ({error})"
            ) from error
        with running(code.path):
            self.module = code.value(**named, **model.own)
        if not isinstance(self.module, nn.Module):
            raise InputError(f"{code.where}: does not make a torch module")
        if not any(parameter.requires_grad for parameter in self.module.parameters()):
            raise InputError(f"{code.where}: has no parameters, so there is nothing to train")

    def forward(self, batch: Any, descriptors: Tensor | None = None) -> Tensor:
        """Outputs, or log-probabilities of classes, (n_crystals, n_outputs)."""
        with running(self.code.path):
            outputs = self.module(batch) if descriptors is None else self.module(batch, descriptors)
        wanted = (len(batch.crystals.n_atoms), self.n_outputs)
        if not isinstance(outputs, Tensor) or outputs.shape != wanted:
            given = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
            raise InputError(
                f"{self.code.where}: forward returns {given}; for {wanted[0]} crystals and {wanted[1]} "
                f"outputs it should return a tensor of shape {wanted}"
            )
        if outputs.is_complex():
            raise InputError(f"{self.code.where}: forward returns complex numbers")
        if torch.is_grad_enabled() and not outputs.requires_grad:
            raise InputError(f"{self.code.where}: what forward gives does not depend on its parameters")
        return F.log_softmax(outputs, dim=1) if self.classification else outputs

    def crystal_embeddings(self, batch: Any) -> Tensor:
        """The crystals' embeddings (n_crystals, n_features), if the module is a `CrystalNetwork`."""
        if not isinstance(self.module, CrystalNetwork):
            raise InputError(f"{self.code.where}: gives no embeddings; make it a subclass of CrystalNetwork")
        with running(self.code.path):
            return self.module.crystal_embeddings(batch)
