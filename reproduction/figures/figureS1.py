"""Figure S1: lattice lengths against density and volume per atom; two close packings."""

import itertools
import math
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from pymatgen.core import Structure

from hybrid.data.folder import CrystalFolder
from hybrid.descriptors.lattice import cell_shape, density
from hybrid.report.style import COLOURS, LARGE, PAGE, SMALL, new_figure, save, styled
from reproduction.analysis.lattice_lengths import correlations, fcc, hcp, lattices, shells
from reproduction.analysis.untrained import output_difference
from reproduction.data.registry import described_folder
from reproduction.drawing.axes import LETTER
from reproduction.drawing.crystals import Atom, View, draw_scene, within_cell
from reproduction.drawing.tables import section, write_rows

DATASET = "mp-descriptors"
ANGLES = ("alpha", "beta", "gamma")
SEEDS = range(5)
DIAMETER = 2.5  # Å, of the atoms of the two packings in the table; any would do
NEIGHBOURS = (12, 18, 20)  # the first shell of both packings, the first two, and where the third differs
AXIS_LABELS = {"density": "density (g/cm³)", "vpa": "volume per atom (Å³)"}
SHOWN = 99.5  # per cent of the crystals are inside the range of a panel; the rest would squeeze them
CROWD = LinearSegmentedColormap.from_list("crowd", ["#D6E6F2", COLOURS["mean"], "#002B45"])
RIGHT = 2.1  # diameters of an atom: where the layers of a packing end and their letters begin
LAYERS = ("first strand", "second strand", "descriptors")  # colours of the close-packed layers A, B, C


def draw(stem: Path, folder: CrystalFolder | None = None) -> None:
    """Lattice lengths against density and volume per atom; two close packings."""
    cells = lattices(folder or described_folder(DATASET))
    coefficients = correlations(cells)
    caption = (
        f"Correlation of the lattice lengths with density and volume per atom, {len(cells):,} crystals. The "
        "paper sees no obvious correlation."
    )
    rows = [
        {"lattice length": length, "with": local, "Pearson": f"{pearson:.3f}", "Spearman": f"{spearman:.3f}"}
        for (length, local), (pearson, spearman) in coefficients.items()
    ]
    packings = (
        f"Two close packings of atoms of the same diameter, {DIAMETER:g} Å, in their Niggli cells. In the "
        f"last rows the largest difference between the outputs of {len(SEEDS)} untrained CGCNN for the two, "
        "relative to the outputs' size: as far as the second shell their distances are the same."
    )
    write_rows(stem, caption, rows, section("Close packings", packings, packing_rows()))
    save(draw_figure(cells, coefficients), stem)


def packing_rows() -> list[dict[str, str]]:
    """What fcc and hcp share and where they differ."""
    pair = (fcc(DIAMETER), hcp(DIAMETER))
    values = [{**cell_shape(cell), **density(cell)} for cell in pair]
    quantities = [("natoms", "natoms", ".0f")]
    quantities += [(f"{name} (Å)", name, ".4f") for name in ("a", "b", "c")]
    quantities += [(f"{symbol} (°)", name, ".2f") for symbol, name in zip("αβγ", ANGLES, strict=True)]
    quantities += [("volume per atom (Å³)", "vpa", ".4f"), ("density as copper (g/cm³)", "density", ".4f")]
    rows = [(label, *(f"{found[name]:{form}}" for found in values)) for label, name, form in quantities]
    for i, of_both in enumerate(zip(*(shells(cell, 4) for cell in pair), strict=True), start=1):
        rows.append((f"shell {i}: neighbours at Å", *(f"{n} at {distance:.4f}" for distance, n in of_both)))
    for n_neighbours in NEIGHBOURS:
        difference = output_difference(pair, n_neighbours, SEEDS)
        rows.append((f"difference with {n_neighbours} neighbours", "0", f"{difference:.1e}"))
    return [dict(zip(("quantity", "fcc", "hcp"), row, strict=True)) for row in rows]


@styled
def draw_figure(cells: pd.DataFrame, coefficients: dict[tuple[str, str], tuple[float, float]]) -> Figure:
    """a, above, the lattice lengths; b, below, fcc and hcp.

    Args:
        cells: the lattices of the crystals.
        coefficients: Pearson's and Spearman's, by lattice length and quantity.
    """
    figure = new_figure(PAGE, 160)
    above, below = np.ravel(figure.subfigures(2, 1, squeeze=False, height_ratios=(105, 55)))
    panels = above.subplots(2, 3, sharex="row", sharey=True)
    limit = max(np.percentile(cells[length], SHOWN) for length in ("a", "b", "c"))
    for axes, ((length, local), found) in zip(panels.flat, coefficients.items(), strict=True):
        right = float(np.percentile(cells[local], SHOWN))
        hexagons = axes.hexbin(
            cells[local],
            cells[length],
            gridsize=(45, 26),
            extent=(0, right, 0, limit),
            mincnt=1,
            norm=LogNorm(1, 300),
            cmap=CROWD,
            linewidths=0.1,
        )
        axes.set(xlim=(0, right), ylim=(0, limit), xlabel=AXIS_LABELS[local], ylabel=f"${length}$ (Å)")
        axes.yaxis.set_tick_params(labelleft=True)
        pearson, spearman = (f"{value:+.2f}".replace("-", "\N{MINUS SIGN}") for value in found)
        axes.set_title(f"Pearson {pearson}, Spearman {spearman}", fontsize=SMALL)
    bar = above.colorbar(hexagons, ax=panels, aspect=40, pad=0.01)
    bar.set_label(f"crystals in a hexagon (of {len(cells):,})")
    above.text(0.002, 0.995, "a", va="top", **LETTER)
    below.text(0.002, 0.995, "b", va="top", **LETTER)
    for left, name, cell, stacking in ((0, "fcc", fcc(1), "ABC"), (0.5, "hcp", hcp(1), "AB")):
        _draw_stack(below.add_axes((0.01 + left, 0.0, 0.27, 1.0)), cell, stacking)
        below.text(0.29 + left, 0.80, name, **LETTER)
        below.text(0.29 + left, 0.76, _describe(cell, stacking), va="top", linespacing=1.5)
    return figure


def _describe(cell: Structure, stacking: str) -> str:
    """The numbers of a packing of spheres of diameter 1 in units of their radius R."""
    lengths = ", ".join(f"{2 * length:.3g} R" for length in sorted(cell.lattice.abc, reverse=True))
    angles = ", ".join(f"{angle:.0f}°" for angle in sorted(cell.lattice.angles, reverse=True))
    ((distance, n_neighbours),) = shells(cell, 1)
    lines = (
        f"layers {stacking}{stacking[0]}…",
        f"natoms = {len(cell)}",
        f"$a, b, c$ = {lengths}",
        f"$α, β, γ$ = {angles}",
        "",
        f"{n_neighbours} neighbours at {2 * distance:.0f} R",
        f"packing fraction {len(cell) * math.pi / 6 / cell.volume:.4f}",
    )
    return "\n".join(lines)


def _draw_stack(axes: Axes, cell: Structure, stacking: str) -> None:
    """Four close-packed layers of a packing of spheres of diameter 1, with the edges of the Niggli cell."""
    view, height = View(azimuth=-72, elevation=12), math.sqrt(2 / 3)
    shifts = np.array(list(itertools.product(range(-6, 7), repeat=3)))
    places = (shifts[:, None] + cell.frac_coords).reshape(-1, 3) @ cell.lattice.matrix
    layer = np.rint(places[:, 2] / height).astype(int)
    corners = np.array(list(itertools.product((0, 1), repeat=3))) @ cell.lattice.matrix
    beside = np.linalg.norm(places[:, None, :2] - corners[None, :, :2], axis=2).min(axis=1)
    in_cell = within_cell(cell.lattice.get_fractional_coords(places))
    context = (beside < 0.75) & (layer >= 0) & (layer <= 3) & (view.project(places)[:, 0] < RIGHT)
    atoms = [
        Atom(places[i], 0.24, COLOURS[LAYERS[layer[i] % len(stacking)]], 1.0 if in_cell[i] else 0.25)
        for i in np.flatnonzero(context | in_cell)
    ]
    draw_scene(axes, atoms, cell.lattice.matrix, view)
    axes.set_xlim(-1.1, RIGHT + 0.65)  # the same scale for every packing
    axes.set_ylim(-0.5, 2.95)
    for number in range(4):
        (_, y, _) = view.project(np.array([[0, 0, number * height]]))[0]
        kind = number % len(stacking)
        axes.text(RIGHT + 0.4, y, stacking[kind], color=COLOURS[LAYERS[kind]], fontsize=LARGE, weight="bold")
