"""Which structural descriptors a model knows: the paper's Figure 2 for any network or embeddings.

from hybrid.probing.probe import probe
from hybrid.probing.report import as_table, write
from hybrid.settings import ProbeSettings

record = probe(MyNetwork, Path("my_folder"), ProbeSettings(seeds=(0, 1, 2)))
print(as_table(record))
write(record, Path("my-probe"))  # my-probe.json, .csv, .md, .png, .pdf
"""

import hashlib
import json
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hybrid.data.folder import CrystalFolder
from hybrid.data.from_python import Structures, as_folder
from hybrid.data.splits import random_split, read_split
from hybrid.descriptors.of_folder import folder_descriptors
from hybrid.descriptors.registry import numeric_descriptors, select_descriptors
from hybrid.device import resolve_device
from hybrid.errors import DivergedError, InputError
from hybrid.line_cache import LineCache
from hybrid.metrics import varies
from hybrid.probing.embeddings import READERS, Embeddings
from hybrid.probing.probed_models import ProbedModel, on_crystals, on_embeddings, trivial
from hybrid.probing.report import left_out_row, result_rows
from hybrid.progress import Progress
from hybrid.report.records import provenance
from hybrid.settings import ProbeSettings, RunSettings
from hybrid.structures import content_key
from hybrid.training.results import Job, fold_metrics
from hybrid.training.run import subset
from hybrid.training.run_folder import fingerprint
from hybrid.training.samples import Samples
from hybrid.user_code import register_object

CLASSES = tuple(d.name for d in select_descriptors() if d.group == "symmetry")


def probe(
    given: Any,
    structures: Structures,
    settings: ProbeSettings | None = None,
    *,
    name: str = "",
    epochs: int | None = None,
    keep: Path | None = None,
    device: str = "auto",
    progress: bool = True,
    skip_bad: bool = False,
) -> dict[str, Any]:
    """Fits a model, or simple models on its embeddings, to the descriptors of crystals.

    Args:
        given: a model's name, FILE.py:CLASS, or a class as in docs/add_a_model.md; or `Embeddings`, or the
            path of a table of embeddings.
        structures: crystals, see `hybrid.data.from_python.Structures`; descriptors that are not in a folder's
            descriptors.csv are computed.
        settings: descriptors, split and seeds.
        name: of the model in figures; default: its class or file.
        epochs: for a network, instead of its own number.
        keep: a folder for finished results, from which a stopped call continues; removed at the end.
        device: auto, cpu or cuda.
        progress: show progress bars.
        skip_bad: leave out crystals that cannot be used, or lack a descriptor or an embedding.

    Returns:
        A record with a row for each descriptor, model and seed, and rows for the mean of the training set or
        its most frequent class.

    Raises:
        InputError: the model, embeddings, folder or descriptors cannot be used.
    """
    settings, job_device = settings or ProbeSettings(), resolve_device(device)
    if isinstance(given, Path) or str(given).endswith(tuple(READERS)):
        given = Embeddings.read(Path(given))
    if isinstance(given, Embeddings):
        models = on_embeddings(given, name or given.path.stem)
    elif isinstance(given, ProbedModel):
        models = [given]
    else:
        if not isinstance(given, str):
            given = register_object(getattr(given, "__name__", type(given).__name__), given)
        models = [on_crystals(given, name, epochs)]
    names = tuple(dict.fromkeys(settings.descriptors or (*numeric_descriptors(), "crys_sys")))
    crystals, targets, dropped = _crystals(structures, names, given, skip_bad)
    samples = {seed: _samples(crystals, targets, names, settings, seed) for seed in settings.seeds}
    alike = "is the same for all training or test crystals"
    reasons = dict.fromkeys(_constant(list(samples.values())), alike)
    if not any(model.classifies for model in models):
        reason = f"{models[0].label}: its class has no argument `task`, so it cannot learn classes"
        reasons |= {name: reason for name in names if name in CLASSES}
    rows = [left_out_row(name, reason) for name, reason in reasons.items()]
    work = [
        (model, seed, group, task)
        for task in ("regression", "classification")
        for model in (*models, trivial(task))
        for group in _groups([name for name in names if name not in reasons], model, task, settings)
        for seed in settings.seeds
    ]
    if not work:
        raise InputError(f"{crystals.path}: there is nothing to probe: {rows[0]['note']}")
    content = hashlib.sha256("".join(map(content_key, crystals.files.values())).encode()).hexdigest()
    with tempfile.TemporaryDirectory() as temporary, LineCache(keep and keep / "results.jsonl") as done:
        job = Job(keep or Path(temporary), job_device, progress)
        for model, seed, group, task in Progress(work, "probing", unit="fits", shown=progress):
            run = RunSettings(task=task, targets=group, data_seed=seed, model_seed=seed)
            columns = [names.index(name) for name in group]
            part = replace(samples[seed], targets=samples[seed].targets[:, columns], names=group)
            result = _result(model, part, run, job, done, content)
            rows += result_rows(model, part, run, result, job_device.type)
    if keep:
        shutil.rmtree(keep)
    name = name or models[0].model
    return {
        "experiment": name,
        "scale": None,
        "caption": f"How well {name} knows the descriptors of {crystals.path.resolve().name}",
        **provenance(),
        "metric": "r2",
        "dropped": dropped,
        "rows": rows,
    }


def _crystals(
    structures: Structures, names: tuple[str, ...], given: Any, skip_bad: bool
) -> tuple[CrystalFolder, np.ndarray, list[str]]:
    """The crystals, their descriptors (n_crystals, n_names), and reasons why others are left out."""
    folder = as_folder(structures, labelled=False, skip_bad=skip_bad)
    dropped = list(folder.dropped)
    if isinstance(given, Embeddings):
        without = given.missing(folder.ids)
        if skip_bad and len(without) < len(folder):
            dropped += [f"{given.path}: has no row for id '{identity}'" for identity in without]
            folder = folder.take(np.flatnonzero(~np.isin(folder.ids, without)))
        given.rows(folder.ids)  # raises an error if one cannot be used
    table = folder_descriptors(folder, names)
    targets: np.ndarray = table.rows(folder.ids, gaps=True).numpy()
    gaps = []
    for row, column in np.argwhere(np.isnan(targets)):
        identity = folder.ids[row]
        reason = table.errors.get(identity, "")
        gaps.append(f"{table.path}: id '{identity}' has no {names[column]} ({reason})")
    if gaps and not skip_bad:
        raise InputError(f"{gaps[0]}; choose other --descriptors, or use --skip-bad")
    known = np.flatnonzero(~np.isnan(targets).any(axis=1))
    return folder.take(known), targets[known], [*dropped, *gaps]


def _samples(
    crystals: CrystalFolder, targets: np.ndarray, names: tuple[str, ...], settings: ProbeSettings, seed: int
) -> Samples:
    """The subset of crystals for a seed, with their folds, and all descriptors as targets."""
    chosen = subset(crystals, RunSettings(n_structures=settings.n_structures, data_seed=seed))
    if isinstance(settings.split, Path):
        folds = read_split(settings.split, chosen.ids, seed)
    else:
        folds = random_split(len(chosen), settings.split, seed)
    position = {identity: i for i, identity in enumerate(crystals.ids)}
    rows = [position[identity] for identity in chosen.ids]
    return Samples(chosen, targets[rows], names, None, folds)


def _constant(samples: list[Samples]) -> list[str]:
    """Descriptors that do not vary over the training or the test crystals of some seed."""
    parts = [s.targets[s.at(fold)] for s in samples for fold in ("training", "test")]
    constant = np.any([~varies(part) for part in parts], axis=0)
    return [name for name, flat in zip(samples[0].names, constant, strict=True) if flat]


def _groups(
    names: list[str], model: ProbedModel, task: str, settings: ProbeSettings
) -> list[tuple[str, ...]]:
    """The groups of descriptors that a model learns together: all numeric ones if possible."""
    names = [name for name in names if (name in CLASSES) == (task == "classification")]
    if names and task == "regression" and model.together and not settings.one_by_one:
        return [tuple(names)]
    return [(name,) for name in names]


def _result(
    model: ProbedModel, samples: Samples, run: RunSettings, job: Job, done: LineCache, content: str
) -> dict[str, Any]:
    """Fits a model, unless `done` has the result for these settings and structure files (`content`).

    Returns:
        `status`, and `metrics` by fold and target, seconds and notes if it is "done".
    """
    what = [model.label, model.digest, model.epochs, run.model_dump_json(), content, fingerprint(samples)]
    key = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]
    if key in done:
        return dict(done[key])
    learnt = samples.names[0] if len(samples.names) == 1 else f"{len(samples.names)} descriptors"
    scratch = job.folder / f"{learnt}, seed {run.model_seed}, {key[:8]}"
    started = time.perf_counter()
    try:
        fitted = model.fit(samples, run, replace(job, folder=scratch))
    except DivergedError as error:
        result: dict[str, Any] = {"status": "diverged", "note": str(error)}
    else:
        seconds = round(time.perf_counter() - started, 1)
        metrics = fold_metrics(samples, fitted, run.task)
        result = {"status": "done", "train_seconds": seconds, **fitted.notes, "metrics": metrics}
    if model.digest:
        done.add(key, result)
    return result
