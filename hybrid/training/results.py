"""The input and output of a model's fit, and the results of a run: metrics by fold, and predictions."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hybrid.atomic import write_csv
from hybrid.data.splits import FOLDS
from hybrid.metrics import classification_metrics, in_digits, known, regression_metrics
from hybrid.settings import RunSettings
from hybrid.trained.model import probability_columns
from hybrid.training.samples import Samples


@dataclass(frozen=True)
class Job:
    """Where and how a model is fitted."""

    folder: Path  # for logs, checkpoints and the model
    device: torch.device  # where to compute
    progress: bool = True  # whether to show progress bars


@dataclass(frozen=True)
class Fitted:
    """What a fitted model predicts, and what else there is to say of it."""

    predictions: np.ndarray  # (n_crystals, n_targets), in the targets' units or classes
    notes: dict[str, Any] = field(default_factory=dict)  # for metrics.json
    probabilities: np.ndarray | None = None  # (n_crystals, n_classes) of the classes in order, if any
    intervals: np.ndarray | None = None  # (n_crystals, n_targets, 3) spread and ends of intervals, if any


Fit = Callable[[Samples, RunSettings, Job], Fitted]


def fold_metrics(samples: Samples, fitted: Fitted, task: str = "regression") -> dict[str, Any]:
    """Metrics by fold; with several targets, by fold and target. None stands where one is not defined."""

    def scores(at: np.ndarray, i: int) -> dict[str, float | None]:
        targets, predictions = samples.targets[at, i], fitted.predictions[at, i]
        if task == "regression":
            return known(regression_metrics(targets, predictions))
        probabilities = None if fitted.probabilities is None else fitted.probabilities[at]
        classes = np.unique(samples.targets)
        return known(classification_metrics(targets, predictions, probabilities, classes))

    metrics: dict[str, Any] = {}
    for fold in (fold for fold in FOLDS if fold in samples.folds):
        of_targets = [scores(samples.at(fold), i) for i in range(fitted.predictions.shape[1])]
        metrics[fold] = dict(zip(samples.names, of_targets, strict=True)) if samples.names else of_targets[0]
    return metrics


def write_predictions(path: Path, samples: Samples, fitted: Fitted) -> None:
    """Writes a CSV file id,fold,target,prediction, with columns for each target, and probabilities."""
    labels, words = [f" {name}" for name in samples.names] or [""], ["target", "prediction"]
    columns = np.stack([samples.targets, fitted.predictions], axis=2)
    if fitted.intervals is not None:
        words += ["std", "lower", "upper"]
        columns = np.concatenate([columns, fitted.intervals], axis=2)
    columns = columns.reshape(len(samples.folds), -1)
    header = ["id", "fold", *(f"{word}{label}" for label in labels for word in words)]
    if fitted.probabilities is not None:
        header += probability_columns(np.unique(samples.targets))
        columns = np.hstack([columns, fitted.probabilities])
    rows = zip(samples.folder.ids, samples.folds, *map(in_digits, columns.T), strict=True)
    write_csv(path, [header, *rows])
