"""Trains a model on a dataset folder and writes a run folder, completely or not at all."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hybrid.atomic import locked, write_text
from hybrid.data.folder import CrystalFolder
from hybrid.data.groups import formula_overlap
from hybrid.descriptors.of_folder import atom_counts
from hybrid.device import resolve_device
from hybrid.errors import DivergedError, InputError, note
from hybrid.graphs.composition import CompositionGraphs
from hybrid.graphs.merged_crystal import MergedCrystalGraphs
from hybrid.processor import knows_bfloat16
from hybrid.reading import read_json
from hybrid.settings import RunSettings
from hybrid.trained.loading import load_members
from hybrid.training.model_registry import get_model
from hybrid.training.results import Fit, Fitted, Job, fold_metrics, write_predictions
from hybrid.training.run_folder import begin, inputs_of, refuse_occupied, refuse_other_run
from hybrid.training.samples import Samples


def train(
    folder: CrystalFolder,
    settings: RunSettings,
    out: Path,
    folds: np.ndarray | None = None,
    device: str = "auto",
    progress: bool = True,
    fit: Fit | None = None,
) -> dict[str, Any]:
    """Trains on a folder, or continues a stopped call, and returns the contents of metrics.json.

    Writes settings.json, inputs.json (what was learnt from, by content), predictions.csv
    (id,fold,target,prediction in the target's unit) and metrics.json, and of a network log.csv and model.ckpt
    (the epoch of lowest validation error). Until the run is complete it is in `<out>.partial`.

    Args:
        folder: crystals with targets.
        settings: everything that decides the result.
        out: the run folder to write; a finished run there is returned unchanged.
        folds: a fold for each crystal, instead of the settings' split.
        device: auto, cpu or cuda.
        progress: show progress bars.
        fit: instead of the model's own.

    Raises:
        InputError: the data cannot be used or split, model or device has no bf16 that is asked for, training
            diverged, or `out` holds another run, finished, stopped or under way.
    """
    if out.name in ("", ".."):
        raise InputError(f"{out}: is no name for a run folder")
    samples, model = samples_of(folder, settings, folds), get_model(settings.model.name)
    inputs = inputs_of(samples, atom_counts(samples.folder)[:, None] if model.counts_atoms else None)
    partial = out.with_name(out.name + ".partial")
    if not (out / "metrics.json").exists():
        refuse_occupied(out)
        at = resolve_device(device)
        refuse_precision(settings, at)
        samples = with_graphs(samples, settings)  # bad input leaves nothing
        busy = f"{out}: is being trained by another process; wait for it, or choose another --out"
        with locked(partial / "lock", busy):
            if (out / "metrics.json").exists():  # as the other process may just have finished
                shutil.rmtree(partial)
            else:
                begin(partial, settings, inputs)
                inputs = b""  # they are as large as the table of the crystals
                _fit(samples, settings, Job(partial, at, progress), fit or model.fit)
                partial.replace(out)
                (out / "lock").unlink()
                return _metrics(out)
    refuse_other_run(out, settings, inputs)
    return _metrics(out)


def _metrics(run: Path) -> dict[str, Any]:
    metrics: dict[str, Any] = read_json(run / "metrics.json")
    return metrics


def _fit(samples: Samples, settings: RunSettings, job: Job, fit: Fit) -> None:
    """Fits a model, or continues its training, and writes its run folder."""
    checkpoints = job.folder / "checkpoints"
    try:
        fitted = fit(samples, settings, job)
    except DivergedError:  # the end of this training, so that another may begin here
        shutil.rmtree(checkpoints, ignore_errors=True)
        raise
    except InputError:
        if not any(checkpoints.glob("*")):  # nothing has been learnt
            shutil.rmtree(job.folder)
        raise
    if settings.task == "classification" and not np.isin(fitted.predictions, samples.targets).all():
        raise InputError(f"--task classification: {settings.model.name} predicts numbers that are no classes")
    _report(samples, fitted, settings, job.folder)
    shutil.rmtree(checkpoints, ignore_errors=True)


def subset(folder: CrystalFolder, settings: RunSettings) -> CrystalFolder:
    """The crystals that a run is about: all, or a random choice by the data seed.

    Raises:
        InputError: the folder holds fewer than are asked for.
    """
    if settings.n_structures is None:
        return folder
    if settings.n_structures > len(folder):
        raise InputError(f"{folder.path}: holds {len(folder)} structures, not {settings.n_structures}")
    generator = np.random.default_rng(settings.data_seed)
    chosen = generator.choice(len(folder), settings.n_structures, replace=False)
    return folder.take(sorted(chosen))


def refuse_precision(settings: RunSettings, device: torch.device) -> None:
    """Training in bfloat16 is for networks that it makes faster and that lose no accuracy.

    Raises:
        InputError: it is asked for, and the model is another one or the device does not know it.
    """
    if settings.trainer.precision == "fp32":
        return
    network = get_model(settings.model.name).network
    if network is None or "bf16" not in network.precisions:
        raise InputError(f"--precision bf16: {settings.model.name} cannot be trained in it")
    if device.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise InputError("--precision bf16: this machine's GPU does not compute in bfloat16")
    if device.type == "cpu" and not knows_bfloat16():
        note("--precision bf16: this processor does not compute in bfloat16; fp32 is faster")


def samples_of(folder: CrystalFolder, settings: RunSettings, folds: np.ndarray | None = None) -> Samples:
    """What a run learns from, with descriptors if its model takes any; see `Samples.of`.

    Of a model that learns from the validation crystals too, these are training crystals. A training that
    starts from a trained model takes its element features, to which the weights belong.
    """
    model = get_model(settings.model.name)
    if settings.start.init_from:
        source, *_ = load_members(settings.start.init_from)
        folder = replace(folder, atom_features=source.atom_features)
    samples = Samples.of(folder, settings, folds, model.uses_descriptors)
    if not model.learns_validation:
        return samples
    learnt = samples.folds == "validation"
    return replace(samples, folds=np.where(learnt, "training", samples.folds))


def with_graphs(samples: Samples, settings: RunSettings) -> Samples:
    """The same with the graphs that the model's network takes, if it is one.

    Raises:
        InputError: a graph cannot be made, or the network has no such pooling.
    """
    network = get_model(settings.model.name).network
    if network is None:
        return samples
    if network.poolings and settings.model.pooling not in network.poolings:
        known = " and ".join(network.poolings)
        raise InputError(f"--pooling {settings.model.pooling}: {network.name} has {known} pooling only")
    graphs = samples.folder.graphs(settings.graph, network.graphs)
    if not isinstance(graphs, CompositionGraphs):  # Roost has no batch normalisation
        samples.refuse_single_rows(graphs.n_atoms, settings.trainer.batch_size, network.normalises_crystals)
    return replace(samples, graphs=graphs)


def _report(samples: Samples, fitted: Fitted, settings: RunSettings, partial: Path) -> None:
    write_predictions(partial / "predictions.csv", samples, fitted)
    metrics = {"status": "done", "epochs": settings.trainer.epochs, **fitted.notes}
    if not get_model(settings.model.name).sees_structure:  # test formulas may have been in training
        formulas = samples.folder.graphs(settings.graph, CompositionGraphs).formulas()
        metrics["formula_overlap"] = formula_overlap(formulas, samples.folds)
    if isinstance(samples.graphs, MergedCrystalGraphs) and settings.graph.ties == "found":
        metrics["n_tied_atoms"] = int(samples.graphs.n_tied.sum())  # rounding chooses their neighbours
    metrics |= samples.sizes() | fold_metrics(samples, fitted, settings.task)
    write_text(partial / "metrics.json", json.dumps(metrics, indent=2) + "\n")
