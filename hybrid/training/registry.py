"""The models by name. One contract for all: `fit(samples, settings, job)` predicts all samples.

A package adds models under the entry-point group `hybrid.models`: `Model` objects, or classes of networks.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from hybrid.errors import InputError, unknown_name
from hybrid.models.network import NetworkKind
from hybrid.models.registry import BUILT_IN, get_network, installed
from hybrid.readout import get_pooling
from hybrid.settings import ModelSettings, Recipe
from hybrid.training import baselines
from hybrid.training.estimators import estimator_fit, learns_classes
from hybrid.training.network import fit_network
from hybrid.training.results import Fit
from hybrid.user_code import is_user_code, user_code


@dataclass(frozen=True)
class Model:
    """A model that can be trained.

    Attributes:
        fit: fits it to samples and predicts all of them.
        network: its network, if it is one.
        needs_descriptors: whether it is made of descriptors alone.
        sees_structure: whether it sees more of a crystal than the formula.
        classifies: whether it can learn classes.
    """

    fit: Fit
    network: NetworkKind | None = None
    needs_descriptors: bool = False
    sees_structure: bool = True
    classifies: bool = True

    @classmethod
    def of(cls, kind: NetworkKind) -> "Model":
        """The model that is trained by the project's loop."""
        return cls(partial(fit_network, kind), kind, sees_structure=kind.sees_structure)

    @property
    def takes_descriptors(self) -> bool:
        """Whether descriptors enter its readout."""
        return self.network is not None and self.network.takes_descriptors

    @property
    def uses_descriptors(self) -> bool:
        """Whether it needs descriptors in any way."""
        return self.takes_descriptors or self.needs_descriptors

    @property
    def precisions(self) -> tuple[str, ...]:
        """That it can be trained in."""
        return self.network.precisions if self.network else ("fp32",)


BASELINES = {
    "mean-baseline": Model(baselines.mean),
    "majority-baseline": Model(baselines.majority),
    "natoms-baseline": Model(baselines.natoms),
    "line-baseline": Model(baselines.line),
    "forest": Model(baselines.forest, needs_descriptors=True),
}


def get_model(name: str) -> Model:
    """The model called `name`: built-in, of an installed package, or FILE.py:CLASS.

    Raises:
        InputError: no such model; the message has the nearest name.
    """
    if name in BASELINES:
        return BASELINES[name]
    if is_user_code(name):
        return user_model(name)
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


def user_model(name: str) -> Model:
    """A user's class of torch modules, or class or object with fit and predict.

    Raises:
        InputError: it is neither, or cannot be called as needed.
    """
    code = user_code(name)
    if isinstance(code.value, nn.Module):
        raise InputError(f"{name}: is a torch module; give its class, since each fit needs a new module")
    if isinstance(code.value, type) and issubclass(code.value, nn.Module):
        return Model.of(get_network(name))
    return Model(estimator_fit(code), classifies=learns_classes(code))


def recipe(model: ModelSettings, trainer: str = "tuned") -> Recipe:
    """How a model is trained: `tuned`, or as in the `paper`.

    Every extensive pooling has the recipe of the sum, or else of the mean.

    Raises:
        InputError: no such model or pooling.
    """
    network = get_model(model.name).network
    extensive = get_pooling(model.pooling).extensive
    if network is None:
        return Recipe()
    recipes = network.paper if trainer == "paper" else network.tuned
    return recipes.get("sum" if extensive else "mean") or recipes.get("mean") or Recipe()
