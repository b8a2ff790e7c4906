"""Figure S1: lattice lengths against density and volume per atom, and two close packings; crystals drawn."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from pymatgen.core import Structure

from hybrid.report.style import COLOURS, LARGE, PAGE, SMALL, new_figure, styled
from reproduction.analysis.lattice import LENGTHS, LOCAL, Correlation, Lattices, fcc, hcp, shells

AXIS_LABELS = {"density": "density (g/cm³)", "vpa": "volume per atom (Å³)"}
SHOWN = 99.5  # per cent of the crystals are inside a panel's range; the rest would squeeze them
CROWD = LinearSegmentedColormap.from_list("crowd", ["#D6E6F2", COLOURS["mean"], "#002B45"])
RIGHT = 2.1  # diameters of an atom: where the layers of a packing end and their letters begin
LAYERS = ("first strand", "second strand", "descriptors")  # colours of the close-packed layers A, B, C


@styled
def draw_s1(cells: Lattices, coefficients: Sequence[Correlation]) -> Figure:
    """Figure S1: a, above, the lattice lengths; b, below, fcc and hcp.

    Args:
        cells: the crystals.
        coefficients: their correlations, which stand in the panels.
    """
    figure = new_figure(PAGE, 160)
    above, below = np.ravel(figure.subfigures(2, 1, squeeze=False, height_ratios=(105, 55)))
    panels = above.subplots(2, 3, sharex="row", sharey=True)
    limit = max(np.percentile(getattr(cells, length), SHOWN) for length in LENGTHS)
    drawn = {}
    for row, local in enumerate(LOCAL):
        x = getattr(cells, local)
        right = float(np.percentile(x, SHOWN))
        for column, length in enumerate(LENGTHS):
            axes = panels[row, column]
            drawn[axes] = axes.hexbin(
                x,
                getattr(cells, length),
                gridsize=(45, 26),
                extent=(0, right, 0, limit),
                mincnt=1,
                norm=LogNorm(1, 300),
                cmap=CROWD,
                linewidths=0.1,
            )
            axes.set_xlim(0, right)
            axes.set_ylim(0, limit)
            axes.set_xlabel(AXIS_LABELS[local])
            axes.set_ylabel(f"${length}$ (Å)")
            axes.yaxis.set_tick_params(labelleft=True)
    for coefficient in coefficients:
        axes = panels[LOCAL.index(coefficient.local), LENGTHS.index(coefficient.length)]
        text = f"Pearson {_signed(coefficient.pearson)}, Spearman {_signed(coefficient.spearman)}"
        axes.set_title(text, fontsize=SMALL)
    bar = above.colorbar(next(iter(drawn.values())), ax=panels, aspect=40, pad=0.01)
    bar.set_label(f"crystals in a hexagon (of {len(cells):,})")
    above.text(0.002, 0.995, "a", fontsize=LARGE + 1, weight="bold", va="top")
    _draw_packings(below)
    return figure


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def _draw_packings(figure: Figure) -> None:
    """The packings fcc and hcp of the same atoms: the Niggli cell in a stack of layers, and its numbers."""
    figure.text(0.002, 0.995, "b", fontsize=LARGE + 1, weight="bold", va="top")
    packings = (("fcc", fcc(1), "ABC"), ("hcp", hcp(1), "AB"))
    for column, (name, cell, stacking) in enumerate(packings):
        axes = figure.add_axes((0.01 + 0.5 * column, 0.0, 0.27, 1.0))
        _draw_stack(axes, cell, stacking)
        c, b, a = sorted(cell.lattice.abc)
        lengths = ", ".join(f"{2 * length:.3g} R" for length in (a, b, c))
        angles = ", ".join(f"{angle:.0f}°" for angle in sorted(cell.lattice.angles, reverse=True))
        fraction = len(cell) * math.pi / 6 / cell.volume
        distance, n_neighbours = shells(cell, 1)[0]
        lines = [
            f"layers {stacking}{stacking[0]}…",
            f"natoms = {len(cell)}",
            f"$a, b, c$ = {lengths}",
            f"$α, β, γ$ = {angles}",
            "",
            f"{n_neighbours} neighbours at {2 * distance:.0f} R",
            f"packing fraction {fraction:.4f}",
        ]
        figure.text(0.29 + 0.5 * column, 0.80, name, fontsize=LARGE + 1, weight="bold")
        figure.text(0.29 + 0.5 * column, 0.76, "\n".join(lines), va="top", linespacing=1.5)


def _draw_stack(axes: Axes, cell: Structure, stacking: str) -> None:
    """Four close-packed layers of a packing of spheres of diameter 1, with the Niggli cell's edges."""
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


@dataclass(frozen=True)
class View:
    """Where one looks from: angles in degrees around z from x, and above the xy plane."""

    azimuth: float
    elevation: float

    def project(self, places: np.ndarray) -> np.ndarray:
        """Places (n, 3) as right, up and towards the eye."""
        azimuth, elevation = math.radians(self.azimuth), math.radians(self.elevation)
        eye = np.array(
            [
                math.cos(elevation) * math.cos(azimuth),
                math.cos(elevation) * math.sin(azimuth),
                math.sin(elevation),
            ]
        )
        right = np.array([-math.sin(azimuth), math.cos(azimuth), 0])
        projected: np.ndarray = places @ np.array([right, np.cross(eye, right), eye]).T
        return projected


@dataclass(frozen=True)
class Atom:
    """A sphere: its place and radius in Å."""

    place: np.ndarray
    radius: float
    colour: str
    strength: float = 1.0  # of the colour; fainter atoms are context


def draw_scene(
    axes: Axes,
    atoms: Sequence[Atom],
    matrix: np.ndarray,
    view: View,
    bonds: Sequence[tuple[int, int]] = (),
) -> None:
    """Atoms, bonds and the edges of a cell, the nearer over the farther.

    Args:
        axes: their frame goes.
        atoms: what to draw.
        matrix: (3, 3) lattice vectors in rows, Å.
        view: where from.
        bonds: pairs of atoms by their place in `atoms`.
    """
    axes.set_axis_off()
    axes.set_aspect("equal")
    places = view.project(np.array([atom.place for atom in atoms]))
    for atom, (x, y, depth) in zip(atoms, places, strict=True):
        _draw_sphere(axes, atom, x, y, depth)
    for first, second in bonds:
        _draw_line(axes, places[[first, second]], COLOURS["footnote"], 1.4)
    edges = [view.project(np.linspace(*edge, 13)) for edge in cell_edges(matrix)]
    for edge in edges:  # in pieces, which atoms may hide
        for piece in itertools.pairwise(edge):
            _draw_line(axes, np.array(piece), COLOURS["text"], 0.9)
    drawn = np.concatenate([places, *edges])
    low, high = drawn.min(axis=0), drawn.max(axis=0)
    margin = max(atom.radius for atom in atoms) * 1.1
    axes.set_xlim(low[0] - margin, high[0] + margin)
    axes.set_ylim(low[1] - margin, high[1] + margin)


def _draw_line(axes: Axes, points: np.ndarray, colour: str, width: float) -> None:
    """A straight line between two projected points (2, 3)."""
    x, y, depth = points.T
    line = Line2D(x, y, color=colour, linewidth=width, solid_capstyle="round")
    line.set_zorder(_order(depth.mean()))
    axes.add_line(line)


def _order(depth: float) -> float:
    """The nearer, the later it is drawn."""
    return 10 + depth / 100


def _draw_sphere(axes: Axes, atom: Atom, x: float, y: float, depth: float) -> None:
    """A circle with a lighter spot."""
    colour = np.array(to_rgb(atom.colour)) * atom.strength + (1 - atom.strength)
    edge = np.array(to_rgb(COLOURS["text"])) * atom.strength + (1 - atom.strength)
    order = _order(depth)
    axes.add_patch(Circle((x, y), atom.radius, facecolor=colour, edgecolor=edge, linewidth=0.4, zorder=order))
    spot = (x - 0.3 * atom.radius, y + 0.3 * atom.radius)
    axes.add_patch(
        Circle(spot, 0.3 * atom.radius, color=0.5 * colour + 0.5, linewidth=0, zorder=order + 1e-6)
    )


def cell_edges(matrix: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The twelve edges of a cell as pairs of corners, Å."""
    corners = [np.array(corner) for corner in itertools.product((0, 1), repeat=3)]
    return [
        (start @ matrix, end @ matrix)
        for start, end in itertools.combinations(corners, 2)
        if np.abs(start - end).sum() == 1
    ]


def within_cell(fractional: np.ndarray) -> np.ndarray:
    """Whether places (n, 3) are in the cell or on its surface."""
    inside: np.ndarray = np.all((fractional > -1e-6) & (fractional < 1 + 1e-6), axis=1)
    return inside
