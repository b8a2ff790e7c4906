"""Not in the paper: errors against the number of training crystals, and what descriptors are worth at each.

The smaller training sets are parts of the larger ones; validation and test crystals stay the same. Every
size sees about as many batches, a small one thus more epochs. At share 1 the runs are those of Tables 1 and
2. Heat capacity grows with the cell, the bulk modulus does not, so that there is nothing there for sum
pooling.
"""

from pathlib import Path
from typing import Any

from hybrid.report.records import Bar, scale_note
from hybrid.report.style import save
from hybrid.report.tables import write_table
from reproduction.drawing import learning_curve as curve_figure
from reproduction.drawing.recorded import require
from reproduction.workflow.spec import Part, Spec

SPEC = Spec(
    experiment="learning-curve",
    caption="MAE/MAD on the test set against the number of training crystals",
    metric="mae_over_mad",
    scales={"cpu": {"seeds": (0, 1)}},
    parts=(
        Part(
            datasets=("phonon-cv",),
            networks=("cgcnn-tuned", "de-cgcnn-tuned", "cgcnn-sum-tuned", "de-cgcnn-sum-tuned", "forest"),
            training_shares=(0.1, 0.2, 0.4, 1.0),
        ),
        Part(
            datasets=("elastic-k",),
            networks=("cgcnn-tuned", "de-cgcnn-tuned", "forest"),
            training_shares=(0.1, 0.2, 0.4, 1.0),
        ),
    ),
)


def draw(stem: Path, record: dict[str, Any]) -> None:
    """Errors by the size of the training set; what descriptors gain at each; how fast errors fall.

    Raises:
        InputError: no run of the record has come to an end.
    """
    curves = curve_figure.curves(record)
    require(curves, record)
    how = (
        "Validation and test crystals are the same throughout, and the number of batches is about the same, "
        f"so that smaller sets see more epochs; {scale_note(record)}."
    )
    rows = []
    for curve in curves:
        gained = curve_figure.gains(curve, curves)
        for bar, size in zip(curve.bars, curve.sizes, strict=True):
            share = bar.first["training_share"]
            gain = f"{100 * gained[share]:z.0f} %" if share in gained else ""
            rows.append([*_names(bar), f"{100 * share:g} %", f"{size:.0f}", *_errors(bar), gain])
    write_table(
        stem,
        f"{record['caption']}. Gain: by how much descriptors in the readout lower the error of the same "
        f"network with the same pooling. {how}",
        (
            "dataset",
            "network",
            "share of training",
            "training crystals",
            "MAE/MAD (mean)",
            "MAE/MAD (seeds)",
            "MAE",
            "gain by descriptors",
        ),
        rows,
    )
    write_table(
        stem.with_name(f"{stem.name}b"),
        f"Exponent x of MAE/MAD ~ n^-x in the number n of training crystals, by least squares on the "
        f"logarithms of the means over the seeds. {how}",
        ("dataset", "network", "from", "to", "exponent"),
        [
            [*_names(c.bars[0]), f"{c.sizes[0]:.0f}", f"{c.sizes[-1]:.0f}", f"{c.exponent:.2f}"]
            for c in curves
        ],
    )
    save(curve_figure.draw(record), stem)


def _names(bar: Bar) -> list[str]:
    return [bar.first["dataset_label"], bar.first["network_label"]]


def _errors(bar: Bar) -> list[str]:
    """Mean and seeds of MAE/MAD, and the MAE with its unit."""
    seeds = bar.each("mae_over_mad")
    return [f"{bar.mean('mae_over_mad'):.3f}", seeds, bar.in_unit("mae")] if bar.done else ["", seeds, ""]
