"""`hybrid probe`: tests which structural descriptors a model knows."""

import argparse
from pathlib import Path

from pydantic import ValidationError

from hybrid.commands.options import (
    add_common,
    add_settings,
    add_split,
    default_output,
    given,
    report_dropped,
    wrong_option,
)
from hybrid.errors import InputError
from hybrid.settings import ProbeSettings

SETTINGS = ("descriptors", "one_by_one", "n_structures", "seeds")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("folder", type=Path, help="structure files; descriptors are computed if needed")
    probed = parser.add_mutually_exclusive_group(required=True)
    probed.add_argument(
        "--embeddings", type=Path, metavar="FILE", help=".csv, .npz or .parquet: id and a column a feature"
    )
    probed.add_argument(
        "--network",
        metavar="FILE.py:CLASS",
        help="a class with fit and predict, or a torch module class on packed graphs",
    )
    parser.add_argument("--name", default="", help="its name in figures; default: the file or the class")
    add_settings(parser, ProbeSettings, SETTINGS)
    add_split(parser, "each seed")
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
    """Tests which descriptors a model knows, and writes record, table and figure."""
    from hybrid.probe.networks import load_network
    from hybrid.probe.probe import probe
    from hybrid.probe.report import as_table, write

    options.split = options.split_file or options.split
    try:
        settings = ProbeSettings(**given(options, ("split", *SETTINGS)))
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
    table = as_table(record).to_string(float_format="%.3f")
    print(f"test set: R², or accuracy of the crystal system\n{table}")
    print(out.with_name(f"{out.name}.png"))
