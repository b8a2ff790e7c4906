"""`hybrid predict`: predicts with a trained model or an upstream checkpoint."""

import argparse
from pathlib import Path

from hybrid.commands.options import add_common, default_output, read
from hybrid.commands.train import in_words
from hybrid.errors import InputError


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("model", type=Path, help="run folder or checkpoint file")
    parser.add_argument("folder", type=Path, help="structure files, with or without id_prop.csv")
    parser.add_argument("--out", type=Path, help="CSV to write; default: <folder>-predictions.csv here")
    add_common(parser)


def run(options: argparse.Namespace) -> None:
    """Predicts with a trained model, and prints the errors if the targets are known."""
    from hybrid.checkpoint import load
    from hybrid.metrics import classification_metrics, regression_metrics
    from hybrid.prediction import predict_folder, write_folder_predictions
    from hybrid.training.run import resolve_device

    out = options.out or default_output(options.folder, "-predictions.csv")
    if out.is_dir():
        raise InputError(f"{out}: is a folder; --out is the CSV file to write")
    model = load(options.model)
    folder = read(options, targets=(options.folder / "id_prop.csv").exists())
    predictions = predict_folder(model, folder, resolve_device(options.device))
    write_folder_predictions(out, folder, predictions, model.targets)
    print(f"{len(folder)} predictions; {out}")
    probabilities = model.network.classification and not model.classes
    if folder.targets is not None and len(folder) > 1 and not model.targets and not probabilities:
        metrics = classification_metrics if model.classes else regression_metrics
        print(f"against id_prop.csv: {in_words(metrics(folder.targets, predictions[:, 0]))}")
