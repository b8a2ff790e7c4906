"""Table 2: extensive properties per cell and per atom with average pooling, and per cell with sum pooling.

k x natoms shows what a value per cell owes to the size of the cell alone. The paper's MAD of Cv per atom,
13.8, cannot be one: a heat capacity per atom is at most 3R = 24.9 J/(mol K), its MAD at most 12.5.
"""

from pathlib import Path
from typing import Any

from reproduction.drawing import statements
from reproduction.drawing.recorded import draw_errors
from reproduction.workflow.spec import PaperStatement, Part, Spec

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
        PaperStatement(dataset="phonon-u", network="cgcnn", mae=17.2, mae_over_mad=0.67, source="Table 2"),
        PaperStatement(dataset="phonon-u", network="de-cgcnn", mae=1.54, mae_over_mad=0.06, source="Table 2"),
        PaperStatement(
            dataset="phonon-u-per-atom", network="cgcnn", mae=3.05, mae_over_mad=0.602, source="Table 2"
        ),
        PaperStatement(
            dataset="phonon-u-per-atom", network="de-cgcnn", mae=0.301, mae_over_mad=0.059, source="Table 2"
        ),
        PaperStatement(
            dataset="phonon-u", network="cgcnn-sum", mae=6.53, mae_over_mad=0.254, source="Table 2"
        ),
        PaperStatement(
            dataset="phonon-u", network="de-cgcnn-sum", mae=1.53, mae_over_mad=0.06, source="Table 2"
        ),
        PaperStatement(dataset="phonon-cv", network="cgcnn", mae=42.2, mae_over_mad=0.759, source="Table 2"),
        PaperStatement(
            dataset="phonon-cv", network="de-cgcnn", mae=3.25, mae_over_mad=0.058, source="Table 2"
        ),
        PaperStatement(
            dataset="phonon-cv-per-atom", network="cgcnn", mae=8.3, mae_over_mad=0.601, source="Table 2"
        ),
        PaperStatement(
            dataset="phonon-cv-per-atom", network="de-cgcnn", mae=0.792, mae_over_mad=0.057, source="Table 2"
        ),
        PaperStatement(
            dataset="phonon-cv", network="cgcnn-sum", mae=15.1, mae_over_mad=0.272, source="Table 2"
        ),
        PaperStatement(
            dataset="phonon-cv", network="de-cgcnn-sum", mae=2.86, mae_over_mad=0.051, source="Table 2"
        ),
        PaperStatement(
            dataset="magnetization", network="cgcnn", mae=1.29, mae_over_mad=0.412, source="Table 2"
        ),
        PaperStatement(
            dataset="magnetization", network="de-cgcnn", mae=1.07, mae_over_mad=0.34, source="Table 2"
        ),
        PaperStatement(dataset="phonon-u", network="alignn", mae=13.7, mae_over_mad=0.534, source="Table 2"),
        PaperStatement(
            dataset="phonon-u", network="de-alignn", mae=2.62, mae_over_mad=0.101, source="Table 2"
        ),
        PaperStatement(
            dataset="phonon-u-per-atom", network="alignn", mae=3.0, mae_over_mad=0.587, source="Table 2"
        ),
        PaperStatement(
            dataset="phonon-u-per-atom", network="de-alignn", mae=0.613, mae_over_mad=0.12, source="Table 2"
        ),
        PaperStatement(
            dataset="phonon-u", network="alignn-sum", mae=6.88, mae_over_mad=0.268, source="Table 2"
        ),
        PaperStatement(
            dataset="phonon-u", network="de-alignn-sum", mae=1.87, mae_over_mad=0.073, source="Table 2"
        ),
        PaperStatement(dataset="phonon-cv", network="alignn", mae=35.2, mae_over_mad=0.632, source="Table 2"),
        PaperStatement(
            dataset="phonon-cv", network="de-alignn", mae=4.95, mae_over_mad=0.089, source="Table 2"
        ),
        PaperStatement(
            dataset="phonon-cv-per-atom", network="alignn", mae=8.37, mae_over_mad=0.606, source="Table 2"
        ),
        PaperStatement(
            dataset="phonon-cv-per-atom", network="de-alignn", mae=1.52, mae_over_mad=0.11, source="Table 2"
        ),
        PaperStatement(
            dataset="phonon-cv", network="alignn-sum", mae=18.9, mae_over_mad=0.339, source="Table 2"
        ),
        PaperStatement(
            dataset="phonon-cv", network="de-alignn-sum", mae=3.75, mae_over_mad=0.067, source="Table 2"
        ),
        PaperStatement(
            dataset="magnetization", network="alignn", mae=1.06, mae_over_mad=0.34, source="Table 2"
        ),
        PaperStatement(
            dataset="magnetization", network="de-alignn", mae=0.964, mae_over_mad=0.308, source="Table 2"
        ),
    ),
)


def draw(stem: Path, record: dict[str, Any]) -> None:
    """Errors, and whether they confirm what the paper says of them."""
    draw_errors(stem, record, statements.table2(record))
