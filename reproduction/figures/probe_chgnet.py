"""Which descriptors a pretrained force field knows: Figure 2 for the frozen crystal vectors of CHGNet.

Crystals and splits are those of CGCNN, which learns the descriptors from scratch. CHGNet (MIT licence, weights
0.3.0 of its package) was trained on energies, forces, stresses and magnetic moments along relaxations of
Materials Project crystals, these among them; no descriptor was ever its target.
"""

from hybrid.descriptors.registry import numeric_descriptors
from reproduction.drawing.recorded import draw_bars as draw
from reproduction.workflow.spec import Part, Spec

__all__ = ["SPEC", "draw"]

NETWORKS = ("cgcnn", "chgnet-linear", "chgnet-sum-linear", "chgnet-forest")
SPEC = Spec(
    experiment="probe-chgnet",
    caption="What a linear model and a random forest find of the descriptors in CHGNet's crystal vectors: R², and accuracy for the crystal system",
    parts=(
        Part(
            panel="a  local descriptors",
            datasets=("mp-descriptors",),
            networks=(*NETWORKS, "mean-baseline"),
            targets="numeric",
            together=True,
            show=numeric_descriptors(local=True),
        ),
        Part(
            panel="b  global descriptors",
            datasets=("mp-descriptors",),
            networks=(*NETWORKS, "mean-baseline"),
            targets="numeric",
            together=True,
            show=numeric_descriptors(local=False),
        ),
        Part(
            panel="c  crystal system",
            datasets=("mp-crystal-system",),
            networks=(*NETWORKS, "majority-baseline"),
        ),
    ),
)
