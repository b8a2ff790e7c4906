"""Trains a network on a dataset folder and writes a run folder, whole or not at all."""

import contextlib
import json
import logging
import platform
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader

from hybrid.atomic import write_text
from hybrid.checkpoint import MODEL_FILE, TrainedModel
from hybrid.data.folder import CrystalFolder
from hybrid.descriptors.table import Standardisation
from hybrid.errors import InputError
from hybrid.graphs.crystal import CrystalGraphs
from hybrid.models.cgcnn import CGCNN, atom_feature_table
from hybrid.settings import RunSettings
from hybrid.training.epoch_log import EpochLog
from hybrid.training.optimisation import EpochBatches, Optimisation, Positions
from hybrid.training.results import fold_metrics, write_predictions
from hybrid.training.run_folder import alone, discard_other_run, fingerprint, refuse_other_settings
from hybrid.training.samples import Samples

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

    Writes settings.json, log.csv, model.ckpt (the epoch of lowest validation error), predictions.csv
    (id,fold,target,prediction in the target's unit) and metrics.json. Until the run is whole it stands in
    `<out>.partial`.

    Args:
        folder: crystals with targets.
        settings: everything that decides the result.
        out: the run folder to write; one that is there already is returned as it is.
        folds: a fold for each crystal, instead of the settings' split.
        device: auto, cpu or cuda.
        progress: show progress bars.

    Returns:
        The contents of metrics.json.

    Raises:
        InputError: the data cannot be used or split, training diverged, or `out` holds another run.
    """
    if (out / "metrics.json").exists():
        refuse_other_settings(out, settings)
    else:
        at, samples = resolve_device(device), Samples.of(folder, settings, folds)
        graphs = folder.graphs(settings.graph)  # bad input leaves nothing behind
        samples.refuse_single_atoms(graphs, settings.trainer.batch_size)
        partial = out.with_name(out.name + ".partial")
        with alone(partial):
            if not (out / "metrics.json").exists():
                discard_other_run(partial, settings, fingerprint(samples, graphs))
                _fit(samples, graphs, settings, partial, at, progress)
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
    samples: Samples,
    graphs: CrystalGraphs,
    settings: RunSettings,
    partial: Path,
    device: torch.device,
    progress: bool,
) -> None:
    scale = samples.scale(settings.model.pooling)
    classes = samples.classes() if settings.task == "classification" else ()
    standardisation, descriptors, n_filled = None, None, 0
    if samples.descriptors is not None:
        standardisation = Standardisation.fit(samples.descriptors, samples.ids("training"), gaps=True)
        descriptors, n_filled = standardisation.filled(samples.descriptors, samples.folder.ids)
        if n_filled and progress:
            print(f"{n_filled} crystals lack a descriptor; the training median stands in", file=sys.stderr)
    torch.manual_seed(settings.model_seed)
    network = CGCNN(
        atom_feature_table(samples.folder.atom_features),
        settings.graph,
        settings.model,
        0 if standardisation is None else len(standardisation.names),
        len(classes) or samples.targets.shape[1],
        bool(classes),
    )
    log = EpochLog(partial / "log.csv", settings.trainer.epochs, partial.stem, progress)
    _optimise(
        Optimisation(
            network,
            graphs,
            descriptors,
            samples.objective(settings, scale),
            settings.trainer,
            settings.model_seed,
        ),
        samples,
        log,
        partial / "checkpoints",
        device,
    )
    model = TrainedModel(network, settings.graph, scale, samples.names, classes, standardisation)
    predictions = model.predict(graphs, device, descriptors)
    best_epoch, best_error = log.best()
    model.save(partial / MODEL_FILE, settings.model, epoch=best_epoch, best_mae_error=best_error)
    write_predictions(partial / "predictions.csv", samples, predictions)
    metrics = {
        "status": "done",
        "best_epoch": best_epoch,
        "epochs": settings.trainer.epochs,
        "train_seconds": round(log.seconds(), 1),
        "device": f"{device.type}, {torch.get_num_threads()} threads, {platform.machine()}",
        **samples.sizes(),
        **({"n_filled": n_filled} if standardisation else {}),
        **fold_metrics(samples, predictions, settings.task),
    }
    write_text(partial / "metrics.json", json.dumps(metrics, indent=2) + "\n")


def _optimise(
    optimisation: Optimisation, samples: Samples, log: EpochLog, checkpoints: Path, device: torch.device
) -> None:
    """Trains, from the last checkpoint if there is one, and leaves the network with its best weights."""
    settings = optimisation.settings
    training = EpochBatches(len(samples.at("training")), settings.batch_size, optimisation.seed)
    validation = EpochBatches(len(samples.at("validation")), settings.batch_size, None)
    best = ModelCheckpoint(
        checkpoints, "best", monitor="validation_error", save_weights_only=True, enable_version_counter=False
    )
    last = ModelCheckpoint(
        checkpoints,
        "last",
        every_n_epochs=RESUME_EVERY,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )
    with _quiet_lightning():
        trainer = L.Trainer(
            accelerator="gpu" if device.type == "cuda" else "cpu",
            devices=1,
            max_epochs=settings.epochs,
            gradient_clip_val=settings.gradient_clip,
            callbacks=[log, best, last],
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
        )
        try:
            trainer.fit(
                optimisation,
                DataLoader(Positions(samples.at("training")), sampler=training, batch_size=None),
                DataLoader(Positions(samples.at("validation")), sampler=validation, batch_size=None),
                ckpt_path=checkpoints / "last.ckpt" if (checkpoints / "last.ckpt").exists() else None,
            )
        except SystemExit:  # what Lightning makes of Ctrl-C and of SIGTERM
            raise KeyboardInterrupt from None
    weights = torch.load(best.best_model_path, map_location="cpu", weights_only=True)["state_dict"]
    optimisation.network.load_state_dict(
        {name.removeprefix("network."): tensor for name, tensor in weights.items()}
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
