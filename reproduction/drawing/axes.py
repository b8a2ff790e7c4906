"""What the axes of several figures have in common: rows with their errors, notes and letters."""

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
CROWDED = 300  # the ratio of the ends of a logarithmic axis from which ticks at 2 and 5 have no room
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
    """The mean over the seeds as a mark at height `y`, with a line from the lowest seed to the highest."""
    axes.plot([min(values), max(values)], [y, y], color=colour, linewidth=width)
    axes.plot(np.mean(values), y, marker, color=colour, markersize=size, mfc=fill)


def draw_paper(axes: Axes, bar: Bar, y: float) -> None:
    """The paper's MAE/MAD, if it has one, as a hollow diamond."""
    if said := paper_error(bar):
        axes.plot(said, y, "D", color="white", markeredgecolor=bar.colour, markersize=3.5)


def paper_error(bar: Bar) -> float | None:
    """The paper's MAE/MAD for a network on a data set, if it has one."""
    said: float | None = (bar.first["paper"] or {}).get("mae_over_mad")
    return said


def name_rows(axes: Axes, labels: Sequence[str], separated: bool = True, **text: Any) -> None:
    """Labels at the left from top to bottom, one at each whole number, and thin lines between the rows."""
    axes.set_yticks(range(len(labels)), labels, **text)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    if separated:
        for y in range(len(labels) - 1):
            axes.axhline(y + 0.5, color=COLOURS["image"], linewidth=0.4)


def scale_errors(axes: Axes, label: str = "MAE/MAD, test set") -> None:
    """A logarithmic axis of errors; call it when all of them are drawn."""
    axes.set_xscale("log")
    mark_plainly(axes.xaxis)
    axes.set_xlabel(label)


def mark_plainly(axis: Axis, ticks: Sequence[float] = ()) -> None:
    """Ticks of a logarithmic axis in plain numbers: the given ones alone, or 1, 2 and 5 times powers of ten.

    Call it when everything is drawn: an axis over many decades has room for the powers alone.
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
    """Small grey words below all panels."""
    figure.supxlabel(text, fontsize=SMALL - 1, color=COLOURS["footnote"])


def leave_out(axes: Axes, text: str) -> None:
    """An empty panel that says why it is empty."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center")


LETTER: dict[str, Any] = {"fontsize": LARGE + 1, "weight": "bold"}  # of a panel
