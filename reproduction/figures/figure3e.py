"""Figure 3e: default CGCNN on the short chains."""

from reproduction.drawing.recorded import draw_parity as draw
from reproduction.paper import statements
from reproduction.workflow.spec import Part, Spec

__all__ = ["SPEC", "draw"]

SPEC = Spec(
    caption="a predicted against true: 1D short chains, default CGCNN",
    parts=(Part(datasets=("chains-short",), networks=("cgcnn",)),),
    paper=statements(
        "Results, Figure 3e | chains-short | cgcnn | can predict a well with the R2 score larger than 0.8"
    ),
    predictions=True,
)
