"""Predictions for a folder, as a table."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from hybrid.atomic import atomic_file
from hybrid.checkpoint import TrainedModel
from hybrid.data.folder import CrystalFolder


def predict_folder(model: TrainedModel, folder: CrystalFolder, device: torch.device) -> np.ndarray:
    """Predictions (n_crystals,) in the target's unit; a classifier's probability of class 1.

    Raises:
        InputError: a structure cannot be read, or holds an element that the model has no features for.
    """
    table = model.network.atom_features.tolist()
    known = {number: features for number, features in enumerate(table) if any(features)}
    graphs = replace(folder, atom_features=known).graphs(model.graph)
    return model.predict(graphs, device, progress=True)


def write_predictions(
    path: Path, folder: CrystalFolder, predictions: np.ndarray, folds: np.ndarray | None = None
) -> None:
    """Writes id,fold,target,prediction, with the columns that there are."""
    columns = {"id": folder.ids}
    if folds is not None:
        columns["fold"] = list(folds)
    if folder.targets is not None:
        columns["target"] = [f"{number:.7g}" for number in folder.targets]
    columns["prediction"] = [f"{number:.7g}" for number in predictions]
    with atomic_file(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
