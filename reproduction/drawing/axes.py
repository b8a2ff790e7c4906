"""Common elements of figures: rows with errors, logarithmic axes, notes and panel letters."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from hybrid.report.records import Bar
from hybrid.report.style import COLOURS, LARGE, SMALL

MARKERS = "osD^v<>"
CROWDED = 300  # ratio of the ends of a logarithmic axis above which there is no room for ticks at 2 and 5
GOOD = 0.2  # MAE/MAD of a model that the paper calls good


def draw_range(
    axes: Axes,
    values: Sequence[float] | np.ndarray,
    y: float,
    colour: str,
    marker: str = "o",
    width: float = 1.2,
    size: float = 4.0,
    fill: str | None = None,
) -> None:
    """Draws the mean over the seeds at height `y`, with a line from the lowest seed to the highest."""
    axes.plot([min(values), max(values)], [y, y], color=colour, linewidth=width)
    axes.plot(np.mean(values), y, marker, color=colour, markersize=size, mfc=fill)


def draw_paper(axes: Axes, bar: Bar, y: float) -> None:
    """Draws the paper's MAE/MAD, if there is one, as a hollow diamond."""
    if said := paper_error(bar):
        axes.plot(said, y, "D", color="white", markeredgecolor=bar.colour, markersize=3.5)


def paper_error(bar: Bar) -> float | None:
    """The paper's MAE/MAD for a network on a data set, if it has one."""
    said: float | None = (bar.first["paper"] or {}).get("mae_over_mad")
    return said


def name_rows(axes: Axes, labels: Sequence[str], separated: bool = True, **text: Any) -> None:
    """Labels rows from top to bottom, one at each integer, with thin lines between them."""
    axes.set_yticks(range(len(labels)), labels, **text)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    if separated:
        for y in range(len(labels) - 1):
            axes.axhline(y + 0.5, color=COLOURS["image"], linewidth=0.4)


def scale_errors(axes: Axes, label: str = "MAE/MAD, test set") -> None:
    """Makes a logarithmic axis of errors; to be called after drawing them."""
    axes.set_xscale("log")
    mark_plainly(axes.xaxis)
    axes.set_xlabel(label)


def mark_plainly(axis: Axis, ticks: Sequence[float] = ()) -> None:
    """Sets ticks of a logarithmic axis as plain numbers: the given ones, or 1, 2 and 5 times powers of ten.

    To be called after drawing, because an axis over many decades has room for the powers only.
    """
    if ticks:
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_minor_locator(NullLocator())
    else:
        low, high = axis.get_view_interval()
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < CROWDED else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def footnote(figure: Figure, text: str) -> None:
    """Writes small grey text below all panels."""
    figure.supxlabel(text, fontsize=SMALL - 1, color=COLOURS["footnote"])


def leave_out(axes: Axes, text: str) -> None:
    """Draws an empty panel with the reason."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center")


LETTER: dict[str, Any] = {"fontsize": LARGE + 1, "weight": "bold"}  # of a panel
