"""Converts checkpoints of the original and the patched trainer of ALIGNN, with settings in a config.json."""

import re
from pathlib import Path
from typing import Any

from torch import Tensor

from hybrid.errors import InputError
from hybrid.reading import read_json
from hybrid.settings import ALIGNNSettings, GraphSettings, ModelSettings


def is_alignn_checkpoint(checkpoint: Any) -> bool:
    """Whether a checkpoint is one of ALIGNN's trainer."""
    weights = checkpoint.get("model", {}) if isinstance(checkpoint, dict) else {}
    return "alignn_layers.0.edge_update.bn_edges.weight" in weights


def convert_checkpoint(checkpoint: dict[str, Any], file: Path) -> dict[str, Any]:
    """The checkpoint in our format. Sizes follow from the weights, other settings from config.json beside it.

    Without a config.json, a regression with upstream's graph and average pooling is assumed.

    Raises:
        InputError: config.json has a setting that our network does not support.
    """
    path, weights = file.parent / "config.json", checkpoint["model"]
    config: dict[str, Any] = read_json(path) if path.exists() else {}
    chosen = config.get("model", {})
    for place, key, wanted in (
        (config, "neighbor_strategy", "k-nearest"),
        (config, "use_canonize", True),
        (config, "atom_features", "cgcnn"),
        (chosen, "link", "identity"),
    ):
        if place.get(key, wanted) != wanted:
            raise InputError(f"{path}: {key} is {place[key]}; only {wanted} can be used")
    classification = bool(chosen.get("classification") or config.get("classification_threshold") is not None)
    graph = GraphSettings(max_neighbours=config.get("max_neighbors", 12), radius=config.get("cutoff", 8.0))
    model = ModelSettings(pooling=chosen.get("pooling", "mean"), alignn=_sizes(weights))
    n_outputs = len(weights.get("fc3.bias", weights["fc.bias"]))
    return {
        "state_dict": weights,
        "args": {
            "network": "alignn",
            **model.model_dump(include={"pooling", "alignn"}),
            "task": "classification" if classification else "regression",
            "graph": graph.model_dump(),
        },
        "normalizer": checkpoint.get("normalizer", {"mean": 0.0, "std": 1.0}),
        "classes": range(n_outputs if classification else 0),
        "targets": [] if classification or n_outputs == 1 else [f"target {i + 1}" for i in range(n_outputs)],
        "descriptors": checkpoint.get("descriptors"),
    }


def _sizes(weights: dict[str, Tensor]) -> ALIGNNSettings:
    embedding, bond_features = weights["edge_embedding.1.layer.0.weight"].shape
    return ALIGNNSettings(
        alignn_layers=_count(weights, "alignn_layers"),
        gcn_layers=_count(weights, "gcn_layers"),
        hidden=len(weights["atom_embedding.layer.0.bias"]),
        embedding=embedding,
        bond_features=bond_features,
        angle_features=weights["angle_embedding.1.layer.0.weight"].shape[1],
    )


def _count(weights: dict[str, Tensor], layers: str) -> int:
    return len({found[1] for key in weights if (found := re.match(rf"{layers}\.(\d+)\.", key))})
