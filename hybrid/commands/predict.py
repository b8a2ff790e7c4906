"""`hybrid predict`: predicts with a trained model or an upstream checkpoint."""

import argparse
from pathlib import Path

from hybrid.commands.options import add_common, default_output, report_dropped
from hybrid.commands.train import in_words
from hybrid.errors import InputError


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("model", type=Path, help="run folder or checkpoint file")
    parser.add_argument("folder", type=Path, help="structure files, with or without id_prop.csv")
    parser.add_argument("--out", type=Path, help="CSV to write; default: <folder>-predictions.csv here")
    add_common(parser)


def run(options: argparse.Namespace) -> None:
    """Predicts with a trained model, and says how good it is where targets are known."""
    from hybrid.checkpoint import load
    from hybrid.data.folder import read_folder
    from hybrid.metrics import classification_metrics, regression_metrics
    from hybrid.prediction import predict_folder, write_folder_predictions
    from hybrid.training.run import resolve_device

    out = options.out or default_output(options.folder, "-predictions.csv")
    if out.is_dir():
        raise InputError(f"{out}: is a folder; --out is the CSV file to write")
    model = load(options.model)
    labelled = (options.folder / "id_prop.csv").exists()
    folder = read_folder(options.folder, targets=labelled, skip_bad=options.skip_bad)
    report_dropped(folder.dropped)
    predictions = predict_folder(model, folder, resolve_device(options.device))
    write_folder_predictions(out, folder, predictions, model.targets)
    print(f"{len(folder)} predictions; {out}")
    if folder.targets is None or model.targets or len(folder) < 2:
        return
    if model.classes:
        print(f"against id_prop.csv: {in_words(classification_metrics(folder.targets, predictions[:, 0]))}")
    elif not model.network.classification:
        print(f"against id_prop.csv: {in_words(regression_metrics(folder.targets, predictions[:, 0]))}")
