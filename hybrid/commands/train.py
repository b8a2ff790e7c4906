"""`hybrid train`: trains a model on a folder of structures."""

import argparse
import ast
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hybrid.commands import common
from hybrid.errors import InputError, note
from hybrid.settings import ALIGNNSettings, GraphSettings, ModelSettings, RunSettings, TrainerSettings

CGCNN = ("n_conv", "atom_fea_len", "h_fea_len", "n_h")
ALIGNN = ("alignn_layers", "gcn_layers", "hidden")
GRAPH = ("max_neighbours", "radius", "ties")
TRAINER = ("batch_size", "optimiser", "learning_rate", "gradient_clip", "precision")
RUN = ("targets", "task", "n_structures", "data_seed", "model_seed")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add, settings = parser.add_argument, common.add_settings
    add("folder", type=Path, help="id_prop.csv (id,target) and structure files named by id")
    models = "cgcnn, alignn, de-cgcnn, de-alignn, roost, forest, FILE.py:CLASS; default: cgcnn"
    add("--model", default="cgcnn", help=models)
    poolings = "mean (intensive), sum (extensive), shifted-sum (lengths), FILE.py:NAME; default: mean"
    add("--pooling", default="mean", help=poolings)
    settings(parser, ModelSettings, ("descriptors",))
    settings(parser, RunSettings, RUN)
    add(
        "--out",
        type=Path,
        help="run folder; default: <folder>-<model>-<pooling>-<changed settings> here",
    )
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
    from hybrid.data.listed import target_names
    from hybrid.data.splits import read_split
    from hybrid.metrics import in_words
    from hybrid.training.choices import chosen_settings
    from hybrid.training.run import subset, train
    from hybrid.user_code import resolve_name

    common.one_split(options)
    common.run_code(options)
    options.model, options.pooling = resolve_name(options.model), resolve_name(options.pooling)
    names = ("descriptors", "epochs", "split", *RUN, *TRAINER, *CGCNN, *ALIGNN, *GRAPH)
    choices = {**common.given(options, names), **dict(map(_assigned, options.set))}
    settings = chosen_settings(options.model, options.pooling, options.trainer, **choices)
    listed = not settings.targets or set(settings.targets) <= set(target_names(options.folder))
    folder = subset(common.read(options, targets=listed), settings)
    if settings.task == "regression" and folder.targets is not None and set(folder.targets.flat) == {0, 1}:
        note("all targets are 0 or 1; --task classification gives a probability of each class")
    folds = read_split(options.split_file, folder.ids, settings.data_seed) if options.split_file else None
    out = options.out or common.default_output(options.folder, name_of_run(options, settings))
    if out.exists() and not (out / "metrics.json").exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: exists already and is not a run folder; choose another --out")
    metrics = train(folder, settings, out, folds, options.device)
    unit = "" if settings.targets else _unit(options.folder)
    if "best_epoch" in metrics:
        print(f"best epoch: {metrics['best_epoch']} of {metrics['epochs']}")
    for fold in ("validation", "test"):
        several = all(isinstance(scores, dict) for scores in metrics[fold].values())
        for name, scores in metrics[fold].items() if several else [("", metrics[fold])]:
            print(f"{fold}{f', {name}' if name else ''}: {in_words(scores, unit)}")
    print(out)


def name_of_run(options: argparse.Namespace, settings: RunSettings) -> str:
    """-<model>-<pooling>, a user's own without its file, and what differs from the defaults."""
    from hybrid.training.choices import chosen_settings

    default = chosen_settings(options.model, options.pooling, options.trainer).model_dump()
    words = [name.rpartition(":")[2] for name in (options.model, options.pooling)]
    words += ["paper"] * (options.trainer == "paper")
    words += _differences(settings.model_dump(), default)
    words += [options.split_file.stem] if options.split_file else []
    name = re.sub(r"[^\w.+-]+", "_", "".join(f"-{word}" for word in words))
    return name if len(name) <= 120 else f"{name[:110]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _differences(settings: dict[str, Any], default: dict[str, Any]) -> Iterator[str]:
    """Name and value of each setting that is not the default; a task's name says enough."""
    for name, value in settings.items():
        if isinstance(value, dict) and name != "code":
            yield from _differences(value, default.get(name, {}))
        elif name != "code" and value != default.get(name):
            values = value if isinstance(value, tuple | list) else [value]
            yield "-".join([name.replace("_", "-")] * (name != "task") + [str(one) for one in values])


def _unit(folder: Path) -> str:
    """The unit of the targets, if the folder's manifest.json says it."""
    try:
        unit = json.loads((folder / "manifest.json").read_text())["unit"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return "" if unit == "1" else str(unit)


def _assigned(text: str) -> tuple[str, Any]:
    """NAME=VALUE as a name and a number, truth value or text."""
    name, separator, value = text.partition("=")
    if not separator or not name.isidentifier():
        raise InputError(f"--set {text}: should be NAME=VALUE")
    try:
        return name, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return name, value
