"""Figure S3: where sum pooling fails too. A double chain has the same a and twice the atoms."""

from reproduction.drawing.recorded import draw_bars as draw
from reproduction.paper import statements
from reproduction.workflow.spec import Part, Spec

__all__ = ["SPEC", "draw"]

SPEC = Spec(
    caption="R² of predicted a: single, and mixed single and double chains, average and sum pooling",
    parts=(
        Part(
            datasets=("chains-short", "chains-mixed-short", "chains-long", "chains-mixed-long"),
            networks=("cgcnn", "cgcnn-sum"),
        ),
    ),
    paper=statements("""
        Results, Figure 3e | chains-short | cgcnn | can predict a well with the R2 score larger than 0.8
        SI section 3 | chains-short | cgcnn-sum | sum pooling outperforms average pooling significantly
        SI section 3 | chains-mixed-short | cgcnn-sum | sum pooling can only have very limited improvement over average pooling
        Results, Figure 3f | chains-long | cgcnn | cannot predict a well
        SI section 3 | chains-long | cgcnn-sum | sum pooling outperforms average pooling significantly
        SI section 3 | chains-mixed-long | cgcnn-sum | sum pooling can only have very limited improvement over average pooling
    """),
)
