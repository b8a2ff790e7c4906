"""`hybrid train`: trains a model on a folder of structures."""

import argparse
import ast
import hashlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybrid.commands import common
from hybrid.errors import InputError, note, one_line, sentence
from hybrid.settings import (
    ALIGNNSettings,
    GraphSettings,
    ModelSettings,
    RunSettings,
    StartSettings,
    TrainerSettings,
)

if TYPE_CHECKING:
    from hybrid.data.folder import CrystalFolder

CGCNN = ("n_conv", "atom_fea_len", "h_fea_len", "n_h")
ALIGNN = ("alignn_layers", "gcn_layers", "hidden")
GRAPH = ("max_neighbours", "radius", "ties")
TRAINER = ("batch_size", "optimiser", "learning_rate", "gradient_clip", "precision")
RUN = ("targets", "task", "n_structures", "data_seed", "model_seed")
START = ("init_from", "head", "freeze")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add, settings = parser.add_argument, common.add_settings
    add("folder", type=Path, help="id_prop.csv (id,target) and structure files named by id")
    models = "cgcnn, alignn, de-cgcnn, de-alignn, cgcnn-lattice, roost, forest, FILE.py:CLASS"
    add("--model", help=f"{models}; default: cgcnn")
    poolings = "mean (intensive), sum (extensive), shifted-sum (lengths), FILE.py:NAME; default: mean"
    add("--pooling", help=poolings)
    settings(parser, ModelSettings, ("descriptors",))
    settings(parser, RunSettings, RUN)
    add("--out", type=Path, help="run folder; default: <folder>-<model>-<pooling>-<changed settings> here")
    add("--no-report", action="store_true", help="do not draw report.html and figures/")
    common.add_split(parser, "--data-seed")
    several = parser.add_argument_group("several networks in one run").add_mutually_exclusive_group()
    seeds = "an ensemble of N networks, --model-seed and the next ones: mean, spread and intervals"
    several.add_argument("--seeds", type=_several, default=1, metavar="N", help=seeds)
    folds = "cross-validation: every crystal is predicted by a network that did not see it"
    several.add_argument("--folds", type=_several, metavar="K", help=folds)
    grouping = "crystals of one formula or prototype stay on one side of a split"
    add("--grouping", choices=["formula", "prototype"], help=grouping)
    settings(parser.add_argument_group("fine-tuning"), StartSettings, START)
    trainers = "the optimiser and its settings: ours, or those of the paper; default: tuned"
    add("--trainer", default="tuned", choices=["tuned", "paper"], help=trainers)
    settings(parser, TrainerSettings, ("epochs",))
    trainer = parser.add_argument_group("settings of the trainer, instead of its own")
    settings(trainer, TrainerSettings, TRAINER, defaults=False)
    own = parser.add_argument_group("a network of your own")
    sets = "arguments of its class with other values"
    own.add_argument("--set", nargs="+", action="extend", default=[], metavar="NAME=VALUE", help=sets)
    common.add_code(own)
    settings(parser.add_argument_group("sizes of CGCNN"), ModelSettings, CGCNN)
    settings(parser.add_argument_group("sizes of ALIGNN"), ALIGNNSettings, ALIGNN)
    settings(parser.add_argument_group("the graph"), GraphSettings, GRAPH)
    common.add_common(parser)
    common.add_jobs(parser, "prepare the crystals, and train the networks of --seeds or --folds")


def run(options: argparse.Namespace) -> None:
    """Trains, and prints the errors on the test set."""
    from hybrid.data.splits import read_split
    from hybrid.metrics import in_words
    from hybrid.training.choices import chosen_settings
    from hybrid.training.run import subset, train
    from hybrid.training.several import cross_validate, train_ensemble

    if common.one_split(options) and options.folds:
        raise InputError("--folds: makes its own splits; give no other")
    if options.grouping and options.split_file:
        raise InputError("--grouping: --split-file has the folds already; give one of them")
    common.run_code(options)
    names = ("descriptors", "epochs", "split", "grouping", *RUN, *TRAINER, *CGCNN, *ALIGNN, *GRAPH, *START)
    choices = {**common.given(options, names), "own": dict(map(_assigned, options.set))}
    _choose_model(options, choices)
    code = [path.name for path in options.code]
    settings = chosen_settings(options.model, options.pooling, options.trainer, code, **choices)
    folder = subset(common.read(options, targets=True, chosen=settings.targets or None), settings)
    if settings.task == "regression" and folder.targets is not None and set(folder.targets.flat) == {0, 1}:
        note("all targets are 0 or 1; --task classification gives a probability of each class")
    folds = read_split(options.split_file, folder.ids, settings.data_seed) if options.split_file else None
    out = options.out or common.default_output(options.folder, name_of_run(options, settings))
    if options.folds:
        metrics = cross_validate(folder, settings, out, options.folds, options.device)
    elif options.seeds > 1:
        metrics = train_ensemble(folder, settings, out, options.seeds, folds, options.device)
    else:
        metrics = train(folder, settings, out, folds, options.device)
    unit = "" if settings.targets else folder.unit
    if "best_epoch" in metrics:
        print(f"best epoch: {metrics['best_epoch']} of {metrics['epochs']}")
    if "head" in metrics:
        print(f"head: {metrics['head']}")
    known = metrics.get("n_test_known", 0)
    if known is None:
        note(f"{options.init_from} does not say what it was trained on; test crystals may be among it")
    elif known:
        note(f"{options.init_from} was trained on {known} of the test crystals")
    for fold in ("validation", "test"):
        if fold not in metrics:  # cross-validation has test parts only
            continue
        several = all(isinstance(scores, dict) for scores in metrics[fold].values())
        for name, scores in metrics[fold].items() if several else [("", metrics[fold])]:
            print(f"{fold}{f', {name}' if name else ''}: {in_words(scores, unit)}")
    if "0.9" in metrics.get("coverage", {}):
        print(f"intervals of 90 % contain {100 * metrics['coverage']['0.9']:.0f} % of the test set")
    if not options.no_report:
        draw_report(out, folder, options.split_file)
    print(out)


def _choose_model(options: argparse.Namespace, choices: dict[str, Any]) -> None:
    """Completes model, pooling and choices: by those of a trained model, or by the defaults."""
    from hybrid.training.start import start_choices
    from hybrid.user_code import resolve_name

    if options.model:
        options.model = resolve_name(options.model)
    if options.pooling:
        options.pooling = resolve_name(options.pooling)
    if options.init_from:
        found = start_choices(options.init_from, options.model, options.pooling, choices)
        options.model, options.pooling, more = found
        choices.update(more)
    options.model, options.pooling = options.model or "cgcnn", options.pooling or "mean"


def draw_report(run: Path, folder: "CrystalFolder", split_file: Path | None = None) -> None:
    """Writes the run's report and prints where; a failure is one line, since the run is whole."""
    try:
        from hybrid.report.run_page import write_report

        page = write_report(run, folder, split_file)
    except Exception as error:
        print(f"no report: {sentence(error) or one_line(error)}", file=sys.stderr)
    else:
        print(f"report: {page}")


def name_of_run(options: argparse.Namespace, settings: RunSettings) -> str:
    """-<model>-<pooling>, a user's own without its file, and what differs from the defaults."""
    from hybrid.training.choices import chosen_settings
    from hybrid.training.model_registry import get_model
    from hybrid.training.run_folder import leaves

    chosen = settings.model.name, settings.model.pooling
    default = dict(leaves(chosen_settings(*chosen, options.trainer).model_dump()))
    pools = get_model(settings.model.name).network is not None
    words = [name.rpartition(":")[2] for name in chosen[: 1 + pools]]
    words += ["paper"] * (options.trainer == "paper")
    for place, value in leaves(settings.model_dump()):
        if value != default.get(place) and not {"code", "init_sha256"} & set(place):
            values = value if isinstance(value, tuple | list) else [value] * (value is not True)
            said = [str(one).rpartition("/")[2] for one in values]  # of a model that training starts from
            label = [] if place[-1] == "task" else [place[-1].replace("_", "-")]  # a task's name says enough
            words.append("-".join(label + said))
    words += [options.split_file.stem] if options.split_file else []
    words += [f"{options.seeds}-seeds"] if options.seeds > 1 else []
    words += [f"{options.folds}-folds"] if options.folds else []
    name = re.sub(r"[^\w.+-]+", "_", "".join(f"-{word}" for word in words))
    return name if len(name) <= 120 else f"{name[:110]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _several(text: str) -> int:
    """A number of networks."""
    if not text.isdigit() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above 1")
    return int(text)


def _assigned(text: str) -> tuple[str, Any]:
    """NAME=VALUE as a name and a number, truth value or text."""
    name, separator, value = text.partition("=")
    if not separator or not name.isidentifier():
        raise InputError(f"--set {text}: should be NAME=VALUE")
    try:
        return name, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return name, value
