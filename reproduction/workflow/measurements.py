"""Measurements of the models of finished runs, each done once.

What comes out is kept with the run's results and goes from there into records, from which figures and tables
are drawn, so that these can be had without the models, which are not committed. The module of a figure says
what is measured for it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hybrid.atomic import write_text
from hybrid.checkpoint import MODEL_FILE, load
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
        of: measures a run's model on a device; the result is what JSON can hold.
        models: which models; of other runs the figure shows the errors alone.
        poolings: with which poolings; all if empty.
    """

    name: str
    of: Callable[[Run, str], dict[str, Any]]
    models: tuple[str, ...]
    poolings: tuple[str, ...] = ()

    def concerns(self, run: Run) -> bool:
        """Whether it is made of such a run."""
        settings = run.settings
        if len(settings.targets) > 1 or settings.task == "classification":
            return False
        pooling = settings.model.pooling
        return settings.model.name in self.models and (not self.poolings or pooling in self.poolings)

    def lacking(self, run: Run) -> bool:
        """Whether it is still to be made of a run that it concerns."""
        return self.concerns(run) and self.name not in run.measurements


def measure(run: Run, measurement: Measurement, device: str = "auto") -> dict[str, Any]:
    """Measures a run's model, unless that is done, and keeps the result as <name>.json in the run folder.

    Args:
        run: a finished one.
        measurement: what is measured.
        device: auto, cpu or cuda.

    Raises:
        InputError: the run's model is not there.
    """
    if measurement.name not in run.measurements:
        trained = run.metrics["status"] == "done"  # a diverged run has no model
        result = measurement.of(run, device) if trained else {}
        kept = run.folder / f"{measurement.name}.json"
        write_text(kept, json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    return run.measurements[measurement.name]


def model_of(run: Run) -> TrainedModel:
    """The trained model of a run.

    Raises:
        InputError: it is not there.
    """
    file = run.folder / MODEL_FILE
    if not file.exists():
        raise InputError(
            f"{file}: is not there, as models are not committed; train it again: "
            f"python -m reproduction run {run.name} --scale {run.scale} --again"
        )
    return load(file)


def samples_of_run(run: Run) -> Samples:
    """What a run learnt from."""
    return samples_of(subset(dataset_folder(run.dataset), run.settings), run.settings)
