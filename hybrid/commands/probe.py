"""`hybrid probe`: tests which structural descriptors a model knows."""

import argparse
from pathlib import Path

from hybrid.commands.options import add_common, default_output, report_dropped, wrong_option
from hybrid.errors import InputError


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("folder", type=Path, help="structure files; descriptors are computed where needed")
    probed = parser.add_mutually_exclusive_group(required=True)
    probed.add_argument(
        "--embeddings", type=Path, metavar="FILE", help=".csv, .npz or .parquet: id and a column a feature"
    )
    probed.add_argument(
        "--network",
        metavar="FILE.py:CLASS",
        help="a class with fit and predict, or a torch module class on packed graphs",
    )
    parser.add_argument("--name", default="", help="what figures call it; default: the file or the class")
    parser.add_argument(
        "--descriptors",
        nargs="+",
        metavar="NAME",
        help="columns of descriptors.csv, or to be computed; default: Figure 2's 27 and the crystal system",
    )
    parser.add_argument("--one-by-one", action="store_true", help="a network a descriptor, as in the paper")
    parser.add_argument("--split-file", type=Path, help="CSV id,fold; default: a random split by each seed")
    parser.add_argument(
        "--split", type=float, nargs=3, metavar=("TRAIN", "VAL", "TEST"), help="default: 0.8 0.1 0.1"
    )
    parser.add_argument("--n-structures", type=int, help="a random subset of this size")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0], help="of subset, split, weights; default: 0"
    )
    parser.add_argument("--epochs", type=int, help="of a torch module; default: its own, or 100")
    parser.add_argument(
        "--beside",
        type=Path,
        metavar="RECORD",
        help="record of other networks to draw beside, such as results/cpu/figure2.json",
    )
    parser.add_argument(
        "--output", type=Path, metavar="OUT", help="without ending; default: <folder>-<name>-probe here"
    )
    add_common(parser)


def run(options: argparse.Namespace) -> None:
    """Asks which descriptors a model knows."""
    from pydantic import ValidationError

    from hybrid.probe.networks import load_network
    from hybrid.probe.probe import ProbeSettings, probe
    from hybrid.probe.report import as_table, write

    given = {"descriptors": options.descriptors, "split": options.split_file or options.split}
    try:
        settings = ProbeSettings(
            n_structures=options.n_structures,
            seeds=options.seeds,
            one_by_one=options.one_by_one,
            **{name: value for name, value in given.items() if value is not None},
        )
    except ValidationError as error:
        raise wrong_option(error) from error
    if options.beside and not options.beside.exists():
        raise InputError(f"{options.beside}: no such record")
    if options.embeddings and options.epochs:
        raise InputError("--epochs goes with --network")
    network = load_network(options.network, options.epochs) if options.network else None
    name = options.name or (network.label if network else options.embeddings.stem)
    out = options.output or default_output(options.folder, f"-{name}-probe")
    record = probe(
        network or options.embeddings,
        options.folder,
        settings,
        name=name,
        keep=out.with_name(f"{out.name}.partial"),
        device=options.device,
        skip_bad=options.skip_bad,
    )
    report_dropped(record["dropped"])
    write(record, out, options.beside)
    print(
        f"test set: R², or accuracy of the crystal system\n{as_table(record).to_string(float_format='%.3f')}"
    )
    print(out.with_name(f"{out.name}.png"))
