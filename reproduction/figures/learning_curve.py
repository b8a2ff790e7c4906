"""Not in the paper: errors against the number of training crystals, and what descriptors are worth at each.

The smaller training sets are parts of the larger ones; validation and test crystals stay the same. Every
size sees about as many batches, a small one thus more epochs. At share 1 the runs are those of Tables 1 and
2. Heat capacity grows with the cell, the bulk modulus does not, so that there is nothing there for sum
pooling.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hybrid.report.records import Bar, bars, scale_note
from hybrid.report.style import COLOURS, LARGE, PAGE, legend_above, new_figure, save, styled
from reproduction.drawing.axes import GOOD, footnote, mark_plainly
from reproduction.drawing.tables import error_cells, require, section, write_rows
from reproduction.workflow.spec import Part, Spec

SHARES = (0.1, 0.2, 0.4, 1.0)
SPEC = Spec(
    caption="MAE/MAD on the test set against the number of training crystals",
    metric="mae_over_mad",
    scales={"cpu": {"seeds": (0, 1)}},
    parts=(
        Part(
            datasets=("phonon-cv",),
            networks=("cgcnn-tuned", "de-cgcnn-tuned", "cgcnn-sum-tuned", "de-cgcnn-sum-tuned", "forest"),
            training_shares=SHARES,
        ),
        Part(
            datasets=("elastic-k",),
            networks=("cgcnn-tuned", "de-cgcnn-tuned", "forest"),
            training_shares=SHARES,
        ),
    ),
)
LOOKS = {"forest": "^", "mean": "o", "sum": "s"}


@dataclass(frozen=True)
class Curve:
    """One network on one dataset, trained on more and more crystals.

    Attributes:
        bars: the errors by share of the training crystals, smallest first; each has a result.
        gains: by how much descriptors lower the error, 1 - error with / error without, by share; empty for a
            network without descriptors.
    """

    bars: dict[float, Bar]
    gains: dict[float, float]

    @property
    def first(self) -> dict[str, Any]:
        """What the sizes have in common."""
        return next(iter(self.bars.values())).first

    @property
    def sizes(self) -> np.ndarray:
        """(n_sizes,) numbers of training crystals, the mean over the seeds."""
        return np.array([np.mean([row["n_train"] for row in bar.done]) for bar in self.bars.values()])

    @property
    def errors(self) -> np.ndarray:
        """(n_sizes,) MAE/MAD, the mean over the seeds."""
        return np.array([bar.mean("mae_over_mad") for bar in self.bars.values()])

    @property
    def exponent(self) -> float:
        """The x of MAE/MAD ~ n^-x by least squares on the logarithms; not a number for a single size."""
        if len(self.bars) < 2:
            return float("nan")
        slope: float = np.polyfit(np.log(self.sizes), np.log(self.errors), 1)[0]
        return -slope


def curves(record: dict[str, Any]) -> list[Curve]:
    """The curves of a record, in its order; sizes at which every seed diverged are left out."""
    found: dict[tuple[str, str], dict[float, Bar]] = {}
    for bar in bars(record):
        if bar.done:
            share = float(bar.first["training_share"])
            found.setdefault((bar.first["dataset"], bar.first["network"]), {})[share] = bar
    drawn = []
    for (dataset, network), sizes in found.items():
        plain = found.get((dataset, network.removeprefix("de-")), {}) if network.startswith("de-") else {}
        gains = {
            share: 1 - sizes[share].mean("mae_over_mad") / plain[share].mean("mae_over_mad")
            for share in sizes.keys() & plain
        }
        drawn.append(Curve(dict(sorted(sizes.items())), gains))
    return drawn


def draw(stem: Path, record: dict[str, Any]) -> None:
    """Errors by the size of the training set; what descriptors gain at each; how fast errors fall.

    Raises:
        InputError: no run of the record is finished.
    """
    drawn = curves(record)
    require(drawn, record)
    how = (
        "Validation and test crystals are the same throughout, and the number of batches is about the same, "
        f"so that smaller sets see more epochs; {scale_note(record)}."
    )
    rows, exponents = [], []
    for curve in drawn:
        names = {"dataset": curve.first["dataset_label"], "network": curve.first["network_label"]}
        for (share, bar), size in zip(curve.bars.items(), curve.sizes, strict=True):
            gain = f"{100 * curve.gains[share]:z.0f} %" if share in curve.gains else ""
            shown = {"share of training": f"{100 * share:g} %", "training crystals": f"{size:.0f}"}
            rows.append({**names, **shown, **error_cells(bar), "gain by descriptors": gain})
        ends = {"from": f"{curve.sizes[0]:.0f}", "to": f"{curve.sizes[-1]:.0f}"}
        exponents.append({**names, **ends, "exponent": f"{curve.exponent:.2f}"})
    caption = (
        f"{record['caption']}. Gain: by how much descriptors in the readout lower the error of the same "
        f"network with the same pooling. {how}"
    )
    fitted = (
        "Exponent x of MAE/MAD ~ n^-x in the number n of training crystals, by least squares on the "
        f"logarithms of the means over the seeds. {how}"
    )
    write_rows(stem, caption, rows, section("Exponents", fitted, exponents))
    save(draw_curves(record, drawn), stem)


@styled
def draw_curves(record: dict[str, Any], drawn: list[Curve]) -> Figure:
    """A panel for each dataset, both axes logarithmic: means over the seeds, all seeds on a line."""
    datasets = list(dict.fromkeys(curve.first["dataset_label"] for curve in drawn))
    figure = new_figure(PAGE, 92)
    panels = figure.subplots(1, len(datasets), squeeze=False, sharey=True)[0]
    for axes, dataset in zip(panels, datasets, strict=True):
        here = [curve for curve in drawn if curve.first["dataset_label"] == dataset]
        for curve in here:
            _draw_curve(axes, curve)
        axes.set_xscale("log")
        axes.set_yscale("log")
        mark_plainly(axes.xaxis, sorted({round(float(size)) for curve in here for size in curve.sizes}))
        axes.axhline(GOOD, color=COLOURS["footnote"], linewidth=0.6, linestyle=":")
        mark_plainly(axes.yaxis)
        axes.grid(axis="y", color=COLOURS["image"], linewidth=0.4)
        axes.set_xlabel("training crystals")
        axes.set_title(dataset, fontsize=LARGE)
    panels[0].set_ylabel("MAE/MAD, test set")
    legend_above(figure)
    footnote(figure, scale_note(record))
    return figure


def _draw_curve(axes: Axes, curve: Curve) -> None:
    first, colour = curve.first, next(iter(curve.bars.values())).colour
    marker = LOOKS.get(first["pooling"] or first["model"], "o")
    axes.plot(curve.sizes, curve.errors, marker, linestyle="-", color=colour, label=first["network_label"])
    for size, bar in zip(curve.sizes, curve.bars.values(), strict=True):
        values = bar.values("mae_over_mad")
        axes.plot([size] * 2, [min(values), max(values)], color=colour, linewidth=1.8, alpha=0.5)
