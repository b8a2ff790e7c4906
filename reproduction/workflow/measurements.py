"""Measurements of the models of finished runs, each done once.

What comes out is kept with the run's results and goes from there into records, from which figures and tables
are drawn, so that these can be had without the models, which are not committed.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from hybrid.atomic import write_text
from hybrid.checkpoint import MODEL_FILE, TrainedModel, load
from hybrid.descriptors.of_folder import folder_descriptors
from hybrid.descriptors.table import Standardisation
from hybrid.errors import InputError, unknown_name
from hybrid.probe.linear import linear_r2
from hybrid.supercells import supercell_table
from hybrid.training.registry import get_model
from hybrid.training.run import resolve_device, subset
from hybrid.training.samples import Samples
from reproduction.analysis.importance import N_REPEATS, N_TREES, Features, importance
from reproduction.analysis.selection import forward_selection
from reproduction.data.registry import dataset_folder
from reproduction.models.descriptor_groups import GROUPS
from reproduction.workflow.plan import Run


def measure(run: Run, what: str, device: str = "auto") -> dict[str, Any]:
    """Measures a run's model, unless that is done, and keeps the result as <what>.json in the run folder.

    Args:
        run: a finished one.
        what: importance, representation, supercells or selection.
        device: auto, cpu or cuda.

    Raises:
        InputError: the measurement is unknown, or the run's model is not there.
    """
    if what not in MEASUREMENTS:
        raise unknown_name("measurement", what, MEASUREMENTS)
    if what not in run.measurements:
        trained = run.metrics["status"] == "done"  # a diverged run has no model
        result = MEASUREMENTS[what](run, device) if trained else {}
        write_text(run.folder / f"{what}.json", json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    return run.measurements[what]


def concerns(run: Run, what: str) -> bool:
    """Whether a measurement is of such runs; of other runs a spec shows the errors alone."""
    model = run.settings.model
    if what not in MEASUREMENTS or len(run.settings.targets) > 1 or run.settings.task == "classification":
        return False
    return model.name in _MODELS[what] and (what != "importance" or model.pooling == "mean")


def lacks(run: Run, what: str) -> bool:
    """Whether a measurement that concerns a run is still to be done."""
    return concerns(run, what) and what not in run.measurements


def _model_of(run: Run) -> TrainedModel:
    file = run.folder / MODEL_FILE
    if not file.exists():
        raise InputError(
            f"{file}: is not there, as models are not committed; train it again: "
            f"python -m reproduction run {run.name} --scale {run.scale} --again"
        )
    return load(file)


def _samples_of(run: Run) -> Samples:
    takes = get_model(run.settings.model.name).takes_descriptors
    return Samples.of(subset(dataset_folder(run.dataset), run.settings), run.settings, with_descriptors=takes)


def _importance(run: Run, device: str) -> dict[str, Any]:
    model, samples = _model_of(run), _samples_of(run)
    assert samples.descriptors is not None
    features = Features.of(
        model,
        samples.folder.graphs(model.graph),
        samples.descriptors,
        samples.folder.ids,
        resolve_device(device),
    )
    found = importance(model, features, samples.targets[:, 0], samples.folds, run.settings.model_seed)
    return {
        "n_trees": N_TREES,
        "n_repeats": N_REPEATS,
        "n_learnt": found.n_learnt,
        "descriptors": list(found.names[found.n_learnt :]),
        **{key: _rounded(getattr(found, key)) for key in ("impurity", "forest", "network")},
        "forest_error": found.forest_error,
        "network_error": found.network_error,
    }


def _representation(run: Run, device: str) -> dict[str, Any]:
    model, samples = _model_of(run), _samples_of(run)
    vectors = model.represent(samples.folder.graphs(model.graph), resolve_device(device))
    table = folder_descriptors(samples.folder)
    columns = table.rows(samples.folder.ids, gaps=True).numpy().T
    r2 = [linear_r2(vectors, column, samples.folds) for column in columns]
    return {
        "r2": {
            name: None if np.isnan(value) else round(value, 6)
            for name, value in zip(table.names, r2, strict=True)
        }
    }


def _supercells(run: Run, device: str) -> dict[str, Any]:
    model, samples = _model_of(run), _samples_of(run)
    crystals = samples.folder.take(samples.at("test"))
    rows = supercell_table(model, crystals, seed=run.settings.data_seed, device=resolve_device(device))
    return {"rows": [asdict(row) for row in rows]}


def _selection(run: Run, device: str) -> dict[str, Any]:
    model, samples = _model_of(run), _samples_of(run)
    vectors = model.represent(samples.folder.graphs(model.graph), resolve_device(device))
    table = folder_descriptors(samples.folder)
    standardisation = Standardisation.fit(table, samples.ids("training"), gaps=True)
    rows = standardisation.filled(table, samples.folder.ids)[0].numpy()
    groups = {
        group: rows[:, [table.names.index(name) for name in names if name in table.names]]
        for group, names in GROUPS.items()
    }
    seed = run.settings.model_seed
    found = forward_selection(vectors, groups, samples.targets[:, 0], samples.folds, seed)
    return asdict(found)


def _rounded(values: np.ndarray) -> list[float]:
    return [float(f"{value:.6g}") for value in values]


MEASUREMENTS: dict[str, Callable[[Run, str], dict[str, Any]]] = {
    "importance": _importance,
    "representation": _representation,
    "supercells": _supercells,
    "selection": _selection,
}
_MODELS = {
    "importance": ("de-cgcnn",),
    "representation": ("cgcnn", "de-cgcnn"),
    "supercells": ("cgcnn", "de-cgcnn"),
    "selection": ("cgcnn",),
}
