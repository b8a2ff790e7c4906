"""Figures 3b, 3c and 3d: the 1D chains, drawn from the structures that the generators make."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Arc
from matplotlib.ticker import MultipleLocator
from pymatgen.core import Structure

from hybrid.report.style import COLOURS, COLUMN, LARGE, new_figure, styled
from reproduction.data.chains import DOUBLE_OFFSET, armchair_chain, chain_of_set, zigzag_chain

OVERHANG = 0.55  # of a cell: how much of the periodic images shows on either side
ARROW = {"arrowstyle": "<->", "color": COLOURS["text"], "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}


@styled
def draw_3b(n_atoms: int = 6, number: int = 74) -> Figure:
    """A random single chain seen along z and along y: one cell and, in grey, its periodic images.

    Args:
        n_atoms: atoms in the cell.
        number: which of the single chains of this length.
    """
    chain = chain_of_set("single", n_atoms, number)
    figure = new_figure(COLUMN, 60)
    side, top = figure.subplots(2, 1, sharex=True)
    for axes, axis in ((side, 1), (top, 2)):
        _frame(axes, chain, axis)
        _draw_strand(axes, chain.cart_coords, chain.lattice.a, axis, COLOURS["atom"])
    side.set_xlabel("")
    _annotate_length(side, chain)
    return figure


@styled
def draw_3c(bond_length: float = 1.5, bond_angle: float = 120.0) -> Figure:
    """A zigzag and an armchair chain with the same bonds and angles, and the first three shells of atom 1.

    Args:
        bond_length: l in Å.
        bond_angle: θ in degrees.
    """
    figure = new_figure(COLUMN, 60, layout=None)
    zigzag = _Planar(zigzag_chain(bond_length, bond_angle), first=0)
    zigzag.draw(figure.add_axes((0, 0.5, 1, 0.5)), {"2": 1, "3": 2, "4": 3}, "zigzag", r"2l\,\sin(\theta/2)")
    armchair = _Planar(armchair_chain(bond_length, bond_angle), first=1)
    armchair.draw(
        figure.add_axes((0, 0, 1, 0.5)),
        {"2": 1, "3": 2, "4": 3, "4\N{PRIME}": -3},
        "armchair",
        r"4l\,\sin^2(\theta/2)",
    )
    return figure


@styled
def draw_3d(n_atoms: int = 5, number: int = 8, offset: float = DOUBLE_OFFSET) -> Figure:
    """A random double chain, a colour for each strand: one cell and, in grey, its periodic images.

    Args:
        n_atoms: atoms of one strand.
        number: which of the double chains of this length.
        offset: Å between the strands along y.
    """
    chain = chain_of_set("double", n_atoms, number, double_offset=offset)
    figure = new_figure(COLUMN, 48)
    axes = figure.subplots()
    _frame(axes, chain, axis=1)
    strands = np.split(chain.cart_coords, 2)
    for strand, name in zip(strands, ("first strand", "second strand"), strict=True):
        _draw_strand(axes, strand, chain.lattice.a, 1, COLOURS[name], label=name)
    _annotate_length(axes, chain)
    start, end = (strand[n_atoms // 2, :2] for strand in strands)
    _arrow(axes, start, end)
    axes.annotate(f"{offset:g} Å", (start + end) / 2, (3, 0), textcoords="offset points", va="center")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _frame(axes: Axes, chain: Structure, axis: int) -> None:
    """Axes in Å around one cell, which is shaded, and a part of its images; `axis` is 1 for y, 2 for z."""
    a = chain.lattice.a
    low, high = chain.cart_coords.min(axis=0), chain.cart_coords.max(axis=0)
    middle = (low + high)[axis] / 2
    reach = (high - low)[1:].max() / 2 + 1.0  # along y and z the same, so that panels are of one scale
    axes.set_xlim(-OVERHANG * a, (1 + OVERHANG) * a)
    axes.set_ylim(middle - reach, middle + reach)
    axes.set_aspect("equal")
    axes.axvspan(0, a, color=COLOURS["cell"], zorder=0)
    for end in (0, a):
        axes.axvline(end, color=COLOURS["footnote"], linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    axes.set_xlabel("$x$ (Å)")
    axes.set_ylabel(f"${'xyz'[axis]}$ (Å)")
    axes.xaxis.set_major_locator(MultipleLocator(5))
    axes.yaxis.set_major_locator(MultipleLocator(2))


def _draw_strand(
    axes: Axes, positions: np.ndarray, a: float, axis: int, colour: str, label: str | None = None
) -> None:
    """One strand: atoms joined in the order of the walk, dotted where the cell's end closes it."""
    flat = positions[:, [0, axis]]  # (n_atoms, 2) Å
    for cell in (-1, 0, 1):
        shown, named = (colour, label) if cell == 0 else (COLOURS["image"], None)
        x, height = (flat + np.array([cell * a, 0])).T
        axes.plot(
            x, height, "o-", color=shown, markersize=5, linewidth=1.3, label=named, zorder=3 + (cell == 0)
        )
        following = flat[0] + [(cell + 1) * a, 0]
        axes.plot(
            [x[-1], following[0]],
            [height[-1], following[1]],
            ":",
            color=COLOURS["image"],
            linewidth=1.3,
            zorder=2,
        )


def _annotate_length(axes: Axes, chain: Structure) -> None:
    """The lattice length as an arrow over the cell."""
    a = chain.lattice.a
    height = 1.06
    axes.annotate(
        "",
        (0, height),
        (a, height),
        xycoords=axes.get_xaxis_transform(),
        textcoords=axes.get_xaxis_transform(),
        arrowprops=ARROW,
        annotation_clip=False,
    )
    axes.text(
        a / 2,
        height + 0.03,
        f"$a$ = {a:.2f} Å",
        ha="center",
        va="bottom",
        transform=axes.get_xaxis_transform(),
    )


def _arrow(axes: Axes, start: np.ndarray, end: np.ndarray) -> None:
    axes.annotate("", tuple(start), tuple(end), arrowprops=ARROW, zorder=6)


class _Planar:
    """A planar chain as an endless sequence of atoms, counted from its atom 1.

    Args:
        chain: its sites in the order of the chain.
        first: the site that is atom 1.
    """

    def __init__(self, chain: Structure, first: int):
        self.chain = chain
        self.first = first
        self.bond = math.dist(self.position(0), self.position(1))

    def position(self, step: int) -> np.ndarray:
        """The x and y in Å of the atom `step` atoms further along the chain than atom 1."""
        cell, site = divmod(self.first + step, len(self.chain))
        shift = cell * self.chain.lattice.a - self.chain.cart_coords[self.first, 0]
        position: np.ndarray = self.chain.cart_coords[site, :2] + np.array([shift, 0])
        return position

    def draw(self, axes: Axes, numbered: dict[str, int], name: str, formula: str) -> None:
        """The chain with l, θ and a, and lines from atom 1 to the `numbered` atoms (label: step)."""
        axes.set_axis_off()
        axes.set_aspect("equal")
        heights = [self.position(step)[1] for step in range(4)]
        axes.set_xlim(-3.1 * self.bond, 6.4 * self.bond)
        axes.set_ylim(np.mean([min(heights), max(heights)]) + np.array([-1.8, 1.6]) * self.bond)
        axes.text(0.01, 0.88, name, fontsize=LARGE, transform=axes.transAxes)
        self._draw_atoms(axes, {step: label for label, step in numbered.items()} | {0: "1"})
        self._draw_distances(axes, numbered)
        self._draw_angle(axes, step=numbered["4"])
        beside = (self.position(-1) + self.position(0)) / 2
        axes.annotate("$l$", beside, (-3, -3), textcoords="offset points", ha="center", va="top")
        self._draw_cell(axes, min(heights) - 0.7 * self.bond, formula)

    def _draw_atoms(self, axes: Axes, labels: dict[int, str]) -> None:
        steps = range(-3, 5)
        atoms = [self.position(step) for step in steps]
        stubs = [
            0.6 * self.position(end) + 0.4 * self.position(end + side) for end, side in ((-3, -1), (4, 1))
        ]
        line = np.array([stubs[0], *atoms, stubs[1]])
        axes.plot(*line.T, color=COLOURS["image"], linewidth=2.0, zorder=1)
        for step, (x, y) in zip(steps, atoms, strict=True):
            colour = COLOURS["atom"] if step in labels else COLOURS["image"]
            axes.plot(x, y, "o", color=colour, markersize=9, zorder=4)
            if step in labels:
                axes.text(x, y, labels[step], color="white", ha="center", va="center_baseline", zorder=5)

    def _draw_distances(self, axes: Axes, numbered: dict[str, int]) -> None:
        start = self.position(0)
        for label, step in numbered.items():
            end = self.position(step)
            axes.plot(
                *np.array([start, end]).T,
                color=COLOURS[f"1-{label[0]}"],
                linestyle="-" if len(label) == 1 else (0, (2, 1)),
                linewidth=1.8,
                label=f"1\N{EN DASH}{label}: {math.dist(start, end):.2f} Å",
                zorder=3,
            )
        axes.legend(loc="center left", bbox_to_anchor=(0.73, 0.52), handlelength=1.4, handletextpad=0.5)

    def _draw_angle(self, axes: Axes, step: int) -> None:
        """The bond angle at the atom `step` steps from atom 1."""
        corner = self.position(step)
        arms = [self.position(step + side) - corner for side in (-1, 1)]
        start, end = sorted(math.degrees(math.atan2(y, x)) % 360 for x, y in arms)
        diameter = self.bond
        arc = Arc((corner[0], corner[1]), diameter, diameter, theta1=start, theta2=end, linewidth=0.8)
        arc.set_edgecolor(COLOURS["text"])
        axes.add_patch(arc)
        inwards = np.sum(arms, axis=0)
        x, y = corner + 0.75 * self.bond * inwards / math.hypot(*inwards)
        axes.text(x, y, r"$\theta$", ha="center", va="center")

    def _draw_cell(self, axes: Axes, height: float, formula: str) -> None:
        """The lattice length as an arrow at `height` below the chain, from atom 1 to its image."""
        image = len(self.chain)
        start, end = (np.array([self.position(step)[0], height]) for step in (0, image))
        _arrow(axes, start, end)
        for x, y in (self.position(0), self.position(image)):
            axes.plot([x, x], [y, height], color=COLOURS["footnote"], linewidth=0.6, linestyle=":", zorder=1)
        axes.annotate(
            f"$a = {formula}$ = {self.chain.lattice.a:.2f} Å",
            (start + end) / 2,
            (0, -3),
            textcoords="offset points",
            ha="center",
            va="top",
        )
