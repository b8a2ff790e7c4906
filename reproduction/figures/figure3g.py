"""Figure 3g: what a larger receptive field changes, by depth and by number of neighbours."""

from reproduction.drawing.recorded import draw_bars as draw
from reproduction.workflow.spec import PaperStatement, Part, Spec

__all__ = ["SPEC", "draw"]

SPEC = Spec(
    experiment="figure3g",
    caption="R² of predicted lattice constants: default CGCNN, 8 convolution layers, 18 neighbours within 12 Å",
    parts=(
        Part(
            datasets=("chains-short", "chains-long"),
            networks=("cgcnn", "cgcnn-8-layers", "cgcnn-18-neighbours-12A"),
        ),
        Part(
            datasets=("mp-descriptors",),
            networks=("cgcnn", "cgcnn-8-layers", "cgcnn-18-neighbours-12A"),
            targets="numeric",
            together=True,
            show=("a", "b", "c"),
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
            network="cgcnn-8-layers",
            says="increasing the number of convolution layers deteriorates the power of CGCNN to capture periodicity",
            source="Results, Figure 3g",
        ),
        PaperStatement(
            dataset="chains-short",
            network="cgcnn-18-neighbours-12A",
            says="increasing the number of neighbors leads to better prediction of a",
            source="Results, Figure 3g",
        ),
        PaperStatement(
            dataset="chains-long", network="cgcnn", says="cannot predict a well", source="Results, Figure 3f"
        ),
        PaperStatement(
            dataset="chains-long",
            network="cgcnn-8-layers",
            says="both increasing number of neighbors and number of convolution layers result in better prediction of a",
            source="Results, Figure 3g",
        ),
        PaperStatement(
            dataset="chains-long",
            network="cgcnn-18-neighbours-12A",
            says="both increasing number of neighbors and number of convolution layers result in better prediction of a",
            source="Results, Figure 3g",
        ),
    ),
)
