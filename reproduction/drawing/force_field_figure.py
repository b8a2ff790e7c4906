"""A force field's Cv and U against density functional theory's, and its errors beside those of networks."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hybrid.report.records import Bar, bars
from hybrid.report.style import (
    COLOURS,
    LARGE,
    PAGE,
    SMALL,
    legend_above,
    new_figure,
    styled,
)
from reproduction.drawing.axes import mark_plainly
from reproduction.models.force_field import UNSTABLE

FORCE_FIELD = "chgnet"
ROW = 4.6  # mm a model


@styled
def draw(record: dict[str, Any], predictions: Path) -> Figure:
    """Above, parity plots, crystals with imaginary modes hollow; below, MAE/MAD on the same crystals.

    Args:
        record: of the force field and of networks.
        predictions: the table of the force field's results beside the record.
    """
    drawn = bars(record)
    asked = [bar for bar in drawn if bar.first["network"] == FORCE_FIELD]
    with predictions.open(newline="") as file:
        rows = list(csv.DictReader(file))
    models = list(dict.fromkeys(bar.first["network_label"] for bar in drawn))
    below = 14 + ROW * len(models)
    figure = new_figure(PAGE, 68 + below)
    grid = figure.subplots(2, len(asked), squeeze=False, height_ratios=(60, below))
    for column, bar in enumerate(asked):
        points = np.array(
            [
                (row["target"], row["prediction"], row["imaginary"])
                for row in rows
                if row["dataset"] == bar.first["dataset"]
            ],
            float,
        )
        _draw_parity(grid[0, column], bar, points)
        here = [other for other in drawn if other.first["dataset"] == bar.first["dataset"] and other.done]
        _draw_errors(grid[1, column], here, models, named=column == 0)
    legend_above(figure)
    note = f"scale {record['scale']}; diamonds: the paper's; below 0.2 (dotted): a good model"
    figure.supxlabel(note, fontsize=SMALL - 1, color=COLOURS["footnote"])
    return figure


def _draw_parity(axes: Axes, bar: Bar, points: np.ndarray) -> None:
    targets, predictions, imaginary = points.T
    unstable = imaginary >= UNSTABLE
    look: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 2.6, "markeredgewidth": 0.5}
    colour = bar.colour
    axes.plot(targets[~unstable], predictions[~unstable], color=colour, label="stable", **look)
    axes.plot(
        targets[unstable],
        predictions[unstable],
        color=colour,
        markerfacecolor="white",
        label="with imaginary modes",
        **look,
    )
    limit = 1.05 * float(points[:, :2].max())
    axes.plot([0, limit], [0, limit], color=COLOURS["text"], linewidth=0.6, zorder=0)
    axes.set_xlim(0, limit)
    axes.set_ylim(0, limit)
    axes.set_aspect("equal")
    first = bar.first
    axes.set_title(first["dataset_label"], fontsize=LARGE)
    axes.set_xlabel(f"{first['target']}, DFT ({first['unit']})")
    axes.set_ylabel(f"{first['target']}, {first['network_label']} ({first['unit']})")
    text = f"{len(points)} crystals\nMAE/MAD {bar.mean('mae_over_mad'):.3f}"
    axes.text(0.04, 0.97, text, transform=axes.transAxes, va="top")


def _draw_errors(axes: Axes, drawn: list[Bar], models: list[str], named: bool) -> None:
    for bar in drawn:
        y, values = models.index(bar.first["network_label"]), bar.values("mae_over_mad")
        said = (bar.first["paper"] or {}).get("mae_over_mad")
        axes.plot([min(values), max(values)], [y, y], color=bar.colour, linewidth=1.2)
        axes.plot(bar.mean("mae_over_mad"), y, "o", color=bar.colour, markersize=4)
        if said:
            axes.plot(said, y, "D", color="white", markeredgecolor=bar.colour, markersize=3.5)
    axes.axvline(0.2, color=COLOURS["footnote"], linewidth=0.6, linestyle=":")
    axes.set_xscale("log")
    mark_plainly(axes.xaxis)
    axes.set_yticks(range(len(models)), models if named else [""] * len(models))
    axes.set_ylim(len(models) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", color=COLOURS["image"], linewidth=0.4)
    axes.set_axisbelow(True)
    axes.set_xlabel("MAE/MAD, the same crystals")
