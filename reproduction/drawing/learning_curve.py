"""Learning curves: errors on the test set against the number of training crystals."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hybrid.report.records import Bar, bars, scale_note
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

MARKERS = {"forest": "^", "mean": "o", "sum": "s"}
HYBRID = "de-"  # begins the name of a network with descriptors in its readout


@dataclass(frozen=True)
class Curve:
    """One network on one dataset, trained on more and more crystals.

    Attributes:
        bars: one a size of the training set, the smallest first, each with a result.
    """

    bars: tuple[Bar, ...]

    @property
    def first(self) -> dict[str, Any]:
        """What the sizes have in common."""
        return self.bars[0].first

    @cached_property
    def sizes(self) -> np.ndarray:
        """(n_sizes,) numbers of training crystals, the mean over the seeds."""
        return np.array([np.mean([row["n_train"] for row in bar.done]) for bar in self.bars])

    @cached_property
    def errors(self) -> np.ndarray:
        """(n_sizes,) MAE/MAD, the mean over the seeds."""
        return np.array([bar.mean("mae_over_mad") for bar in self.bars])

    @property
    def exponent(self) -> float:
        """The x of MAE/MAD ~ n^-x by least squares on the logarithms; not a number for a single size."""
        if len(self.bars) < 2:
            return float("nan")
        slope: float = np.polyfit(np.log(self.sizes), np.log(self.errors), 1)[0]
        return -slope


def curves(record: dict[str, Any]) -> list[Curve]:
    """The curves of a record, in its order; sizes at which every seed diverged are left out."""
    found: dict[tuple[str, str], list[Bar]] = {}
    for bar in bars(record):
        if bar.done:
            found.setdefault((bar.first["dataset"], bar.first["network"]), []).append(bar)
    return [
        Curve(tuple(sorted(sizes, key=lambda bar: float(bar.first["training_share"]))))
        for sizes in found.values()
    ]


def gains(curve: Curve, among: list[Curve]) -> dict[float, float]:
    """By how much descriptors lower the error of a hybrid network, by training share; empty for another one.

    Args:
        curve: of the hybrid network.
        among: the curves of the record, that of the same network without descriptors among them.

    Returns:
        1 - error with / error without, means over the seeds.
    """
    here = (curve.first["dataset"], curve.first["network"].removeprefix(HYBRID))
    plain = next((c for c in among if (c.first["dataset"], c.first["network"]) == here), None)
    if plain is None or plain is curve:
        return {}
    without = {bar.first["training_share"]: bar.mean("mae_over_mad") for bar in plain.bars}
    return {
        share: 1 - bar.mean("mae_over_mad") / without[share]
        for bar in curve.bars
        if (share := bar.first["training_share"]) in without
    }


@styled
def draw(record: dict[str, Any]) -> Figure:
    """A panel a dataset, both axes logarithmic: means over the seeds, all seeds on a line."""
    drawn = curves(record)
    datasets = list(dict.fromkeys(curve.first["dataset_label"] for curve in drawn))
    figure = new_figure(PAGE, 92)
    panels = figure.subplots(1, len(datasets), squeeze=False, sharey=True)[0]
    for axes, dataset in zip(panels, datasets, strict=True):
        here = [curve for curve in drawn if curve.first["dataset_label"] == dataset]
        for curve in here:
            _draw_curve(axes, curve)
        _lay_out(axes, here)
        axes.set_title(dataset, fontsize=LARGE)
    panels[0].set_ylabel("MAE/MAD, test set")
    legend_above(figure)
    figure.supxlabel(scale_note(record), fontsize=SMALL - 1, color=COLOURS["footnote"])
    return figure


def _draw_curve(axes: Axes, curve: Curve) -> None:
    bar = curve.bars[0]
    kind = curve.first["pooling"] or curve.first["model"]
    axes.plot(
        curve.sizes,
        curve.errors,
        MARKERS.get(kind, "o"),
        linestyle="-",
        color=bar.colour,
        label=curve.first["network_label"],
    )
    for size, at in zip(curve.sizes, curve.bars, strict=True):
        values = at.values("mae_over_mad")
        axes.plot([size] * 2, [min(values), max(values)], color=bar.colour, linewidth=1.8, alpha=0.5)


def _lay_out(axes: Axes, here: list[Curve]) -> None:
    sizes = sorted({round(float(size)) for curve in here for size in curve.sizes})
    axes.set_xscale("log")
    axes.set_yscale("log")
    mark_plainly(axes.xaxis, sizes)
    axes.axhline(0.2, color=COLOURS["footnote"], linewidth=0.6, linestyle=":")
    mark_plainly(axes.yaxis)
    axes.grid(axis="y", color=COLOURS["image"], linewidth=0.4)
    axes.set_xlabel("training crystals")
