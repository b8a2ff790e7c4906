"""Figure 3h: average pooling against sum pooling for the lattice length a of 1D chains."""

from reproduction.drawing.recorded import draw_bars as draw
from reproduction.workflow.spec import PaperStatement, Part, Spec, words_said

__all__ = ["SPEC", "draw"]

SPEC = Spec(
    experiment="figure3h",
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
    paper=(  # which gives these values in words only
        *words_said(
            "Results, Figure 3h",
            "mp-descriptors",
            "cgcnn-shifted-sum-256",
            ("natoms", "a", "b", "c"),
            "better prediction than average pooling",
        ),
        PaperStatement(
            dataset="chains-short",
            network="cgcnn",
            says="can predict a well with the R2 score larger than 0.8",
            source="Results, Figure 3e",
        ),
        PaperStatement(
            dataset="chains-long", network="cgcnn", says="cannot predict a well", source="Results, Figure 3f"
        ),
        PaperStatement(
            dataset="chains-short",
            network="cgcnn-sum",
            says="sum pooling can lead to better prediction of a than average pooling",
            source="Results, Figure 3h",
        ),
        PaperStatement(
            dataset="chains-long",
            network="cgcnn-sum",
            says="sum pooling can result in significantly better prediction of a than average pooling",
            source="Results, Figure 3h",
        ),
    ),
)
