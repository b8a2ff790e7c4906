"""`hybrid predict`: predicts with a trained model or an upstream checkpoint."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hybrid.atomic import write_csv
from hybrid.commands import common
from hybrid.errors import InputError, note

if TYPE_CHECKING:
    import numpy as np

    from hybrid.data.folder import CrystalFolder
    from hybrid.trained.ensemble import Ensemble
    from hybrid.trained.model import TrainedModel


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("model", type=Path, help="released model (`hybrid models`), run folder or checkpoint")
    parser.add_argument("folder", type=Path, help="structure files, with or without id_prop.csv")
    level = "probability of the intervals of an ensemble, 0.5 to 0.99; default: 0.9"
    parser.add_argument("--level", type=float, help=level)
    parser.add_argument(
        "--out", type=Path, help="CSV to write; default: <folder>-<model>-predictions.csv here"
    )
    common.add_code(parser)
    common.add_common(parser)
    common.add_jobs(parser)


def run(options: argparse.Namespace) -> None:
    """Predicts with a trained model, and prints the errors if the targets are known."""
    out = options.out or common.default_output(options.folder, "-predictions.csv", options.model)
    common.refuse_inputs(out, options.folder, options.model, *options.code)
    from hybrid.data.listed import target_names
    from hybrid.device import resolve_device
    from hybrid.trained.ensemble import Ensemble
    from hybrid.trained.learnt_from import folds_in_training
    from hybrid.trained.loading import load

    common.run_code(options)
    model = load(options.model)
    if options.level is not None:
        if not isinstance(model, Ensemble):
            raise InputError(f"--level: {options.model} is a single network, which gives no intervals")
        if model.classes:
            raise InputError(f"--level: {options.model} predicts classes, which have no intervals")
        model = replace(model, level=options.level)
    named = target_names(options.folder)
    wanted = model.targets or (named if len(named) == 1 else ())
    chosen = wanted if set(wanted) <= set(named) else ()
    listed = (options.folder / "id_prop.csv").exists()
    folder = common.read(options, targets=listed, every=True, chosen=chosen)
    inputs = model.inputs(folder)
    predictions = model.predict_inputs(inputs, resolve_device(options.device))
    targets, outside = known_targets(folder, model), model.outside(inputs)
    folds = folds_in_training(options.model, folder)
    write_predictions(out, folder.ids, folds, model, targets, predictions, outside)
    print(f"{len(folder)} predictions; {out}")
    n = sum(map(bool, outside))
    if n:
        are = "is" if n == 1 else "are"
        print(f"{n} of these crystals {are} not like those in training; the column 'outside' says why")
    if targets is not None:
        _print_errors(model, targets, predictions, folds)


def known_targets(folder: "CrystalFolder", model: "TrainedModel | Ensemble") -> "np.ndarray | None":
    """The model's targets (n_crystals, n_targets), NaN where there is none; None if the folder has others."""
    from hybrid.data.folder import same_target

    if folder.targets is None or not set(model.targets) <= set(folder.target_names):
        return None
    if not model.targets:
        if folder.target and model.target and not same_target(folder.target, model.target):
            note(f"{folder.path}: has {folder.target}, and the model predicts {model.target}")
            return None
        return folder.targets if folder.targets.shape[1] == 1 else None
    return folder.targets[:, [folder.target_names.index(name) for name in model.targets]]


def write_predictions(
    path: Path,
    ids: list[str],
    folds: list[str] | None,
    model: "TrainedModel | Ensemble",
    targets: "np.ndarray | None",
    predictions: "np.ndarray",
    outside: list[str],
) -> None:
    """Writes a CSV file: ids, folds and targets if they are known, predictions, and why not to trust them."""
    from hybrid.metrics import in_digits

    columns = [in_digits(column) for column in predictions.T]
    names = list(model.columns)
    if targets is not None:
        columns = [in_digits(column) for column in targets.T] + columns
        names = [f"target {name}".strip() for name in model.targets or ("",)] + names
    if folds:
        columns, names = [folds, *columns], ["fold", *names]
    write_csv(path, [["id", *names, "outside"], *zip(ids, *columns, outside, strict=True)])


def _print_errors(
    model: "TrainedModel | Ensemble",
    targets: "np.ndarray",
    predictions: "np.ndarray",
    folds: list[str] | None,
) -> None:
    """Prints how good predictions are where targets are known: of the test fold if there are folds."""
    import numpy as np

    from hybrid.metrics import classification_metrics, in_words, known, regression_metrics

    there = (np.isin(targets, model.classes) if model.classes else np.isfinite(targets)).all(axis=1)
    if folds:
        there &= np.array([fold in ("test", "") for fold in folds])
    if not there.any():
        return
    if folds is None:
        note("the model does not say which crystals it was trained on; these may be among them")
    targets, predictions = targets[there], predictions[there]
    for i, name in enumerate(model.targets or ("",)):
        if model.classes:
            scores = classification_metrics(
                targets[:, 0], predictions[:, 0], predictions[:, 1:], model.classes
            )
        else:
            column = model.columns.index(f"prediction {name}".strip())
            scores = regression_metrics(targets[:, i], predictions[:, column])
        where = f"against id_prop.csv, {'new ' if folds else ''}crystals{f', {name}' if name else ''}"
        print(f"{where} ({len(targets)}): {in_words(known(scores))}")
