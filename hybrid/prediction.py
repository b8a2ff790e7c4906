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

    Descriptors for the model are read from the folder's descriptors.csv, or computed. A missing value is
    replaced by the median of the training set.

    Raises:
        InputError: a structure cannot be read, the model has no features for an element, or it needs a
            descriptor that is not in the folder and cannot be computed.
    """
    descriptors = None
    if model.standardisation is not None:
        table = folder_descriptors(folder, model.standardisation.names)
        descriptors, n_filled = model.standardisation.filled(table, folder.ids)
        if n_filled:
            print(f"{n_filled} crystals lack a descriptor; the training median is used", file=sys.stderr)
    graphs = replace(folder, atom_features=model.atom_features).graphs(model.graph, model.kind.graphs)
    return model.predict(graphs, device, descriptors, progress=True)


def write_folder_predictions(
    path: Path, folder: CrystalFolder, predictions: np.ndarray, names: tuple[str, ...] = ()
) -> None:
    """Writes a CSV file with id, target (if known) and prediction, or one prediction for each of `names`."""
    labels, columns = [f"prediction {name}" for name in names] or ["prediction"], predictions.T.tolist()
    if folder.targets is not None and not names:
        labels, columns = ["target", *labels], [folder.targets.tolist(), *columns]
    with atomic_file(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", *labels])
        for identity, *numbers in zip(folder.ids, *columns, strict=True):
            writer.writerow([identity, *(f"{number:.7g}" for number in numbers)])
