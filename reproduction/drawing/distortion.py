"""How far the descriptors move under distortions: a heat map, descriptors by noise."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.figure import Figure

from hybrid.descriptors.registry import choose
from hybrid.report.style import COLOURS, PAGE, SMALL, new_figure, styled
from reproduction.analysis.distortion import KINDS, NAMES, Movement
from reproduction.analysis.distortion_causes import Check

HEADINGS = {"positions": "positions (Å)", "lattice": "lattice (strain)", "supercell": "in a supercell (Å)"}
BLUES = LinearSegmentedColormap.from_list("share", ["#FFFFFF", COLOURS["mean"]])
ORANGES = LinearSegmentedColormap.from_list("change", ["#FFFFFF", COLOURS["sum"]])
NOTHING = 1e-9  # of a standard deviation: rounding


@styled
def draw(movements: Sequence[Movement], checks: Sequence[Check]) -> Figure:
    """A row a descriptor, a column a distortion.

    Args:
        movements: every descriptor under every distortion.
        checks: the causes of jumps, which stand at the right.
    """
    distortions = list(dict.fromkeys(movement.distortion for movement in movements))
    found = {(movement.name, movement.distortion): movement for movement in movements}
    table = [[found[name, distortion] for distortion in distortions] for name in NAMES]
    shares = 100 * np.array([[movement.over_large for movement in row] for row in table])
    changes = np.array([[movement.percentile95 for movement in row] for row in table])
    figure = new_figure(PAGE, 165)
    left, right = figure.subplots(1, 2, sharey=True)
    left.imshow(shares, cmap=BLUES, norm=Normalize(0, 100), aspect="auto")
    right.imshow(np.maximum(changes, 1e-4), cmap=ORANGES, norm=LogNorm(1e-4, 10), aspect="auto")
    _write(left, shares, [[_percent(value) for value in row] for row in shares], 60)
    dark = np.log10(np.maximum(changes, 1e-4)) * 20 + 80  # as shares: 100 at 10 standard deviations
    _write(right, dark, [[_short(value) for value in row] for row in changes], 79)
    left.set_title(
        "share (%) of distorted structures that change\nby more than 0.1 standard deviations\n", pad=11
    )
    right.set_title("95th percentile of the change\nin standard deviations\n", pad=11)
    for axes in (left, right):
        _label_columns(axes, distortions)
    left.set_yticks(range(len(NAMES)), [descriptor.symbol for descriptor in choose(NAMES)])
    causes = {check.name: check.cause.name for check in reversed(checks)}
    _draw_causes(right, [causes.get(name, "") for name in NAMES])
    return figure


def _percent(value: float) -> str:
    """A share of 100; nothing for none."""
    if not value:
        return ""
    return f"{value:.0f}" if value > 0.95 else "<1"


def _short(value: float) -> str:
    """A number of three or four characters; nothing for rounding."""
    if value < NOTHING:
        return ""
    if value < 0.00095:
        return f"{value:.0e}".replace("e-0", "e\N{MINUS SIGN}")
    return f"{value:.1f}" if value >= 0.095 else f"{value:.1g}".replace("0.", ".")


def _write(axes: Axes, dark: np.ndarray, texts: Sequence[Sequence[str]], white_from: float) -> None:
    """The values in the cells, white where the cell is dark."""
    for (row, column), value in np.ndenumerate(dark):
        colour = "white" if value > white_from else COLOURS["text"]
        axes.text(
            column, row, texts[row][column], color=colour, fontsize=SMALL - 1.5, ha="center", va="center"
        )


def _label_columns(axes: Axes, distortions: Sequence) -> None:
    axes.tick_params(length=0)
    axes.xaxis.tick_top()
    labels = [f"$10^{{{round(np.log10(distortion.size))}}}$" for distortion in distortions]
    axes.set_xticks(range(len(labels)), labels)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_yticks(np.arange(-0.5, len(NAMES)), minor=True)
    axes.grid(which="minor", axis="y", color="white", linewidth=0.8)
    axes.tick_params(which="minor", length=0)
    for kind in KINDS:
        columns = [i for i, distortion in enumerate(distortions) if distortion.kind == kind]
        if columns:
            axes.annotate(
                HEADINGS[kind],
                (np.mean(columns), 1),
                (0, 15),
                xycoords=axes.get_xaxis_transform(),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=SMALL - 0.5,
            )
            if columns[0]:
                axes.axvline(columns[0] - 0.5, color=COLOURS["text"], linewidth=0.6)


def _draw_causes(axes: Axes, causes: Sequence[str]) -> None:
    """A line beside neighbouring rows with the same cause, and the cause."""
    start = 0
    while start < len(causes):
        end = start
        while end + 1 < len(causes) and causes[end + 1] == causes[start]:
            end += 1
        if causes[start]:
            x = 1.02
            axes.plot(
                [x, x],
                [start - 0.35, end + 0.35],
                color=COLOURS["text"],
                linewidth=0.8,
                transform=axes.get_yaxis_transform(),
                clip_on=False,
            )
            axes.text(
                x + 0.02,
                (start + end) / 2,
                causes[start].replace(" ", "\n", 1),
                va="center",
                fontsize=SMALL - 0.5,
                transform=axes.get_yaxis_transform(),
            )
        start = end + 1
