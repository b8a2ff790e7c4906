"""Table 1: MAE/MAD of the paper's thirteen properties, and substitutes where a source cannot be had.

Pooling is average. Cv and U are the authors' labels with their split. K, G, ν, Eg, ‖e‖∞, εe, εt and n are those
of the matminer 0.3.2 distribution: fewer crystals than the paper's, which are all that the Materials Project had
in 2021, and band gaps of dielectrics only. Formation energies and the WBM total energies are substitutes for
the final energy.
"""

from reproduction.data.registry import PROPERTIES
from reproduction.drawing.recorded import draw_errors as draw
from reproduction.paper import TABLE_S1, errors
from reproduction.workflow.spec import Part, Spec

__all__ = ["ALIGNN", "SPEC", "draw"]

CGCNN = ("forest", "cgcnn", "de-cgcnn", "cgcnn-tuned", "de-cgcnn-tuned")
ALIGNN = (
    Part(datasets=("phonon-u", "phonon-cv", "elastic-k"), networks=("alignn", "de-alignn")),
    Part(datasets=PROPERTIES[3:], networks=("alignn", "de-alignn"), scales=("smoke", "paper")),
)
SPEC = Spec(
    caption="MAE/MAD of materials properties: descriptors alone, CGCNN and de-CGCNN with average pooling",
    metric="mae_over_mad",
    parts=(
        Part(datasets=PROPERTIES[:2], networks=("mean-baseline", "natoms-baseline", *CGCNN)),
        Part(datasets=PROPERTIES[2:], networks=("mean-baseline", *CGCNN)),
        *ALIGNN,
    ),
    paper=errors("Table 1", TABLE_S1, ("forest", "cgcnn", "de-cgcnn", "alignn", "de-alignn"), with_mae=False),
)
