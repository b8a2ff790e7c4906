"""A picture of a page, and how its axes and points are drawn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from hybrid.report.finished_run import FinishedRun
from hybrid.report.run_files import shown
from hybrid.report.style import COLOURS, RC

WIDTH = 95.0  # mm, so that a figure can be read on a phone
POINTED = 5000  # points of a figure that can be pointed at; others are part of a picture
LINES = ("mean", "sum", "descriptors", "8-layers", "18-neighbours-12A", "cgcnn+descriptors", "alignn", "own")
MAP = matplotlib.colormaps["viridis_r"]


@dataclass
class Drawn:
    """A figure of a page."""

    name: str  # of its file
    caption: str  # what it shows, in a sentence or two
    figure: Figure  # the figure
    said: dict[str, list[str]] = field(default_factory=dict)  # by artist's id, what its points say
    wide: bool = False  # whether it takes the page's whole width

    def point_at(self, artist: Artist, texts: Sequence[str]) -> bool:
        """Lets points or a patch be pointed at; if there are too many, they become a picture instead."""
        if sum(map(len, self.said.values())) + len(texts) > POINTED:
            artist.set_rasterized(True)
            return False
        name = f"said-{len(self.said)}"
        artist.set_gid(name)
        self.said[name] = list(texts)
        return True


def drawing(draw: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates a function that draws: text of users is no mathematics."""
    own: dict[Any, Any] = {"text.parse_math": False, "axes.facecolor": "none", "legend.markerscale": 2}
    return matplotlib.rc_context({**RC, **own})(draw)


def said_of(run: FinishedRun, j: int, i: int = 0) -> str:
    """What a crystal's point says."""
    _, formula, n_atoms = run.crystal(j)
    words = [run.ids[j], formula, f"{n_atoms} atoms" if n_atoms else ""]
    words += [f"target {shown(run.targets[j, i])}", f"prediction {shown(run.predictions[j, i])}"]
    return " · ".join(filter(None, words))


def look_of(k: int) -> dict[str, Any]:
    """The colour and dashes of the k-th line."""
    return {"color": COLOURS[LINES[k % len(LINES)]], "linestyle": ("-", "--", ":")[k // len(LINES) % 3]}


def logarithmic(axes: Axes, which: str) -> None:
    """Makes an axis logarithmic, with plain numbers, if all its values are positive."""
    low, high = axes.dataLim.intervaly if which == "y" else axes.dataLim.intervalx
    if not 0 < low <= high < np.inf:
        return
    (axes.set_yscale if which == "y" else axes.set_xscale)("log")
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 300 * low else (1,)))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(NullFormatter())


def ink_on(colour: Any) -> str:
    """Black or white, whichever can be read on a colour."""
    red, green, blue, *_ = colour
    return "#000000" if 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 else "#ffffff"
