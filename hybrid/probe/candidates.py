"""What is put to the question: a model's vectors under two probes, or a network; and what it has to beat."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybrid.probe.embeddings import Embeddings
from hybrid.probe.networks import ModuleNetwork, as_network
from hybrid.probe.readers import PROBES, Probe
from hybrid.settings import RunSettings
from hybrid.training.registry import get_model
from hybrid.training.results import Fit, Fitted
from hybrid.training.samples import Samples


@dataclass(frozen=True)
class Candidate:
    """A model that is fitted to descriptors.

    Attributes:
        label: what figures call it.
        model: what records call it.
        variant: how it is fitted.
        fit: does that.
        together: whether it learns all numeric descriptors at once.
        classifies: whether it can learn classes.
        digest: changes with the model; none: nothing of it is kept for a later call.
        epochs: that it is trained for, if it is.
    """

    label: str
    model: str
    variant: str
    fit: Fit
    together: bool = True
    classifies: bool = True
    digest: str | None = None
    epochs: int | None = None


def candidates(
    given: Any, name: str = "", digest: str | None = None, epochs: int | None = None
) -> list[Candidate]:
    """The candidates that a user's vectors or network make.

    Args:
        given: embeddings, a file of them, a network of `hybrid.probe.networks`, or what can become one.
        name: what figures call it.
        digest: changes with the code of a network that is given as an object or class.
        epochs: of a torch module, instead of its own.

    Raises:
        InputError: it cannot be read, or is nothing of that kind.
    """
    if isinstance(given, Path):
        given, name = Embeddings.read(given), name or given.stem
    if isinstance(given, Embeddings):
        return [_on_vectors(given, name or given.path.stem, kind, probe) for kind, probe in PROBES.items()]
    network = as_network(given, name, digest, epochs)
    trained = network.trainer.epochs if isinstance(network, ModuleNetwork) else None
    return [
        Candidate(
            network.name,
            network.name,
            "own",
            network.fit,
            classifies=network.classifies,
            digest=network.digest,
            epochs=trained,
        )
    ]


def trivial(task: str) -> Candidate:
    """The mean of the training set, or its most frequent class."""
    name, label = ("mean-baseline", "training mean")
    if task == "classification":
        name, label = ("majority-baseline", "most frequent class")
    return Candidate(label, name, "trivial", get_model(name).fit)


def _on_vectors(embeddings: Embeddings, name: str, kind: str, probe: Probe) -> Candidate:
    def fit(samples: Samples, settings: RunSettings, *_: Any) -> Fitted:
        return Fitted(probe(embeddings.rows(samples.folder.ids), samples, settings))

    content = hashlib.sha256(repr(embeddings.ids).encode() + embeddings.values.tobytes()).hexdigest()
    label, variant, digest = f"{name}, {kind}", f"{kind}-probe", f"{kind} {content}"
    return Candidate(label, name, variant, fit, together=False, digest=digest)
