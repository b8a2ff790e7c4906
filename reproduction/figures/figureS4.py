"""Figure S4a: lattice angles, by default, with a larger receptive field and with sum pooling."""

from hybrid.descriptors.registry import numeric_descriptors
from reproduction.drawing.recorded import draw_bars as draw
from reproduction.figures.figure2 import SCALES
from reproduction.paper import statements
from reproduction.workflow.spec import Part, Spec

__all__ = ["SPEC", "draw"]

ANGLES = ("alpha", "beta", "gamma")


def _learning_all(*networks: str) -> Part:
    """Networks that learn all 27 descriptors at once, as in Figure 2."""
    numeric = numeric_descriptors()
    return Part(datasets=("mp-descriptors",), networks=networks, targets=numeric, together=True, show=ANGLES)


SPEC = Spec(
    caption="R² of predicted lattice angles: default CGCNN, 8 layers, 18 neighbours within 12 Å, sum pooling",
    parts=(
        _learning_all("cgcnn", "cgcnn-8-layers", "cgcnn-18-neighbours-12A"),
        Part(
            datasets=("mp-descriptors",), networks=("cgcnn-shifted-sum-256",), targets=ANGLES, together=True
        ),
        _learning_all("alignn"),
    ),
    scales=SCALES,
    paper=statements("""
        SI section 5 | mp-descriptors | cgcnn | alpha beta gamma | cannot learn the lattice angles well
        Results | mp-descriptors | cgcnn-shifted-sum-256 | alpha beta gamma | sum pooling does not improve the prediction
    """),
)
