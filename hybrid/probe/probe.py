"""Which structural descriptors a model knows: the paper's Figure 2 for a network or vectors of one's own.

from hybrid.probe.probe import ProbeSettings, probe
from hybrid.probe.report import as_table, write

record = probe(MyNetwork, Path("my_folder"), ProbeSettings(seeds=(0, 1, 2)))
print(as_table(record))
write(record, Path("my-probe"))  # my-probe.json, .csv, .md, .png, .pdf
"""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field
from tqdm import tqdm

from hybrid.data.folder import CrystalFolder, read_folder
from hybrid.data.splits import random_split, read_split
from hybrid.descriptors.of_folder import folder_descriptors
from hybrid.descriptors.registry import choose, numeric_descriptors
from hybrid.errors import InputError
from hybrid.probe.candidates import Candidate, candidates, trivial
from hybrid.probe.embeddings import Embeddings
from hybrid.probe.report import left_out_row, result_rows
from hybrid.probe.results import results
from hybrid.report.records import provenance
from hybrid.settings import RunSettings, Settings, Split
from hybrid.training.run import resolve_device, subset
from hybrid.training.samples import Samples

CLASSES = tuple(d.name for d in choose() if d.group == "symmetry")


class ProbeSettings(Settings):
    """All that decides the result of a probe on given data."""

    descriptors: tuple[str, ...] = Field(
        (), description="columns of descriptors.csv; none: Figure 2's 27 and the crystal system"
    )
    split: Split | Path = Field(
        (0.8, 0.1, 0.1), description="training, validation, test; or a file with the columns id,fold"
    )
    n_structures: int | None = Field(None, ge=3, description="a random subset of this size; none: all")
    seeds: tuple[int, ...] = Field(
        (0,), min_length=1, description="each draws a subset, a split and the model's weights"
    )
    one_by_one: bool = Field(False, description="a network a descriptor, as in the paper; or one for all")


def probe(
    given: Any,
    folder: Path,
    settings: ProbeSettings | None = None,
    *,
    name: str = "",
    epochs: int | None = None,
    keep: Path | None = None,
    device: str = "auto",
    progress: bool = True,
    skip_bad: bool = False,
) -> dict[str, Any]:
    """Fits a model to the descriptors of crystals, or probes its vectors for them.

    `given` is one of

    - a class or object with `fit(structures, targets)` and `predict(structures)`: lists of pymatgen
      structures, targets (n_crystals, n_targets) in their units. It is fitted to the training crystals; a
      class that takes the arguments `seed` and `task` is told them, and learns classes too;
    - a class of torch modules, called with the number of outputs, whose `forward(batch)` turns a batch of
      packed graphs into outputs (n_crystals, n_outputs); see `hybrid.probe.networks.ModuleNetwork`;
    - a network that `hybrid.probe.networks.load_network` has read from a file;
    - `Embeddings`, or the path of a table of them, which a linear model and a random forest probe.

    Args:
        given: the model or its vectors.
        folder: structure files, one a crystal; descriptors that are not in its descriptors.csv are computed.
        settings: what is learnt from what.
        name: what figures call the model; its class or file if empty.
        epochs: of a torch module, instead of its own.
        keep: a folder for what is done, from which a stopped call goes on; removed at the end.
        device: auto, cpu or cuda.
        progress: show progress bars.
        skip_bad: leave out crystals that cannot be used or lack a descriptor or a vector.

    Returns:
        A record as `reproduction.workflow.record` writes them: a row a descriptor, candidate and seed. The
        training set's mean, or most frequent class, has rows too.

    Raises:
        InputError: model, vectors, folder or descriptors cannot be used.
    """
    where, settings, at = folder.resolve().name, settings or ProbeSettings(), resolve_device(device)
    given = Embeddings.read(given) if isinstance(given, Path) else given
    models = candidates(given, name, epochs=epochs)
    names = tuple(dict.fromkeys(settings.descriptors or (*numeric_descriptors(), "crys_sys")))
    crystals, targets, dropped = _crystals(folder, names, given, skip_bad)
    parts = {
        "regression": [n for n in names if n not in CLASSES],
        "classification": [n for n in names if n in CLASSES],
    }
    rows: list[dict[str, Any]] = []
    if parts["classification"] and not any(model.classifies for model in models):
        reason = "its class does not take `task`, so it learns no classes"
        rows += [left_out_row(n, f"{models[0].label}: {reason}") for n in parts.pop("classification")]
    drawn = {seed: _drawn(crystals, targets, names, settings, seed) for seed in settings.seeds}
    constant = _constant(list(drawn.values()))
    for task, part in parts.items():
        reason = "is the same for all training or test crystals"
        rows += [left_out_row(n, reason) for n in part if n in constant]
        parts[task] = [n for n in part if n not in constant]
    work = [
        (model, seed, group, task)
        for task, part in parts.items()
        for model in (*models, trivial(task))
        for group in _groups(part, model, task, settings.one_by_one)
        for seed in settings.seeds
    ]
    if not work:
        raise InputError(f"{folder}: there is nothing to probe: {rows[0]['note']}")
    with results(keep, crystals, at, progress) as kept:
        for model, seed, group, task in tqdm(work, desc="probing", unit="fit", disable=not progress):
            run = RunSettings(task=task, targets=group, data_seed=seed, model_seed=seed)
            samples = _of_targets(drawn[seed], group)
            rows += result_rows(model, samples, run, kept.of(model, samples, run), at.type)
    if keep:
        shutil.rmtree(keep)
    return {
        "experiment": name or models[0].model,
        "scale": None,
        "caption": f"How well {name or models[0].model} knows the descriptors of {where}",
        **provenance(),
        "metric": "r2",
        "dropped": dropped,
        "rows": rows,
    }


def _crystals(
    path: Path, names: tuple[str, ...], given: Any, skip_bad: bool
) -> tuple[CrystalFolder, np.ndarray, list[str]]:
    """The crystals, their descriptors (n_crystals, n_names), and why others are left out."""
    folder = read_folder(path, targets=False, skip_bad=skip_bad)
    if isinstance(given, Embeddings):
        without = set(given.missing(folder.ids))
        if skip_bad and len(without) < len(folder):
            told = [f"{given.path}: has no row for id '{identity}'" for identity in sorted(without)]
            kept = [i for i, identity in enumerate(folder.ids) if identity not in without]
            folder = replace(folder.take(kept), dropped=[*folder.dropped, *told])
        given.rows(folder.ids)  # says at once what is wrong with them
    table = folder_descriptors(folder, names)
    targets: np.ndarray = table.rows(folder.ids, gaps=True).numpy()
    gaps = np.argwhere(np.isnan(targets))
    told = []
    for row, column in gaps:
        reason = table.errors.get(folder.ids[row], "")
        told.append(f"{table.path}: id '{folder.ids[row]}' has no {names[column]} ({reason})")
    if told and not skip_bad:
        raise InputError(f"{told[0]}; name other --descriptors, or --skip-bad")
    kept = sorted(set(range(len(folder))) - set(gaps[:, 0].tolist()))
    return folder.take(kept), targets[kept], [*folder.dropped, *told]


def _drawn(
    crystals: CrystalFolder, targets: np.ndarray, names: tuple[str, ...], settings: ProbeSettings, seed: int
) -> Samples:
    """A seed's subset of the crystals and their folds, with all descriptors as targets."""
    row = {identity: i for i, identity in enumerate(crystals.ids)}
    chosen = subset(crystals, RunSettings(n_structures=settings.n_structures, data_seed=seed))
    if isinstance(settings.split, Path):
        folds = read_split(settings.split, chosen.ids, seed)
    else:
        folds = random_split(len(chosen), settings.split, seed)
    return Samples(chosen, targets[[row[identity] for identity in chosen.ids]], names, None, folds)


def _of_targets(samples: Samples, group: tuple[str, ...]) -> Samples:
    """The same samples with some of the targets."""
    columns = [samples.names.index(name) for name in group]
    return replace(samples, targets=samples.targets[:, columns], names=group)


def _constant(drawn: list[Samples]) -> list[str]:
    """Descriptors that do not vary over the training or the test crystals of some seed."""
    parts = [samples.targets[samples.at(fold)] for samples in drawn for fold in ("training", "test")]
    constant = np.any([np.ptp(part, axis=0) == 0 for part in parts], axis=0)
    return [name for name, flat in zip(drawn[0].names, constant, strict=True) if flat]


def _groups(part: list[str], model: Candidate, task: str, one_by_one: bool) -> list[tuple[str, ...]]:
    """What is learnt together: numbers, unless they are to be learnt one by one."""
    if task == "classification" or one_by_one or not model.together:
        return [(name,) for name in part]
    return [tuple(part)] if part else []
