"""Predicted against true values of the test set: Figures 3e and 3f."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hybrid.report.records import bars, scale_note
from hybrid.report.style import COLOURS, COLUMN, LARGE, SMALL, new_figure, styled

MARKERS = "osD^v<>"


@styled
def draw(record: dict[str, Any], predictions: Path) -> Figure:
    """The test points of every seed, the diagonal, and R² in the panel.

    Args:
        record: of one network on one dataset.
        predictions: the table of test predictions beside the record.
    """
    (bar,) = bars(record)
    with predictions.open(newline="") as file:
        rows = list(csv.DictReader(file))
    figure = new_figure(COLUMN, COLUMN)
    axes = figure.subplots()
    shades = np.linspace(0.85, 0.35, len(bar.rows))
    for run, marker, shade in zip(bar.rows, MARKERS, shades, strict=False):
        points = np.array(
            [(row["target"], row["prediction"]) for row in rows if int(row["seed"]) == run["seed"]], float
        )
        label = f"seed {run['seed']}: R² = {run['metrics']['r2']:.2f}"
        axes.plot(*points.T, marker, color=bar.colour, alpha=shade, mew=0, markersize=3, label=label)
    limits = (min(axes.get_xlim()[0], axes.get_ylim()[0]), max(axes.get_xlim()[1], axes.get_ylim()[1]))
    axes.plot(limits, limits, color=COLOURS["text"], linewidth=0.6, zorder=0)
    axes.set_xlim(limits)
    axes.set_ylim(limits)
    axes.set_aspect("equal")
    unit = bar.first["unit"]
    axes.set_xlabel(f"{bar.first['target']} true ({unit})")
    axes.set_ylabel(f"{bar.first['target']} predicted ({unit})")
    mean = f"R² = {bar.mean('r2'):.2f}"
    axes.text(
        0.04,
        0.96,
        f"{bar.first['dataset_label']}\n{mean}",
        transform=axes.transAxes,
        va="top",
        fontsize=LARGE,
    )
    axes.legend(loc="lower right", handletextpad=0.2)
    figure.supxlabel(scale_note(record), fontsize=SMALL - 1, color=COLOURS["footnote"])
    return figure
