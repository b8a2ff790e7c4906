"""The models that a probe fits to descriptors: networks, simple models on embeddings, and baselines."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from hybrid.errors import InputError
from hybrid.probing.embeddings import Embeddings
from hybrid.probing.simple_models import PROBES, Probe
from hybrid.settings import ModelSettings, RunSettings, TrainerSettings, checked
from hybrid.training.model_registry import get_model, recipe
from hybrid.training.results import Fit, Fitted, Job
from hybrid.training.samples import Samples
from hybrid.user_code import digests, registered_objects, resolve_name


@dataclass(frozen=True)
class ProbedModel:
    """A model that a probe fits to descriptors."""

    label: str  # its name in figures
    model: str  # its name in records
    variant: str  # how it is fitted
    fit: Fit  # fits it to samples and predicts all of them
    together: bool = True  # whether it can learn all numeric descriptors at once
    classifies: bool = True  # whether it can learn classes
    digest: str | None = None  # identifies the model; None: its results are not kept for a later call
    epochs: int | None = None


def on_embeddings(embeddings: Embeddings, name: str) -> list[ProbedModel]:
    """A linear model and a random forest on the embeddings called `name`."""
    index = "\0".join(embeddings.table.index).encode()
    content = hashlib.sha256(index + embeddings.table.to_numpy().tobytes()).hexdigest()

    def candidate(kind: str, probe: Probe) -> ProbedModel:
        def fit(samples: Samples, settings: RunSettings, *_: Any) -> Fitted:
            return Fitted(probe(embeddings.rows(samples.folder.ids), samples, settings))

        label, variant, digest = f"{name}, {kind}", f"{kind}-probe", f"{kind} {content}"
        return ProbedModel(label, name, variant, fit, together=False, digest=digest)

    return [candidate(kind, probe) for kind, probe in PROBES.items()]


def on_crystals(where: str, name: str = "", epochs: int | None = None) -> ProbedModel:
    """A model that is trained on the crystals themselves.

    It is one that `hybrid.training.model_registry.get_model` knows, or FILE.py:CLASS. Figures have its name,
    or that of its class. `epochs` replaces a network's own number.

    Raises:
        InputError: no such model, or it cannot be used.
    """
    where = resolve_name(where)
    model, label = get_model(where), name or where.rpartition(":")[2]
    if model.needs_descriptors:
        raise InputError(f"{label}: is given the descriptors, so that a probe of it tells nothing")
    settings = ModelSettings(name=where, code=digests())
    chosen = recipe(settings)
    if epochs is not None and model.network is None:
        raise InputError(f"{label}: has its own fit; --epochs is for networks")
    trainer = chosen.trainer
    if epochs is not None:
        with checked():
            trainer = TrainerSettings(**{**trainer.model_dump(), "epochs": epochs})
    changes = {"model": chosen.model(settings), "trainer": trainer}
    if model.network:
        changes["graph"] = model.network.graph

    def fit(samples: Samples, run: RunSettings, job: Job) -> Fitted:
        return model.fit(samples, run.model_copy(update=changes), job)

    kept = None if where in registered_objects() else json.dumps([where, digests()])
    n_epochs = trainer.epochs if model.network else None
    return ProbedModel(label, label, "own", fit, classifies=model.classifies, digest=kept, epochs=n_epochs)


def trivial(task: str) -> ProbedModel:
    """The mean of the training set, or its most frequent class."""
    if task == "classification":
        name, label = "majority-baseline", "most frequent class"
    else:
        name, label = "mean-baseline", "training mean"
    return ProbedModel(label, name, "trivial", get_model(name).fit)
