"""`hybrid supercells`: compares predictions of crystals and of their supercells."""

import argparse
import re
from pathlib import Path

from hybrid.commands import common


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add = parser.add_argument
    add("model", type=Path, help="run folder or checkpoint file")
    add("folder", type=Path, help="structure files, with or without id_prop.csv")
    add("--sizes", type=_supercell, nargs="+", action="extend", metavar="AxBxC", help="default: 2x1x1 2x2x2")
    add("--n-crystals", type=int, default=50, help="a random subset; default: 50")
    add("--seed", type=common.seed, default=0, help="of the subset; default: 0")
    add("--out", type=Path, help="tables to write, .md and .csv; default: <folder>-<model>-supercells here")
    common.add_code(parser)
    common.add_common(parser)


def run(options: argparse.Namespace) -> None:
    """Compares a model's predictions for crystals and for their supercells."""
    from hybrid.device import resolve_device
    from hybrid.supercells import SIZES, supercell_table, write_supercells
    from hybrid.trained.loading import load_one

    out = options.out or common.default_output(options.folder, "-supercells", options.model)
    common.refuse_inputs(out, options.folder, options.model, endings=(".md", ".csv"))
    common.run_code(options)
    model, folder = load_one(options.model), common.read(options)
    device, sizes = resolve_device(options.device), options.sizes or SIZES
    rows = supercell_table(model, folder, sizes, options.n_crystals, options.seed, device)
    write_supercells(out, rows, folder.path.name, options.model.name)
    print(out.with_name(f"{out.name}.md").read_text(encoding="utf-8"))


def _supercell(text: str) -> tuple[int, ...]:
    """2x1x1 as numbers."""
    if not re.fullmatch(r"[1-9]\d*(x[1-9]\d*){2}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a supercell such as 2x1x1")
    return tuple(map(int, text.split("x")))
