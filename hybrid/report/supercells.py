"""The table of what a model predicts for supercells."""

from pathlib import Path
from typing import Any

from hybrid.checkpoint import TrainedModel
from hybrid.data.folder import CrystalFolder
from hybrid.report.tables import write_table
from hybrid.supercells import SupercellRow, supercell_table

SUPERCELL_COLUMNS = (
    "supercell",
    "crystals",
    "expected ratio",
    "median",
    "lowest",
    "highest",
    "off by over 1 %",
    "other neighbours",
    "other descriptors",
)
EXPLAINED = (
    "Expected: 1 with average and the number of cells with sum pooling, with descriptors too, as these are "
    "of the reduced cell and stay the same, and so does the constant of a shifted sum. Off by over 1 %, "
    "other neighbours, other descriptors: shares of the crystals. Neighbours differ where the last shell has "
    "more atoms than the graph has room for, so that the order in which they are found decides which of "
    "them count."
)


def supercell_cells(row: SupercellRow) -> list[str]:
    """A row of the supercells' table, in the order of SUPERCELL_COLUMNS."""
    ratios = (row.median, row.lowest, row.highest)
    shares = (row.deviating, row.other_neighbours, row.other_descriptors)
    return [
        "x".join(map(str, row.size)),
        str(row.n_crystals),
        f"{row.expected:g}",
        *(f"{ratio:.4f}" for ratio in ratios),
        *(f"{100 * share:.0f} %" for share in shares),
    ]


def write_supercells(
    stem: Path, model: TrainedModel, folder: CrystalFolder, **options: Any
) -> list[SupercellRow]:
    """Writes <stem>.md and <stem>.csv for a model and a folder of one's own; see `supercell_table`."""
    rows = supercell_table(model, folder, **options)
    write_table(
        stem,
        f"Prediction for a supercell over that for the cell, crystals of {folder.path.name}. {EXPLAINED}",
        ("target", *SUPERCELL_COLUMNS),
        [[row.target, *supercell_cells(row)] for row in rows],
    )
    return rows
