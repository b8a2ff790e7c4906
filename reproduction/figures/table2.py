"""Table 2: extensive properties per cell and per atom with average pooling, and per cell with sum pooling.

k x natoms shows what a value per cell owes to the size of the cell alone. The paper's MAD of Cv per atom,
13.8, cannot be one: a heat capacity per atom is at most 3R = 24.9 J/(mol K), its MAD at most 12.5.
"""

from pathlib import Path
from typing import Any

from reproduction.drawing import statements
from reproduction.drawing.recorded import draw_errors
from reproduction.workflow.spec import Part, Spec, errors_said

SPEC = Spec(
    experiment="table2",
    caption="MAE/MAD of U and Cv: per cell and per atom, average and sum pooling, with and without descriptors",
    metric="mae_over_mad",
    parts=(
        Part(
            datasets=("phonon-u", "phonon-cv"),
            networks=(
                "mean-baseline",
                "natoms-baseline",
                "debye",
                "forest",
                "cgcnn",
                "de-cgcnn",
                "cgcnn-tuned",
                "de-cgcnn-tuned",
                "cgcnn-sum",
                "de-cgcnn-sum",
                "cgcnn-sum-tuned",
                "de-cgcnn-sum-tuned",
            ),
        ),
        Part(
            datasets=("phonon-u-per-atom", "phonon-cv-per-atom"),
            networks=(
                "mean-baseline",
                "debye",
                "forest",
                "cgcnn",
                "de-cgcnn",
                "cgcnn-tuned",
                "de-cgcnn-tuned",
            ),
        ),
        Part(datasets=("magnetization",), networks=("mean-baseline", "forest", "cgcnn", "de-cgcnn")),
        Part(
            datasets=("phonon-u", "phonon-cv"),
            networks=("alignn", "de-alignn", "alignn-sum", "de-alignn-sum"),
        ),
        Part(
            datasets=("phonon-u-per-atom", "phonon-cv-per-atom", "magnetization"),
            networks=("alignn", "de-alignn"),
            scales=("smoke", "paper"),
        ),
    ),
    upstream={  # a day of training on two cores otherwise
        "cpu": Part(
            datasets=("phonon-cv",), networks=("cgcnn", "de-cgcnn", "cgcnn-sum", "de-cgcnn-sum"), seeds=(0,)
        )
    },
    paper=(
        *errors_said(
            "Table 2",
            (
                "cgcnn",
                "de-cgcnn",
                "cgcnn-sum",
                "de-cgcnn-sum",
                "alignn",
                "de-alignn",
                "alignn-sum",
                "de-alignn-sum",
            ),
            {
                "phonon-u": (
                    (17.2, 0.67),
                    (1.54, 0.06),
                    (6.53, 0.254),
                    (1.53, 0.06),
                    (13.7, 0.534),
                    (2.62, 0.101),
                    (6.88, 0.268),
                    (1.87, 0.073),
                ),
                "phonon-cv": (
                    (42.2, 0.759),
                    (3.25, 0.058),
                    (15.1, 0.272),
                    (2.86, 0.051),
                    (35.2, 0.632),
                    (4.95, 0.089),
                    (18.9, 0.339),
                    (3.75, 0.067),
                ),
            },
        ),
        *errors_said(
            "Table 2",
            ("cgcnn", "de-cgcnn", "alignn", "de-alignn"),
            {
                "phonon-u-per-atom": ((3.05, 0.602), (0.301, 0.059), (3.0, 0.587), (0.613, 0.12)),
                "phonon-cv-per-atom": ((8.3, 0.601), (0.792, 0.057), (8.37, 0.606), (1.52, 0.11)),
                "magnetization": ((1.29, 0.412), (1.07, 0.34), (1.06, 0.34), (0.964, 0.308)),
            },
        ),
    ),
)


def draw(stem: Path, record: dict[str, Any]) -> None:
    """Errors, and whether they confirm what the paper says of them."""
    draw_errors(stem, record, statements.table2(record))
