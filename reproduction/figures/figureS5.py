"""Figure S5: how far twelve neighbours reach, how long the cells are, and two long ones."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hybrid.data.folder import CrystalFolder
from hybrid.report.style import save
from hybrid.report.tables import write_table
from hybrid.settings import GraphSettings
from reproduction.analysis.lattice import (
    LONG,
    MAX_ATOMS,
    MAX_ELEMENTS,
    MAX_VPA,
    N_CONVOLUTIONS,
    Lattices,
    LongCrystal,
    lattices,
    long_examples,
    measured_radius,
    sphere_radius,
)
from reproduction.data.registry import dataset_folder
from reproduction.drawing import periodicity

DATASET = "mp-descriptors"


PAPER_LONG = {"mp-28777": ("Mo9O25", 28.4), "mp-14715": ("Pr2Au5F21", 26.3)}  # Figure S5c: formula, a in Å


def draw(stem: Path, folder: CrystalFolder | None = None) -> None:
    """How far twelve neighbours reach, how long the cells are, and two long ones."""
    folder = folder or dataset_folder(DATASET)
    cells, settings = lattices(folder), GraphSettings()
    estimated = sphere_radius(cells.vpa, settings.max_neighbours, settings.radius)
    measured = measured_radius(folder.graphs(settings), settings)
    examples = long_examples(folder, cells, 2)
    write_table(
        stem,
        f"The radius of {settings.max_neighbours} neighbours and the lattice length a of {len(cells):,} "
        "crystals; the paper's numbers are of the whole Materials Project. The examples have the longest a "
        f"among crystals of at most {MAX_ELEMENTS} elements, {MAX_ATOMS} atoms and {MAX_VPA:g} Å³ "
        "an atom, no two of the same elements.",
        ("quantity", "ours", "paper"),
        periodicity_rows(cells, estimated, measured, examples),
    )
    save(periodicity.draw_s5(estimated, measured, cells.a, examples), stem)


def periodicity_rows(
    cells: Lattices, estimated: np.ndarray, measured: np.ndarray, examples: Sequence[LongCrystal]
) -> list[list[str]]:
    """The numbers of Figure S5 and what the paper says."""
    field = 2 * N_CONVOLUTIONS
    beyond = cells.a > field * measured
    rows = [
        ["radius by equation S4, mean", f"{estimated.mean():.2f} Å", "around 3.4 Å"],
        ["radius by equation S4, median", f"{np.median(estimated):.2f} Å", ""],
        ["mean distance of the last neighbour, mean", f"{measured.mean():.2f} Å", ""],
        ["mean distance of the last neighbour, median", f"{np.median(measured):.2f} Å", ""],
        ["Pearson correlation of the two", f"{np.corrcoef(estimated, measured)[0, 1]:.3f}", ""],
        [
            f"receptive field of {N_CONVOLUTIONS} convolutions",
            f"{field * measured.mean():.1f} Å",
            "around 20 Å",
        ],
        ["a, median", f"{np.median(cells.a):.2f} Å", "around 10 Å"],
        [f"a longer than {LONG:g} Å", _share(cells.a > LONG), "6,000 structures"],
        ["a longer than the crystal's own receptive field", _share(beyond), "thousands of materials"],
    ]
    rows += [
        [
            f"example {example.formula} ({example.identity})",
            f"a = {example.a:.1f} Å, {len(example.structure)} atoms",
            "",
        ]
        for example in examples
    ]
    for identity, (formula, a) in PAPER_LONG.items():
        here = (
            f"a = {cells.a[cells.ids.index(identity)]:.1f} Å" if identity in cells.ids else "not in the data"
        )
        rows.append([f"example {formula} ({identity})", here, f"a = {a} Å"])
    return rows


def _share(chosen: np.ndarray) -> str:
    return f"{chosen.sum():,} ({100 * chosen.mean():.1f} %)"
