"""Figure S2b: extensive properties learnt per cell, with average and with sum pooling, and per atom."""

from reproduction.drawing.recorded import draw_errors as draw
from reproduction.paper import TABLE_2, errors
from reproduction.workflow.spec import Part, Spec

__all__ = ["SPEC", "draw"]

SPEC = Spec(
    caption="MAE/MAD of extensive properties: average pooling per cell and per atom, sum pooling per cell",
    metric="mae_over_mad",
    parts=(
        Part(
            datasets=("phonon-u", "phonon-cv", "alexandria-cv"),
            networks=("natoms-baseline", "cgcnn", "cgcnn-sum"),
        ),
        Part(
            datasets=(
                *("phonon-u-per-atom", "phonon-cv-per-atom"),
                *("magnetization", "magnetization-per-atom"),
            ),
            networks=("cgcnn", "alignn"),
        ),
        Part(datasets=("phonon-u", "phonon-cv"), networks=("alignn", "alignn-sum")),
        Part(datasets=("magnetization-per-cell",), networks=("natoms-baseline", "cgcnn-sum", "alignn-sum")),
    ),
    paper=errors("Table 2", TABLE_2, ("cgcnn", "cgcnn-sum", "alignn", "alignn-sum"), with_mae=False),
)
