"""The command line. Every command says what is wrong in one sentence and exits with 2 if its input is."""

import argparse
import os
import sys
from pathlib import Path

from hybrid import __version__
from hybrid.errors import InputError


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.command(options) or 0
        return code
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130


def _train(options: argparse.Namespace) -> None:
    from pydantic import ValidationError

    from hybrid.data.folder import read_folder
    from hybrid.data.splits import read_split
    from hybrid.settings import GraphSettings, ModelSettings, RunSettings, TrainerSettings, default_trainer
    from hybrid.training.run import subset, train

    def given(*names: str) -> dict[str, object]:
        return {name: getattr(options, name) for name in names if getattr(options, name) is not None}

    chosen = given("epochs", "batch_size", "optimiser", "learning_rate", "gradient_clip")
    try:
        model = ModelSettings(
            name=options.model,
            pooling=options.pooling,
            **given("descriptors", "n_conv", "atom_fea_len", "h_fea_len", "n_h"),
        )
        settings = RunSettings(
            model=model,
            graph=GraphSettings(**given("max_neighbours", "radius")),
            trainer=TrainerSettings(**{**default_trainer(options.pooling).model_dump(), **chosen}),
            **given("task", "targets", "split", "n_structures", "data_seed", "model_seed"),
        )
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][0]).replace("_", "-")
        option = "model" if option == "name" else option
        raise InputError(f"--{option} {first['input']}: {first['msg']}") from error
    folder = read_folder(options.folder, targets=not settings.targets, skip_bad=options.skip_bad)
    _report_dropped(folder.dropped)
    folder = subset(folder, settings)
    folds = read_split(options.split_file, folder.ids, settings.data_seed) if options.split_file else None
    out = options.out or Path(f"{options.folder.resolve().name}-{options.model}-{options.pooling}")
    if out.exists() and not (out / "metrics.json").exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: is there already and is not a run folder; choose another --out")
    metrics = train(folder, settings, out, folds, options.device)
    test = metrics["test"]
    for name, scores in test.items() if settings.targets else [("", test)]:
        print(f"test {name + ': ' if name else ''}{_in_words(scores)}")
    print(out)


def _in_words(scores: dict[str, float]) -> str:
    if "accuracy" in scores:
        return f"accuracy {scores['accuracy']:.3f} (most frequent class: {scores['majority']:.3f})"
    return f"MAE {scores['mae']:.4g}, MAE/MAD {scores['mae_over_mad']:.3f}, R² {scores['r2']:.3f}"


def _predict(options: argparse.Namespace) -> None:
    from hybrid.checkpoint import load
    from hybrid.data.folder import read_folder
    from hybrid.metrics import classification_metrics, regression_metrics
    from hybrid.prediction import predict_folder, write_folder_predictions
    from hybrid.training.run import resolve_device

    out = options.out or Path(f"{options.folder.resolve().name}-predictions.csv")
    if out.is_dir():
        raise InputError(f"{out}: is a folder; --out is the CSV file to write")
    model = load(options.model)
    labelled = (options.folder / "id_prop.csv").exists()
    folder = read_folder(options.folder, targets=labelled, skip_bad=options.skip_bad)
    _report_dropped(folder.dropped)
    predictions = predict_folder(model, folder, resolve_device(options.device))
    write_folder_predictions(out, folder, predictions, model.targets)
    print(f"{len(folder)} predictions; {out}")
    if folder.targets is None or model.targets or len(folder) < 2:
        return
    if model.classes:
        print(f"against id_prop.csv: {_in_words(classification_metrics(folder.targets, predictions[:, 0]))}")
    elif not model.network.classification:
        print(f"against id_prop.csv: {_in_words(regression_metrics(folder.targets, predictions[:, 0]))}")


def _chains(options: argparse.Namespace) -> None:
    from hybrid.data.chain_sets import build_chains

    if options.out.exists():
        raise InputError(f"{options.out}: is there already")
    build_chains(
        options.out,
        options.kind,
        tuple(options.lengths),
        options.n_chains,
        options.seed,
        options.double_offset,
    )
    print(f"{options.n_chains} chains; {options.out}")


def _dataset(options: argparse.Namespace) -> None:
    from hybrid.data.registry import REGISTRY, dataset_folder, get_dataset

    if options.source:
        _own_dataset(options)
        return
    for option in ("out", "given_per", "per", "skip_bad", "random_split", "grouped_split"):
        if getattr(options, option):
            raise InputError(f"--{option.replace('_', '-')} goes with --from FOLDER")
    names = options.names or list(REGISTRY)
    known = [get_dataset(name) for name in names]
    if options.list:
        for name, dataset in zip(names, known, strict=True):
            print(f"{name:24} {dataset.description}")
        return
    problems = {}
    for name in names:
        try:
            print(f"{name}: {len(dataset_folder(name))} structures; datasets/{name}")
        except InputError as error:
            problems[name] = error
            print(f"{name}: not built: {error}", file=sys.stderr)
    if options.names and problems:
        raise InputError(f"not built: {', '.join(problems)}")


def _own_dataset(options: argparse.Namespace) -> None:
    from hybrid.data.own import Splitting, normalise_folder

    if options.names or options.list:
        raise InputError("--from FOLDER makes one dataset of that folder; it takes no names and no --list")
    if not options.out:
        raise InputError("--from FOLDER needs --out FOLDER")
    splitting = Splitting(
        random=bool(options.random_split),
        groupings=options.grouped_split or (),
        fractions=options.random_split or Splitting.fractions,
        seed=options.data_seed,
    )
    manifest = normalise_folder(
        options.source,
        options.out,
        given_per=options.given_per,
        per=options.per,
        skip_bad=options.skip_bad,
        splitting=splitting,
    )
    _report_dropped(manifest["dropped"])
    for name, counts in manifest["splits"].items():
        print(f"splits/{name}.csv: {', '.join(f'{count} {fold}' for fold, count in counts.items())}")
    print(f"{manifest['n_crystals']} crystals, {manifest['n_reduced']} in a smaller cell; {options.out}")


def _descriptors(options: argparse.Namespace) -> None:
    from hybrid.descriptors.many import write_descriptors

    table = write_descriptors(
        options.folder, space_group=options.space_group, backend=options.backend, n_jobs=options.jobs
    )
    for identity, reason in table.errors.items():
        print(f"no descriptors: {identity}: {reason}", file=sys.stderr)
    print(f"{len(table.ids)} crystals, {len(table.errors)} without; {options.folder / 'descriptors.csv'}")


def _reproduce(options: argparse.Namespace) -> int:
    from hybrid.experiments.reproduce import reproduce

    return reproduce(options.targets, options.scale, options.cores, options.profile)


def _run(options: argparse.Namespace) -> None:
    from hybrid.experiments.plan import execute

    execute(options.name, options.scale, options.device)


def _record(options: argparse.Namespace) -> None:
    from hybrid.experiments.reproduce import record

    record(options.name, options.scale)


def _draw(options: argparse.Namespace) -> None:
    from hybrid.experiments.reproduce import draw

    draw(options.name, options.scale)


def _report_dropped(dropped: list[str]) -> None:
    for reason in dropped:
        print(f"left out: {reason}", file=sys.stderr)
    if dropped:
        print(f"left out {len(dropped)} in all", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hybrid", description=sys.modules["hybrid"].__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    train = commands.add_parser("train", help="train a network on a folder of structures")
    train.set_defaults(command=_train)
    train.add_argument(
        "folder", type=Path, help="id_prop.csv (id,target; no header) and a structure file an id"
    )
    train.add_argument(
        "--model", default="cgcnn", help="cgcnn, or de-cgcnn, whose readout takes descriptors; default: cgcnn"
    )
    train.add_argument(
        "--pooling", default="mean", help="mean (intensive targets) or sum (extensive); default: mean"
    )
    train.add_argument(
        "--descriptors",
        nargs="+",
        metavar="NAME",
        help="columns of descriptors.csv that a de- model takes; default: all, computed if there are none",
    )
    train.add_argument(
        "--targets", nargs="+", metavar="NAME", help="learn these columns of descriptors.csv together"
    )
    train.add_argument(
        "--task",
        choices=["regression", "classification"],
        help="default: regression; classes are whole numbers",
    )
    train.add_argument("--out", type=Path, help="run folder; default: <folder>-<model>-<pooling> here")
    train.add_argument("--split-file", type=Path, help="CSV id,fold; default: a random split by --data-seed")
    train.add_argument(
        "--split", type=float, nargs=3, metavar=("TRAIN", "VAL", "TEST"), help="default: 0.8 0.1 0.1"
    )
    train.add_argument("--n-structures", type=int, help="train on a random subset of this size")
    train.add_argument("--data-seed", type=int, help="draws subset and split; default: 0")
    train.add_argument("--model-seed", type=int, help="draws weights and batches; default: 0")
    train.add_argument("--epochs", type=int, help="default: 300")
    train.add_argument("--batch-size", type=int)
    train.add_argument("--optimiser", choices=["sgd", "adam", "adamw"])
    train.add_argument("--learning-rate", type=float)
    train.add_argument("--gradient-clip", type=float, help="largest gradient norm")
    train.add_argument("--n-conv", type=int, help="convolution layers; default: 3")
    train.add_argument("--atom-fea-len", type=int, help="length of an atom vector; default: 64")
    train.add_argument("--h-fea-len", type=int, help="width of the head; default: 128")
    train.add_argument("--n-h", type=int, help="hidden layers of the head; default: 1")
    train.add_argument("--max-neighbours", type=int, help="default: 12")
    train.add_argument("--radius", type=float, help="cut-off in Å; default: 8")
    _common(train)

    predict = commands.add_parser("predict", help="predict with a trained model or an upstream checkpoint")
    predict.set_defaults(command=_predict)
    predict.add_argument("model", type=Path, help="run folder or checkpoint file")
    predict.add_argument("folder", type=Path, help="structure files, with or without id_prop.csv")
    predict.add_argument("--out", type=Path, help="CSV to write; default: <folder>-predictions.csv here")
    _common(predict)

    chains = commands.add_parser("chains", help="write a folder of 1D carbon chains (SI section 9)")
    chains.set_defaults(command=_chains)
    chains.add_argument("out", type=Path)
    chains.add_argument("--kind", default="single", help="single or mixed (half single, half double)")
    chains.add_argument(
        "--lengths", type=int, nargs=2, default=(2, 9), metavar=("FIRST", "END"), help="atoms a strand"
    )
    chains.add_argument("--n-chains", type=int, default=1400)
    chains.add_argument("--seed", type=int, default=0)
    chains.add_argument(
        "--double-offset", type=float, default=3.0, help="Å between the strands of a double chain"
    )

    dataset = commands.add_parser(
        "dataset", help="build datasets of the paper, or a normalised one of your own folder"
    )
    dataset.set_defaults(command=_dataset)
    dataset.add_argument("names", nargs="*", help="default: all that can be had here")
    dataset.add_argument("--list", action="store_true", help="say what there is instead")
    own = dataset.add_argument_group("your own structures")
    own.add_argument(
        "--from", dest="source", type=Path, metavar="FOLDER", help="id_prop.csv and a structure file an id"
    )
    own.add_argument("--out", type=Path, metavar="FOLDER", help="the folder to write: reduced cells as CIF")
    own.add_argument(
        "--given-per", metavar="UNIT", help="cell, atom or formula: what the targets there belong to"
    )
    own.add_argument(
        "--per", metavar="UNIT", help="cell, atom or formula: what they are to belong to; default: intensive"
    )
    own.add_argument("--skip-bad", action="store_true", help="leave out and list what cannot be used")
    own.add_argument(
        "--random-split", type=float, nargs=3, metavar=("TRAIN", "VAL", "TEST"), help="write such a split"
    )
    own.add_argument(
        "--grouped-split",
        nargs="+",
        metavar="GROUP",
        help="formula or prototype: write a split that tears no group apart; fractions of --random-split, "
        "otherwise 0.8 0.1 0.1",
    )
    own.add_argument("--data-seed", type=int, default=0, help="draws the splits; default: 0")

    descriptors = commands.add_parser("descriptors", help="write descriptors.csv for a folder of structures")
    descriptors.set_defaults(command=_descriptors)
    descriptors.add_argument("folder", type=Path)
    descriptors.add_argument("--space-group", action="store_true", help="with the space-group number")
    descriptors.add_argument("--jobs", type=int, default=1, help="processes; default: 1")
    descriptors.add_argument(
        "--backend", default="fast", choices=["fast", "matminer"], help="matminer: the slow reference"
    )

    reproduce = commands.add_parser("reproduce", help="reproduce figures and tables of the paper")
    reproduce.set_defaults(command=_reproduce)
    reproduce.add_argument("targets", nargs="+", metavar="FIGURE")
    _scale(reproduce)
    reproduce.add_argument(
        "--cores", type=int, default=os.cpu_count(), help="jobs at a time; default: all cores"
    )
    reproduce.add_argument("--profile", default="local", help="folder in workflow/profiles; default: local")

    for name, command, text in (
        ("run", _run, "do one training run of a reproduction"),
        ("record", _record, "collect an experiment's runs into its record"),
        ("draw", _draw, "draw a figure and its tables"),
    ):
        step = commands.add_parser(name, help=text)
        step.set_defaults(command=command)
        step.add_argument("name")
        _scale(step)
        if name == "run":
            step.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    return parser


def _common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"], help="default: auto")
    command.add_argument("--skip-bad", action="store_true", help="leave out and list what cannot be used")


def _scale(command: argparse.ArgumentParser) -> None:
    command.add_argument("--scale", default="quick", help="smoke, quick, cpu or paper; default: quick")
