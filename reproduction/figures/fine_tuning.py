"""Not in the paper: what it is worth to start from a released model if there are few training crystals.

Cv starts from U, on the same crystals and test set. Every size has the same number of epochs, validation and
test crystals.
"""

from pathlib import Path
from typing import Any

from hybrid.report.records import scale_note
from hybrid.report.style import save
from reproduction.drawing.tables import error_cells, require, write_rows
from reproduction.figures.learning_curve import curves, draw_curves
from reproduction.workflow.spec import Part, Spec

N_TRAINING = 918
SIZES = (50, 100, 200, 400)
SPEC = Spec(
    caption="MAE/MAD on the test set against the number of training crystals, from random weights and from a "
    "released model",
    metric="mae_over_mad",
    scales={"cpu": {"epochs": 200}},
    parts=(
        Part(
            datasets=("phonon-cv",),
            networks=("cgcnn-sum-tuned", "cgcnn-sum-from-u"),
            training_shares=tuple(n / N_TRAINING for n in SIZES),
            same_batches=False,
        ),
    ),
)


def draw(stem: Path, record: dict[str, Any]) -> None:
    """Errors by the size of the training set, and what is gained over random weights.

    Raises:
        InputError: no run of the record is finished.
    """
    drawn = curves(record)
    require(drawn, record)
    scratch = {curve.first["dataset"]: curve for curve in drawn if curve.first["network"].endswith("tuned")}
    rows = []
    for curve in drawn:
        plain = scratch.get(curve.first["dataset"])
        names = {"dataset": curve.first["dataset_label"], "network": curve.first["network_label"]}
        for (share, bar), size in zip(curve.bars.items(), curve.sizes, strict=True):
            gain = ""
            if plain and plain is not curve and share in plain.bars:
                gain = (
                    f"{100 * (1 - bar.mean('mae_over_mad') / plain.bars[share].mean('mae_over_mad')):z.0f} %"
                )
            rows.append({**names, "training crystals": f"{size:.0f}", **error_cells(bar), "gain": gain})
    caption = f"{record['caption']}. Gain: by how much the error is lower than from random weights; "
    write_rows(stem, f"{caption}{scale_note(record)}.", rows)
    save(draw_curves(record, drawn), stem)
