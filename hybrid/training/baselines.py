"""Baselines for networks: trivial predictions, and a random forest on descriptors."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hybrid.descriptors.of_folder import atom_counts, folder_descriptors
from hybrid.descriptors.table import Standardisation
from hybrid.settings import RunSettings
from hybrid.training.results import Fitted, Job
from hybrid.training.samples import Samples

N_TREES = 300


def mean(samples: Samples, *_: Any) -> Fitted:
    """Predicts the mean of the training targets for every crystal."""
    constant = samples.targets[samples.at("training")].mean(axis=0)
    return Fitted(np.tile(constant, (len(samples.targets), 1)))


def majority(samples: Samples, *_: Any) -> Fitted:
    """Predicts the most frequent class of the training set for every crystal."""
    classes, counts = np.unique(samples.targets[samples.at("training")], return_counts=True)
    return Fitted(np.full_like(samples.targets, classes[counts.argmax()]))


def natoms(samples: Samples, *_: Any) -> Fitted:
    """Predicts k times the number of atoms of the primitive cell, by least squares on the training set.

    It shows how much of a target per cell is due to the size of the cell alone.
    """
    counts, training = atom_counts(samples.folder)[:, None], samples.at("training")
    k = (counts[training] * samples.targets[training]).sum(axis=0) / (counts[training] ** 2).sum()
    return Fitted(counts * k, {"k": k.tolist()})


def line(samples: Samples, *_: Any) -> Fitted:
    """Predicts c + k times the number of atoms of the primitive cell, by least squares on the training set.

    It shows how much of a target that is not proportional to the cell is due to its size alone.
    """
    counts, training = atom_counts(samples.folder), samples.at("training")
    terms = np.stack([np.ones_like(counts), counts], axis=1)
    c, k = np.linalg.lstsq(terms[training], samples.targets[training])[0]
    return Fitted(c + k * counts[:, None], {"k": k.tolist(), "c": c.tolist()})


def forest(samples: Samples, settings: RunSettings, _: Job) -> Fitted:
    """A random forest on the descriptors ("descriptors-only model" of Table 1).

    Missing descriptors are replaced by the training median.
    """
    table = samples.descriptors or folder_descriptors(samples.folder, settings.model.descriptors)
    standardisation = Standardisation.fit(table, samples.ids("training"), gaps=True)
    rows, n_filled = standardisation.filled(table, samples.folder.ids)
    fitted = fit_forest(samples, settings, rows.numpy(), table.names)
    return replace(fitted, notes={"n_filled": n_filled, **fitted.notes})


def fit_forest(samples: Samples, settings: RunSettings, x: np.ndarray, names: Sequence[str]) -> Fitted:
    """A random forest on features (n_crystals, n_features), with their importances."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    seen = samples.folds != "test"
    y = samples.targets[:, 0] if samples.targets.shape[1] == 1 else samples.targets
    kind = RandomForestClassifier if settings.task == "classification" else RandomForestRegressor
    trees = kind(N_TREES, random_state=settings.model_seed).fit(x[seen], y[seen])
    importance = dict(zip(names, trees.feature_importances_.tolist(), strict=True))
    predictions, probabilities = np.asarray(trees.predict(x)).reshape(len(x), -1), None
    if settings.task == "classification":
        classes = np.unique(samples.targets)
        probabilities = np.zeros((len(x), len(classes)))
        probabilities[:, np.searchsorted(classes, trees.classes_)] = trees.predict_proba(x)
    return Fitted(predictions, {"importance": importance}, probabilities)
