"""Figure S2b: extensive properties learnt per cell, with average and with sum pooling, and per atom."""

from reproduction.drawing.recorded import draw_errors as draw
from reproduction.workflow.spec import PaperStatement, Part, Spec

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
        PaperStatement(dataset="phonon-u", network="cgcnn", mae_over_mad=0.67, source="Table 2"),
        PaperStatement(dataset="phonon-u", network="cgcnn-sum", mae_over_mad=0.254, source="Table 2"),
        PaperStatement(dataset="phonon-cv", network="cgcnn", mae_over_mad=0.759, source="Table 2"),
        PaperStatement(dataset="phonon-cv", network="cgcnn-sum", mae_over_mad=0.272, source="Table 2"),
        PaperStatement(dataset="phonon-u-per-atom", network="cgcnn", mae_over_mad=0.602, source="Table 2"),
        PaperStatement(dataset="phonon-cv-per-atom", network="cgcnn", mae_over_mad=0.601, source="Table 2"),
        PaperStatement(dataset="phonon-u", network="alignn", mae_over_mad=0.534, source="Table 2"),
        PaperStatement(dataset="phonon-u-per-atom", network="alignn", mae_over_mad=0.587, source="Table 2"),
        PaperStatement(dataset="phonon-u", network="alignn-sum", mae_over_mad=0.268, source="Table 2"),
        PaperStatement(dataset="phonon-cv", network="alignn", mae_over_mad=0.632, source="Table 2"),
        PaperStatement(dataset="phonon-cv-per-atom", network="alignn", mae_over_mad=0.606, source="Table 2"),
        PaperStatement(dataset="phonon-cv", network="alignn-sum", mae_over_mad=0.339, source="Table 2"),
        PaperStatement(dataset="magnetization", network="alignn", mae_over_mad=0.34, source="Table 2"),
    ),
)
