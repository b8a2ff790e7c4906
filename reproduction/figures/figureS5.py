"""Figure S5: how far twelve neighbours reach, how long the cells are, and two long ones."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pymatgen.core import Element, Structure

from hybrid.data.folder import CrystalFolder
from hybrid.report.style import COLOURS, PAGE, SMALL, new_figure, save, styled
from hybrid.settings import GraphSettings
from reproduction.analysis.lattice_lengths import (
    LONG,
    MAX_ATOMS,
    MAX_ELEMENTS,
    MAX_VPA,
    N_CONVOLUTIONS,
    LongCrystal,
    lattices,
    long_examples,
    measured_radius,
    sphere_radius,
)
from reproduction.data.registry import described_folder
from reproduction.drawing.axes import LETTER
from reproduction.drawing.crystals import Atom, View, draw_scene, within_cell
from reproduction.drawing.tables import write_rows

DATASET = "mp-descriptors"
PAPER_LONG = {"mp-28777": ("Mo9O25", 28.4), "mp-14715": ("Pr2Au5F21", 26.3)}  # Figure S5c: formula, a in Å
ELEMENTS = ("second strand", "first strand", "8-layers")  # colours by rising number of atoms
SPHERE = 0.45  # of the atomic radius, so that atoms do not hide each other
BOND = 1.1  # times the nearest distance: neighbours up to there are joined
NO_RADIUS = 1.5  # Å, for elements without a tabulated radius


def draw(stem: Path, folder: CrystalFolder | None = None) -> None:
    """How far twelve neighbours reach, how long the cells are, and two long ones."""
    folder = folder or described_folder(DATASET)
    cells, settings = lattices(folder), GraphSettings()
    estimated = sphere_radius(cells["vpa"].to_numpy(), settings.max_neighbours, settings.radius)
    measured = measured_radius(folder.graphs(settings), settings)
    examples = long_examples(folder, cells, 2)
    caption = (
        f"The radius of {settings.max_neighbours} neighbours and the lattice length a of {len(cells):,} "
        "crystals; the paper's numbers are of the whole Materials Project. The examples have the longest a "
        f"among crystals of at most {MAX_ELEMENTS} elements, {MAX_ATOMS} atoms and {MAX_VPA:g} Å³ "
        "an atom, no two of the same elements."
    )
    write_rows(stem, caption, periodicity_rows(cells["a"], estimated, measured, examples))
    save(draw_figure(estimated, measured, cells["a"].to_numpy(), examples), stem)


def periodicity_rows(
    a: pd.Series, estimated: np.ndarray, measured: np.ndarray, examples: Sequence[LongCrystal]
) -> list[dict[str, str]]:
    """The numbers of Figure S5 and what the paper says."""
    field = 2 * N_CONVOLUTIONS
    correlation = np.corrcoef(estimated, measured)[0, 1]
    rows = [
        ("radius by equation S4, mean", f"{estimated.mean():.2f} Å", "around 3.4 Å"),
        ("radius by equation S4, median", f"{np.median(estimated):.2f} Å", ""),
        ("mean distance of the last neighbour, mean", f"{measured.mean():.2f} Å", ""),
        ("mean distance of the last neighbour, median", f"{np.median(measured):.2f} Å", ""),
        ("Pearson correlation of the two", f"{correlation:.3f}", ""),
        (
            f"receptive field of {N_CONVOLUTIONS} convolutions",
            f"{field * measured.mean():.1f} Å",
            "around 20 Å",
        ),
        ("a, median", f"{a.median():.2f} Å", "around 10 Å"),
        (f"a longer than {LONG:g} Å", _share(a > LONG), "6,000 structures"),
        (
            "a longer than the crystal's own receptive field",
            _share(a > field * measured),
            "thousands of materials",
        ),
    ]
    for one in examples:
        name = f"example {one.structure.composition.reduced_formula} ({one.identity})"
        rows.append((name, f"a = {one.a:.1f} Å, {len(one.structure)} atoms", ""))
    for identity, (formula, length) in PAPER_LONG.items():
        here = f"a = {a[identity]:.1f} Å" if identity in a else "not in the data"
        rows.append((f"example {formula} ({identity})", here, f"a = {length} Å"))
    return [dict(zip(("quantity", "ours", "paper"), row, strict=True)) for row in rows]


def _share(chosen: pd.Series) -> str:
    return f"{chosen.sum():,} ({100 * chosen.mean():.1f} %)"


@styled
def draw_figure(
    estimated: np.ndarray, measured: np.ndarray, a: np.ndarray, examples: Sequence[LongCrystal]
) -> Figure:
    """a, the radius of twelve neighbours; b, the lattice lengths; c, long crystals.

    Args:
        estimated: (n_crystals,) radius of twelve neighbours by eq. S4, Å.
        measured: (n_crystals,) mean distance of the twelfth neighbour, Å.
        a: (n_crystals,) longest lattice length, Å.
        examples: two crystals to draw.
    """
    figure = new_figure(PAGE, 122)
    above, below = np.ravel(figure.subfigures(2, 1, squeeze=False, height_ratios=(60, 62)))
    radii, against, lengths = above.subplots(1, 3)
    _draw_radii(radii, against, estimated, measured)
    field = 2 * N_CONVOLUTIONS * float(measured.mean())
    _draw_lengths(lengths, a, field)
    for subfigure, letter, x in ((above, "a", 0.002), (above, "b", 0.665), (below, "c", 0.002)):
        subfigure.text(x, 0.995, letter, va="top", **LETTER)
    longest = max(example.a for example in examples)
    height = 1 / len(examples)
    for row, example in enumerate(examples):
        axes = below.add_axes((0.185, 1 - (row + 1) * height, 0.81, height))
        colours = _draw_crystal(axes, example.structure)
        left = axes.get_xlim()[0]
        axes.set_xlim(left, left + 1.06 * longest)  # the same scale for all
        _draw_field(axes, field)
        _describe(below, example, colours, 1 - (row + 0.5) * height)
    return figure


def _draw_radii(radii: Axes, against: Axes, estimated: np.ndarray, measured: np.ndarray) -> None:
    bins = np.arange(2, 8.2, 0.1).tolist()
    for values, name, colour in (
        (estimated, "equation S4", COLOURS["sum"]),
        (measured, "12th neighbour", COLOURS["mean"]),
    ):
        radii.hist(values, bins, histtype="step", color=colour, label=f"{name}:\nmean {values.mean():.2f} Å")
    radii.set(xlim=(2, 7), xlabel="radius of 12 neighbours (Å)", ylabel="crystals")
    radii.legend(loc="upper right", handlelength=1.0)
    look: dict[str, Any] = {
        "color": COLOURS["mean"],
        "markersize": 2,
        "alpha": 0.25,
        "mew": 0,
        "rasterized": True,
    }
    against.plot(estimated, measured, ".", **look)
    against.plot([2, 8], [2, 8], color=COLOURS["text"], linewidth=0.6)
    against.set(xlim=(2, 8.1), ylim=(2, 8.1), xlabel="equation S4 (Å)", ylabel="12th neighbour (Å)")
    against.set_aspect("equal")


def _draw_lengths(axes: Axes, a: np.ndarray, field: float) -> None:
    axes.hist(a, np.arange(0, a.max() + 2, 1).tolist(), color=COLOURS["mean"])
    axes.set_yscale("log")
    axes.set(xlabel="$a$ (Å)", ylabel="crystals")
    axes.axvline(LONG, color=COLOURS["sum"], linewidth=0.9)
    long = f"{int((a > LONG).sum()):,} of {len(a):,}\nlonger than {LONG:g} Å"
    seen = f"{N_CONVOLUTIONS} convolutions\nsee {field:.1f} Å"
    for y, text, colour in ((0.97, long, COLOURS["sum"]), (0.75, seen, COLOURS["text"])):
        axes.text(0.97, y, text, color=colour, ha="right", va="top", transform=axes.transAxes)


def _draw_field(axes: Axes, field: float) -> None:
    """The length of a network's receptive field as a bar under a crystal, in the crystal's scale."""
    low, high = axes.get_ylim()
    y = low - 1.0
    axes.plot([0, field], [y, y], color=COLOURS["sum"], linewidth=2, solid_capstyle="butt")
    text = f"{field:.1f} Å: seen in {N_CONVOLUTIONS} convolutions"
    axes.text(field + 1, y, text, color=COLOURS["sum"], va="center")
    axes.set_ylim(y - 1, high)


def _draw_crystal(axes: Axes, structure: Structure) -> dict[Element, str]:
    """A crystal with its longest lattice vector from left to right; returns the colours of the elements.

    Shown are the atoms of one cell, its surface included, and those bonded to them.
    """
    matrix = _lying(structure.lattice.matrix)
    shifts = np.array(np.meshgrid(*[(-1, 0, 1)] * 3)).reshape(3, -1).T
    fractional = np.concatenate([structure.frac_coords + shift for shift in shifts])
    elements = [Element.from_Z(number) for number in structure.atomic_numbers] * len(shifts)
    inside = within_cell(fractional)
    bonded = _bonded(fractional @ matrix) & (inside[:, None] | inside)
    kept = np.flatnonzero(inside | bonded.any(axis=1))
    amounts = structure.composition.get_el_amt_dict()
    rising = sorted(amounts, key=lambda symbol: (amounts[symbol], symbol))
    colours = {Element(symbol): COLOURS[name] for symbol, name in zip(rising, ELEMENTS, strict=False)}
    atoms = []
    for i in kept:
        radius = SPHERE * float(elements[i].atomic_radius or NO_RADIUS)
        atoms.append(Atom(fractional[i] @ matrix, radius, colours[elements[i]]))
    bonds = [(int(i), int(j)) for i, j in np.argwhere(np.triu(bonded[np.ix_(kept, kept)]))]
    draw_scene(axes, atoms, matrix, View(azimuth=-90, elevation=8), bonds)
    return colours


def _bonded(places: np.ndarray) -> np.ndarray:
    """Whether atoms (n, n) are hardly further apart than the nearest neighbours of both."""
    distance = np.linalg.norm(places[:, None] - places, axis=2)
    np.fill_diagonal(distance, np.inf)
    nearest = distance.min(axis=1)
    bonded: np.ndarray = distance < BOND * np.maximum(nearest[:, None], nearest)
    return bonded


def _lying(matrix: np.ndarray) -> np.ndarray:
    """Lattice vectors (3, 3), rotated so that the longest is along x and the second longest in the xz plane."""
    longest, second, _ = matrix[np.argsort(-np.linalg.norm(matrix, axis=1), kind="stable")]
    x = longest / np.linalg.norm(longest)
    z = second - (second @ x) * x
    z /= np.linalg.norm(z)
    turned: np.ndarray = matrix @ np.array([x, np.cross(z, x), z]).T
    return turned


def _describe(figure: Figure, example: LongCrystal, colours: dict[Element, str], y: float) -> None:
    """Formula, id, a and natoms, and which colour is which element."""
    amounts = example.structure.composition.reduced_composition.get_el_amt_dict()
    formula = "".join(
        f"{symbol}$_{{{amount:g}}}$" if amount != 1 else symbol for symbol, amount in amounts.items()
    )
    figure.text(0.02, y + 0.13, formula, va="bottom", **LETTER)
    lines = f"{example.identity}\n$a$ = {example.a:.1f} Å\n{len(example.structure)} atoms"
    figure.text(0.02, y + 0.11, lines, va="top", linespacing=1.4)
    look: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 5, "markeredgewidth": 0.4}
    handles = [
        Line2D([], [], mfc=colour, markeredgecolor=COLOURS["text"], label=element.symbol, **look)
        for element, colour in colours.items()
    ]
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.01, y - 0.12),
        ncols=len(handles),
        handletextpad=0.1,
        columnspacing=0.8,
        borderpad=0.2,
        fontsize=SMALL,
    )
