"""The input and output of a model's fit, and the results of a run: metrics by fold, and predictions."""

import csv
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hybrid.atomic import atomic_file
from hybrid.data.splits import FOLDS
from hybrid.metrics import classification_metrics, regression_metrics
from hybrid.settings import RunSettings
from hybrid.training.samples import Samples


@dataclass(frozen=True)
class Job:
    """Where and how a model is fitted.

    Attributes:
        folder: for logs, checkpoints and the model.
        device: where to compute.
        progress: whether to show progress bars.
    """

    folder: Path
    device: torch.device
    progress: bool = True


@dataclass(frozen=True)
class Fitted:
    """Predictions (n_crystals, n_targets) of a fitted model, and notes for metrics.json."""

    predictions: np.ndarray
    notes: dict[str, Any] = field(default_factory=dict)


Fit = Callable[[Samples, RunSettings, Job], Fitted]


def fold_metrics(samples: Samples, predictions: np.ndarray, task: str = "regression") -> dict[str, Any]:
    """Metrics by fold; with several targets, by fold and target.

    Args:
        samples: targets and folds.
        predictions: (n_crystals, n_targets), in the targets' units or classes.
        task: regression or classification.
    """
    score = classification_metrics if task == "classification" else regression_metrics
    metrics: dict[str, Any] = {}
    for fold in FOLDS:
        at = samples.at(fold)
        scores = [score(samples.targets[at, i], predictions[at, i]) for i in range(predictions.shape[1])]
        metrics[fold] = dict(zip(samples.names, scores, strict=True)) if samples.names else scores[0]
    return metrics


def write_predictions(path: Path, samples: Samples, predictions: np.ndarray) -> None:
    """Writes a CSV file id,fold,target,prediction; several targets have two columns each."""
    labels = [f" {name}" for name in samples.names] or [""]
    header = ["id", "fold", *(f"{what}{label}" for label in labels for what in ("target", "prediction"))]
    pairs = np.stack([samples.targets, predictions], axis=2).reshape(len(predictions), -1)
    with atomic_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for identity, fold, numbers in zip(samples.folder.ids, samples.folds, pairs, strict=True):
            writer.writerow([identity, fold, *(f"{number:.7g}" for number in numbers)])
