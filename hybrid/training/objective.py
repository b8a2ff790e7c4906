"""The objectives of training: regression or classification.

Each has `n_outputs`, the number of a network's outputs for a crystal; `scale`, which converts these to the
targets' units; `classes`, empty for a regression; `loss`, which is minimised; and `error`, which decides
which epoch is best. Both are functions of outputs (n, n_outputs) and of the crystals' positions (n,).
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from hybrid.errors import InputError
from hybrid.readout import TargetScale, get_pooling
from hybrid.settings import RunSettings
from hybrid.training.samples import Samples

LOSSES = {"mse": F.mse_loss, "l1": F.l1_loss}


class RegressionObjective:
    """Regression of one or several targets.

    The error of one target is the mean absolute error in its unit. The error of several is the mean of their
    errors, each relative to the standard deviation over the training set.

    Args:
        targets: (n_crystals, n_targets) in the targets' units, in double precision.
        scale: converts between these units and the network's outputs.
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
        """The mean loss of normalised targets, over crystals and targets."""
        loss: Tensor = LOSSES[self.loss_name](outputs, self.normalised[indices])
        return loss

    def error(self, outputs: Tensor, indices: Tensor) -> Tensor:
        """Mean absolute error."""
        error = (self.scale.restore(outputs.double()) - self.targets[indices]).abs()
        return (error / self.unit).mean()


class ClassificationObjective:
    """Classification; the error is the share of wrong classes.

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


Objective = RegressionObjective | ClassificationObjective


def objective_of(samples: Samples, settings: RunSettings, n_atoms: Tensor) -> Objective:
    """The objective for samples with `n_atoms` (n_crystals,); the training set decides the scale of targets.

    Raises:
        InputError: for a classification, a target is not a whole number, or there is only one class.
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
        raise InputError(f"{samples.folder.path}: contains only one class")
    return tuple(int(label) for label in classes)
