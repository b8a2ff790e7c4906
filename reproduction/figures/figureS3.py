"""Figure S3: where sum pooling fails too. A double chain has the same a and twice the atoms."""

from reproduction.drawing.recorded import draw_bars as draw
from reproduction.workflow.spec import PaperStatement, Part, Spec

__all__ = ["SPEC", "draw"]

SPEC = Spec(
    experiment="figureS3",
    caption="R² of predicted a: single, and mixed single and double chains, average and sum pooling",
    parts=(
        Part(
            datasets=("chains-short", "chains-mixed-short", "chains-long", "chains-mixed-long"),
            networks=("cgcnn", "cgcnn-sum"),
        ),
    ),
    paper=(  # which gives these values in words only
        PaperStatement(
            dataset="chains-short",
            network="cgcnn",
            says="can predict a well with the R2 score larger than 0.8",
            source="Results, Figure 3e",
        ),
        PaperStatement(
            dataset="chains-short",
            network="cgcnn-sum",
            says="sum pooling outperforms average pooling significantly",
            source="SI section 3",
        ),
        PaperStatement(
            dataset="chains-mixed-short",
            network="cgcnn-sum",
            says="sum pooling can only have very limited improvement over average pooling",
            source="SI section 3",
        ),
        PaperStatement(
            dataset="chains-long", network="cgcnn", says="cannot predict a well", source="Results, Figure 3f"
        ),
        PaperStatement(
            dataset="chains-long",
            network="cgcnn-sum",
            says="sum pooling outperforms average pooling significantly",
            source="SI section 3",
        ),
        PaperStatement(
            dataset="chains-mixed-long",
            network="cgcnn-sum",
            says="sum pooling can only have very limited improvement over average pooling",
            source="SI section 3",
        ),
    ),
)
