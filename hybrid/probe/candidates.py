"""The models that a probe fits to descriptors: networks, models on vectors, and baselines."""

import hashlib
from dataclasses import dataclass
from typing import Any

from hybrid.probe.embeddings import Embeddings
from hybrid.probe.vectors import PROBES, Probe
from hybrid.settings import RunSettings
from hybrid.training.registry import get_model
from hybrid.training.results import Fit, Fitted
from hybrid.training.samples import Samples


@dataclass(frozen=True)
class Candidate:
    """A model that is fitted to descriptors.

    Attributes:
        label: its name in figures.
        model: its name in records.
        variant: how it is fitted.
        fit: fits it to samples and predicts all of them.
        together: whether it can learn all numeric descriptors at once.
        classifies: whether it can learn classes.
        digest: changes with the model; None: its results are not kept for a later call.
        epochs: number of training epochs, if it has any.
    """

    label: str
    model: str
    variant: str
    fit: Fit
    together: bool = True
    classifies: bool = True
    digest: str | None = None
    epochs: int | None = None


def on_vectors(embeddings: Embeddings, name: str) -> list[Candidate]:
    """A linear model and a random forest on the vectors called `name`."""
    index = "\0".join(embeddings.vectors.index).encode()
    content = hashlib.sha256(index + embeddings.vectors.to_numpy().tobytes()).hexdigest()

    def candidate(kind: str, probe: Probe) -> Candidate:
        def fit(samples: Samples, settings: RunSettings, *_: Any) -> Fitted:
            return Fitted(probe(embeddings.rows(samples.folder.ids), samples, settings))

        label, variant, digest = f"{name}, {kind}", f"{kind}-probe", f"{kind} {content}"
        return Candidate(label, name, variant, fit, together=False, digest=digest)

    return [candidate(kind, probe) for kind, probe in PROBES.items()]


def trivial(task: str) -> Candidate:
    """The mean of the training set, or its most frequent class."""
    if task == "classification":
        name, label = "majority-baseline", "most frequent class"
    else:
        name, label = "mean-baseline", "training mean"
    return Candidate(label, name, "trivial", get_model(name).fit)
