"""`hybrid embed`: writes a pretrained model's embeddings of crystals."""

import argparse
from pathlib import Path

from hybrid.commands.options import add_common, default_output, read


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("folder", type=Path, help="structure files, with or without id_prop.csv")
    parser.add_argument("--model", default="chgnet", help="chgnet, the only one so far")
    parser.add_argument("--pooling", default="mean", help="mean or sum of the atoms' vectors; default: mean")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help=".csv, .npz, .parquet; default: <folder>-<model>.csv here"
    )
    add_common(parser)


def run(options: argparse.Namespace) -> None:
    """Writes a pretrained model's vectors of crystals."""
    from hybrid.probe.embeddings import check_format
    from hybrid.probe.pretrained import embed
    from hybrid.training.run import resolve_device

    out = options.output or default_output(options.folder, f"-{options.model}.csv")
    check_format(out)
    table = embed(read(options), options.model, options.pooling, resolve_device(options.device))
    table.write(out)
    print(f"{len(table.vectors)} vectors of {len(table.vectors.columns)} numbers; {out}")
