"""The command line. Every command says what is wrong in one sentence and exits with 2 if its input is."""

import argparse
import sys
from pathlib import Path

from hybrid import __version__, commands
from hybrid.errors import InputError


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    return run_command(_parser().parse_args(arguments))


def run_command(options: argparse.Namespace) -> int:
    """Runs the command of parsed options; what is wrong with the input is said in one sentence."""
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
        help="cgcnn, alignn; de-cgcnn, de-alignn: with descriptors; roost: of the formula; default: cgcnn",
    )
    train.add_argument(
        "--pooling",
        default="mean",
        help="mean (intensive targets), sum (extensive) or shifted-sum (neither, as lengths); default: mean",
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
    train.add_argument(
        "--trainer",
        default="tuned",
        choices=["tuned", "paper"],
        help="the optimiser and its settings: ours, or those that the paper took over; default: tuned",
    )
    train.add_argument("--epochs", type=int, help="default: 300")
    train.add_argument("--batch-size", type=int)
    train.add_argument("--optimiser", choices=["sgd", "adam", "adamw"])
    train.add_argument("--learning-rate", type=float)
    train.add_argument("--gradient-clip", type=float, help="largest gradient norm")
    train.add_argument(
        "--precision",
        choices=["fp32", "bf16"],
        help="of ALIGNN's training; bf16 is faster where processor or GPU computes with it; default: fp32",
    )
    cgcnn = train.add_argument_group("sizes of CGCNN")
    cgcnn.add_argument("--n-conv", type=int, help="convolution layers; default: 3")
    cgcnn.add_argument("--atom-fea-len", type=int, help="length of an atom vector; default: 64")
    cgcnn.add_argument("--h-fea-len", type=int, help="width of the head; default: 128")
    cgcnn.add_argument("--n-h", type=int, help="hidden layers of the head; default: 1")
    alignn = train.add_argument_group("sizes of ALIGNN")
    alignn.add_argument("--alignn-layers", type=int, help="layers on atoms, bonds and angles; default: 4")
    alignn.add_argument("--gcn-layers", type=int, help="layers after them on atoms and bonds; default: 4")
    alignn.add_argument("--hidden", type=int, help="length of the vectors; default: 256")
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

    dataset = parsers.add_parser(
        "dataset", help="build a normalised dataset of your own folder, or one that is known by name"
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

    probe = parsers.add_parser(
        "probe", help="ask which structural descriptors a network, or a table of vectors, knows"
    )
    probe.set_defaults(command=commands.probe_model)
    probe.add_argument("folder", type=Path, help="structure files; descriptors are computed where needed")
    probed = probe.add_mutually_exclusive_group(required=True)
    probed.add_argument(
        "--embeddings", type=Path, metavar="FILE", help=".csv, .npz or .parquet: id and a column a feature"
    )
    probed.add_argument(
        "--network",
        metavar="FILE.py:CLASS",
        help="a class with fit and predict, or a torch module class on packed graphs",
    )
    probe.add_argument("--name", default="", help="what figures call it; default: the file or the class")
    probe.add_argument(
        "--descriptors",
        nargs="+",
        metavar="NAME",
        help="columns of descriptors.csv, or to be computed; default: Figure 2's 27 and the crystal system",
    )
    probe.add_argument("--one-by-one", action="store_true", help="a network a descriptor, as in the paper")
    probe.add_argument("--split-file", type=Path, help="CSV id,fold; default: a random split by each seed")
    probe.add_argument(
        "--split", type=float, nargs=3, metavar=("TRAIN", "VAL", "TEST"), help="default: 0.8 0.1 0.1"
    )
    probe.add_argument("--n-structures", type=int, help="a random subset of this size")
    probe.add_argument(
        "--seeds", type=int, nargs="+", default=[0], help="of subset, split, weights; default: 0"
    )
    probe.add_argument("--epochs", type=int, help="of a torch module; default: its own, or 100")
    probe.add_argument(
        "--beside",
        type=Path,
        metavar="RECORD",
        help="record of other networks to draw beside, such as results/cpu/figure2.json",
    )
    probe.add_argument(
        "--output", type=Path, metavar="OUT", help="without ending; default: <folder>-<name>-probe here"
    )
    _common(probe)

    embed = parsers.add_parser("embed", help="write a pretrained model's crystal vectors")
    embed.set_defaults(command=commands.embed_folder)
    embed.add_argument("folder", type=Path, help="structure files, with or without id_prop.csv")
    embed.add_argument("--model", default="chgnet", help="chgnet, the only one so far")
    embed.add_argument("--pooling", default="mean", help="mean or sum of the atoms' vectors; default: mean")
    embed.add_argument(
        "--output", type=Path, metavar="FILE", help=".csv, .npz, .parquet; default: <folder>-<model>.csv here"
    )
    _common(embed)
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
