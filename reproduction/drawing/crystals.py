"""Draws crystals as spheres, bonds and the edges of a cell; nearer parts cover those behind."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from hybrid.report.style import COLOURS


@dataclass(frozen=True)
class View:
    """The direction of view: angles in degrees around z from x, and above the xy plane."""

    azimuth: float
    elevation: float

    def project(self, places: np.ndarray) -> np.ndarray:
        """Projects positions (n, 3) to coordinates to the right, upwards and towards the viewer."""
        azimuth, elevation = math.radians(self.azimuth), math.radians(self.elevation)
        level = math.cos(elevation)
        eye = np.array([level * math.cos(azimuth), level * math.sin(azimuth), math.sin(elevation)])
        right = np.array([-math.sin(azimuth), math.cos(azimuth), 0])
        projected: np.ndarray = places @ np.array([right, np.cross(eye, right), eye]).T
        return projected


@dataclass(frozen=True)
class Atom:
    """A sphere: its position and radius in Å."""

    place: np.ndarray
    radius: float
    colour: str
    strength: float = 1.0  # of the colour; atoms beside the cell are fainter


def draw_scene(
    axes: Axes, atoms: Sequence[Atom], matrix: np.ndarray, view: View, bonds: Sequence[tuple[int, int]] = ()
) -> None:
    """Draws atoms, bonds and the edges of a cell.

    Args:
        axes: where to draw; their frame is removed.
        atoms: the atoms.
        matrix: (3, 3) lattice vectors in rows, Å.
        view: the direction of view.
        bonds: pairs of atoms by their position in `atoms`.
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
    order = _order(depth.mean())
    axes.add_line(Line2D(x, y, color=colour, linewidth=width, solid_capstyle="round", zorder=order))


def _order(depth: float) -> float:
    """The drawing order; nearer parts are drawn later."""
    return 10 + depth / 100


def _draw_sphere(axes: Axes, atom: Atom, x: float, y: float, depth: float) -> None:
    """Draws a circle with a lighter spot."""
    colour, edge = (
        np.array(to_rgb(name)) * atom.strength + (1 - atom.strength)
        for name in (atom.colour, COLOURS["text"])
    )
    order = _order(depth)
    axes.add_patch(Circle((x, y), atom.radius, facecolor=colour, edgecolor=edge, linewidth=0.4, zorder=order))
    spot = (x - 0.3 * atom.radius, y + 0.3 * atom.radius)
    lighter: dict[str, Any] = {"color": 0.5 * colour + 0.5, "linewidth": 0, "zorder": order + 1e-6}
    axes.add_patch(Circle(spot, 0.3 * atom.radius, **lighter))


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
