"""Table S1: Table 1 in detail, with the head on frozen vectors and descriptors (eq. S5)."""

from reproduction.data.registry import PROPERTIES
from reproduction.drawing.recorded import draw_errors as draw
from reproduction.figures.table1 import ALIGNN
from reproduction.paper import TABLE_S1, errors
from reproduction.workflow.spec import Part, Spec

__all__ = ["SPEC", "draw"]

SPEC = Spec(
    caption="MAE and MAE/MAD of materials properties: descriptors alone, CGCNN, CGCNN+descriptors and de-CGCNN",
    metric="mae_over_mad",
    parts=(Part(datasets=PROPERTIES, networks=("forest", "cgcnn", "cgcnn+descriptors", "de-cgcnn")), ALIGNN),
    paper=errors("Table S1", TABLE_S1),
)
