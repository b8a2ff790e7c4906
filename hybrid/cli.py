"""The command line. Every command says what is wrong in one sentence and exits with 2 if its input is."""

import argparse
import os
import sys
from pathlib import Path

from hybrid import __version__, commands
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hybrid", description=sys.modules["hybrid"].__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    parsers = parser.add_subparsers(required=True, metavar="COMMAND")

    train = parsers.add_parser("train", help="train a network on a folder of structures")
    train.set_defaults(command=commands.train_on_folder)
    train.add_argument(
        "folder", type=Path, help="id_prop.csv (id,target; no header) and a structure file an id"
    )
    train.add_argument(
        "--model",
        default="cgcnn",
        help="cgcnn, alignn; de-cgcnn, de-alignn: with descriptors; default: cgcnn",
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

    predict = parsers.add_parser("predict", help="predict with a trained model or an upstream checkpoint")
    predict.set_defaults(command=commands.predict_for_folder)
    predict.add_argument("model", type=Path, help="run folder or checkpoint file")
    predict.add_argument("folder", type=Path, help="structure files, with or without id_prop.csv")
    predict.add_argument("--out", type=Path, help="CSV to write; default: <folder>-predictions.csv here")
    _common(predict)

    supercells = parsers.add_parser(
        "supercells", help="compare a model's predictions of crystals and of their supercells"
    )
    supercells.set_defaults(command=commands.compare_supercells)
    supercells.add_argument("model", type=Path, help="run folder or checkpoint file")
    supercells.add_argument("folder", type=Path, help="structure files, with or without id_prop.csv")
    supercells.add_argument(
        "--sizes", type=_supercell, nargs="+", metavar="AxBxC", help="default: 2x1x1 2x2x2"
    )
    supercells.add_argument("--n-crystals", type=int, default=50, help="a random choice; default: 50")
    supercells.add_argument("--seed", type=int, default=0, help="draws it; default: 0")
    supercells.add_argument(
        "--out", type=Path, help="tables to write, .md and .csv; default: <folder>-supercells here"
    )
    _common(supercells)

    chains = parsers.add_parser("chains", help="write a folder of 1D carbon chains (SI section 9)")
    chains.set_defaults(command=commands.write_chains)
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

    dataset = parsers.add_parser(
        "dataset", help="build datasets of the paper, or a normalised one of your own folder"
    )
    dataset.set_defaults(command=commands.build_datasets)
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

    descriptors = parsers.add_parser("descriptors", help="write descriptors.csv for a folder of structures")
    descriptors.set_defaults(command=commands.compute_descriptors)
    descriptors.add_argument("folder", type=Path)
    descriptors.add_argument("--space-group", action="store_true", help="with the space-group number")
    descriptors.add_argument("--jobs", type=int, default=1, help="processes; default: 1")
    descriptors.add_argument(
        "--backend", default="fast", choices=["fast", "matminer"], help="matminer: the slow reference"
    )

    reproduce = parsers.add_parser("reproduce", help="reproduce figures and tables of the paper")
    reproduce.set_defaults(command=commands.reproduce_results)
    reproduce.add_argument("targets", nargs="+", metavar="FIGURE")
    _scale(reproduce)
    reproduce.add_argument(
        "--cores", type=int, default=os.cpu_count(), help="jobs at a time; default: all cores"
    )
    reproduce.add_argument("--profile", default="local", help="folder in workflow/profiles; default: local")

    for name, command, text in (
        ("run", commands.do_run, "do one training run of a reproduction"),
        ("measure", commands.measure_run, "measure what the model of a finished run has learnt"),
        ("record", commands.collect_record, "collect an experiment's runs into its record"),
        ("draw", commands.draw_result, "draw a figure and its tables"),
    ):
        step = parsers.add_parser(name, help=text)
        step.set_defaults(command=command)
        step.add_argument("name")
        if name == "measure":
            step.add_argument("what", help="importance, representation or supercells")
        _scale(step)
        if name in ("run", "measure"):
            step.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    return parser


def _supercell(text: str) -> tuple[int, int, int]:
    """2x1x1 as numbers."""
    try:
        a, b, c = (int(number) for number in text.split("x"))
    except ValueError:
        a = b = c = 0
    if min(a, b, c) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a supercell such as 2x1x1")
    return a, b, c


def _common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"], help="default: auto")
    command.add_argument("--skip-bad", action="store_true", help="leave out and list what cannot be used")


def _scale(command: argparse.ArgumentParser) -> None:
    command.add_argument("--scale", default="quick", help="smoke, quick, cpu or paper; default: quick")
