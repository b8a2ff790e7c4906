"""Figure 3h: average pooling against sum pooling for the lattice length a of 1D chains."""

from reproduction.drawing.recorded import draw_bars as draw
from reproduction.paper import statements
from reproduction.workflow.spec import Part, Spec

__all__ = ["SPEC", "draw"]

SPEC = Spec(
    caption="R² of predicted lattice constants: CGCNN with average and with sum pooling",
    parts=(
        Part(
            datasets=("chains-short", "chains-long"),
            networks=("line-baseline", "cgcnn", "cgcnn-sum-paper", "cgcnn-sum"),
        ),
        Part(
            datasets=("mp-descriptors",),
            networks=("line-baseline", "cgcnn", "cgcnn-sum-256", "cgcnn-shifted-sum-256"),
            targets=("natoms", "a", "b", "c"),
            together=True,
        ),
    ),
    paper=statements("""
        Results, Figure 3h | mp-descriptors | cgcnn-shifted-sum-256 | natoms a b c | better prediction than average pooling
        Results, Figure 3e | chains-short | cgcnn | can predict a well with the R2 score larger than 0.8
        Results, Figure 3f | chains-long | cgcnn | cannot predict a well
        Results, Figure 3h | chains-short | cgcnn-sum | sum pooling can lead to better prediction of a than average pooling
        Results, Figure 3h | chains-long | cgcnn-sum | sum pooling can result in significantly better prediction of a than average pooling
    """),
)
