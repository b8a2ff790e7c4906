"""`hybrid supercells`: compares predictions of crystals and of their supercells."""

import argparse
from pathlib import Path

from hybrid.commands.options import add_common, default_output, report_dropped


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("model", type=Path, help="run folder or checkpoint file")
    parser.add_argument("folder", type=Path, help="structure files, with or without id_prop.csv")
    parser.add_argument("--sizes", type=_supercell, nargs="+", metavar="AxBxC", help="default: 2x1x1 2x2x2")
    parser.add_argument("--n-crystals", type=int, default=50, help="a random choice; default: 50")
    parser.add_argument("--seed", type=int, default=0, help="draws it; default: 0")
    parser.add_argument(
        "--out", type=Path, help="tables to write, .md and .csv; default: <folder>-supercells here"
    )
    add_common(parser)


def run(options: argparse.Namespace) -> None:
    """Compares a model's predictions for crystals and for their supercells."""
    from hybrid.checkpoint import load
    from hybrid.data.folder import read_folder
    from hybrid.supercells import SIZES, supercell_table, write_supercells
    from hybrid.training.run import resolve_device

    out = options.out or default_output(options.folder, "-supercells")
    model = load(options.model)
    folder = read_folder(options.folder, targets=False, skip_bad=options.skip_bad)
    report_dropped(folder.dropped)
    rows = supercell_table(
        model,
        folder,
        sizes=options.sizes or SIZES,
        n_crystals=options.n_crystals,
        seed=options.seed,
        device=resolve_device(options.device),
    )
    write_supercells(out, rows, folder.path.name)
    print(out.with_name(f"{out.name}.md").read_text())


def _supercell(text: str) -> tuple[int, int, int]:
    """2x1x1 as numbers."""
    try:
        a, b, c = (int(number) for number in text.split("x"))
    except ValueError:
        a = b = c = 0
    if min(a, b, c) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a supercell such as 2x1x1")
    return a, b, c
