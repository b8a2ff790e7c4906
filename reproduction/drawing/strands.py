"""Draws random 1D chains: one cell, and a part of its periodic images in grey (Figures 3b and 3d)."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator
from pymatgen.core import Structure

from hybrid.report.style import COLOURS

OVERHANG = 0.55  # of a cell: how much of the periodic images shows on either side
HEIGHT = 1.06  # of the panel, where the lattice length is written
ARROW = {"arrowstyle": "<->", "color": COLOURS["text"], "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}


def draw_frame(axes: Axes, chain: Structure, axis: int) -> None:
    """Axes in Å around one cell, which is shaded, and a part of its images; `axis` is 1 for y, 2 for z."""
    a = chain.lattice.a
    low, high = chain.cart_coords.min(axis=0), chain.cart_coords.max(axis=0)
    middle = (low + high)[axis] / 2
    reach = (high - low)[1:].max() / 2 + 1.0  # along y and z the same, so that panels are of one scale
    axes.set(xlim=(-OVERHANG * a, (1 + OVERHANG) * a), ylim=(middle - reach, middle + reach), aspect="equal")
    axes.axvspan(0, a, color=COLOURS["cell"], zorder=0)
    for end in (0, a):
        axes.axvline(end, color=COLOURS["footnote"], linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    axes.set(xlabel="$x$ (Å)", ylabel=f"${'xyz'[axis]}$ (Å)")
    axes.xaxis.set_major_locator(MultipleLocator(5))
    axes.yaxis.set_major_locator(MultipleLocator(2))


def draw_strand(
    axes: Axes, positions: np.ndarray, a: float, axis: int, colour: str, label: str | None = None
) -> None:
    """Draws one strand: atoms joined in the order of the chain, and a dotted line to the next cell.

    Args:
        axes: where to draw.
        positions: (n_atoms, 3) Å.
        a: the lattice length, Å.
        axis: the vertical axis, 1 for y, 2 for z.
        colour: of the atoms in the cell.
        label: for a legend.
    """
    flat = positions[:, [0, axis]]  # (n_atoms, 2) Å
    for cell in (-1, 0, 1):
        shown, named = (colour, label) if cell == 0 else (COLOURS["image"], None)
        look: dict[str, Any] = {"color": shown, "markersize": 5, "linewidth": 1.3, "label": named}
        strand = flat + np.array([cell * a, 0])
        axes.plot(*strand.T, "o-", zorder=3 + (cell == 0), **look)
        closing = np.array([strand[-1], flat[0] + np.array([(cell + 1) * a, 0])])
        axes.plot(*closing.T, ":", color=COLOURS["image"], linewidth=1.3, zorder=2)


def draw_length(axes: Axes, chain: Structure) -> None:
    """The lattice length as an arrow over the cell."""
    a, at = chain.lattice.a, axes.get_xaxis_transform()
    place: dict[str, Any] = {"xycoords": at, "textcoords": at, "annotation_clip": False}
    axes.annotate("", (0, HEIGHT), (a, HEIGHT), arrowprops=ARROW, **place)
    axes.text(a / 2, HEIGHT + 0.03, f"$a$ = {a:.2f} Å", ha="center", va="bottom", transform=at)


def draw_arrow(axes: Axes, start: np.ndarray, end: np.ndarray) -> None:
    """An arrow with two heads between two points."""
    axes.annotate("", tuple(start), tuple(end), arrowprops=ARROW, zorder=6)
