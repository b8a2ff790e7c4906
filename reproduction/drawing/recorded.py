"""Common drawings of records: bars, errors or points, and the table with them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hybrid.report import bars
from hybrid.report.records import Bar, scale_note
from hybrid.report.records import bars as bars_of
from hybrid.report.style import COLOURS, COLUMN, LARGE, new_figure, save, styled
from hybrid.report.tables import write_record_table
from reproduction.drawing import errors
from reproduction.drawing.axes import MARKERS, footnote
from reproduction.drawing.tables import require, stacked


def draw_bars(stem: Path, record: dict[str, Any], notes: Sequence[str] = ()) -> None:
    """Bars by data set, target and network, and the record's table, which ends with `notes`."""
    write_record_table(record, stem, notes)
    save(bars.draw(record), stem)


def draw_errors(stem: Path, record: dict[str, Any], notes: Sequence[str] = ()) -> None:
    """Errors on a logarithmic axis, the record's table, what descriptors improve, and notes."""
    write_record_table(record, stem, stacked(errors.improvements(record), notes))
    save(errors.draw(record), stem)


def draw_parity(stem: Path, record: dict[str, Any]) -> None:
    """Predicted against true values of the test set, and the record's table.

    Raises:
        InputError: no run of the record is finished.
    """
    done = [bar for bar in bars_of(record) if bar.done]
    require(done, record)
    write_record_table(record, stem)
    save(_parity(record, done[0], pd.read_csv(stem.with_name(f"{stem.name}.predictions.csv"))), stem)


@styled
def _parity(record: dict[str, Any], bar: Bar, predictions: pd.DataFrame) -> Figure:
    """The test points of every seed of one network on one dataset, the diagonal, and R² in the panel."""
    figure = new_figure(COLUMN, COLUMN)
    axes = figure.subplots()
    shades = np.linspace(0.85, 0.35, len(bar.done))
    for run, marker, shade in zip(bar.done, MARKERS, shades, strict=False):
        points = predictions[predictions["seed"] == run["seed"]]
        label = f"seed {run['seed']}: R² = {run['metrics']['r2']:.2f}"
        look: dict[str, Any] = {"color": bar.colour, "alpha": shade, "mew": 0, "markersize": 3}
        axes.plot(points["target"], points["prediction"], marker, label=label, **look)
    limits = (min(axes.get_xlim()[0], axes.get_ylim()[0]), max(axes.get_xlim()[1], axes.get_ylim()[1]))
    axes.plot(limits, limits, color=COLOURS["text"], linewidth=0.6, zorder=0)
    target, unit = bar.first["target"], bar.first["unit"]
    axes.set(xlabel=f"{target} true ({unit})", ylabel=f"{target} predicted ({unit})")
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    text = f"{bar.first['dataset_label']}\nR² = {bar.mean('r2'):.2f}"
    axes.text(0.04, 0.96, text, transform=axes.transAxes, va="top", fontsize=LARGE)
    axes.legend(loc="lower right", handletextpad=0.2)
    footnote(figure, scale_note(record))
    return figure
