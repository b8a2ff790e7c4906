"""A user's class or object with the methods fit and predict, as a model."""

import copy
import inspect
import random
from typing import Any

import numpy as np
import torch

from hybrid.errors import InputError
from hybrid.settings import RunSettings
from hybrid.training.results import Fit, Fitted, Job
from hybrid.training.samples import Samples
from hybrid.user_code import UserCode, running


def estimator_fit(code: UserCode) -> Fit:
    """The function that fits an estimator, with the signature that all models have.

    An estimator has the methods fit(structures, targets) and predict(structures), for lists of pymatgen
    structures and targets (n_crystals, n_targets). An object is copied for every fit. A class is called for
    every fit, with those of the arguments `seed` and `task` ("regression" or "classification") that it takes.

    Raises:
        InputError: it lacks a method, or is a class that cannot be called in this way.
    """
    for method in ("fit", "predict"):
        if not callable(getattr(code.value, method, None)):
            raise InputError(
                f"{code.where}: has no {method}; give a class with fit and predict, or of torch modules"
            )
    arguments = _arguments(code)
    if isinstance(code.value, type):
        try:
            inspect.signature(code.value).bind(**dict.fromkeys(arguments & {"seed", "task"}))
        except TypeError as error:
            raise InputError(
                f"{code.where}: cannot be called with seed and task, or nothing ({error})"
            ) from error

    def fit(samples: Samples, settings: RunSettings, _: Job) -> Fitted:
        random.seed(settings.model_seed)
        np.random.seed(settings.model_seed)  # noqa: NPY002 - the estimator may use it
        torch.manual_seed(settings.model_seed)
        known = {"seed": settings.model_seed, "task": settings.task}
        named = {key: value for key, value in known.items() if key in arguments}
        structures, training = list(samples.folder.structures()), samples.at("training")
        with running(code.path):
            made = code.value(**named) if isinstance(code.value, type) else copy.deepcopy(code.value)
            made.fit([structures[i] for i in training], samples.targets[training])
            predicted = made.predict(structures)
        return Fitted(_checked(predicted, samples, code.where))

    return fit


def learns_classes(code: UserCode) -> bool:
    """Whether an estimator can learn classes: whether its class has the argument `task`."""
    return "task" in _arguments(code)


def _arguments(code: UserCode) -> set[str]:
    return set(inspect.signature(code.value).parameters) if isinstance(code.value, type) else set()


def _checked(predicted: Any, samples: Samples, where: str) -> np.ndarray:
    """Predictions (n_crystals, n_targets); an InputError is raised for other shapes and other values."""
    wanted = samples.targets.shape
    try:
        predictions = np.asarray(predicted, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: predict gives no array of numbers ({error})") from error
    if predictions.shape == wanted[:1] and wanted[1] == 1:
        predictions = predictions[:, None]
    if predictions.shape != wanted:
        raise InputError(
            f"{where}: predict gives an array of shape {predictions.shape}; for {wanted[0]} crystals and "
            f"{wanted[1]} targets it should be {wanted}"
        )
    if not np.isfinite(predictions).all():
        first = samples.folder.ids[np.argwhere(~np.isfinite(predictions))[0][0]]
        raise InputError(f"{where}: the prediction for '{first}' is not a finite number")
    return predictions
