"""The reproduction by upstream's own scripts: `make table2 ENGINE=upstream`.

A run of CGCNN or ALIGNN gets a twin, which the patched script in vendor/ trains in its own process: on the
same crystals in the same folds, with the same targets and descriptors, and with the trainer's settings as
options of the script. The script's output is converted to a run folder, which gives rows of the variant
`upstream`; it has predictions of the test crystals only. The script draws its own random numbers, so the twin
has other batches.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hybrid.atomic import atomic_folder, locked, write_csv
from hybrid.data.folder import CrystalFolder
from hybrid.descriptors.table import Standardisation
from hybrid.device import resolve_device
from hybrid.errors import InputError
from hybrid.metrics import regression_metrics
from hybrid.report.records import Bar, bars
from hybrid.settings import GraphSettings, RunSettings
from hybrid.training.results import Fitted, write_predictions
from hybrid.training.run import samples_of
from hybrid.training.samples import Samples
from reproduction import figures
from reproduction.models.poolings import POOLINGS
from reproduction.upstream import vendor
from reproduction.upstream.scripts import SCRIPTS, Outcome, Prepared, Script
from reproduction.workflow.runs import planned
from reproduction.workflow.spec import UPSTREAM


def train(folder: CrystalFolder, settings: RunSettings, out: Path, device: str = "auto") -> None:
    """Trains through upstream's script and leaves a run folder: settings, metrics and test predictions.

    Args:
        folder: crystals with targets.
        settings: all settings of the run.
        out: the run folder to write.
        device: auto, cpu or cuda.

    Raises:
        InputError: the script has no option for a setting, or failed, or another process does this run.
        DivergedError: the training diverged.
    """
    script = SCRIPTS[settings.model.name.removeprefix("de-")]
    refuse(settings)
    vendor.check(script.source)
    at = resolve_device(device)
    samples = samples_of(folder, settings)
    partial = out.with_name(f"{out.name}.partial")
    scratch = partial / "script"  # its log.txt is there meanwhile
    with locked(partial / "lock", f"{out}: is being trained by another process; wait for it"):
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        outcome = script.train(_prepare(samples, scratch, at), settings)
        said = {"device": f"{at.type}, {script.source}'s script", "note": _note(script, settings)}
        _write(out, samples, settings, outcome, said)
        shutil.rmtree(partial)


def _write(
    out: Path, samples: Samples, settings: RunSettings, outcome: Outcome, said: Mapping[str, str]
) -> None:
    """Writes the run folder of a script's outcome, with further entries of metrics.json."""
    tested = samples.at("test")
    targets = samples.targets[tested]
    predictions = np.array([[outcome.predictions[identity]] for identity in samples.ids("test")])
    metrics = {
        "status": "done",
        "epochs": settings.trainer.epochs,
        "best_epoch": outcome.best_epoch,
        "train_seconds": round(outcome.seconds, 1),
        **said,
        **samples.sizes(),
        "training": {},
        "validation": outcome.validation,
        "test": regression_metrics(targets[:, 0], predictions[:, 0]),
    }
    rows = replace(samples, folder=samples.folder.take(tested), targets=targets, folds=samples.folds[tested])
    with atomic_folder(out) as whole:
        (whole / "settings.json").write_text(settings.model_dump_json(indent=2) + "\n")
        write_predictions(whole / "predictions.csv", rows, Fitted(predictions))
        (whole / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")


def refuse(settings: RunSettings) -> None:
    """Checks that upstream's scripts have options for the settings.

    Raises:
        InputError: they have none for one of the settings.
    """
    model, default = settings.model, GraphSettings()
    problem = None
    if settings.task == "classification" or len(settings.targets) > 1:
        problem = "support one target here, not classes or several targets"
    elif model.name.endswith("cgcnn") and settings.graph != default:
        problem = f"have {default.max_neighbours} neighbours within {default.radius:g} Å, which is no option"
    elif model.pooling in {pooling.name for pooling in POOLINGS}:
        problem = f"have no pooling {model.pooling}"
    elif model.descriptor_limit is not None:
        problem = "do not clip descriptors"
    elif settings.trainer.precision != "fp32":
        problem = "train in fp32 only"
    if problem:
        raise InputError(f"ENGINE=upstream: upstream's training scripts {problem}; run it without")


def refuse_experiment(name: str, scale: str) -> None:
    """Checks that an experiment can be run by upstream's scripts.

    Args:
        name: of the experiment, with the ending of upstream's scripts.
        scale: name.

    Raises:
        InputError: it measures networks, compares training sets, has a setting without an option, or no
            network of upstream's.
    """
    shown = name.removesuffix(UPSTREAM)
    spec, ours = figures.spec(name), figures.spec(shown)
    if figures.measurement(shown) or ours.force_field:
        raise InputError(f"ENGINE=upstream: {shown} measures networks that hybrid trained; run it without")
    if any(len(part.training_shares) > 1 for part in ours.parts):
        raise InputError(f"ENGINE=upstream: {shown} compares sizes of the training set; run it without")
    twins = [run for run in planned(spec, scale) if run.network.endswith(UPSTREAM)]
    if not twins:
        raise InputError(f"ENGINE=upstream: {shown} has no network of upstream's; run it without")
    for run in twins:
        refuse(run.settings)


def notes(record: dict[str, Any]) -> list[str]:
    """A line for each network and dataset: errors, best epochs and seconds, ours and upstream's."""
    found = {(bar.group, bar.first["network"]): bar for bar in bars(record) if bar.done}
    lines = []
    for (group, network), bar in found.items():
        ours = found.get((group, network.removesuffix(UPSTREAM)))
        if ours and ours is not bar:
            what = f"{group.replace(chr(10), ', ')}, {ours.first['network_label']}"
            both = f"ours {_result(ours)}, upstream {_result(bar)}"
            lines.append(f"- {what}: {both}, {bar.done[0]['note']}.")
    return lines


def _result(bar: Bar) -> str:
    epochs = ", ".join(str(row["best_epoch"]) for row in bar.done)
    seconds = ", ".join(f"{row['train_seconds']:.0f}" for row in bar.done)
    return f"{bar.mean('mae_over_mad'):.3f} (best epoch {epochs}; {seconds} s)"


def _note(script: Script, settings: RunSettings) -> str:
    lacks = script.lacks(settings)
    differences = f"; the script has {', '.join(lacks)}" if lacks else ""
    return f"trained by {script.source}'s script on the same folds with the same trainer{differences}"


def _prepare(samples: Samples, scratch: Path, device: torch.device) -> Prepared:
    """Writes the folds' folders, one folder with all in their order, and the table of descriptors."""
    folds = ("training", "validation", "test")
    for name, parts in (*((fold, (fold,)) for fold in folds), ("crystals", folds)):
        folder = scratch / name
        folder.mkdir()
        at = np.concatenate([samples.at(fold) for fold in parts])
        targets = ((samples.folder.ids[i], repr(float(samples.targets[i, 0]))) for i in at)
        write_csv(folder / "id_prop.csv", targets)
        for file in (samples.folder.files[samples.folder.ids[i]] for i in at):
            (folder / file.name).symlink_to(file.resolve())
        own = samples.folder.path / "atom_init.json"
        if own.exists():
            shutil.copy(own, folder)
    if samples.descriptors is None:
        return Prepared(scratch, samples.sizes(), None, device)
    table, ids = samples.descriptors, samples.folder.ids
    median = Standardisation.fit(table, samples.ids("training"), gaps=True).median
    rows = table.rows(ids, gaps=True)
    rows = torch.where(rows.isnan(), median, rows)  # as ours
    written = scratch / "descriptors.csv"
    cells = ([i, *map(repr, row)] for i, row in zip(ids, rows.tolist(), strict=True))
    write_csv(written, [("id", *table.names), *cells])
    return Prepared(scratch, samples.sizes(), written, device)
