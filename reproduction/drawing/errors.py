"""Errors relative to MAD, a row a dataset and a mark a model: Tables 1, 2 and S1 as a picture."""

from textwrap import fill, shorten
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hybrid.report.records import Bar, bars, not_run, scale_note
from hybrid.report.style import COLOURS, PAGE, SMALL, legend_above, new_figure, styled
from reproduction.drawing.axes import mark_plainly

ROW = 7.5  # mm
NOTE, LABEL = 110, 20  # characters
SPREAD = 0.55  # of a row, over which its models are spread


@styled
def draw(record: dict[str, Any]) -> Figure:
    """MAE/MAD on a logarithmic axis: full marks ours, with all seeds on a line; hollow ones the paper's."""
    drawn, missing = [bar for bar in bars(record) if bar.done], not_run(record)
    datasets = list(dict.fromkeys(bar.group for bar in drawn))
    labels = [group.replace("\n", ", ") for group in datasets]
    labels += [fill(row["dataset_label"], LABEL) for row in missing]
    networks = list(dict.fromkeys(bar.first["network_label"] for bar in drawn))
    figure = new_figure(PAGE, 35 + ROW * len(labels) * max(1, len(networks) / 6))
    axes = figure.subplots()
    for bar in drawn:
        place = networks.index(bar.first["network_label"])
        offset = (place / max(1, len(networks) - 1) - 0.5) * SPREAD
        y, values = datasets.index(bar.group) + offset, bar.values("mae_over_mad")
        axes.plot([min(values), max(values)], [y, y], color=bar.colour, linewidth=1.2)
        axes.plot(bar.mean("mae_over_mad"), y, _mark(bar), color=bar.colour, markersize=4)
        said = (bar.first["paper"] or {}).get("mae_over_mad")
        if said:
            axes.plot(said, y, "D", color="white", markeredgecolor=bar.colour, markersize=3.5)
    for y, row in enumerate(missing, start=len(datasets)):
        axes.text(
            0.01,
            y,
            shorten(f"not run: {row['note']}", NOTE, placeholder=" …"),
            va="center",
            fontsize=SMALL - 0.5,
            transform=axes.get_yaxis_transform(),
        )
    for y in range(len(labels) - 1):
        axes.axhline(y + 0.5, color=COLOURS["image"], linewidth=0.4)
    axes.axvline(0.2, color=COLOURS["footnote"], linewidth=0.6, linestyle=":")
    axes.set_xscale("log")
    mark_plainly(axes.xaxis)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("MAE/MAD, test set (below 0.2, dotted: a good model)")
    marks = {bar.first["network_label"]: (bar.colour, _mark(bar)) for bar in drawn}
    handles = {
        name: Line2D([], [], color=colour, marker=mark, markersize=4)
        for name, (colour, mark) in marks.items()
    }
    paper = Line2D([], [], color="none", marker="D", markersize=3.5, markeredgecolor=COLOURS["text"])
    paper.set_markerfacecolor("white")
    if any((bar.first["paper"] or {}).get("mae_over_mad") for bar in drawn):
        handles["the paper's"] = paper
    legend_above(figure, handles)
    figure.supxlabel(scale_note(record), fontsize=SMALL - 1, color=COLOURS["footnote"])
    return figure


def _mark(bar: Bar) -> str:
    """Squares for the tuned trainer, triangles for upstream's scripts."""
    return "s" if bar.tuned else "^" if bar.first["variant"] == "upstream" else "o"
