"""Which groups of descriptors a hybrid network lives on: left out, alone, and taken up one by one."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hybrid.report.records import Bar, bars, scale_note
from hybrid.report.style import COLOURS, LARGE, PAGE, SMALL, new_figure, styled
from reproduction.drawing.axes import mark_plainly
from reproduction.models.descriptor_groups import GROUPS

LEFT_OUT, ALONE = "left out", "alone"  # the spec's panels
MARKERS = {LEFT_OUT: "o", ALONE: "D"}


@dataclass(frozen=True)
class Ablation:
    """A hybrid network without some groups of descriptors, or with these alone.

    Attributes:
        groups: names.
        how: left out or alone.
        n_descriptors: how many the network takes.
        bar: the record's rows.
    """

    groups: tuple[str, ...]
    how: str
    n_descriptors: int
    bar: Bar

    @property
    def label(self) -> str:
        """The groups in words."""
        return " + ".join(self.groups)


def ablations(record: dict[str, Any]) -> list[Ablation]:
    """The record's networks that take some of the descriptors, in its order."""
    found = []
    for bar in bars(record):
        taken = bar.first["descriptors"]
        if isinstance(taken, list) and bar.first["panel"] in MARKERS:
            how = bar.first["panel"]
            groups = [g for g, names in GROUPS.items() if (set(names) <= set(taken)) == (how == ALONE)]
            found.append(Ablation(tuple(groups), how, len(taken), bar))
    return found


def references(record: dict[str, Any]) -> list[Bar]:
    """What the ablations are compared with: networks and baselines that take all descriptors, or none."""
    return [bar for bar in bars(record) if bar.first["panel"] not in MARKERS]


def selections(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The record's rows whose frozen vectors have been through a forward selection."""
    return [row for row in record["rows"] if row.get("selection")]


@styled
def draw(record: dict[str, Any]) -> Figure:
    """a, MAE/MAD with each group left out and with each alone; b, the forward selection on frozen vectors.

    Args:
        record: with the selection in its rows, where that was measured.
    """
    figure = new_figure(PAGE, 118)
    left, right = figure.subplots(1, 2, width_ratios=(1.3, 1))
    _draw_ablations(left, ablations(record), references(record))
    _draw_selections(right, selections(record))
    for axes, letter in ((left, "a"), (right, "b")):
        axes.set_title(letter, loc="left", fontsize=LARGE + 1, weight="bold")
    figure.supxlabel(scale_note(record), fontsize=SMALL - 1, color=COLOURS["footnote"])
    return figure


def _draw_ablations(axes: Axes, found: list[Ablation], compared: list[Bar]) -> None:
    labels = list(dict.fromkeys(ablation.label for ablation in found))
    for bar in (bar for bar in compared if bar.done):
        values = bar.values("mae_over_mad")
        axes.axvspan(min(values), max(values), color=bar.colour, alpha=0.2, linewidth=0)
        axes.axvline(bar.mean("mae_over_mad"), color=bar.colour, label=bar.first["network_label"])
    for how, marker in MARKERS.items():
        offset = -0.13 if how == LEFT_OUT else 0.13
        for ablation in (a for a in found if a.how == how and a.bar.done):
            y, values = labels.index(ablation.label) + offset, ablation.bar.values("mae_over_mad")
            axes.plot([min(values), max(values)], [y, y], color=COLOURS["text"], linewidth=0.8)
            axes.plot(ablation.bar.mean("mae_over_mad"), y, marker, color=COLOURS["text"], mfc=_fill(how))
        axes.plot([], [], marker, color=COLOURS["text"], linestyle="", label=how, mfc=_fill(how))
    axes.set_xscale("log")
    mark_plainly(axes.xaxis)
    axes.set_yticks(range(len(labels)), [label.replace(" + ", " +\n") for label in labels])
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    for y in range(len(labels) - 1):
        axes.axhline(y + 0.5, color=COLOURS["image"], linewidth=0.4)
    axes.set_xlabel("MAE/MAD, test set")
    axes.legend(loc="lower center", bbox_to_anchor=(0.35, 1.05), ncols=2)


def _draw_selections(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """Validation errors by the number of groups; the test error of the chosen groups as a star."""
    if not rows:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "not run: no vectors have been measured", ha="center", transform=axes.transAxes)
        return
    for place, row in enumerate(rows):
        found, steps = row["selection"], np.arange(len(row["selection"]["validation"]))
        colour = COLOURS["mean"] if place == 0 else COLOURS["footnote"]
        alpha = max(0.3, 1 - 0.2 * place)
        label = f"validation, seed {row['seed']}"
        axes.plot(found["validation"], steps, "o-", color=colour, alpha=alpha, markersize=3, label=label)
        axes.plot(found["test_chosen"], found["n_chosen"], "*", color=colour, alpha=alpha, markersize=8)
    axes.plot([], [], "*", color=COLOURS["text"], linestyle="", markersize=8, label="test, the chosen groups")
    order = rows[0]["selection"]["order"]
    axes.set_yticks(range(len(order) + 1), ["none", *(f"+ {name}" for name in order)])
    axes.set_ylim(len(order) + 0.6, -0.6)
    axes.set_xlim(left=0)
    axes.set_xlabel(f"MAE/MAD, forest on\nfrozen vectors and groups\nin the order of seed {rows[0]['seed']}")
    axes.legend(loc="lower center", bbox_to_anchor=(0.35, 1.05))


def _fill(how: str) -> str:
    return COLOURS["text"] if how == LEFT_OUT else "white"
