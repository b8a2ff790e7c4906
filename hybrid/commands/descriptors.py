"""`hybrid descriptors`: computes the structural descriptors of a folder."""

import argparse
import sys
from pathlib import Path

from hybrid.commands.common import add_code, add_jobs, run_code


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("folder", type=Path)
    add_jobs(parser)
    add_code(parser)


def run(options: argparse.Namespace) -> None:
    """Writes descriptors.csv into a folder."""
    from hybrid.descriptors.many import write_descriptors

    run_code(options)
    table = write_descriptors(options.folder, n_jobs=options.jobs)
    for identity, reason in table.errors.items():
        print(f"no descriptors: {identity}: {reason}", file=sys.stderr)
    counts = f"{len(table.ids)} crystals, {len(table.errors)} without descriptors"
    print(f"{counts}; {options.folder / 'descriptors.csv'}")
