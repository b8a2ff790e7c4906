"""Bars of R² by dataset and network: Figures 3g, 3h and S3."""

from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hybrid.figures.records import bars, not_run, scale_note
from hybrid.figures.style import COLOURS, COLUMN, PAGE, SMALL, new_figure, styled

FLOOR = -0.35  # bars below are cut there; their value is written beside them
GROUP = 0.8  # width of a group of bars


@styled
def draw(record: dict[str, Any]) -> Figure:
    """A group of bars a dataset, a bar a network: mean over seeds, with every seed as a point.

    What was not run has an empty place with the reason.
    """
    drawn, missing = bars(record), not_run(record)
    datasets = list(dict.fromkeys(bar.first["dataset_label"] for bar in drawn))
    networks = list(dict.fromkeys(bar.first["network_label"] for bar in drawn))
    figure = new_figure(PAGE if len(datasets) * len(networks) > 6 else COLUMN * 1.35, 75)
    axes = figure.subplots()
    width = GROUP / len(networks)
    for bar in drawn:
        group = datasets.index(bar.first["dataset_label"])
        place = networks.index(bar.first["network_label"])
        x = group + (place - (len(networks) - 1) / 2) * width
        label = bar.first["network_label"] if group == 0 else None
        height = max(bar.mean("r2"), FLOOR) if bar.done else 0
        axes.bar(x, height, 0.9 * width, color=bar.colour, label=label)
        if bar.done:
            _draw_seeds(axes, x, bar.values("r2"))
            _write_value(axes, x, bar.mean("r2"), max(bar.values("r2")))
        if bar.n_diverged:
            text = f"{bar.n_diverged} of {len(bar.rows)} diverged"
            axes.text(
                x, 0.03 + max(height, 0), text, rotation=90, ha="center", va="bottom", fontsize=SMALL - 1
            )
    for place, row in enumerate(missing, start=len(datasets)):
        axes.bar(
            place,
            1,
            GROUP,
            bottom=0,
            color="none",
            edgecolor=COLOURS["baseline"],
            hatch="////",
            linewidth=0.5,
        )
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        axes.text(
            place,
            0.5,
            f"not run:\n{fill(row['note'], 18)}",
            ha="center",
            va="center",
            fontsize=SMALL - 1,
            bbox=box,
        )
    labels = datasets + [fill(row["dataset_label"], 18) for row in missing]
    axes.set_xticks(range(len(labels)), labels)
    axes.set_xlim(-0.6, len(labels) - 0.4)
    axes.tick_params(axis="x", length=0)
    axes.axhline(0, color=COLOURS["text"], linewidth=0.6)
    axes.set_ylim(FLOOR, 1.1)
    axes.set_ylabel(f"R² of {drawn[0].first['target']}, test set")
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside upper center",
        ncols=min(len(networks), 2 if len(networks) == 4 else 3),
    )
    figure.supxlabel(scale_note(record), fontsize=SMALL - 1, color=COLOURS["footnote"])
    return figure


def _draw_seeds(axes: Axes, x: float, values: list[float]) -> None:
    shown = [max(value, FLOOR + 0.02) for value in values]
    axes.plot([x, x], [min(shown), max(shown)], color=COLOURS["text"], linewidth=0.8)
    axes.plot(
        [x] * len(shown), shown, "o", color="white", markeredgecolor=COLOURS["text"], markersize=3, mew=0.6
    )


def _write_value(axes: Axes, x: float, mean: float, highest: float) -> None:
    axes.text(
        x,
        max(highest, 0) + 0.035,
        f"{mean:.2f}" if mean > -10 else "< −10",
        ha="center",
        va="bottom",
        fontsize=SMALL - 0.5,
    )
