"""Reads trained models: our checkpoints, upstream's of CGCNN and ALIGNN, and those of the patched scripts."""

import argparse
from pathlib import Path
from typing import Any

import torch

from hybrid.data.folder import ATOM_INIT, read_atom_features
from hybrid.descriptors.table import Standardisation
from hybrid.errors import InputError, one_line
from hybrid.models.alignn_checkpoint import convert_checkpoint, is_alignn_checkpoint
from hybrid.models.cgcnn import atom_feature_table
from hybrid.models.network_registry import get_network
from hybrid.readout import TargetScale
from hybrid.settings import GraphSettings, ModelSettings
from hybrid.trained.domain import TrainingDomain
from hybrid.trained.model import TrainedModel
from hybrid.user_code import check_digests
from hybrid.weights import read_weights, refuse_not_finite

MODEL_FILE = "model.ckpt"


def load(path: Path) -> TrainedModel:
    """Reads a model from a run folder or a checkpoint file, ours or upstream's.

    Raises:
        InputError: there is no such file, or it is not a checkpoint of CGCNN, ALIGNN or Roost.
    """
    file = path / MODEL_FILE if path.is_dir() else path
    if not file.exists():
        if (path / "settings.json").exists():
            raise InputError(f"{path}: its model is not kept, as it is no network, and cannot predict again")
        missing = f"is no run folder, as it has no {MODEL_FILE}" if path.is_dir() else "no such model"
        raise InputError(f"{path}: {missing}")
    try:
        checkpoint = read_weights(file)
        checkpoint = convert_checkpoint(checkpoint, file) if is_alignn_checkpoint(checkpoint) else checkpoint
        for entry in ("state_dict", "normalizer", "descriptors"):
            refuse_not_finite(checkpoint.get(entry) or {}, file)
        return trained_model(checkpoint)
    except InputError:
        raise
    except Exception as error:  # any error is possible if the file is something else
        reason = one_line(error)
        raise InputError(f"{file}: is not a checkpoint of CGCNN, ALIGNN or Roost ({reason})") from error


def trained_model(checkpoint: dict[str, Any]) -> TrainedModel:
    """The model of a checkpoint's content."""
    args = checkpoint["args"]
    args = vars(args) if isinstance(args, argparse.Namespace) else args
    check_digests(args.get("code", {}))
    features = checkpoint.get("atom_features")
    if features is None:
        features = atom_feature_table(read_atom_features(ATOM_INIT))
    kind = get_network(args.get("network", "cgcnn"))
    sizes = {key: args[key] for key in kind.sizes}
    settings = ModelSettings(
        name=kind.name, pooling=args.get("pooling", "mean"), code=args.get("code", {}), **sizes
    )
    graph = GraphSettings(**args.get("graph", {}))
    state = checkpoint.get("descriptors")
    standardisation = Standardisation.from_state_dict(state) if state else None
    n_descriptors = len(standardisation.names) if standardisation else 0
    targets, classes = (tuple(checkpoint.get(key, ())) for key in ("targets", "classes"))
    n_outputs = len(classes) or len(targets) or None
    classification = args.get("task") == "classification"
    network = kind.build(features, graph, settings, n_descriptors, n_outputs, classification)
    network.load_state_dict(checkpoint["state_dict"])
    if classification and not classes:  # upstream's CGCNN has two
        classes = (0, 1)
    scale = _scale(args, checkpoint["normalizer"])
    domain = TrainingDomain.from_state_dict(checkpoint["domain"]) if checkpoint.get("domain") else None
    target = str(checkpoint.get("target", ""))
    return TrainedModel(network, settings, graph, scale, targets, classes, standardisation, domain, target)


def _scale(args: dict[str, Any], normaliser: dict[str, Any]) -> TargetScale:
    """The scale of a checkpoint; unpatched cgcnn2 saves statistics that it does not use in training."""
    if "bias_temperature" in args and "pooling" not in args:
        return TargetScale(0.0, 1.0)
    mean, std = (torch.as_tensor(normaliser[key]) for key in ("mean", "std"))
    return TargetScale(mean, std) if mean.dim() else TargetScale(float(mean), float(std))
