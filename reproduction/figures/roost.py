"""Not in the paper: a model that uses the formula alone, with known and with new formulas in the test set.

Both splits are 60/20/20. In a random split about a quarter of the test crystals are polymorphs of a training
crystal, and such a model cannot distinguish the two.
"""

from reproduction.drawing.recorded import draw_errors as draw
from reproduction.workflow.spec import Part, Spec

__all__ = ["SPEC", "draw"]

NETWORKS = ("mean-baseline", "composition-forest", "roost")
SPEC = Spec(
    caption="Bulk modulus of binaries from the formula alone, MAE/MAD by random split and by a split that keeps all crystals of a reduced formula together",
    metric="mae_over_mad",
    scales={"cpu": {"epochs": 80}},
    parts=(
        Part(datasets=("binary-k",), networks=NETWORKS),
        Part(datasets=("binary-k",), networks=NETWORKS, grouping="formula"),
    ),
)
