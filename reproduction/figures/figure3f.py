"""Figure 3f: default CGCNN on the long chains."""

from reproduction.drawing.recorded import draw_parity as draw
from reproduction.paper import statements
from reproduction.workflow.spec import Part, Spec

__all__ = ["SPEC", "draw"]

SPEC = Spec(
    caption="a predicted against true: 1D long chains, default CGCNN",
    parts=(Part(datasets=("chains-long",), networks=("cgcnn",)),),
    paper=statements("Results, Figure 3f | chains-long | cgcnn | cannot predict a well"),
    predictions=True,
)
