"""Upstream's training scripts: how they are called with our settings, and how their output is read."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hybrid.errors import DivergedError, InputError
from hybrid.settings import RunSettings
from reproduction.paths import ROOT
from reproduction.upstream import vendor


@dataclass(frozen=True)
class Prepared:
    """Crystals in the format of a script.

    Attributes:
        scratch: holds `training`, `validation` and `test`, and `crystals`, these parts one after the other.
        sizes: `n_training`, `n_validation` and `n_test`.
        descriptors: their table, if the model takes any.
        device: where to compute.
    """

    scratch: Path
    sizes: dict[str, int]
    descriptors: Path | None
    device: torch.device


@dataclass(frozen=True)
class Outcome:
    """The output of a script.

    Attributes:
        predictions: of the test crystals by id, in the target's unit.
        best_epoch: counted from 1.
        validation: the errors of that epoch that the script reports, in the target's unit.
        seconds: of training, without reading the crystals.
    """

    predictions: dict[str, float]
    best_epoch: int
    validation: dict[str, float]
    seconds: float


@dataclass(frozen=True)
class Script:
    """An upstream code's training script.

    Attributes:
        source: the code, a table of vendor/sources.toml.
        train: runs it on folders of crystals in a scratch folder, and returns its output.
        lacks: differences from our settings that the script cannot avoid.
    """

    source: str
    train: Callable[[Prepared, RunSettings], Outcome]
    lacks: Callable[[RunSettings], list[str]]


def _call(source: str, command: list[str], prepared: Prepared) -> str:
    """Runs a vendored script in the scratch folder; returns what it prints.

    Raises:
        DivergedError: the script says that the training diverged.
        InputError: it failed otherwise.
    """
    path = os.pathsep.join((str(vendor.get_source(source).tree), str(ROOT)))
    environment = {**os.environ, "PYTHONPATH": path, "MPLBACKEND": "Agg"}
    if prepared.device.type == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    scratch = prepared.scratch
    with (scratch / "log.txt").open("w+") as log:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", *command], cwd=scratch, env=environment, stdout=log, stderr=log
        )
        log.seek(0)
        printed = log.read()
    if done.returncode:
        last = (printed.strip().splitlines() or ["it printed nothing"])[-1]
        if "diverged" in last:
            raise DivergedError(last.removeprefix("error: "))
        raise InputError(f"{source}: its training script failed: {last}")
    return printed


def _table(prepared: Prepared) -> list[str]:
    """The option that both scripts have."""
    return [] if prepared.descriptors is None else ["--descriptors", str(prepared.descriptors)]


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
    printed = _call("cgcnn2", [*command, *_table(prepared)], prepared)
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
    model, trainer, sizes = settings.model, settings.trainer, prepared.sizes
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
    printed = _call("alignn", [script, *options, *_table(prepared)], prepared)
    seconds = float(printed.partition("Time taken (s):")[2].split()[0])
    errors = json.loads((scratch / "written" / "history_val.json").read_text())["mae"]
    best = int(np.nanargmin(errors))
    predictions = _predictions(scratch / "written" / "prediction_results_test_set.csv")
    return Outcome(predictions, best + 1, {"mae": errors[best]}, seconds)


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
