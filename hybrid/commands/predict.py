"""`hybrid predict`: predicts with a trained model or an upstream checkpoint."""

import argparse
import csv
from pathlib import Path
from typing import TYPE_CHECKING

from hybrid.atomic import atomic_file
from hybrid.commands.common import add_code, add_common, default_output, read, refuse_inputs, run_code
from hybrid.commands.train import in_words

if TYPE_CHECKING:
    import numpy as np

    from hybrid.data.folder import CrystalFolder


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("model", type=Path, help="run folder or checkpoint file")
    parser.add_argument("folder", type=Path, help="structure files, with or without id_prop.csv")
    parser.add_argument("--out", type=Path, help="CSV to write; default: <folder>-predictions.csv here")
    add_code(parser)
    add_common(parser)


def run(options: argparse.Namespace) -> None:
    """Predicts with a trained model, and prints the errors if the targets are known."""
    from hybrid.checkpoint import load
    from hybrid.device import resolve_device
    from hybrid.metrics import classification_metrics, regression_metrics

    out = options.out or default_output(options.folder, "-predictions.csv")
    refuse_inputs(out, options.folder, options.model)
    run_code(options)
    model = load(options.model)
    folder = read(options, targets=(options.folder / "id_prop.csv").exists())
    predictions = model.predict_folder(folder, resolve_device(options.device))
    write_predictions(out, folder, model.columns, predictions)
    print(f"{len(folder)} predictions; {out}")
    probabilities = model.network.classification and not model.classes
    if folder.targets is not None and len(folder) > 1 and not model.targets and not probabilities:
        metrics = classification_metrics if model.classes else regression_metrics
        print(f"against id_prop.csv: {in_words(metrics(folder.targets, predictions[:, 0]))}")


def write_predictions(
    path: Path, folder: "CrystalFolder", columns: list[str], predictions: "np.ndarray"
) -> None:
    """Writes a CSV file with id, target if there is one for one prediction, and predictions."""
    numbers = predictions.T.tolist()
    if folder.targets is not None and len(columns) == 1:
        columns, numbers = ["target", *columns], [folder.targets.tolist(), *numbers]
    with atomic_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", *columns])
        for identity, *row in zip(folder.ids, *numbers, strict=True):
            writer.writerow([identity, *(f"{number:.7g}" for number in row)])
