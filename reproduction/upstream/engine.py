"""The reproduction through upstream's own scripts: `make table2 ENGINE=upstream`.

A run of CGCNN or ALIGNN gets a twin that the patched script of vendor/ trains, in a process of its own: on
the same crystals in the same folds, with the same targets and descriptors and the trainer's settings as the
script's options. What the script writes becomes a run folder as ours, of which records make a row of the
variant `upstream`; predictions are there of the test crystals alone. The random numbers are the script's: the
twin draws other initial weights and other batches.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from hybrid.atomic import atomic_folder
from hybrid.data.folder import CrystalFolder
from hybrid.descriptors.table import Standardisation
from hybrid.errors import DivergedError, InputError
from hybrid.metrics import regression_metrics
from hybrid.settings import GraphSettings, RunSettings
from hybrid.training.results import write_predictions
from hybrid.training.samples import Samples
from reproduction.paths import ROOT
from reproduction.upstream import vendor
from reproduction.workflow.spec import UPSTREAM

if TYPE_CHECKING:
    from reproduction.workflow.plan import Run

TABLE = "descriptors.csv"


@dataclass(frozen=True)
class Script:
    """An upstream code's training script.

    Attributes:
        source: the code, a table of vendor/sources.toml.
        train: calls it on a folder of crystals, in a scratch folder; gives what the script has to say.
        lacks: what of our settings the script cannot do, and the nearest that it does.
    """

    source: str
    train: Callable[["Prepared", RunSettings], "Outcome"]
    lacks: Callable[[RunSettings], list[str]]


@dataclass(frozen=True)
class Prepared:
    """Crystals as a script reads them.

    Attributes:
        samples: of the run.
        scratch: holds `training`, `validation` and `test`, and `crystals`, these parts one after the other.
        descriptors: the options that name the table of descriptors.
    """

    samples: Samples
    scratch: Path
    descriptors: list[str]


@dataclass(frozen=True)
class Outcome:
    """What a script leaves.

    Attributes:
        predictions: of the test crystals by id, in the target's unit.
        best_epoch: counted from 1.
        validation: the errors of that epoch that the script tells, in the target's unit.
        seconds: of training, without reading the crystals.
    """

    predictions: dict[str, float]
    best_epoch: int
    validation: dict[str, float]
    seconds: float


def twin(run: "Run") -> "Run | None":
    """The same run through upstream's script, if it is a network that upstream has."""
    if run.settings.model.name.removeprefix("de-") not in SCRIPTS:
        return None
    return replace(
        run, network=f"{run.network}{UPSTREAM}", label=f"{run.label}, upstream's script", variant="upstream"
    )


def train(folder: CrystalFolder, settings: RunSettings, out: Path) -> None:
    """Trains through upstream's script and leaves a run folder: settings, metrics and test predictions.

    Raises:
        InputError: the script cannot do what is asked for, or failed.
        DivergedError: the training diverged.
    """
    script = SCRIPTS[settings.model.name.removeprefix("de-")]
    refuse(settings)
    vendor.check(script.source)
    samples = Samples.of(folder, settings)
    scratch = out.with_name(f"{out.name}.partial")  # the script's log.txt is there meanwhile
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    outcome = script.train(_prepare(samples, scratch), settings)
    predictions = np.array([[outcome.predictions.get(i, np.nan)] for i in samples.folder.ids])
    at = samples.at("test")
    metrics = {
        "status": "done",
        "epochs": settings.trainer.epochs,
        "best_epoch": outcome.best_epoch,
        "train_seconds": round(outcome.seconds, 1),
        "device": f"{'cuda' if torch.cuda.is_available() else 'cpu'}, {script.source}'s script",
        "note": _note(script, settings),
        **samples.sizes(),
        "training": {},
        "validation": outcome.validation,
        "test": regression_metrics(samples.targets[at, 0], predictions[at, 0]),
    }
    tested = replace(
        samples, folder=samples.folder.take(at), targets=samples.targets[at], folds=samples.folds[at]
    )
    with atomic_folder(out) as whole:
        (whole / "settings.json").write_text(settings.model_dump_json(indent=2) + "\n")
        write_predictions(whole / "predictions.csv", tested, predictions[at])
        (whole / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    shutil.rmtree(scratch)


def refuse(settings: RunSettings) -> None:
    """Stops at what upstream's scripts have no option for.

    Raises:
        InputError: in one sentence, what it is.
    """
    model, default = settings.model, GraphSettings()
    problem = None
    if settings.task == "classification" or len(settings.targets) > 1:
        problem = "take one number a crystal here, not classes or several targets"
    elif model.name.endswith("cgcnn") and settings.graph != default:
        problem = f"have {default.max_neighbours} neighbours within {default.radius:g} Å, which is no option"
    elif model.descriptor_limit is not None:
        problem = "do not clip descriptors"
    elif settings.trainer.precision != "fp32":
        problem = "train in fp32 alone"
    if problem:
        raise InputError(f"ENGINE=upstream: upstream's training scripts {problem}; run it without")


def _note(script: Script, settings: RunSettings) -> str:
    lacks = script.lacks(settings)
    differences = f"; the script has {', '.join(lacks)}" if lacks else ""
    return f"trained by {script.source}'s script on the same folds with the same trainer{differences}"


def _prepare(samples: Samples, scratch: Path) -> Prepared:
    """Writes the folds' folders, one folder with all in their order, and the table of descriptors."""
    folds = ("training", "validation", "test")
    for name, parts in (*((fold, (fold,)) for fold in folds), ("crystals", folds)):
        folder = scratch / name
        folder.mkdir()
        at = np.concatenate([samples.at(fold) for fold in parts])
        with (folder / "id_prop.csv").open("w", newline="") as file:
            csv.writer(file).writerows(
                (samples.folder.ids[i], repr(float(samples.targets[i, 0]))) for i in at
            )
        for file in (samples.folder.files[i] for i in at):
            (folder / file.name).symlink_to(file.resolve())
        own = samples.folder.path / "atom_init.json"
        if own.exists():
            shutil.copy(own, folder)
    if samples.descriptors is None:
        return Prepared(samples, scratch, [])
    table, ids = samples.descriptors, samples.folder.ids
    median = Standardisation.fit(table, samples.ids("training"), gaps=True).median
    rows = table.rows(ids, gaps=True)
    rows = torch.where(rows.isnan(), median, rows)  # as ours
    with (scratch / TABLE).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", *table.names))
        writer.writerows([i, *map(repr, row)] for i, row in zip(ids, rows.tolist(), strict=True))
    return Prepared(samples, scratch, ["--descriptors", str(scratch / TABLE)])


def _call(source: str, command: list[str], scratch: Path) -> str:
    """Runs a vendored script in `scratch`; returns what it prints.

    Raises:
        DivergedError: the script says that the training diverged.
        InputError: it failed otherwise.
    """
    path = os.pathsep.join((str(vendor.get_source(source).tree), str(ROOT)))
    environment = {**os.environ, "PYTHONPATH": path, "MPLBACKEND": "Agg"}
    with (scratch / "log.txt").open("w+") as log:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", *command], cwd=scratch, env=environment, stdout=log, stderr=log
        )
        log.seek(0)
        printed = log.read()
    if done.returncode:
        last = (printed.strip().splitlines() or ["it says nothing"])[-1]
        if "diverged" in last:
            raise DivergedError(last.removeprefix("error: "))
        raise InputError(f"{source}: its training script failed: {last}")
    return printed


def _train_cgcnn(prepared: Prepared, settings: RunSettings) -> Outcome:
    model, trainer, scratch = settings.model, settings.trainer, prepared.scratch
    steps = trainer.milestones if trainer.schedule == "steps" else ()
    options: dict[str, Any] = {
        "--train-set": scratch / "training",
        "--valid-set": scratch / "validation",
        "--test-set": scratch / "test",
        "--epoch": trainer.epochs,
        "--batch-size": trainer.batch_size,
        "--learning-rate": trainer.learning_rate,
        "--loss": trainer.loss,
        "--optimizer": trainer.optimiser,
        "--momentum": trainer.momentum,
        "--weight-decay": trainer.weight_decay,
        "--gradient-clip": trainer.gradient_clip or 0,
        "--random-seed": settings.model_seed,
        "--pooling": model.pooling,
        "--atom-fea-len": model.atom_fea_len,
        "--n-conv": model.n_conv,
        "--h-fea-len": model.h_fea_len,
        "--n-h": model.n_h,
        "--job-id": "run",
    }
    command = ["-m", "cgcnn2.cli.cgcnn_tr", *(str(word) for option in options.items() for word in option)]
    command += ["--one-cycle"] if trainer.schedule == "one-cycle" else ["--milestones", *map(str, steps)]
    printed = _call("cgcnn2", [*command, *prepared.descriptors], scratch)
    start, end = (_time(printed, words) for words in ("Losses are in units", "Training complete"))
    written = scratch / "output_run"
    best = torch.load(written / "best_model.ckpt", map_location="cpu", weights_only=True)
    mse = best["best_mse_error"]
    validation = {} if mse is None else {"rmse": float(mse) ** 0.5}
    predictions = _predictions(written / "test_results.csv")
    return Outcome(predictions, int(best["epoch"]), validation, (end - start).total_seconds())


def _time(printed: str, words: str) -> datetime:
    """When a line with `words` was logged."""
    line = next(line for line in printed.splitlines() if words in line)
    return datetime.fromisoformat(line[: len("2000-01-01 00:00:00.000")])


def _cgcnn_lacks(settings: RunSettings) -> list[str]:
    return ["its best epoch by the loss, not by MAE"] if settings.trainer.loss == "mse" else []


def _train_alignn(prepared: Prepared, settings: RunSettings) -> Outcome:
    model, trainer, sizes = settings.model, settings.trainer, prepared.samples.sizes()
    alignn = model.alignn
    config = {
        "id_tag": "jid",
        "target": "target",
        "n_train": sizes["n_training"],
        "n_val": sizes["n_validation"],
        "n_test": sizes["n_test"],
        "keep_data_order": True,
        "random_seed": settings.model_seed,
        "epochs": trainer.epochs,
        "batch_size": min(trainer.batch_size, sizes["n_training"]),
        "learning_rate": trainer.learning_rate,
        "weight_decay": trainer.weight_decay,
        "criterion": trainer.loss,
        "optimizer": "sgd" if trainer.optimiser == "sgd" else "adamw",
        "scheduler": "onecycle" if trainer.schedule == "one-cycle" else "none",
        "cutoff": settings.graph.radius,
        "max_neighbors": settings.graph.max_neighbours,
        "standard_scalar_and_pca": True,
        "num_workers": 0,
        "write_checkpoint": False,
        "progress": False,
        "model": {
            "name": "alignn",
            "pooling": model.pooling,
            "alignn_layers": alignn.alignn_layers,
            "gcn_layers": alignn.gcn_layers,
            "hidden_features": alignn.hidden,
            "embedding_features": alignn.embedding,
            "edge_input_features": alignn.bond_features,
            "triplet_input_features": alignn.angle_features,
        },
    }
    scratch = prepared.scratch
    (scratch / "config.json").write_text(json.dumps(config))
    script = str(vendor.get_source("alignn").tree / "alignn_train_folder.py")
    options = ["--root_dir", "crystals", "--config_name", "config.json", "--output_dir", "written"]
    printed = _call("alignn", [script, *options, *prepared.descriptors], scratch)
    seconds = float(printed.partition("Time taken (s):")[2].split()[0])
    errors = json.loads((scratch / "written" / "history_val.json").read_text())["mae"]
    best = int(np.nanargmin(errors))
    predictions = _predictions(scratch / "written" / "prediction_results_test_set.csv")
    return Outcome(predictions, best + 1, {}, seconds)


def _alignn_lacks(settings: RunSettings) -> list[str]:
    trainer = settings.trainer
    differences = {
        "full batches only": True,
        "no limit on the gradient": trainer.gradient_clip is not None,
        "no decay of biases and norms": trainer.weight_decay > 0,
        "a constant learning rate": trainer.schedule == "steps" and bool(trainer.milestones),
        "AdamW, not Adam": trainer.optimiser == "adam",
    }
    return [words for words, differs in differences.items() if differs]


def _predictions(path: Path) -> dict[str, float]:
    """The last column of a table of id, target, prediction, by id."""
    with path.open(newline="") as file:
        _, *rows = csv.reader(file)
    return {identity: float(prediction) for identity, _, prediction in rows}


SCRIPTS = {
    "cgcnn": Script("cgcnn2", _train_cgcnn, _cgcnn_lacks),
    "alignn": Script("alignn", _train_alignn, _alignn_lacks),
}
