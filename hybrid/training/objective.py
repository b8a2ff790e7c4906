"""What a network is trained for: numbers or a class, with the loss and the error that go with it."""

from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from hybrid.errors import InputError
from hybrid.readout import TargetScale, get_pooling
from hybrid.settings import RunSettings
from hybrid.training.samples import Samples

LOSSES = {"mse": F.mse_loss, "l1": F.l1_loss}


class Objective(Protocol):
    """Targets of all crystals, and how far a network's outputs are from them.

    Attributes:
        n_outputs: numbers that the network gives a crystal.
        scale: between the targets' units and the network's outputs.
        classes: what it tells apart, if it is to tell classes.
    """

    n_outputs: int
    scale: TargetScale
    classes: tuple[int, ...]

    def to(self, device: torch.device) -> "Objective":
        """The same on `device`."""
        ...

    def loss(self, outputs: Tensor, indices: Tensor) -> Tensor:
        """What is minimised, for outputs (n, n_outputs) of the crystals at `indices` (n,)."""
        ...

    def error(self, outputs: Tensor, indices: Tensor) -> Tensor:
        """What decides on the best epoch."""
        ...


class RegressionObjective:
    """Normalised numbers, (n_crystals, n_targets).

    The error of one target is its mean absolute error in its unit; that of several is the mean over targets
    of the error relative to the training set's standard deviation.

    Args:
        targets: in the targets' units, in double precision.
        scale: between these units and the network's outputs.
        loss: a name from LOSSES.
    """

    classes: tuple[int, ...] = ()

    def __init__(self, targets: Tensor, scale: TargetScale, loss: str):
        self.n_outputs = targets.shape[1]
        self.targets, self.scale, self.loss_name = targets, scale, loss
        self.normalised = scale.normalise(targets).float()
        self.unit = scale.std if targets.shape[1] > 1 else 1.0

    def to(self, device: torch.device) -> "RegressionObjective":
        """The same on `device`."""
        return RegressionObjective(self.targets.to(device), self.scale.to(device), self.loss_name)

    def loss(self, outputs: Tensor, indices: Tensor) -> Tensor:
        """Mean over crystals and targets, of normalised numbers."""
        loss: Tensor = LOSSES[self.loss_name](outputs, self.normalised[indices])
        return loss

    def error(self, outputs: Tensor, indices: Tensor) -> Tensor:
        """Mean absolute error."""
        error = (self.scale.restore(outputs.double()) - self.targets[indices]).abs()
        return (error / self.unit).mean()


class ClassificationObjective:
    """One of several classes; the error is the share that is classified wrongly.

    Args:
        labels: (n_crystals,) int64, positions in `classes`.
        classes: in order.
    """

    scale = TargetScale(0.0, 1.0)

    def __init__(self, labels: Tensor, classes: tuple[int, ...]):
        self.labels, self.classes, self.n_outputs = labels, classes, len(classes)

    def to(self, device: torch.device) -> "ClassificationObjective":
        """The same on `device`."""
        return ClassificationObjective(self.labels.to(device), self.classes)

    def loss(self, outputs: Tensor, indices: Tensor) -> Tensor:
        """Negative log-likelihood of log-probabilities."""
        return F.nll_loss(outputs, self.labels[indices])

    def error(self, outputs: Tensor, indices: Tensor) -> Tensor:
        """Share of wrong classes."""
        return (outputs.argmax(dim=1) != self.labels[indices]).double().mean()


def objective_of(samples: Samples, settings: RunSettings, n_atoms: Tensor) -> Objective:
    """What a network learns of the samples; the scale of numbers is that of the training set alone.

    Args:
        samples: targets and folds.
        settings: task, pooling and loss.
        n_atoms: (n_crystals,) of the samples.

    Raises:
        InputError: classes are to be learnt, and a target is not a whole number or there is one class only.
    """
    targets = torch.from_numpy(samples.targets)
    if settings.task == "classification":
        classes = _classes(samples)
        labels = np.searchsorted(classes, samples.targets[:, 0])
        return ClassificationObjective(torch.from_numpy(labels), classes)
    training = torch.from_numpy(samples.at("training"))
    scale = TargetScale.fit(targets[training], n_atoms[training], get_pooling(settings.model.pooling))
    return RegressionObjective(targets, scale, settings.trainer.loss)


def _classes(samples: Samples) -> tuple[int, ...]:
    for identity, target in zip(samples.folder.ids, samples.targets[:, 0], strict=True):
        if target != round(target):
            raise InputError(f"{samples.folder.path}: target of '{identity}' is {target:g}, not a class")
    classes = np.unique(samples.targets)
    if len(classes) < 2:
        raise InputError(f"{samples.folder.path}: holds one class only")
    return tuple(int(label) for label in classes)
