"""`hybrid probe`: tests which structural descriptors a model knows."""

import argparse
import sys
from pathlib import Path

from hybrid.commands import common
from hybrid.errors import InputError
from hybrid.settings import ProbeSettings, checked

SETTINGS = ("descriptors", "one_by_one", "n_structures", "seeds")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add = parser.add_argument
    add("folder", type=Path, help="structure files; descriptors are computed if needed")
    one_of = parser.add_mutually_exclusive_group(required=True)
    tables = ".csv, .npz or .parquet with a column id and a column for each feature"
    one_of.add_argument("--embeddings", type=Path, metavar="FILE", help=tables)
    classes = "a network, or a class with fit and predict; or the name of a model"
    one_of.add_argument("--network", metavar="FILE.py:CLASS", help=classes)
    add("--name", default="", help="its name in figures; default: the file or the class")
    common.add_settings(parser, ProbeSettings, SETTINGS)
    common.add_split(parser, "each seed")
    common.add_code(parser)
    add("--epochs", type=int, help="of a network; default: its own")
    records = "record of other networks to draw beside, such as results/cpu/figure2.json"
    add("--beside", type=Path, metavar="RECORD", help=records)
    outputs = "without ending; default: <folder>-<name>-probe here"
    add("--out", type=Path, metavar="OUT", help=outputs)
    common.add_common(parser)


def run(options: argparse.Namespace) -> None:
    """Tests which descriptors a model knows, and writes record, table and figure."""
    from hybrid.probing.probe import probe
    from hybrid.probing.probed_models import on_crystals
    from hybrid.probing.report import as_table, write
    from hybrid.report.records import not_run

    options.split = common.one_split(options)
    with checked():
        settings = ProbeSettings(**common.given(options, ("split", *SETTINGS)))
    if options.beside and not options.beside.exists():
        raise InputError(f"{options.beside}: no such record")
    if options.embeddings and options.epochs is not None:
        raise InputError("--epochs can be used with --network only")
    common.run_code(options)
    network = on_crystals(options.network, options.name, options.epochs) if options.network else None
    name = options.name or (network.label if network else options.embeddings.stem)
    out = options.out or common.default_output(options.folder, f"-{name}-probe")
    read = (options.embeddings, options.split_file, options.beside)
    common.refuse_inputs(out, options.folder, *read, endings=(".json", ".csv", ".md", ".png", ".pdf"))
    record = probe(
        network or options.embeddings,
        options.folder,
        settings,
        name=name,
        keep=out.with_name(f"{out.name}.partial"),
        device=options.device,
        skip_bad=options.skip_bad,
    )
    common.report_dropped(record["dropped"])
    for row in not_run(record):
        print(f"not probed: {row['descriptor']}: {row['note']}", file=sys.stderr)
    write(record, out, options.beside)
    table = as_table(record).to_string(float_format="%.3f")
    print(f"test set: R², or accuracy of the crystal system\n{table}")
    print(out.with_name(f"{out.name}.png"))
