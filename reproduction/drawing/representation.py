"""Figure S6: what learnt vectors hold of the descriptors, and what descriptors in the readout are worth."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hybrid.descriptors.registry import choose
from hybrid.report.records import bars, scale_note
from hybrid.report.style import COLOURS, LARGE, PAGE, SMALL, new_figure, styled
from reproduction.drawing.axes import mark_plainly

SHOWN = ("log-kappa", "elastic-g", "elastic-k", "phonon-cv")
"""Datasets of panel a: the paper's property, and what stands in for it, the nearest first."""

FLOOR = -0.1  # of R2; what is below stands there
NETWORKS = (("cgcnn", "mean"), ("de-cgcnn", "de-cgcnn"))  # of panel a, and their colours
LABELS = {"cgcnn": "CGCNN", "de-cgcnn": "de-CGCNN", "cgcnn+descriptors": "CGCNN+descriptors"}
MARKERS = {"cgcnn": "o", "de-cgcnn": "D", "cgcnn+descriptors": "s", "forest": "^"}
SPREAD = 0.5  # of a row, over which its models are spread


@dataclass(frozen=True)
class Comparison:
    """R2 from the vectors of CGCNN and of de-CGCNN, learnt for the same property, to the descriptors.

    Attributes:
        dataset: name.
        label: what figures call it.
        r2: by descriptor, (n_seeds,) of CGCNN and of de-CGCNN.
    """

    dataset: str
    label: str
    r2: dict[str, tuple[np.ndarray, np.ndarray]]

    @property
    def mean_over_descriptors(self) -> tuple[np.ndarray, np.ndarray]:
        """(n_seeds,) of each network."""
        alone, hybrid = (np.mean([pair[i] for pair in self.r2.values()], axis=0) for i in (0, 1))
        return alone, hybrid


def comparisons(record: dict[str, Any]) -> list[Comparison]:
    """The properties for which both networks have been measured, in the record's order.

    A descriptor that does not vary over some seed's test crystals is left out.
    """
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    labels = {}
    for bar in bars(record):
        rows = [row["representation"]["r2"] for row in bar.done if row.get("representation")]
        if rows and bar.first["pooling"] == "mean" and bar.first["variant"] == "paper":
            found.setdefault(bar.first["dataset"], {})[bar.first["model"]] = rows
            labels[bar.first["dataset"]] = bar.first["dataset_label"]
    compared = []
    for dataset, networks in found.items():
        if {"cgcnn", "de-cgcnn"} <= networks.keys():
            alone, hybrid = networks["cgcnn"], networks["de-cgcnn"]
            names = [name for name in alone[0] if all(row[name] is not None for row in alone + hybrid)]
            r2 = {
                name: (np.array([row[name] for row in alone]), np.array([row[name] for row in hybrid]))
                for name in names
            }
            compared.append(Comparison(dataset, labels[dataset], r2))
    return compared


@styled
def draw(record: dict[str, Any]) -> Figure:
    """Figure S6: a R2 of linear regressions from learnt vectors to descriptors, b MAE/MAD by property.

    Args:
        record: with the measured representation in its rows.
    """
    compared = {comparison.dataset: comparison for comparison in comparisons(record)}
    figure = new_figure(PAGE, 135)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1))
    name = next((name for name in SHOWN if name in compared), next(iter(compared), None))
    if name is None:
        left.set_axis_off()
        left.text(0.5, 0.5, "not run: no property has both networks", ha="center", transform=left.transAxes)
    else:
        _draw_r2(left, compared[name], "" if name == SHOWN[0] else ", stands in for log κ")
    _draw_errors(right, record)
    for axes, letter in ((left, "a"), (right, "b")):
        axes.text(-0.3, 1.02, letter, transform=axes.transAxes, fontsize=LARGE + 1, weight="bold")
    figure.supxlabel(scale_note(record), fontsize=SMALL - 1, color=COLOURS["footnote"])
    return figure


def _draw_r2(axes: Axes, comparison: Comparison, note: str) -> None:
    symbols = {descriptor.name: descriptor.symbol for descriptor in choose()}
    order = sorted(comparison.r2, key=lambda name: -comparison.r2[name][0].mean())
    for y, name in enumerate(order):
        means = [max(float(values.mean()), FLOOR) for values in comparison.r2[name]]
        axes.plot(means, [y, y], color=COLOURS["image"], linewidth=1.2, zorder=1)
        for (model, colour), mean in zip(NETWORKS, means, strict=True):
            label = LABELS[model] if y == 0 else None
            axes.plot(mean, y, MARKERS[model], color=COLOURS[colour], markersize=3.8, label=label)
    axes.set_yticks(range(len(order)), [symbols.get(name, name) for name in order], fontsize=SMALL - 0.5)
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.set_xlim(FLOOR - 0.03, 1)
    axes.axvline(0, color=COLOURS["text"], linewidth=0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"R² from the learnt vector, test set (cut at {FLOOR:g})".replace("-", "\N{MINUS SIGN}"))
    axes.set_title(f"{comparison.label}{note}", fontsize=LARGE)
    axes.legend(loc="lower right")


def _draw_errors(axes: Axes, record: dict[str, Any]) -> None:
    done = [bar for bar in bars(record) if bar.done]
    properties = list(dict.fromkeys(bar.first["dataset"] for bar in done))
    models = list(dict.fromkeys(bar.first["model"] for bar in done))
    labels = {bar.first["dataset"]: bar.first["dataset_label"] for bar in done}
    for bar in done:
        model = bar.first["model"]
        offset = SPREAD * (models.index(model) / max(1, len(models) - 1) - 0.5)
        y = properties.index(bar.first["dataset"]) + offset
        values = bar.values("mae_over_mad")
        axes.plot([min(values), max(values)], [y, y], color=bar.colour, linewidth=0.9)
        axes.plot(bar.mean("mae_over_mad"), y, MARKERS.get(model, "o"), color=bar.colour, markersize=3.8)
    for model in models:
        colour = next(bar.colour for bar in done if bar.first["model"] == model)
        label = LABELS.get(model, next(b.first["network_label"] for b in done if b.first["model"] == model))
        axes.plot([], [], MARKERS.get(model, "o"), color=colour, markersize=3.8, label=label)
    axes.set_xscale("log")
    mark_plainly(axes.xaxis)
    axes.set_yticks(range(len(properties)), [labels[name] for name in properties])
    axes.set_ylim(len(properties) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    for y in range(len(properties) - 1):
        axes.axhline(y + 0.5, color=COLOURS["image"], linewidth=0.4)
    axes.set_xlabel("MAE/MAD, test set")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
