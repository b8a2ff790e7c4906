"""Figure 3f: default CGCNN on the long chains."""

from reproduction.drawing.recorded import draw_parity as draw
from reproduction.workflow.spec import PaperStatement, Part, Spec

__all__ = ["SPEC", "draw"]

SPEC = Spec(
    experiment="figure3f",
    caption="a predicted against true: 1D long chains, default CGCNN",
    parts=(Part(datasets=("chains-long",), networks=("cgcnn",)),),
    paper=(
        PaperStatement(
            dataset="chains-long", network="cgcnn", says="cannot predict a well", source="Results, Figure 3f"
        ),
    ),
    predictions=True,
)
