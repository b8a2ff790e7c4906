"""Fits networks: with Lightning, from the last checkpoint of a stopped run, to the best epoch's weights."""

import contextlib
import logging
import platform
import sys
import warnings
from collections.abc import Iterator
from typing import Literal

import lightning as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader

from hybrid.checkpoint import MODEL_FILE, TrainedModel
from hybrid.descriptors.table import Standardisation
from hybrid.models.cgcnn import atom_feature_table
from hybrid.models.networks import NetworkKind
from hybrid.settings import RunSettings
from hybrid.training.epoch_log import EpochLog
from hybrid.training.optimisation import EpochBatches, Optimisation, Positions
from hybrid.training.results import Fitted, Job
from hybrid.training.samples import Samples

PRECISIONS: dict[str, Literal["32-true", "bf16-mixed"]] = {"fp32": "32-true", "bf16": "bf16-mixed"}
RESUME_EVERY = 10  # epochs between the checkpoints from which a stopped run goes on


def fit_network(kind: NetworkKind, samples: Samples, settings: RunSettings, job: Job) -> Fitted:
    """Trains a network, with descriptors in its readout if the samples have any, and saves it.

    Args:
        kind: of network.
        samples: graphs, targets, descriptors and folds.
        settings: everything that decides the result.
        job: where and how.
    """
    graphs = samples.graphs
    assert graphs is not None
    scale = samples.scale(graphs.n_atoms, settings.model.pooling)
    classes = samples.classes() if settings.task == "classification" else ()
    descriptors = (
        StandardisedDescriptors(samples, settings, job.progress) if samples.descriptors is not None else None
    )
    torch.manual_seed(settings.model_seed)
    network = kind.build(
        atom_feature_table(samples.folder.atom_features),
        settings.graph,
        settings.model,
        0 if descriptors is None else len(descriptors.standardisation.names),
        len(classes) or samples.targets.shape[1],
        bool(classes),
    )
    rows = None if descriptors is None else descriptors.rows
    optimisation = Optimisation(
        network, graphs, rows, samples.objective(settings, scale), settings.trainer, settings.model_seed
    )
    log = optimise(optimisation, samples, job)
    standardisation = None if descriptors is None else descriptors.standardisation
    model = TrainedModel(network, settings.graph, scale, samples.names, classes, standardisation, kind.name)
    best_epoch, best_error = log.best()
    model.save(job.folder / MODEL_FILE, settings.model, epoch=best_epoch, best_mae_error=best_error)
    notes = training_notes(log, job.device)
    if descriptors is not None:
        notes["n_filled"] = descriptors.n_filled
    return Fitted(model.predict(graphs, job.device, rows), notes)


class StandardisedDescriptors:
    """The samples' standardised descriptors; the training median stands for what is missing."""

    def __init__(self, samples: Samples, settings: RunSettings, progress: bool):
        assert samples.descriptors is not None
        self.standardisation = Standardisation.fit(
            samples.descriptors, samples.ids("training"), gaps=True, limit=settings.model.descriptor_limit
        )
        self.rows, self.n_filled = self.standardisation.filled(samples.descriptors, samples.folder.ids)
        if self.n_filled and progress:
            print(
                f"{self.n_filled} crystals lack a descriptor; the training median stands in", file=sys.stderr
            )


def training_notes(log: EpochLog, device: torch.device) -> dict[str, object]:
    """What metrics.json says of a training."""
    return {
        "best_epoch": log.best()[0],
        "train_seconds": round(log.seconds(), 1),
        "device": f"{device.type}, {torch.get_num_threads()} threads, {platform.machine()}",
    }


def optimise(optimisation: Optimisation, samples: Samples, job: Job) -> EpochLog:
    """Trains, from the last checkpoint if there is one, and leaves the network with its best weights.

    Args:
        optimisation: network, graphs and objective.
        samples: the folds.
        job: where and how.

    Raises:
        DivergedError: the validation error is no longer a number.
    """
    settings, checkpoints = optimisation.settings, job.folder / "checkpoints"
    log = EpochLog(job.folder / "log.csv", settings.epochs, job.folder.stem, job.progress)
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
            accelerator="gpu" if job.device.type == "cuda" else "cpu",
            devices=1,
            precision=PRECISIONS[settings.precision],
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
    return log


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
