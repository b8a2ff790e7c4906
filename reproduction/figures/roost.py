"""Not in the paper: a model of the formula alone where the formula decides, and where no formula is known.

Both splits are 60/20/20. By a random one about a quarter of the test crystals are polymorphs of a training
crystal, which such a model cannot tell from it.
"""

from reproduction.drawing.recorded import draw_errors as draw
from reproduction.workflow.spec import Part, Spec

__all__ = ["SPEC", "draw"]

NETWORKS = ("mean-baseline", "composition-forest", "roost")
SPEC = Spec(
    caption="Bulk modulus of binaries from the formula alone, MAE/MAD by random split and by one that tears no reduced formula apart",
    metric="mae_over_mad",
    scales={"cpu": {"epochs": 80}},
    parts=(
        Part(datasets=("binary-k",), networks=NETWORKS),
        Part(datasets=("binary-k",), networks=NETWORKS, grouping="formula"),
    ),
)
