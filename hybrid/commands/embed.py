"""`hybrid embed`: writes a pretrained model's embeddings of crystals."""

import argparse
from pathlib import Path

from hybrid.commands.common import add_common, default_output, read, refuse_inputs


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add = parser.add_argument
    add("folder", type=Path, help="structure files, with or without id_prop.csv")
    add("--model", default="chgnet", help="chgnet, the only one so far")
    add("--pooling", default="mean", help="mean or sum of the atoms' vectors; default: mean")
    outputs = ".csv, .npz, .parquet; default: <folder>-<model>.csv here"
    add("--output", type=Path, metavar="FILE", help=outputs)
    add_common(parser)


def run(options: argparse.Namespace) -> None:
    """Writes a pretrained model's vectors of crystals."""
    from hybrid.device import resolve_device
    from hybrid.probing.embeddings import check_format
    from hybrid.probing.pretrained import embed

    out = options.output or default_output(options.folder, f"-{options.model}.csv")
    check_format(out)
    refuse_inputs(out, options.folder)
    table = embed(read(options), options.model, options.pooling, resolve_device(options.device))
    table.write(out)
    print(f"{len(table.table)} vectors of {len(table.table.columns)} numbers; {out}")
