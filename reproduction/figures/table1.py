"""Table 1: MAE/MAD of the paper's thirteen properties.

Pooling is average. Labels and test sets are the authors', as far as structures are at hand, except for Eg, M and
the final energy: these are all crystals at hand, split by seed, and final energies are derived.
"""

from reproduction.data.registry import PROPERTIES
from reproduction.drawing.recorded import draw_errors as draw
from reproduction.paper import TABLE_S1, errors
from reproduction.workflow.spec import Part, Spec

__all__ = ["ALIGNN", "SPEC", "draw"]

CGCNN = ("forest", "cgcnn", "de-cgcnn", "cgcnn-tuned", "de-cgcnn-tuned")
ALIGNN = Part(datasets=PROPERTIES, networks=("alignn", "de-alignn"))
SPEC = Spec(
    caption="MAE/MAD of materials properties: descriptors alone, CGCNN and de-CGCNN with average pooling",
    metric="mae_over_mad",
    parts=(
        Part(datasets=PROPERTIES[:2], networks=("mean-baseline", "natoms-baseline", *CGCNN)),
        Part(datasets=PROPERTIES[2:], networks=("mean-baseline", *CGCNN)),
        ALIGNN,
    ),
    paper=errors("Table 1", TABLE_S1, ("forest", "cgcnn", "de-cgcnn", "alignn", "de-alignn"), with_mae=False),
)
