"""Figure 3e: default CGCNN on the short chains."""

from reproduction.drawing.recorded import draw_parity as draw
from reproduction.workflow.spec import PaperStatement, Part, Spec

__all__ = ["SPEC", "draw"]

SPEC = Spec(
    experiment="figure3e",
    caption="a predicted against true: 1D short chains, default CGCNN",
    parts=(Part(datasets=("chains-short",), networks=("cgcnn",)),),
    paper=(
        PaperStatement(
            dataset="chains-short",
            network="cgcnn",
            says="can predict a well with the R2 score larger than 0.8",
            source="Results, Figure 3e",
        ),
    ),
    predictions=True,
)
