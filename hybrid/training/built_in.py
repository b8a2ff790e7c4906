"""The models that the package brings: networks, a random forest on descriptors, and trivial predictions."""

from typing import TYPE_CHECKING

from hybrid.models.networks import ALIGNN, CGCNN, ROOST
from hybrid.models.registry import Job, Model
from hybrid.training import baselines

if TYPE_CHECKING:
    from hybrid.settings import RunSettings
    from hybrid.training.results import Fitted
    from hybrid.training.samples import Samples


def _fit_network(samples: "Samples", settings: "RunSettings", job: Job) -> "Fitted":
    from hybrid.training.fit import fit_network  # brings Lightning with it

    return fit_network(samples, settings, job)


_BOTH = ("fp32", "bf16")

MODELS = {
    "cgcnn": Model(_fit_network, CGCNN),
    "de-cgcnn": Model(_fit_network, CGCNN, takes_descriptors=True),
    "alignn": Model(_fit_network, ALIGNN, precisions=_BOTH),
    "de-alignn": Model(_fit_network, ALIGNN, takes_descriptors=True, precisions=_BOTH),
    "roost": Model(_fit_network, ROOST, sees_structure=False),
    "mean-baseline": Model(baselines.mean),
    "majority-baseline": Model(baselines.majority),
    "natoms-baseline": Model(baselines.natoms),
    "line-baseline": Model(baselines.line),
    "forest": Model(baselines.forest, needs_descriptors=True),
}
