"""Trains a network on a dataset folder and writes a run folder, whole or not at all."""

import contextlib
import json
import logging
import platform
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor
from torch.utils.data import DataLoader

from hybrid.atomic import write_text
from hybrid.checkpoint import MODEL_FILE, TrainedModel
from hybrid.data.folder import CrystalFolder
from hybrid.data.splits import FOLDS, random_split
from hybrid.errors import InputError
from hybrid.graphs.crystal import CrystalGraphs
from hybrid.metrics import regression_metrics
from hybrid.models.cgcnn import CGCNN, atom_feature_table
from hybrid.prediction import write_predictions
from hybrid.readout import TargetScale, get_pooling
from hybrid.settings import RunSettings
from hybrid.training.epoch_log import EpochLog
from hybrid.training.regression import EpochBatches, Positions, Regression
from hybrid.training.run_folder import alone, discard_other_run, fingerprint, refuse_other_settings

RESUME_EVERY = 10  # epochs between the checkpoints from which a stopped run goes on


def train(
    folder: CrystalFolder,
    settings: RunSettings,
    out: Path,
    folds: np.ndarray | None = None,
    device: str = "auto",
    progress: bool = True,
) -> dict[str, Any]:
    """Trains on a folder, or goes on with what a stopped call left behind.

    Writes settings.json, log.csv, model.ckpt (the epoch of lowest validation MAE), predictions.csv
    (id,fold,target,prediction in the target's unit) and metrics.json. Until the run is whole it stands in
    `<out>.partial`.

    Args:
        folder: crystals with targets.
        settings: everything that decides the result.
        out: the run folder to write; one that is there already is returned as it is.
        folds: a fold for each crystal; drawn by the data seed if not given.
        device: auto, cpu or cuda.
        progress: show progress bars.

    Returns:
        The contents of metrics.json.

    Raises:
        InputError: the data cannot be used or split, training diverged, or `out` holds another run.
    """
    if folder.targets is None:
        raise InputError(f"{folder.path}: has no targets to train on")
    if folds is None:
        folds = random_split(len(folder), settings.split, settings.data_seed)
    if (out / "metrics.json").exists():
        refuse_other_settings(out, settings)
    else:
        at, graphs = resolve_device(device), folder.graphs(settings.graph)  # bad input leaves nothing behind
        _refuse_single_atoms(folder.path, graphs.n_atoms[folds == "training"], settings.trainer.batch_size)
        partial = out.with_name(out.name + ".partial")
        with alone(partial):
            if not (out / "metrics.json").exists():
                discard_other_run(partial, settings, fingerprint(folder, graphs, folds))
                _fit(folder, graphs, folds, settings, partial, at, progress)
                shutil.rmtree(partial / "checkpoints")
                (partial / "lock").unlink()
                partial.replace(out)
    metrics: dict[str, Any] = json.loads((out / "metrics.json").read_text())
    return metrics


def subset(folder: CrystalFolder, settings: RunSettings) -> CrystalFolder:
    """The crystals that a run is about: all, or a random choice by the data seed.

    Raises:
        InputError: the folder holds fewer than are asked for.
    """
    if settings.n_structures is None:
        return folder
    if settings.n_structures > len(folder):
        raise InputError(f"{folder.path}: holds {len(folder)} structures, not {settings.n_structures}")
    chosen = np.random.default_rng(settings.data_seed).choice(
        len(folder), settings.n_structures, replace=False
    )
    return folder.take(sorted(chosen))


def resolve_device(name: str) -> torch.device:
    """The device called auto, cpu or cuda.

    Raises:
        InputError: cuda is asked for and not there.
    """
    cuda = torch.cuda.is_available()
    if name == "cuda" and not cuda:
        raise InputError("--device cuda: this machine has no CUDA GPU that torch can use")
    return torch.device("cuda" if cuda and name != "cpu" else "cpu")


def _fit(
    folder: CrystalFolder,
    graphs: CrystalGraphs,
    folds: np.ndarray,
    settings: RunSettings,
    partial: Path,
    device: torch.device,
    progress: bool,
) -> None:
    measured = np.asarray(folder.targets)
    targets = torch.tensor(measured, dtype=torch.float64)
    positions = {fold: np.flatnonzero(folds == fold) for fold in FOLDS}
    scale = TargetScale.fit(targets[positions["training"]], get_pooling(settings.model.pooling))
    torch.manual_seed(settings.model_seed)
    network = CGCNN(atom_feature_table(folder.atom_features), settings.graph, settings.model)
    batch_size = settings.trainer.batch_size
    training = EpochBatches(len(positions["training"]), batch_size, settings.model_seed)
    validation = EpochBatches(len(positions["validation"]), batch_size, None)
    checkpoints = partial / "checkpoints"
    best = ModelCheckpoint(
        checkpoints, "best", monitor="validation_mae", save_weights_only=True, enable_version_counter=False
    )
    last = ModelCheckpoint(
        checkpoints,
        "last",
        every_n_epochs=RESUME_EVERY,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )
    log = EpochLog(partial / "log.csv", settings.trainer.epochs, partial.stem, progress)
    with _quiet_lightning():
        trainer = L.Trainer(
            accelerator="gpu" if device.type == "cuda" else "cpu",
            devices=1,
            max_epochs=settings.trainer.epochs,
            gradient_clip_val=settings.trainer.gradient_clip,
            callbacks=[log, best, last],
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
        )
        try:
            trainer.fit(
                Regression(network, graphs, targets, scale, settings.trainer),
                DataLoader(Positions(positions["training"]), sampler=training, batch_size=None),
                DataLoader(Positions(positions["validation"]), sampler=validation, batch_size=None),
                ckpt_path=checkpoints / "last.ckpt" if (checkpoints / "last.ckpt").exists() else None,
            )
        except SystemExit:  # what Lightning makes of Ctrl-C and of SIGTERM
            raise KeyboardInterrupt from None
    weights = torch.load(best.best_model_path, map_location="cpu", weights_only=True)["state_dict"]
    network.load_state_dict({name.removeprefix("network."): tensor for name, tensor in weights.items()})
    model = TrainedModel(network, settings.graph, scale)
    predictions = model.predict(graphs, device)
    best_epoch, best_mae = log.best()
    model.save(partial / MODEL_FILE, settings.model, epoch=best_epoch, best_mae_error=best_mae)
    write_predictions(partial / "predictions.csv", folder, predictions, folds)
    metrics = {
        "status": "done",
        "best_epoch": best_epoch,
        "epochs": settings.trainer.epochs,
        "train_seconds": round(log.seconds(), 1),
        "device": f"{device.type}, {torch.get_num_threads()} threads, {platform.machine()}",
        **{f"n_{fold}": len(positions[fold]) for fold in FOLDS},
        **{fold: regression_metrics(measured[at], predictions[at]) for fold, at in positions.items()},
    }
    write_text(partial / "metrics.json", json.dumps(metrics, indent=2) + "\n")


def _refuse_single_atoms(path: Path, n_atoms: Tensor, batch_size: int) -> None:
    """Batch normalisation over atoms needs more than one in every batch."""
    if min(batch_size, len(n_atoms)) == 1 and (n_atoms == 1).any():
        raise InputError(
            f"{path}: a training batch would hold one atom; take more crystals or larger batches"
        )


@contextlib.contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Leaves out Lightning's advice on loggers, workers and devices."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        try:
            yield
        finally:
            logger.setLevel(level)
