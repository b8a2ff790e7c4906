"""Predictions for a folder, as a table."""

import csv
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from hybrid.atomic import atomic_file
from hybrid.checkpoint import TrainedModel
from hybrid.data.folder import CrystalFolder
from hybrid.descriptors.of_folder import folder_descriptors


def predict_folder(model: TrainedModel, folder: CrystalFolder, device: torch.device) -> np.ndarray:
    """Predictions (n_crystals, n_targets) in the targets' units, or classes; see `TrainedModel.predict`.

    Descriptors that the model takes are read from the folder's descriptors.csv, or computed. The training
    median stands in for one that cannot be computed.

    Raises:
        InputError: a structure cannot be read, or holds an element that the model has no features for, or
            the model takes a descriptor that is not in the folder and cannot be computed.
    """
    descriptors = None
    if model.standardisation is not None:
        table = folder_descriptors(folder, model.standardisation.names)
        descriptors, n_filled = model.standardisation.filled(table, folder.ids)
        if n_filled:
            print(f"{n_filled} crystals lack a descriptor; the training median stands in", file=sys.stderr)
    features = model.network.atom_features.tolist()
    known = {number: values for number, values in enumerate(features) if any(values)}
    graphs = replace(folder, atom_features=known).graphs(model.graph, model.kind.graphs)
    return model.predict(graphs, device, descriptors, progress=True)


def write_folder_predictions(
    path: Path, folder: CrystalFolder, predictions: np.ndarray, names: tuple[str, ...] = ()
) -> None:
    """Writes id,target,prediction, without the target where there is none; a column each of several."""
    columns: dict[str, list[str]] = {"id": list(folder.ids)}
    if folder.targets is not None and not names:
        columns["target"] = [f"{number:.7g}" for number in folder.targets]
    labels = [f"prediction {name}" for name in names] or ["prediction"]
    for label, numbers in zip(labels, predictions.T, strict=True):
        columns[label] = [f"{number:.7g}" for number in numbers]
    with atomic_file(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
