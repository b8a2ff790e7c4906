"""Which descriptors a pretrained force field knows: Figure 2 for the frozen embeddings of CHGNet.

Crystals and splits are those of CGCNN, which learns the descriptors from scratch. CHGNet (MIT licence, weights
0.3.0 of its package) was trained on energies, forces, stresses and magnetic moments along relaxations of
Materials Project crystals, these among them; no descriptor was ever its target.
"""

from reproduction.drawing.recorded import draw_bars as draw
from reproduction.figures.figure2 import descriptor_panels
from reproduction.workflow.spec import Spec

__all__ = ["SPEC", "draw"]

SPEC = Spec(
    caption="Descriptors predicted from CHGNet's embeddings by a linear model and a random forest: R², and accuracy for the crystal system",
    parts=descriptor_panels("cgcnn", "chgnet-linear", "chgnet-sum-linear", "chgnet-forest"),
)
