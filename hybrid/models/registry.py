"""The models by name, and what all others must know of them.

A package adds models of its own under the entry-point group `hybrid.models`: names and `Model` objects.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from hybrid.errors import unknown_name

if TYPE_CHECKING:
    from hybrid.models.networks import NetworkKind
    from hybrid.settings import RunSettings
    from hybrid.training.results import Fitted
    from hybrid.training.samples import Samples


@dataclass(frozen=True)
class Job:
    """Where and how a model is fitted.

    Attributes:
        folder: for logs, checkpoints and the model.
        device: where to compute.
        progress: show progress bars.
    """

    folder: Path
    device: torch.device
    progress: bool = True


Fit = Callable[["Samples", "RunSettings", Job], "Fitted"]


@dataclass(frozen=True)
class Model:
    """A model that can be trained.

    Attributes:
        fit: fits it to samples and predicts all of them.
        network: its network and graphs; None if it is no network.
        takes_descriptors: whether descriptors join its readout.
        needs_descriptors: whether it is made of descriptors alone.
        sees_structure: whether it sees more of a crystal than the formula.
        precisions: that it can be trained in.
    """

    fit: Fit
    network: "NetworkKind | None" = None
    takes_descriptors: bool = False
    needs_descriptors: bool = False
    sees_structure: bool = True
    precisions: tuple[str, ...] = ("fp32",)


@functools.cache
def models() -> dict[str, Model]:
    """Every model by its name: the built-in ones and those of installed packages."""
    from hybrid.training.built_in import MODELS

    added: dict[str, Any] = {point.name: point.load() for point in entry_points(group="hybrid.models")}
    return {**MODELS, **added}


def get_model(name: str) -> Model:
    """The model called `name`.

    Raises:
        InputError: no such model; the message suggests the nearest name.
    """
    known = models()
    if name not in known:
        raise unknown_name("model", name, known)
    return known[name]
