"""Figure 3c: zigzag and armchair chains, and which of them a distance-only network can tell apart."""

import math
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Arc
from pymatgen.core import Structure

from hybrid.report.style import COLOURS, COLUMN, LARGE, new_figure, save, styled
from reproduction.analysis.expressivity import SHELLS, distinguishability, figure_3c_pairs
from reproduction.analysis.untrained import untrained_outputs
from reproduction.data.chains import armchair_chain, zigzag_chain
from reproduction.drawing.strands import draw_arrow
from reproduction.drawing.tables import write_rows

SEEDS = range(5)


def draw(stem: Path) -> None:
    """Zigzag and armchair chains, and which of them a distance-only network can tell apart."""
    said = {True: "distinguishable", False: "not distinguishable", None: ""}
    rows = [
        {
            "neighbours seen": row.shells,
            "pair": row.pair,
            "difference": f"{row.max_difference:.1e}",
            "ours": said[row.distinguishable],
            "paper": said[row.paper],
        }
        for row in distinguishability(figure_3c_pairs(), SHELLS, SEEDS, untrained_outputs)
    ]
    caption = (
        f"Largest difference between the outputs of {len(SEEDS)} untrained CGCNN for two chains with the "
        "same bond length, relative to the outputs' size."
    )
    write_rows(stem, caption, rows)
    save(draw_figure(), stem)


@styled
def draw_figure(bond_length: float = 1.5, bond_angle: float = 120.0) -> Figure:
    """A zigzag and an armchair chain with the same bonds and angles, and the first three shells of atom 1.

    Args:
        bond_length: l in Å.
        bond_angle: θ in degrees.
    """
    figure = new_figure(COLUMN, 60, layout=None)
    zigzag = _Planar(zigzag_chain(bond_length, bond_angle), first=0)
    numbered = {"2": 1, "3": 2, "4": 3}
    zigzag.draw(figure.add_axes((0, 0.5, 1, 0.5)), numbered, "zigzag", r"2l\,\sin(\theta/2)")
    armchair = _Planar(armchair_chain(bond_length, bond_angle), first=1)
    numbered = {**numbered, "4\N{PRIME}": -3}
    armchair.draw(figure.add_axes((0, 0, 1, 0.5)), numbered, "armchair", r"4l\,\sin^2(\theta/2)")
    return figure


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
        heights = [self.position(step)[1] for step in range(4)]
        middle = (min(heights) + max(heights)) / 2
        axes.set_axis_off()
        axes.set_aspect("equal")
        axes.set_xlim(-3.1 * self.bond, 6.4 * self.bond)
        axes.set_ylim(middle - 1.8 * self.bond, middle + 1.6 * self.bond)
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
        arc = Arc((corner[0], corner[1]), self.bond, self.bond, theta1=start, theta2=end, linewidth=0.8)
        arc.set_edgecolor(COLOURS["text"])
        axes.add_patch(arc)
        inwards = np.sum(arms, axis=0)
        x, y = corner + 0.75 * self.bond * inwards / math.hypot(*inwards)
        axes.text(x, y, r"$\theta$", ha="center", va="center")

    def _draw_cell(self, axes: Axes, height: float, formula: str) -> None:
        """The lattice length as an arrow at `height` below the chain, from atom 1 to its image."""
        atoms = [self.position(0), self.position(len(self.chain))]
        start, end = (np.array([x, height]) for x, _ in atoms)
        draw_arrow(axes, start, end)
        for x, y in atoms:
            axes.plot([x, x], [y, height], color=COLOURS["footnote"], linewidth=0.6, linestyle=":", zorder=1)
        text, beside = f"$a = {formula}$ = {self.chain.lattice.a:.2f} Å", (start + end) / 2
        axes.annotate(text, beside, (0, -3), textcoords="offset points", ha="center", va="top")
