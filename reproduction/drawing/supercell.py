"""Predictions for supercells over those for the cells, by the number of cells."""

from typing import Any

from matplotlib.figure import Figure

from hybrid.report.records import bars, scale_note
from hybrid.report.style import COLOURS, COLUMN, SMALL, legend_above, new_figure, styled
from reproduction.drawing.axes import mark_plainly

SHIFT = 1.05  # between networks on the logarithmic axis
MARKERS = "osD^v<>"


@styled
def draw(record: dict[str, Any]) -> Figure:
    """Median ratio a network and size, with the range over crystals and seeds; hollow with descriptors.

    Args:
        record: with the measured supercells in its rows.
    """
    networks: dict[str, list[dict[str, Any]]] = {}
    looks: dict[str, dict[str, Any]] = {}
    for bar in bars(record):
        rows = [found for row in bar.done for found in row.get("supercells", {}).get("rows", [])]
        networks.setdefault(bar.first["network_label"], []).extend(rows)
        colour = COLOURS[bar.first["pooling"]]
        fill = "white" if bar.first["model"].startswith("de-") else colour
        looks[bar.first["network_label"]] = {"color": colour, "mfc": fill, "markersize": 4}
    figure = new_figure(COLUMN * 1.2, 75)
    axes = figure.subplots()
    ticks = {1}
    for place, (label, rows) in enumerate(networks.items()):
        look, marker = looks[label], MARKERS[place % len(MARKERS)]
        for n_cells in sorted({_n_cells(row) for row in rows}):
            here = [row for row in rows if _n_cells(row) == n_cells]
            ticks.add(n_cells)
            x = n_cells * SHIFT ** (place - (len(networks) - 1) / 2)
            low, high = min(row["lowest"] for row in here), max(row["highest"] for row in here)
            median = sum(row["median"] for row in here) / len(here)
            axes.plot([x, x], [low, high], color=look["color"], linewidth=0.9)
            axes.plot(x, median, marker, **look)
        axes.plot([], [], marker, **look, label=label)
    axes.plot(
        [1, max(ticks)], [1, max(ticks)], color=COLOURS["footnote"], linewidth=0.6, linestyle=":", zorder=0
    )
    axes.axhline(1, color=COLOURS["footnote"], linewidth=0.6, linestyle=":", zorder=0)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    for axis in (axes.xaxis, axes.yaxis):
        mark_plainly(axis, sorted(ticks))
    axes.set_xlabel("cells in the supercell")
    axes.set_ylabel("prediction / that for the cell")
    legend_above(figure, most=2)
    figure.supxlabel(scale_note(record), fontsize=SMALL - 1, color=COLOURS["footnote"])
    return figure


def _n_cells(row: dict[str, Any]) -> int:
    a, b, c = row["size"]
    return int(a * b * c)
