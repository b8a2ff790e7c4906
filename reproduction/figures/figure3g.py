"""Figure 3g: what a larger receptive field changes, by depth and by number of neighbours."""

from hybrid.descriptors.registry import numeric_descriptors
from reproduction.drawing.recorded import draw_bars as draw
from reproduction.paper import statements
from reproduction.workflow.spec import Part, Spec

__all__ = ["SPEC", "draw"]

NETWORKS = ("cgcnn", "cgcnn-8-layers", "cgcnn-18-neighbours-12A")
SPEC = Spec(
    caption="R² of predicted lattice constants: default CGCNN, 8 convolution layers, 18 neighbours within 12 Å",
    parts=(
        Part(datasets=("chains-short", "chains-long"), networks=NETWORKS),
        Part(
            datasets=("mp-descriptors",),
            networks=NETWORKS,
            targets=numeric_descriptors(),
            together=True,
            show=("a", "b", "c"),
        ),
    ),
    paper=statements("""
        Results, Figure 3e | chains-short | cgcnn | can predict a well with the R2 score larger than 0.8
        Results, Figure 3g | chains-short | cgcnn-8-layers | increasing the number of convolution layers deteriorates the power of CGCNN to capture periodicity
        Results, Figure 3g | chains-short | cgcnn-18-neighbours-12A | increasing the number of neighbors leads to better prediction of a
        Results, Figure 3f | chains-long | cgcnn | cannot predict a well
        Results, Figure 3g | chains-long | cgcnn-8-layers | both increasing number of neighbors and number of convolution layers result in better prediction of a
        Results, Figure 3g | chains-long | cgcnn-18-neighbours-12A | both increasing number of neighbors and number of convolution layers result in better prediction of a
    """),
)
