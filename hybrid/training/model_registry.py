"""The models by name. All have one function: `fit(samples, settings, job)` fits and predicts all samples.

A package adds models by entry points in the group `hybrid.models`: `Model` objects, or classes of networks.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from hybrid.errors import InputError, unknown_name
from hybrid.models.network import Architecture
from hybrid.models.network_registry import BUILT_IN, get_network, installed
from hybrid.readout import get_pooling
from hybrid.settings import ModelSettings, Recipe
from hybrid.training import baselines
from hybrid.training.estimators import estimator_fit, learns_classes
from hybrid.training.fit_network import fit_network
from hybrid.training.results import Fit
from hybrid.user_code import is_user_code, user_code


@dataclass(frozen=True)
class Model:
    """A model that can be trained."""

    fit: Fit  # fits it to samples and predicts all of them
    network: Architecture | None = None  # its architecture, if it is a network
    needs_descriptors: bool = False  # whether its input is descriptors only
    sees_structure: bool = True  # whether it uses more than the chemical formula
    classifies: bool = True  # whether it can learn classes
    counts_atoms: bool = False  # whether it takes the number of atoms of the primitive cells
    learns_validation: bool = False  # whether it learns from the validation crystals too

    @classmethod
    def of(cls, network: Architecture) -> "Model":
        """A network that is trained by our training loop."""
        return cls(partial(fit_network, network), network, sees_structure=network.sees_structure)

    @property
    def takes_descriptors(self) -> bool:
        """Whether descriptors enter its readout."""
        return self.network is not None and self.network.takes_descriptors

    @property
    def uses_descriptors(self) -> bool:
        """Whether it uses descriptors in any way."""
        return self.takes_descriptors or self.needs_descriptors


BASELINES = {
    "mean-baseline": Model(baselines.mean),
    "majority-baseline": Model(baselines.majority),
    "natoms-baseline": Model(baselines.natoms, counts_atoms=True),
    "line-baseline": Model(baselines.line, counts_atoms=True),
    "forest": Model(baselines.forest, needs_descriptors=True, learns_validation=True),
}


def get_model(name: str) -> Model:
    """The model called `name`: built-in, of an installed package, or FILE.py:CLASS.

    FILE.py:CLASS is a class of torch modules, or a class or object with fit and predict.

    Raises:
        InputError: no such model, the message suggests the nearest name; or it cannot be called with the
            arguments that it would get.
    """
    if name in BASELINES:
        return BASELINES[name]
    if is_user_code(name):
        code = user_code(name)
        if isinstance(code.value, nn.Module):
            raise InputError(f"{name}: is a torch module; give its class, since each fit needs a new module")
        if isinstance(code.value, type) and issubclass(code.value, nn.Module):
            return Model.of(get_network(name))
        return Model(estimator_fit(code), classifies=learns_classes(code))
    if name in BUILT_IN:
        return Model.of(get_network(name))
    points = installed()
    if name not in points:
        raise unknown_name("model", name, known_models(), with_all=True)
    found: Any = points[name].load()
    return found if isinstance(found, Model) else Model.of(get_network(name))


def known_models() -> list[str]:
    """The names of the models that can be trained here."""
    return sorted({*BASELINES, *BUILT_IN, *installed()})


def recipe(model: ModelSettings, trainer: str = "tuned") -> Recipe:
    """How a model is trained: `tuned`, or as in the `paper`.

    All extensive poolings have the recipe of the sum or, if there is none, of the mean.

    Raises:
        InputError: no such model or pooling.
    """
    network = get_model(model.name).network
    if network is None:
        return Recipe()
    extensive = get_pooling(model.pooling).extensive
    recipes = network.paper if trainer == "paper" else network.tuned
    return recipes.get("sum" if extensive else "mean") or recipes.get("mean") or Recipe()
