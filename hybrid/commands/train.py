"""`hybrid train`: trains a model on a folder of structures."""

import argparse
import ast
from pathlib import Path
from typing import Any

from hybrid.commands import common
from hybrid.errors import InputError
from hybrid.settings import ALIGNNSettings, GraphSettings, ModelSettings, RunSettings, TrainerSettings

CGCNN = ("n_conv", "atom_fea_len", "h_fea_len", "n_h")
ALIGNN = ("alignn_layers", "gcn_layers", "hidden")
GRAPH = ("max_neighbours", "radius")
TRAINER = ("batch_size", "optimiser", "learning_rate", "gradient_clip", "precision")
RUN = ("targets", "task", "n_structures", "data_seed", "model_seed")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add, settings = parser.add_argument, common.add_settings
    add("folder", type=Path, help="id_prop.csv (id,target; no header) and structure files named by id")
    models = "cgcnn, alignn, de-cgcnn, de-alignn, roost, forest, FILE.py:CLASS; default: cgcnn"
    add("--model", default="cgcnn", help=models)
    poolings = "mean (intensive), sum (extensive), shifted-sum (lengths), FILE.py:NAME; default: mean"
    add("--pooling", default="mean", help=poolings)
    settings(parser, ModelSettings, ("descriptors",))
    settings(parser, RunSettings, RUN)
    add("--out", type=Path, help="run folder; default: <folder>-<model>-<pooling> here")
    common.add_split(parser, "--data-seed")
    trainers = "the optimiser and its settings: ours, or those of the paper; default: tuned"
    add("--trainer", default="tuned", choices=["tuned", "paper"], help=trainers)
    settings(parser, TrainerSettings, ("epochs",))
    trainer = parser.add_argument_group("settings of the trainer, instead of its own")
    settings(trainer, TrainerSettings, TRAINER, defaults=False)
    own = parser.add_argument_group("a network of your own")
    sets = "arguments of its class with other values"
    own.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help=sets)
    common.add_code(own)
    settings(parser.add_argument_group("sizes of CGCNN"), ModelSettings, CGCNN)
    settings(parser.add_argument_group("sizes of ALIGNN"), ALIGNNSettings, ALIGNN)
    settings(parser.add_argument_group("the graph"), GraphSettings, GRAPH)
    common.add_common(parser)


def run(options: argparse.Namespace) -> None:
    """Trains, and prints the errors on the test set."""
    from hybrid.data.splits import read_split
    from hybrid.training.choices import chosen_settings
    from hybrid.training.run import subset, train
    from hybrid.user_code import resolve_name

    common.one_split(options)
    common.run_code(options)
    options.model, options.pooling = resolve_name(options.model), resolve_name(options.pooling)
    names = ("descriptors", "epochs", "split", *RUN, *TRAINER, *CGCNN, *ALIGNN, *GRAPH)
    choices = {**common.given(options, names), **dict(map(_assigned, options.set))}
    settings = chosen_settings(options.model, options.pooling, options.trainer, **choices)
    folder = subset(common.read(options, targets=not settings.targets), settings)
    folds = read_split(options.split_file, folder.ids, settings.data_seed) if options.split_file else None
    model, pooling = (name.rpartition(":")[2] for name in (options.model, options.pooling))
    out = options.out or common.default_output(options.folder, f"-{model}-{pooling}")
    if out.exists() and not (out / "metrics.json").exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: exists already and is not a run folder; choose another --out")
    test = train(folder, settings, out, folds, options.device)["test"]
    for name, scores in test.items() if settings.targets else [("", test)]:
        print(f"test {name + ': ' if name else ''}{in_words(scores)}")
    print(out)


def in_words(scores: dict[str, float]) -> str:
    """Metrics in a line."""
    if "accuracy" in scores:
        return f"accuracy {scores['accuracy']:.3f} (most frequent class: {scores['majority']:.3f})"
    return f"MAE {scores['mae']:.4g}, MAE/MAD {scores['mae_over_mad']:.3f}, R² {scores['r2']:.3f}"


def _assigned(text: str) -> tuple[str, Any]:
    """NAME=VALUE as a name and a number, truth value or text."""
    name, separator, value = text.partition("=")
    if not separator or not name.isidentifier():
        raise InputError(f"--set {text}: should be NAME=VALUE")
    try:
        return name, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return name, value
