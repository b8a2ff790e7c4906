"""Runs of several networks in one folder: an ensemble of seeds, and cross-validation.

Each network has its own run folder inside, so that a stopped call goes on where it was. They are trained one
after the other, or in as many processes as prepare the crystals of the folder.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hybrid.atomic import write_text
from hybrid.data.folder import CrystalFolder
from hybrid.data.groups import GROUPINGS
from hybrid.data.splits import cross_validation_folds
from hybrid.errors import InputError, note
from hybrid.processes import in_parallel
from hybrid.progress import Progress
from hybrid.reading import read_rows
from hybrid.settings import RunSettings
from hybrid.trained.calibration import FEWEST, Calibration
from hybrid.trained.ensemble import ENSEMBLE, Ensemble, read_members, spread_of, voted
from hybrid.trained.model import PROBABILITY
from hybrid.training.model_registry import get_model
from hybrid.training.results import Fitted, fold_metrics, write_predictions
from hybrid.training.run import samples_of, train, with_graphs
from hybrid.training.run_folder import refuse_occupied
from hybrid.training.samples import Samples
from hybrid.user_code import digests, registered_objects


def train_ensemble(
    folder: CrystalFolder,
    settings: RunSettings,
    out: Path,
    n: int,
    folds: np.ndarray | None = None,
    device: str = "auto",
    progress: bool = True,
) -> dict[str, Any]:
    """Trains `n` networks that differ in their model seeds: the settings' and the next ones.

    Writes their run folders, the predictions of their mean with intervals, metrics.json and ensemble.json.
    The intervals are calibrated on the validation crystals; metrics.json has their coverage of the test set.
    The other arguments and the result are those of `hybrid.training.run.train`.

    Raises:
        InputError: as `train`, or `out` holds another run.
    """
    if get_model(settings.model.name).learns_validation:
        raise InputError(
            f"--seeds: {settings.model.name} learns from the validation crystals, so that they cannot "
            "calibrate intervals; use --folds"
        )
    if folds is None and settings.grouping and settings.training_share == 1:
        folds = samples_of(folder, settings).folds  # the groups are found once
    seeds = range(settings.model_seed, settings.model_seed + n)
    members = {f"seed-{seed}": settings.model_copy(update={"model_seed": seed}) for seed in seeds}
    _begin(out, list(members))
    networks = [_Network(own, out / name, folds) for name, own in members.items()]
    metrics = _train_all(folder, networks, out, device, progress)
    notes = _notes(metrics, metrics[:1])
    samples = samples_of(folder, settings, folds)
    fitted = np.stack([_predictions(out / name, samples) for name in members])
    if settings.task == "classification":
        classes = np.unique(samples.targets).tolist()
        votes = fitted[:, :, 1:] if fitted.shape[2] > 1 else (fitted == classes).astype(float)
        columns = voted(votes, classes)  # of models without probabilities each has one vote
        return _finish(out, samples, Fitted(columns[:, :1], notes, columns[:, 1:]), settings)
    mean, spread = fitted.mean(axis=0), spread_of(fitted)
    held, test = samples.at("validation"), samples.at("test")
    if len(held) < FEWEST:
        note(f"{len(held)} validation crystals are too few for intervals of 90 %; {FEWEST} are needed")
    errors = mean - samples.targets
    calibrations = tuple(Calibration.fit(errors[held, i], spread[held, i]) for i in range(errors.shape[1]))
    ensemble = Ensemble((), calibrations)
    covered = [one.coverage(errors[test, i], spread[test, i]) for i, one in enumerate(calibrations)]
    coverage = dict(zip(samples.names, covered, strict=True)) if samples.names else covered[0]
    intervals = ensemble.intervals(mean, spread).reshape(*mean.shape, 4)[:, :, 1:]
    notes["coverage"] = coverage
    return _finish(out, samples, Fitted(mean, notes, intervals=intervals), settings, ensemble)


def cross_validate(
    folder: CrystalFolder,
    settings: RunSettings,
    out: Path,
    k: int,
    device: str = "auto",
    progress: bool = True,
) -> dict[str, Any]:
    """Trains `k` networks, each on the crystals outside one of `k` parts, and predicts that part.

    With the settings' grouping, the crystals of a formula or prototype are in one part. In predictions.csv,
    every crystal has the number of its part as its fold, and the prediction of the network that did not see
    it. The intervals of new crystals have one width, from the errors of these predictions. The other
    arguments and the result are those of `hybrid.training.run.train`; the settings' split is not used.

    Raises:
        InputError: as `train`, there are fewer groups than parts, or `out` holds another run.
    """
    if settings.model_fields_set & {"split", "training_share"}:
        raise InputError("--folds: makes its own splits; give no other")
    groups = folder.ids
    if settings.grouping:
        groups = [GROUPINGS[settings.grouping](structure) for structure in folder.structures()]
    parts, folds = cross_validation_folds(groups, k, settings.data_seed)
    members = {f"fold-{i + 1}": of_part for i, of_part in enumerate(folds)}
    _begin(out, list(members))
    networks = [_Network(settings, out / name, of_part) for name, of_part in members.items()]
    metrics = _train_all(folder, networks, out, device, progress)
    notes = _notes(metrics, metrics)
    samples = samples_of(folder, settings, np.full(len(folder), "test", dtype=object))
    fitted = np.stack([_predictions(out / name, samples) for name in members])
    unseen = fitted[parts, np.arange(len(parts))]
    n_targets = samples.targets.shape[1]
    probabilities = unseen[:, n_targets:] if unseen.shape[1] > n_targets else None
    result = Fitted(unseen[:, :n_targets], notes, probabilities)
    numbered = replace(samples, folds=(parts + 1).astype(str))
    if settings.task == "classification":
        return _finish(out, numbered, result, settings, scored=samples)
    errors = result.predictions - samples.targets
    calibrations = tuple(Calibration.fit(column, np.zeros(len(column))) for column in errors.T)
    return _finish(out, numbered, result, settings, Ensemble((), calibrations, scaled=False), samples)


@dataclass(frozen=True)
class _Network:
    """One of the networks: what decides its result, and its run folder."""

    settings: RunSettings
    out: Path
    folds: np.ndarray | None


def _train_all(
    folder: CrystalFolder, networks: list[_Network], out: Path, device: str, progress: bool
) -> list[dict[str, Any]]:
    """Trains the networks in `out`; returns the contents of their metrics.json.

    What a user wrote in Python is known to this process only, so that such networks are trained in it.
    """
    first, jobs = networks[0], 1 if digests() or registered_objects() else folder.jobs
    if jobs != 1:
        with_graphs(samples_of(folder, first.settings, first.folds), first.settings)  # by all processes
    one = partial(_train_one, folder, device, progress and jobs == 1)
    metrics = in_parallel(one, networks, jobs, order=True)
    together = progress and jobs != 1
    try:
        return list(Progress(metrics, "training", len(networks), unit="networks", shown=together))
    except InputError:
        if [path.name for path in out.iterdir()] == [ENSEMBLE]:  # nothing has been learnt
            shutil.rmtree(out)
        raise


def _train_one(folder: CrystalFolder, device: str, progress: bool, network: _Network) -> dict[str, Any]:
    return train(folder, network.settings, network.out, network.folds, device, progress)


def _notes(metrics: list[dict[str, Any]], tested: list[dict[str, Any]]) -> dict[str, Any]:
    """The scores of each network, and how many test crystals the model that they start from had learnt.

    The test crystals of the networks in `tested` together are those of the run.
    """
    notes: dict[str, Any] = {"single": [one["test"] for one in metrics]}
    if "n_test_known" in metrics[0]:
        counts = [one["n_test_known"] for one in tested]
        notes["n_test_known"] = None if None in counts else sum(counts)
    return notes


def _begin(out: Path, members: list[str]) -> None:
    """Notes what the folder will hold."""
    if (out / "settings.json").exists():
        raise InputError(f"{out}: holds a run of one network; choose another --out")
    if not (out / ENSEMBLE).exists():
        refuse_occupied(out)
    else:
        there, _ = read_members(out)
        if there == members:
            return
        if any((out / f"{name}{end}").exists() for name in there for end in ("", ".partial")):
            raise InputError(f"{out}: holds another run, of {', '.join(there)}; choose another --out")
    write_text(out / ENSEMBLE, json.dumps({"members": members}) + "\n")


def _predictions(run: Path, samples: Samples) -> np.ndarray:
    """The predictions of a run for all samples, (n_crystals, n_targets), and its probabilities if any."""
    rows = (row for _, row in read_rows(run / "predictions.csv"))
    header = next(rows)
    columns = [f"prediction {name}".strip() for name in samples.names or ("",)]
    columns += [name for name in header if name.startswith(PROBABILITY)]
    at = [header.index(name) for name in columns]
    values = {row[0]: [float(row[i]) for i in at] for row in rows}
    return np.array([values[name] for name in samples.folder.ids])


def _finish(
    out: Path,
    samples: Samples,
    fitted: Fitted,
    settings: RunSettings,
    ensemble: Ensemble | None = None,
    scored: Samples | None = None,
) -> dict[str, Any]:
    """Writes predictions, metrics and the ensemble's calibration."""
    scored = scored or samples
    members, _ = read_members(out)
    state: Mapping[str, Any] = (ensemble or Ensemble(())).state_dict()
    write_predictions(out / "predictions.csv", samples, fitted)
    write_text(out / ENSEMBLE, json.dumps({"members": members, **state}) + "\n")
    scores = fold_metrics(scored, fitted, settings.task)
    metrics = {"status": "done", **fitted.notes, **scored.sizes(), **scores}
    write_text(out / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    return metrics
