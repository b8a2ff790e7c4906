"""`hybrid embed`: writes the embeddings of crystals by one's own trained model or a pretrained one."""

import argparse
from pathlib import Path

from hybrid.commands import common


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add = parser.add_argument
    add("folder", type=Path, help="structure files, with or without id_prop.csv")
    add(
        "--model",
        default="chgnet",
        help="a run folder, a checkpoint, or a pretrained force field: chgnet, sevennet-0, sevennet-l3i5, "
        "sevennet-mf-0 or diep; default: chgnet",
    )
    poolings = "mean, sum or cumulants of the atoms' vectors; default: as the model pools; mean if pretrained"
    add("--pooling", help=poolings)
    outputs = ".csv, .npz, .parquet; default: <folder>-<model>.csv here"
    add("--out", type=Path, metavar="FILE", help=outputs)
    common.add_code(parser)
    common.add_common(parser)
    common.add_jobs(parser)


def run(options: argparse.Namespace) -> None:
    """Writes a model's vectors of crystals."""
    from hybrid.device import resolve_device
    from hybrid.probing.embeddings import check_format
    from hybrid.probing.pretrained import embed

    out = options.out or common.default_output(options.folder, ".csv", Path(options.model))
    check_format(out)
    common.refuse_inputs(out, options.folder, Path(options.model))
    common.run_code(options)
    table = embed(common.read(options), options.model, options.pooling, resolve_device(options.device))
    table.write(out)
    print(f"{len(table.table)} vectors of {len(table.table.columns)} numbers; {out}")
