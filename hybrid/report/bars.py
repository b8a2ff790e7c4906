"""Bars by dataset, target and network, in one or several panels: Figures 2, 3g, 3h, S2, S3 and S4."""

from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hybrid.report.records import Bar, bars, not_run, scale_note
from hybrid.report.style import COLOURS, COLUMN, LARGE, PAGE, SMALL, legend_above, new_figure, styled

FLOOR = -0.35  # bars below are cut there; their value is written beside them
GROUP = 0.8  # width of a group of bars
CROWDED = 8  # groups; with more, labels stand upright
METRICS = {"r2": "R²", "accuracy": "accuracy", "mae_over_mad": "MAE/MAD"}


@styled
def draw(record: dict[str, Any]) -> Figure:
    """A group of bars a dataset and target, a bar a network: mean over seeds, with every seed as a point.

    A data set that was not run has an empty place with the reason; what one lacks is noted above it.
    """
    drawn, missing = bars(record), not_run(record)
    panels = list(dict.fromkeys(row["panel"] for row in record["rows"]))
    networks = list(dict.fromkeys(bar.first["network_label"] for bar in drawn))
    n_bars = max(
        len({bar.group for bar in drawn if bar.first["panel"] == panel}) * len(networks) for panel in panels
    )
    figure = new_figure(PAGE if n_bars > 6 else COLUMN * 1.35, 20 + 55 * len(panels))
    metric = record.get("metric", "r2")
    for axes, panel in zip(figure.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True):
        _draw_panel(
            axes,
            [bar for bar in drawn if bar.first["panel"] == panel],
            [row for row in missing if row["panel"] == panel],
            networks,
            _metric_of(drawn, panel, metric),
        )
        if panel:
            axes.set_title(panel, loc="left", fontsize=LARGE, fontweight="bold")
    legend_above(figure, most=min(len(networks), 2 if len(networks) == 4 else 3))
    figure.supxlabel(scale_note(record), fontsize=SMALL - 1, color=COLOURS["footnote"])
    return figure


def _metric_of(drawn: list[Bar], panel: str, metric: str) -> str:
    """The record's metric, but for classes their accuracy."""
    done = [bar for bar in drawn if bar.first["panel"] == panel and bar.done]
    return "accuracy" if done and "accuracy" in done[0].done[0]["metrics"] else metric


def _draw_panel(
    axes: Axes, drawn: list[Bar], missing: list[dict[str, Any]], networks: list[str], metric: str
) -> None:
    groups = list(dict.fromkeys(bar.group for bar in drawn))
    crowded = len(groups) * len(networks) > 2 * CROWDED
    for bar in drawn:
        here = [name for name in networks if any(b.first["network_label"] == name for b in drawn)]
        width = GROUP / len(here)
        place = here.index(bar.first["network_label"])
        x = groups.index(bar.group) + (place - (len(here) - 1) / 2) * width
        height = max(bar.mean(metric), FLOOR) if bar.done else 0
        axes.bar(
            x,
            height,
            0.9 * width,
            color=bar.colour,
            edgecolor="white",
            linewidth=0,
            hatch="/////" if bar.tuned else None,
            label=bar.first["network_label"],
        )
        if bar.done:
            _draw_seeds(axes, x, bar.values(metric))
            dense = crowded and len(here) > 1
            if not dense or bar.mean(metric) < FLOOR:
                _write_value(axes, x, bar.mean(metric), max(bar.values(metric)), upright=dense)
        if bar.n_diverged:
            text = f"{bar.n_diverged} of {len(bar.rows)} diverged"
            axes.text(
                x, 0.03 + max(height, 0), text, rotation=90, ha="center", va="bottom", fontsize=SMALL - 1
            )
    in_part = [row for row in missing if any(b.first["dataset_label"] == row["dataset_label"] for b in drawn)]
    absent = [row for row in missing if row not in in_part]
    for place, row in enumerate(absent, start=len(groups)):
        _leave_out(axes, place, row)
    if in_part:
        note = fill("; ".join(row["note"] for row in in_part), 100)
        axes.set_title(note, loc="right", fontsize=SMALL - 1, color=COLOURS["footnote"])
    labels = groups + [fill(row["dataset_label"], 18) for row in absent]
    if len(labels) > CROWDED:
        axes.set_xticks(
            range(len(labels)),
            [label.split("\n")[0] for label in labels],
            rotation=40,
            ha="right",
            rotation_mode="anchor",
        )
    else:
        axes.set_xticks(range(len(labels)), labels)
    axes.set_xlim(-0.6, len(labels) - 0.4)
    axes.tick_params(axis="x", length=0)
    axes.axhline(0, color=COLOURS["text"], linewidth=0.6)
    values = [value for bar in drawn for value in bar.values(metric)]
    lowest = min(values, default=0)
    highest = max(values, default=1) if metric == "mae_over_mad" and not absent else 1
    axes.set_ylim(max(FLOOR, 1.3 * lowest) if lowest < 0 else 0, 1.15 * highest)  # room for the values above
    targets = {bar.first["target"] for bar in drawn}
    of = f" of {targets.pop()}" if len(targets) == 1 and metric != "accuracy" else ""
    axes.set_ylabel(f"{METRICS[metric]}{of}, test set")


def _leave_out(axes: Axes, place: int, row: dict[str, Any]) -> None:
    """An empty place with the reason."""
    axes.bar(place, 1, GROUP, color="none", edgecolor=COLOURS["baseline"], hatch="////", linewidth=0.5)
    axes.text(
        place,
        0.5,
        f"not run:\n{fill(row['note'], 18)}",
        ha="center",
        va="center",
        fontsize=SMALL - 1,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
    )


def _draw_seeds(axes: Axes, x: float, values: list[float]) -> None:
    shown = [max(value, FLOOR + 0.02) for value in values]
    axes.plot([x, x], [min(shown), max(shown)], color=COLOURS["text"], linewidth=0.8)
    axes.plot(
        [x] * len(shown), shown, "o", color="white", markeredgecolor=COLOURS["text"], markersize=3, mew=0.6
    )


def _write_value(axes: Axes, x: float, mean: float, highest: float, upright: bool) -> None:
    axes.annotate(
        f"{mean:z.2f}".replace("-", "−") if mean > -10 else "< −10",
        (x, max(highest, 0)),
        (0, 3),
        textcoords="offset points",
        rotation=90 if upright else 0,
        ha="center",
        va="bottom",
        fontsize=SMALL - 0.5,
        annotation_clip=True,  # a value beyond the axis takes no room
    )
