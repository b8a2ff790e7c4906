"""Measurements of the models of finished runs, each done once.

The result is kept with the run's results and copied into records, from which figures and tables are drawn.
Figures can therefore be drawn without the models, which are not committed. A figure's module defines its
measurement.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hybrid.atomic import write_text
from hybrid.device import resolve_device
from hybrid.errors import InputError
from hybrid.trained.checkpoint import MODEL_FILE, load
from hybrid.trained.model import TrainedModel
from hybrid.training.run import samples_of, subset
from hybrid.training.samples import Samples
from reproduction.data.registry import dataset_folder
from reproduction.workflow.runs import Run


@dataclass(frozen=True)
class Measurement:
    """A measurement of trained models for a figure.

    Attributes:
        name: its key in records.
        of: takes a model, the samples of its run, the run's seed and a device; returns a result for JSON.
        models: names of the models that are measured; for other runs the figure shows the errors only.
        poolings: names of their poolings; empty: all.
    """

    name: str
    of: Callable[[TrainedModel, Samples, int, torch.device], dict[str, Any]]
    models: tuple[str, ...]
    poolings: tuple[str, ...] = ()

    def applies_to(self, run: Run) -> bool:
        """Whether the model of a run is measured."""
        settings = run.settings
        if len(settings.targets) > 1 or settings.task == "classification":
            return False
        pooling = settings.model.pooling
        return settings.model.name in self.models and (not self.poolings or pooling in self.poolings)

    def missing_for(self, run: Run) -> bool:
        """Whether it applies to a run and has not been done yet."""
        return self.applies_to(run) and self.name not in run.measurements


def measure(run: Run, measurement: Measurement, device: str = "auto") -> dict[str, Any]:
    """Measures a run's model, unless that is done, and keeps the result as <name>.json in the run folder.

    Args:
        run: a finished run; the result is empty for one that diverged, which has no model.
        measurement: the measurement.
        device: auto, cpu or cuda.

    Raises:
        InputError: the run's model does not exist.
    """
    if measurement.name not in run.measurements:
        result = {}
        if run.metrics["status"] == "done":
            file, settings = run.folder / MODEL_FILE, run.settings
            if not file.exists():
                raise InputError(
                    f"{file}: does not exist, because models are not committed; train it again: "
                    f"python -m reproduction run {run.name} --scale {run.scale} --again"
                )
            samples = samples_of(subset(dataset_folder(run.dataset), settings), settings)
            result = measurement.of(load(file), samples, settings.model_seed, resolve_device(device))
        keep(run.folder, measurement.name, result)
    return run.measurements[measurement.name]


def keep(folder: Path, name: str, result: dict[str, Any]) -> None:
    """Writes the result of a measurement into a run folder."""
    write_text(folder / f"{name}.json", json.dumps(result, indent=1, ensure_ascii=False) + "\n")
