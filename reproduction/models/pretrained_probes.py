"""A linear model and a random forest on a pretrained model's embeddings, as models."""

from hybrid.probing.pretrained import embed, source
from hybrid.probing.simple_models import PROBES, Probe
from hybrid.settings import RunSettings
from hybrid.training.model_registry import Model
from hybrid.training.results import Fit, Fitted, Job
from hybrid.training.samples import Samples


def _on_pretrained(probe: Probe) -> Fit:
    """A probe on the embeddings that the settings name."""

    def fit(samples: Samples, settings: RunSettings, _: Job) -> Fitted:
        table = embed(samples.folder, settings.model.vectors, settings.model.pooling)
        vectors = table.table.to_numpy()
        note = f"{vectors.shape[1]}-long vectors of {source(settings.model.vectors)}"
        return Fitted(probe(vectors, samples, settings), {"note": note})

    return fit


LINEAR, FOREST = (Model(_on_pretrained(PROBES[name])) for name in ("linear", "forest"))
