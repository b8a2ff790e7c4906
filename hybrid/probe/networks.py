"""The user's own networks: a class with fit and predict, or a class of torch modules on packed graphs."""

import copy
import hashlib
import importlib.util
import inspect
import random
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hybrid.checkpoint import TrainedModel
from hybrid.errors import InputError, one_line, unknown_name
from hybrid.graphs.crystal import CrystalGraphs
from hybrid.models.networks import CrystalNetwork
from hybrid.probe.candidates import Candidate
from hybrid.settings import GraphSettings, RunSettings, TrainerSettings
from hybrid.training.loop import Training
from hybrid.training.objective import objective_of
from hybrid.training.results import Fitted, Job
from hybrid.training.samples import Samples

TRAINER = TrainerSettings(
    epochs=100, batch_size=32, optimiser="adam", learning_rate=0.003, schedule="one-cycle", gradient_clip=5.0
)
"""Of a torch module whose class has no `trainer`."""


def as_candidate(
    given: Any, name: str = "", digest: str | None = None, epochs: int | None = None
) -> Candidate:
    """The candidate that a user's network makes.

    A class of torch modules is called with the number of outputs. Its modules turn a batch of packed graphs
    into outputs (n_crystals, n_outputs), for normalised targets or as logits of classes. The class may have
    the settings `graph` (GraphSettings), `graphs` (CrystalGraphs, or LineGraphs for bond angles) and
    `trainer` (TrainerSettings; without it, Adam with one cycle in batches of 32).

    Anything else has methods fit(structures, targets) and predict(structures) for lists of pymatgen
    structures and targets (n_crystals, n_targets). An object is copied for every fit. A class is called for
    every fit with those of the arguments `seed` and `task` ("regression" or "classification") that it has;
    only a class with the argument `task` is fitted to classes.

    Args:
        given: a class of torch modules, or an object or class with fit and predict, or a candidate already.
        name: in figures; the name of its class if empty.
        digest: changes with its code, so that a later call can use what a stopped one has done; None:
            results are not kept.
        epochs: of a torch module, instead of its own.

    Raises:
        InputError: it is nothing of the kind, or a class that cannot be called in this way.
    """
    if isinstance(given, Candidate):
        return replace(given, label=name, model=name) if name else given
    name = name or getattr(given, "__name__", type(given).__name__)
    if isinstance(given, nn.Module):
        raise InputError(f"{name}: is a torch module; give its class, since each fit needs a new module")
    if isinstance(given, type) and issubclass(given, nn.Module):
        _check_call(given, name, "the number of outputs", 1)
        trainer: TrainerSettings = getattr(given, "trainer", TRAINER)
        trainer = trainer.model_copy(update={"epochs": epochs or trainer.epochs})

        def train(samples: Samples, settings: RunSettings, job: Job) -> Fitted:
            return _train(given, name, samples, settings.model_copy(update={"trainer": trainer}), job)

        return Candidate(name, name, "own", train, digest=digest, epochs=trainer.epochs)
    for method in ("fit", "predict"):
        if not callable(getattr(given, method, None)):
            raise InputError(
                f"{name}: has no {method}; give a class with fit and predict, or of torch modules"
            )
    if epochs:
        raise InputError(f"{name}: has its own fit; --epochs is for torch modules")
    arguments = set(inspect.signature(given).parameters) if isinstance(given, type) else set()
    if isinstance(given, type):
        _check_call(given, name, "seed and task, or nothing", **dict.fromkeys(arguments & {"seed", "task"}))

    def fit(samples: Samples, settings: RunSettings, _: Job) -> Fitted:
        random.seed(settings.model_seed)
        np.random.seed(settings.model_seed)  # noqa: NPY002 - other people's code draws from it
        torch.manual_seed(settings.model_seed)
        if isinstance(given, type):
            known = {"seed": settings.model_seed, "task": settings.task}
            estimator = given(**{key: value for key, value in known.items() if key in arguments})
        else:
            estimator = copy.deepcopy(given)
        return _fit(estimator, name, samples)

    return Candidate(name, name, "own", fit, classifies="task" in arguments, digest=digest)


def load_network(where: str, epochs: int | None = None) -> Candidate:
    """The network in a file, such as `my_network.py:MyNetwork`.

    Raises:
        InputError: no such file or class in it, the file cannot be run, or see `as_candidate`.
    """
    file, separator, name = where.rpartition(":")
    path = Path(file)
    if not separator or path.suffix != ".py" or not name:
        raise InputError(f"--network {where}: should be FILE.py:CLASS, as in my_network.py:MyNetwork")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    module = _imported(path)
    if not hasattr(module, name):
        own = [k for k, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
        raise unknown_name(f"class in {path}", name, own)
    return as_candidate(getattr(module, name), name, hashlib.sha256(path.read_bytes()).hexdigest(), epochs)


def _fit(estimator: Any, name: str, samples: Samples) -> Fitted:
    """Fits to the training crystals and predicts all.

    Raises:
        InputError: the predictions have another shape than the targets, or are not finite numbers.
    """
    structures, training = list(samples.folder.structures()), samples.at("training")
    estimator.fit([structures[i] for i in training], samples.targets[training])
    predictions = np.asarray(estimator.predict(structures), dtype=np.float64)
    n_crystals, n_targets = samples.targets.shape
    if predictions.shape == (n_crystals,) and n_targets == 1:
        predictions = predictions[:, None]
    if predictions.shape != samples.targets.shape:
        raise InputError(
            f"{name}: predict gives an array of shape {predictions.shape}; for {n_crystals} crystals "
            f"and {n_targets} targets it should be {samples.targets.shape}"
        )
    if not np.isfinite(predictions).all():
        first = samples.folder.ids[np.argwhere(~np.isfinite(predictions))[0][0]]
        raise InputError(f"{name}: the prediction for '{first}' is not a finite number")
    return Fitted(predictions)


def _train(
    kind: Callable[[int], nn.Module], name: str, samples: Samples, settings: RunSettings, job: Job
) -> Fitted:
    """Trains on the training crystals, to the epoch of lowest validation error, and predicts all.

    Raises:
        InputError: the outputs have another shape than the targets.
        DivergedError: training diverged.
    """
    graph: GraphSettings = getattr(kind, "graph", GraphSettings())
    graphs = samples.folder.graphs(graph, getattr(kind, "graphs", CrystalGraphs))
    objective = objective_of(samples, settings, graphs.n_atoms)
    torch.manual_seed(settings.model_seed)
    network = _Checked(kind, name, objective.n_outputs, bool(objective.classes))
    log = Training(network, graphs, None, objective, samples, settings, job).run()
    trained = TrainedModel(
        cast(CrystalNetwork, network), graph, objective.scale, samples.names, objective.classes
    )
    return Fitted(trained.predict(graphs, job.device, batch_size=64), log.notes(job.device))


class _Checked(nn.Module):
    """A user's module with the interface of the training loop."""

    def __init__(self, kind: Callable[[int], nn.Module], name: str, n_outputs: int, classification: bool):
        super().__init__()
        self.module = kind(n_outputs)
        self.name, self.n_outputs, self.classification = name, n_outputs, classification

    def forward(self, batch: Any, descriptors: Tensor | None = None) -> Tensor:
        """Outputs, or log-probabilities of classes, (n_crystals, n_outputs)."""
        outputs: Tensor = self.module(batch)
        wanted = (len(batch.crystals.n_atoms), self.n_outputs)
        if not isinstance(outputs, Tensor) or outputs.shape != wanted:
            given = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
            raise InputError(
                f"{self.name}: forward gives {given}; for {wanted[0]} crystals and {wanted[1]} outputs it "
                f"should give a tensor of shape {wanted}"
            )
        return F.log_softmax(outputs, dim=1) if self.classification else outputs


def _imported(path: Path) -> ModuleType:
    name = f"probed_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.resolve().parent))  # for imports from the file's folder
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # a user's file may raise any error
        raise InputError(f"{path}: cannot be run ({type(error).__name__}: {one_line(error)})") from error
    finally:
        sys.path.pop(0)
    return module


def _check_call(made: Any, name: str, how: str, *positional: Any, **named: Any) -> None:
    try:
        inspect.signature(made).bind(*positional, **named)
    except TypeError as error:
        raise InputError(f"{name}: cannot be called with {how} ({error})") from error
