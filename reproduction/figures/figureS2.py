"""Figure S2b: extensive properties learnt per cell, with average and with sum pooling, and per atom."""

from reproduction.drawing.recorded import draw_errors as draw
from reproduction.workflow.spec import Part, Spec, errors_said

__all__ = ["SPEC", "draw"]

SPEC = Spec(
    experiment="figureS2",
    caption="MAE/MAD of extensive properties: average pooling per cell and per atom, sum pooling per cell",
    metric="mae_over_mad",
    parts=(
        Part(
            datasets=("phonon-u", "phonon-cv", "alexandria-cv"),
            networks=("natoms-baseline", "cgcnn", "cgcnn-sum"),
        ),
        Part(datasets=("phonon-u-per-atom", "phonon-cv-per-atom"), networks=("cgcnn",)),
        Part(datasets=("magnetization",), networks=("cgcnn",)),
        Part(datasets=("phonon-u", "phonon-cv"), networks=("alignn", "alignn-sum")),
        Part(
            datasets=("phonon-u-per-atom", "phonon-cv-per-atom", "magnetization"),
            networks=("alignn",),
            scales=("smoke", "paper"),
        ),
    ),
    paper=(
        *errors_said(
            "Table 2",
            ("cgcnn", "cgcnn-sum", "alignn", "alignn-sum"),
            {
                "phonon-u": (0.67, 0.254, 0.534, 0.268),
                "phonon-cv": (0.759, 0.272, 0.632, 0.339),
            },
        ),
        *errors_said(
            "Table 2",
            ("cgcnn", "alignn"),
            {
                "phonon-u-per-atom": (0.602, 0.587),
                "phonon-cv-per-atom": (0.601, 0.606),
            },
        ),
        *errors_said(
            "Table 2",
            ("alignn",),
            {
                "magnetization": (0.34,),
            },
        ),
    ),
)
