"""Networks of other people: a class with fit and predict, or a torch module on packed graphs."""

import copy
import hashlib
import importlib.util
import inspect
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hybrid.checkpoint import TrainedModel
from hybrid.errors import InputError, unknown_name
from hybrid.graphs.crystal import CrystalGraphs
from hybrid.models.networks import CrystalNetwork
from hybrid.settings import GraphSettings, RunSettings, TrainerSettings
from hybrid.training.loop import Training
from hybrid.training.objective import objective_of
from hybrid.training.results import Fitted, Job
from hybrid.training.samples import Samples

TRAINER = TrainerSettings(
    epochs=100, batch_size=32, optimiser="adam", learning_rate=0.003, schedule="one-cycle", gradient_clip=5.0
)
"""Of a torch module whose class names none."""
AT_ONCE = 64  # crystals of which predictions are asked at a time


class Estimator(Protocol):
    """What is fitted to structures: a list of pymatgen's, and targets in their units."""

    def fit(self, structures: Any, targets: np.ndarray) -> Any:
        """Learns targets (n_crystals, n_targets), or classes as whole numbers in one column."""
        ...

    def predict(self, structures: Any) -> Any:
        """Predictions (n_crystals, n_targets), or (n_crystals,) for one target."""
        ...


@dataclass(frozen=True)
class EstimatorNetwork:
    """An object with fit and predict, copied for every fit, or a class of which one is made for every fit.

    A class is called with those of the arguments `seed` (int) and `task` ("regression" or "classification")
    that it takes. What does not take `task` is fitted to no classes.
    """

    estimator: Any
    name: str
    digest: str | None = None
    epochs: int | None = None

    @property
    def classifies(self) -> bool:
        """Whether it can be told to learn classes."""
        return isinstance(self.estimator, type) and "task" in _arguments(self.estimator)

    def fit(self, samples: Samples, settings: RunSettings, job: Job) -> Fitted:
        """Fits to the training crystals and predicts all.

        Raises:
            InputError: what it predicts has another shape than the targets, or is no finite number.
        """
        random.seed(settings.model_seed)
        np.random.seed(settings.model_seed)  # noqa: NPY002 - other people's code draws from it
        torch.manual_seed(settings.model_seed)
        estimator = self._made(settings)
        structures, training = list(samples.folder.structures()), samples.at("training")
        estimator.fit([structures[i] for i in training], samples.targets[training])
        predictions = np.asarray(estimator.predict(structures), dtype=np.float64)
        wanted = samples.targets.shape
        if predictions.shape == wanted[:1] and wanted[1] == 1:
            predictions = predictions[:, None]
        if predictions.shape != wanted:
            raise InputError(
                f"{self.name}: predict gives an array of shape {predictions.shape}; for {wanted[0]} crystals "
                f"and {wanted[1]} targets it should be {wanted}"
            )
        if not np.isfinite(predictions).all():
            first = samples.folder.ids[np.argwhere(~np.isfinite(predictions))[0][0]]
            raise InputError(f"{self.name}: the prediction for '{first}' is not a finite number")
        return Fitted(predictions)

    def _made(self, settings: RunSettings) -> Estimator:
        if not isinstance(self.estimator, type):
            return cast(Estimator, copy.deepcopy(self.estimator))
        known = {"seed": settings.model_seed, "task": settings.task}
        takes = _arguments(self.estimator)
        told = {name: value for name, value in known.items() if name in takes}
        return cast(Estimator, self.estimator(**told))


@dataclass(frozen=True)
class ModuleNetwork:
    """A class of torch modules, trained by the project's loop.

    It is called with the number of outputs; what it makes takes a batch of packed graphs and gives outputs
    (n_crystals, n_outputs), for normalised targets or as logits of classes. The class may name its settings:
    `graph` (GraphSettings), `graphs` (CrystalGraphs, or LineGraphs for bond angles), `trainer`
    (TrainerSettings).
    """

    network: Callable[[int], nn.Module]
    name: str
    digest: str | None = None
    epochs: int | None = None
    classifies: bool = True

    def fit(self, samples: Samples, settings: RunSettings, job: Job) -> Fitted:
        """Trains on the training crystals, to the epoch of lowest validation error, and predicts all.

        Raises:
            InputError: the outputs' shape is another one.
            DivergedError: training went to infinity.
        """
        settings = settings.model_copy(update={"trainer": self.trainer})
        graph: GraphSettings = getattr(self.network, "graph", GraphSettings())
        graphs = samples.folder.graphs(graph, getattr(self.network, "graphs", CrystalGraphs))
        objective = objective_of(samples, settings, graphs.n_atoms)
        torch.manual_seed(settings.model_seed)
        network = _Checked(self.network, self.name, objective.n_outputs, bool(objective.classes))
        log = Training(network, graphs, None, objective, samples, settings, job).run()
        trained = TrainedModel(
            cast(CrystalNetwork, network), graph, objective.scale, samples.names, objective.classes
        )
        predictions = trained.predict(graphs, job.device, batch_size=AT_ONCE)
        return Fitted(predictions, log.notes(job.device))

    @property
    def trainer(self) -> TrainerSettings:
        """The class's own settings, or one cycle of Adam in batches of 32."""
        own: TrainerSettings = getattr(self.network, "trainer", TRAINER)
        return own.model_copy(update={"epochs": self.epochs}) if self.epochs else own


class _Checked(nn.Module):
    """A user's module as the training loop calls it."""

    def __init__(self, network: Callable[[int], nn.Module], name: str, n_outputs: int, classification: bool):
        super().__init__()
        self.module = network(n_outputs)
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


Network = EstimatorNetwork | ModuleNetwork


def as_network(given: Any, name: str = "", digest: str | None = None, epochs: int | None = None) -> Network:
    """Recognises what a user gives: a class of torch modules, or an object or class with fit and predict.

    Args:
        given: the object or class.
        name: what figures call it; its class's name if empty.
        digest: changes with its code, so that what a stopped call has done can be used; none: it is not kept.
        epochs: of a torch module, instead of its own.

    Raises:
        InputError: it is neither, or a class that cannot be called as needed.
    """
    if isinstance(given, EstimatorNetwork | ModuleNetwork):
        return given
    name = name or getattr(given, "__name__", type(given).__name__)
    if isinstance(given, nn.Module):
        raise InputError(f"{name}: is a torch module; give its class, of which one is made for every fit")
    if isinstance(given, type) and issubclass(given, nn.Module):
        _refuse_call(given, name, "the number of outputs", 1)
        return ModuleNetwork(given, name, digest, epochs)
    for method in ("fit", "predict"):
        if not callable(getattr(given, method, None)):
            raise InputError(
                f"{name}: has no {method}; give a class with fit and predict, or of torch modules"
            )
    if epochs:
        raise InputError(f"{name}: has a fit of its own; --epochs is for torch modules")
    if isinstance(given, type):
        known = {argument: None for argument in ("seed", "task") if argument in _arguments(given)}
        _refuse_call(given, name, "seed and task, or nothing", **known)
    return EstimatorNetwork(given, name, digest)


def load_network(where: str, epochs: int | None = None) -> Network:
    """The network called `my_network.py:MyNetwork`.

    Raises:
        InputError: no such file or class in it, the file cannot be run, or see `as_network`.
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
    return as_network(getattr(module, name), name, hashlib.sha256(path.read_bytes()).hexdigest(), epochs)


def _imported(path: Path) -> ModuleType:
    name = f"probed_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.resolve().parent))  # for what stands beside it
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # a user's file raises anything
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"{path}: cannot be run ({type(error).__name__}: {reason})") from error
    finally:
        sys.path.pop(0)
    return module


def _arguments(made: Any) -> set[str]:
    """The names of the arguments that a class takes."""
    return set(inspect.signature(made).parameters)


def _refuse_call(made: Any, name: str, how: str, *positional: Any, **named: Any) -> None:
    try:
        inspect.signature(made).bind(*positional, **named)
    except TypeError as error:
        raise InputError(f"{name}: cannot be called with {how} ({error})") from error
