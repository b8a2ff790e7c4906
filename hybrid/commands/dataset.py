"""`hybrid dataset`: builds a dataset folder."""

import argparse
import os
import sys
from pathlib import Path

from hybrid.commands.common import add_jobs, report_dropped, seed
from hybrid.errors import InputError, unknown_name


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("names", nargs="*", help="default: all that can be built here")
    parser.add_argument("--list", action="store_true", help="list the known datasets instead")
    add_jobs(parser)
    own = parser.add_argument_group("your own structures").add_argument
    own("--from", dest="source", type=Path, metavar="FOLDER", help="id_prop.csv and structure files")
    own("--out", type=Path, metavar="FOLDER", help="the folder to write: reduced cells as CIF")
    own("--given-per", metavar="UNIT", help="cell, atom or formula: of the targets there")
    own("--per", metavar="UNIT", help="cell, atom or formula: of the new targets; default: intensive")
    own("--skip-bad", action="store_true", help="leave out and list what cannot be used")
    fractions = ("TRAIN", "VAL", "TEST")
    own("--random-split", type=float, nargs=3, metavar=fractions, help="write a random split")
    groups = (
        "formula or prototype: write a split with all crystals of a group in one fold; fractions of "
        "--random-split, otherwise 0.8 0.1 0.1"
    )
    own("--grouped-split", nargs="+", action="extend", default=[], metavar="GROUP", help=groups)
    own("--data-seed", type=seed, default=0, help="of the splits; default: 0")


def run(options: argparse.Namespace) -> None:
    """Builds datasets by name, or normalises a user's own folder."""
    if options.source:
        _normalise(options)
    else:
        _build(options)


def _build(options: argparse.Namespace) -> None:
    from hybrid.data.named import named_datasets
    from hybrid.processes import check_jobs

    for option in ("out", "given_per", "per", "skip_bad", "random_split", "grouped_split"):
        if getattr(options, option):
            raise InputError(f"--{option.replace('_', '-')} can be used with --from FOLDER only")
    known = named_datasets()
    if not known:
        raise InputError(
            "no dataset is known by name here; the paper's are, after `make setup` in a checkout"
        )
    names = options.names or list(known)
    for name in names:
        if name not in known:
            raise unknown_name("dataset", name, known)
    if options.list:
        width = max(map(len, names))
        for name in names:
            print(f"{name:{width}}  {known[name].description}")
        return
    failed, jobs = [], check_jobs(options.jobs)
    for name in names:
        try:
            folder = known[name].folder(jobs)
            print(f"{name}: {len(folder)} structures; {os.path.relpath(folder.path)}")
        except InputError as error:
            failed.append(name)
            print(f"{name}: not built: {error}", file=sys.stderr)
    if options.names and failed:
        raise InputError(f"not built: {', '.join(failed)}")


def _normalise(options: argparse.Namespace) -> None:
    from hybrid.data.normalised_folder import FRACTIONS, normalise_folder

    if options.names or options.list:
        raise InputError("--from FOLDER makes one dataset of that folder; leave out names and --list")
    if not options.out:
        raise InputError("--from FOLDER needs --out FOLDER")
    manifest = normalise_folder(
        options.source,
        options.out,
        given_per=options.given_per,
        per=options.per,
        skip_bad=options.skip_bad,
        random=bool(options.random_split),
        groupings=options.grouped_split,
        fractions=options.random_split or FRACTIONS,
        seed=options.data_seed,
        jobs=options.jobs,
    )
    report_dropped(manifest["dropped"])
    for name, counts in manifest["splits"].items():
        print(f"splits/{name}.csv: {', '.join(f'{count} {fold}' for fold, count in counts.items())}")
    print(f"{manifest['n_crystals']} crystals, {manifest['n_reduced']} in a smaller cell; {options.out}")
