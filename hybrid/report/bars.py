"""Bar charts of results by dataset, target and network: Figures 2, 3g, 3h, S3 and S4."""

from textwrap import fill, shorten
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hybrid.report.records import Bar, bars, not_run, scale_note
from hybrid.report.style import COLOURS, COLUMN, LARGE, PAGE, SMALL, legend_above, new_figure, styled
from hybrid.report.tables import METRICS

FLOOR = -0.35  # lower bars are cut here and labelled with their value
GROUP = 0.8  # width of a group of bars
NOTE = 110  # characters of a reason
CROWDED = 8  # groups; with more of them, labels are rotated


@styled
def draw(record: dict[str, Any]) -> Figure:
    """A chart with groups of bars by dataset and target, a bar for each network and a point for each seed.

    A bar is the mean over the seeds. The place of a dataset that was not run is empty and gives the reason.
    If only a part of a dataset was not run, the reason is above the panel.
    """
    drawn, missing = bars(record), not_run(record)
    panels = list(dict.fromkeys(row["panel"] for row in record["rows"]))
    networks = list(dict.fromkeys(bar.first["network_label"] for bar in drawn))
    of_panel = {panel: [bar for bar in drawn if bar.first["panel"] == panel] for panel in panels}
    n_bars = max(len({bar.group for bar in found}) for found in of_panel.values()) * len(networks)
    figure = new_figure(PAGE if n_bars > 6 else COLUMN * 1.35, 20 + 55 * len(panels))
    for axes, panel in zip(figure.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True):
        left_out = [row for row in missing if row["panel"] == panel]
        _draw_panel(axes, of_panel[panel], left_out, networks, record.get("metric", "r2"))
        if panel:
            axes.set_title(panel, loc="left", fontsize=LARGE, fontweight="bold")
    legend_above(figure, most=min(len(networks), 2 if len(networks) == 4 else 3))
    figure.supxlabel(scale_note(record), fontsize=SMALL - 1, color=COLOURS["footnote"])
    return figure


def _draw_panel(
    axes: Axes, drawn: list[Bar], missing: list[dict[str, Any]], networks: list[str], metric: str
) -> None:
    done = [bar for bar in drawn if bar.done]
    if done and "accuracy" in done[0].done[0]["metrics"]:
        metric = "accuracy"
    groups = list(dict.fromkeys(bar.group for bar in drawn))
    here = [name for name in networks if any(bar.first["network_label"] == name for bar in drawn)]
    datasets = {bar.first["dataset_label"] for bar in drawn}
    absent = [row for row in missing if row["dataset_label"] not in datasets]
    labels = groups + [row["dataset_label"] for row in absent]
    dense = len(here) > 1 and len(labels) * len(networks) > 2 * CROWDED
    width, middle, told = GROUP / max(1, len(here)), (len(here) - 1) / 2, -1.0
    apart = 2 * len(labels) / PAGE  # of values, so that they can be read: 2 mm
    placed = {
        (groups.index(b.group) + (here.index(b.first["network_label"]) - middle) * width): b for b in drawn
    }
    for x, bar in sorted(placed.items()):
        valued = not dense or (bar.mean(metric) < FLOOR and x - told > apart)
        told = x if valued else told
        _draw_bar(axes, bar, x, width, metric, valued, turned=dense)
    if in_part := [row["note"] for row in missing if row["dataset_label"] in datasets]:
        note = fill("; ".join(in_part), 100)
        axes.set_title(note, loc="right", fontsize=SMALL - 1, color=COLOURS["footnote"])
    for x, row in enumerate(absent, start=len(groups)):
        _leave_out(axes, x, row, len(labels) > CROWDED)
    places = range(len(labels))
    if len(labels) > CROWDED:
        first_lines = [label.split("\n")[0] for label in labels]
        axes.set_xticks(places, first_lines, rotation=40, ha="right", rotation_mode="anchor")
    else:
        axes.set_xticks(places, groups + [fill(label, 18) for label in labels[len(groups) :]])
    axes.set_xlim(-0.6, len(labels) - 0.4)
    axes.tick_params(axis="x", length=0)
    axes.axhline(0, color=COLOURS["text"], linewidth=0.6)
    values = [value for bar in done for value in bar.values(metric)]
    lowest = min(values, default=0)
    highest = max(values, default=1) if metric == "mae_over_mad" and not absent else 1
    axes.set_ylim(max(FLOOR, 1.3 * lowest) if lowest < 0 else 0, 1.15 * highest)  # room for the values above
    targets = {bar.first["target"] for bar in drawn}
    of = f" of {targets.pop()}" if len(targets) == 1 and metric != "accuracy" else ""
    axes.set_ylabel(f"{METRICS[metric]}{of}, test set")


def _draw_bar(axes: Axes, bar: Bar, x: float, width: float, metric: str, valued: bool, turned: bool) -> None:
    """Draws a bar with its seeds and perhaps its value, which may be turned."""
    mean, values = bar.mean(metric), bar.values(metric)
    height = max(mean, FLOOR) if values else 0
    hatch = "/////" if bar.tuned else None
    look: dict[str, Any] = {"color": bar.colour, "edgecolor": "white", "linewidth": 0, "hatch": hatch}
    axes.bar(x, height, 0.9 * width, **look, label=bar.first["network_label"])
    if values:
        shown, text = [max(value, FLOOR + 0.02) for value in values], COLOURS["text"]
        axes.plot([x, x], [min(shown), max(shown)], color=text, linewidth=0.8)
        axes.plot([x] * len(shown), shown, "o", color="white", markeredgecolor=text, markersize=3, mew=0.6)
    if values and valued:
        axes.annotate(
            f"{mean:z.2f}".replace("-", "−") if mean > -10 else "< −10",
            (x, max(*values, 0)),
            (0, 3),
            textcoords="offset points",
            rotation=90 if turned else 0,
            ha="center",
            va="bottom",
            fontsize=SMALL - 0.5,
            annotation_clip=True,  # a value outside the axes takes no room
        )
    if bar.n_diverged:
        note = f"{bar.n_diverged} of {len(bar.rows)} diverged"
        y = 0.03 + max(height, 0)
        axes.text(x, y, note, rotation=90, ha="center", va="bottom", fontsize=SMALL - 1)


def why_not_run(row: dict[str, Any]) -> str:
    """Why a row was not run, short enough for a figure; the table has the whole reason."""
    return shorten(f"not run: {row['note']}", NOTE, placeholder=" …")


def _leave_out(axes: Axes, x: float, row: dict[str, Any], turned: bool) -> None:
    """Draws an empty bar with the reason why a dataset was not run, which may be turned."""
    axes.bar(x, 1, GROUP, color="none", edgecolor=COLOURS["baseline"], hatch="////", linewidth=0.5)
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    text, rotation = fill(why_not_run(row), 26 if turned else 18), 90 if turned else 0
    look: dict[str, Any] = {"fontsize": SMALL - 1, "bbox": box, "rotation": rotation}
    axes.text(x, 0.5, text, ha="center", va="center", **look)
