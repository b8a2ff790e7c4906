"""Measurements of the models of finished runs, each done once.

The result is kept with the run's results and goes from there into records, from which figures and tables are
drawn, so that they can be drawn without the models, which are not committed. The module of a figure says what
is measured for it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from hybrid.atomic import write_text
from hybrid.checkpoint import MODEL_FILE, load
from hybrid.device import resolve_device
from hybrid.errors import InputError
from hybrid.trained_model import TrainedModel
from hybrid.training.run import samples_of, subset
from hybrid.training.samples import Samples
from reproduction.data.registry import dataset_folder
from reproduction.workflow.runs import Run


@dataclass(frozen=True)
class Measurement:
    """What a figure measures of trained models.

    Attributes:
        name: the key that it has in records.
        of: takes a model, the samples it was trained and tested on, the run's seed and a device; the result
            is what JSON can hold.
        models: which models; of other runs the figure shows the errors alone.
        poolings: with which poolings; all if empty.
    """

    name: str
    of: Callable[[TrainedModel, Samples, int, torch.device], dict[str, Any]]
    models: tuple[str, ...]
    poolings: tuple[str, ...] = ()

    def applies_to(self, run: Run) -> bool:
        """Whether the models of such runs are measured."""
        settings = run.settings
        if len(settings.targets) > 1 or settings.task == "classification":
            return False
        pooling = settings.model.pooling
        return settings.model.name in self.models and (not self.poolings or pooling in self.poolings)

    def missing_for(self, run: Run) -> bool:
        """Whether it concerns a run and has not been made yet."""
        return self.applies_to(run) and self.name not in run.measurements


def measure(run: Run, measurement: Measurement, device: str = "auto") -> dict[str, Any]:
    """Measures a run's model, unless that is done, and keeps the result as <name>.json in the run folder.

    Args:
        run: a finished one; one that diverged has no model, and nothing to measure.
        measurement: what is measured.
        device: auto, cpu or cuda.

    Raises:
        InputError: the run's model is not there.
    """
    if measurement.name not in run.measurements:
        result = {}
        if run.metrics["status"] == "done":
            file, settings = run.folder / MODEL_FILE, run.settings
            if not file.exists():
                raise InputError(
                    f"{file}: is not there, as models are not committed; train it again: "
                    f"python -m reproduction run {run.name} --scale {run.scale} --again"
                )
            samples = samples_of(subset(dataset_folder(run.dataset), settings), settings)
            result = measurement.of(load(file), samples, settings.model_seed, resolve_device(device))
        kept = run.folder / f"{measurement.name}.json"
        write_text(kept, json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    return run.measurements[measurement.name]
