"""What a network is trained for: numbers or a class, with the loss and the error that go with it."""

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from hybrid.readout import TargetScale

LOSSES = {"mse": F.mse_loss, "l1": F.l1_loss}


class Objective(Protocol):
    """Targets of all crystals, and how far a network's outputs are from them."""

    def to(self, device: torch.device) -> "Objective":
        """The same on `device`."""
        ...

    def loss(self, outputs: Tensor, indices: Tensor) -> Tensor:
        """What is minimised, for outputs (n, n_outputs) of the crystals at `indices` (n,)."""
        ...

    def error(self, outputs: Tensor, indices: Tensor) -> Tensor:
        """What decides on the best epoch."""
        ...


class Numbers:
    """Normalised numbers, (n_crystals, n_targets).

    The error of one target is its mean absolute error in its unit; that of several is the mean over targets
    of the error relative to the training set's standard deviation.

    Args:
        targets: in the targets' units, in double precision.
        scale: between these units and the network's outputs.
        loss: a name from LOSSES.
    """

    def __init__(self, targets: Tensor, scale: TargetScale, loss: str):
        self.targets, self.scale, self.loss_name = targets, scale, loss
        self.normalised = scale.normalise(targets).float()
        self.unit = scale.std if targets.shape[1] > 1 else 1.0

    def to(self, device: torch.device) -> "Numbers":
        """The same on `device`."""
        return Numbers(self.targets.to(device), self.scale.to(device), self.loss_name)

    def loss(self, outputs: Tensor, indices: Tensor) -> Tensor:
        """Mean over crystals and targets, of normalised numbers."""
        loss: Tensor = LOSSES[self.loss_name](outputs, self.normalised[indices])
        return loss

    def error(self, outputs: Tensor, indices: Tensor) -> Tensor:
        """Mean absolute error."""
        error = (self.scale.restore(outputs.double()) - self.targets[indices]).abs()
        return (error / self.unit).mean()


class Classes:
    """One of several classes; the error is the share that is classified wrongly.

    Args:
        labels: (n_crystals,) int64, counted from 0.
    """

    def __init__(self, labels: Tensor):
        self.labels = labels

    def to(self, device: torch.device) -> "Classes":
        """The same on `device`."""
        return Classes(self.labels.to(device))

    def loss(self, outputs: Tensor, indices: Tensor) -> Tensor:
        """Negative log-likelihood of log-probabilities."""
        return F.nll_loss(outputs, self.labels[indices])

    def error(self, outputs: Tensor, indices: Tensor) -> Tensor:
        """Share of wrong classes."""
        return (outputs.argmax(dim=1) != self.labels[indices]).double().mean()
