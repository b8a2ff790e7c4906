"""Figure S5: how far twelve neighbours reach, how long cells are, and two long ones."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pymatgen.core import Element, Structure

from hybrid.report.style import COLOURS, LARGE, PAGE, SMALL, new_figure, styled
from reproduction.analysis.lattice import LONG, N_CONVOLUTIONS, LongCrystal
from reproduction.drawing.lattice import Atom, View, draw_scene, within_cell

ELEMENTS = ("second strand", "first strand", "8-layers")  # colours by rising number of atoms
SPHERE = 0.45  # of the atomic radius, so that atoms do not hide each other
BOND = 1.1  # times the nearest distance: neighbours that are joined
NO_RADIUS = 1.5  # Å, for elements without a tabulated one


@styled
def draw_s5(
    estimated: np.ndarray, measured: np.ndarray, a: np.ndarray, examples: Sequence[LongCrystal]
) -> Figure:
    """Figure S5.

    Args:
        estimated: (n_crystals,) radius of twelve neighbours by eq. S4, Å.
        measured: (n_crystals,) mean distance of the twelfth neighbour, Å.
        a: (n_crystals,) longest lattice length, Å.
        examples: two crystals to draw.
    """
    figure = new_figure(PAGE, 122)
    above, below = np.ravel(figure.subfigures(2, 1, squeeze=False, height_ratios=(60, 62)))
    radii, against, lengths = above.subplots(1, 3)
    _draw_radii(radii, estimated, measured)
    _draw_against(against, estimated, measured)
    field = 2 * N_CONVOLUTIONS * float(measured.mean())
    _draw_lengths(lengths, a, field)
    for subfigure, letter, x in ((above, "a", 0.002), (above, "b", 0.665), (below, "c", 0.002)):
        subfigure.text(x, 0.995, letter, fontsize=LARGE + 1, weight="bold", va="top")
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


def _draw_radii(axes: Axes, estimated: np.ndarray, measured: np.ndarray) -> None:
    bins = np.arange(2, 8.2, 0.1).tolist()
    for values, name, colour in (
        (estimated, "equation S4", COLOURS["sum"]),
        (measured, "12th neighbour", COLOURS["mean"]),
    ):
        axes.hist(values, bins, histtype="step", color=colour, label=f"{name}:\nmean {values.mean():.2f} Å")
    axes.set_xlim(2, 7)
    axes.set_xlabel("radius of 12 neighbours (Å)")
    axes.set_ylabel("crystals")
    axes.legend(loc="upper right", handlelength=1.0)


def _draw_against(axes: Axes, estimated: np.ndarray, measured: np.ndarray) -> None:
    axes.plot(
        estimated, measured, ".", color=COLOURS["mean"], markersize=2, alpha=0.25, mew=0, rasterized=True
    )
    axes.plot([2, 8], [2, 8], color=COLOURS["text"], linewidth=0.6)
    axes.set_xlim(2, 8.1)
    axes.set_ylim(2, 8.1)
    axes.set_aspect("equal")
    axes.set_xlabel("equation S4 (Å)")
    axes.set_ylabel("12th neighbour (Å)")


def _draw_lengths(axes: Axes, a: np.ndarray, field: float) -> None:
    axes.hist(a, np.arange(0, a.max() + 2, 1).tolist(), color=COLOURS["mean"])
    axes.set_yscale("log")
    axes.set_xlabel("$a$ (Å)")
    axes.set_ylabel("crystals")
    axes.axvline(LONG, color=COLOURS["sum"], linewidth=0.9)
    axes.text(
        0.97,
        0.97,
        f"{int((a > LONG).sum()):,} of {len(a):,}\nlonger than {LONG:g} Å",
        color=COLOURS["sum"],
        ha="right",
        va="top",
        transform=axes.transAxes,
    )
    axes.text(
        0.97,
        0.75,
        f"{N_CONVOLUTIONS} convolutions\nsee {field:.1f} Å",
        ha="right",
        va="top",
        transform=axes.transAxes,
    )


def _draw_field(axes: Axes, field: float) -> None:
    """The length of a network's receptive field as a bar under a crystal, in the crystal's scale."""
    low, high = axes.get_ylim()
    y = low - 1.0
    axes.plot([0, field], [y, y], color=COLOURS["sum"], linewidth=2, solid_capstyle="butt")
    text = f"{field:.1f} Å: seen in {N_CONVOLUTIONS} convolutions"
    axes.text(field + 1, y, text, color=COLOURS["sum"], va="center")
    axes.set_ylim(y - 1, high)


def _draw_crystal(axes: Axes, structure: Structure) -> dict[Element, str]:
    """A crystal with its longest lattice vector from left to right; returns the elements' colours.

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
    colours = {
        Element(symbol): COLOURS[name]
        for symbol, name in zip(sorted(amounts, key=lambda s: (amounts[s], s)), ELEMENTS, strict=False)
    }
    atoms = [Atom(fractional[i] @ matrix, SPHERE * _radius(elements[i]), colours[elements[i]]) for i in kept]
    bonds = [(int(i), int(j)) for i, j in np.argwhere(np.triu(bonded[np.ix_(kept, kept)]))]
    draw_scene(axes, atoms, matrix, View(azimuth=-90, elevation=8), bonds)
    return colours


def _radius(element: Element) -> float:
    return float(element.atomic_radius or NO_RADIUS)


def _bonded(places: np.ndarray) -> np.ndarray:
    """Which atoms (n, n) are hardly further apart than the nearest neighbours of both."""
    distance = np.linalg.norm(places[:, None] - places, axis=2)
    np.fill_diagonal(distance, np.inf)
    nearest = distance.min(axis=1)
    bonded: np.ndarray = distance < BOND * np.maximum(nearest[:, None], nearest)
    return bonded


def _lying(matrix: np.ndarray) -> np.ndarray:
    """Lattice vectors (3, 3), turned so that the longest points to x, the second in the plane of x and z."""
    order = np.argsort(-np.linalg.norm(matrix, axis=1), kind="stable")
    longest, second = matrix[order[0]], matrix[order[1]]
    x = longest / np.linalg.norm(longest)
    z = second - (second @ x) * x
    z /= np.linalg.norm(z)
    turned: np.ndarray = matrix @ np.array([x, np.cross(z, x), z]).T
    return turned


def _describe(figure: Figure, example: LongCrystal, colours: dict[Element, str], y: float) -> None:
    """Formula, id, a and natoms, and which colour is which element."""
    formula = "".join(
        f"{symbol}$_{{{amount:g}}}$" if amount != 1 else symbol
        for symbol, amount in example.structure.composition.reduced_composition.get_el_amt_dict().items()
    )
    figure.text(0.02, y + 0.13, formula, fontsize=LARGE + 1, weight="bold", va="bottom")
    lines = f"{example.identity}\n$a$ = {example.a:.1f} Å\n{len(example.structure)} atoms"
    figure.text(0.02, y + 0.11, lines, va="top", linespacing=1.4)
    handles = [
        Line2D(
            [],
            [],
            marker="o",
            linestyle="none",
            markerfacecolor=colour,
            markeredgecolor=COLOURS["text"],
            markeredgewidth=0.4,
            markersize=5,
            label=element.symbol,
        )
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
