"""Simple models that predict descriptors from embeddings of crystals: a linear model and a random forest.

Their accuracy shows how much the embeddings contain of a descriptor. The embeddings are not trained.
"""

import warnings
from collections.abc import Callable

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from hybrid.progress import Progress
from hybrid.settings import RunSettings
from hybrid.training.samples import Samples

N_TREES = 100
FEATURES = 1 / 3
"""Share of the features that are tried at each node of a regression tree."""
PENALTIES = 10.0 ** np.arange(-6, 4)
"""Penalties of the ridge regression, for standardised features and targets."""
INVERSE_PENALTIES = 10.0 ** np.arange(-3, 3)
"""Inverse penalties of the logistic regression, for standardised features."""

Probe = Callable[[np.ndarray, Samples, RunSettings], np.ndarray]
"""Maps embeddings (n_crystals, n_features) to predictions (n_crystals, n_targets) of the samples' targets."""


def linear(vectors: np.ndarray, samples: Samples, settings: RunSettings) -> np.ndarray:
    """Ridge regression, or logistic regression for classes, on standardised embeddings.

    For each target, the penalty with the lowest error on the validation set is taken.
    """
    if settings.task == "classification":
        return _logistic(vectors, samples)
    return ridge_predictions(vectors, samples.targets, samples.folds)


def forest(vectors: np.ndarray, samples: Samples, settings: RunSettings) -> np.ndarray:
    """A random forest for each target, trained on the training and validation sets."""
    seen, columns = samples.folds != "test", samples.targets.T
    predictions = []
    for column in Progress(columns, "forests", unit="forests", leave=False, shown=len(columns) > 1):
        if settings.task == "classification":
            trees = RandomForestClassifier(N_TREES, random_state=settings.model_seed)
        else:
            trees = RandomForestRegressor(N_TREES, max_features=FEATURES, random_state=settings.model_seed)
        predictions.append(trees.fit(vectors[seen], column[seen]).predict(vectors))
    return np.stack(predictions, axis=1)


PROBES: dict[str, Probe] = {"linear": linear, "forest": forest}


def ridge_predictions(vectors: np.ndarray, values: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Predictions (n_crystals, n_values) of ridge regressions on vectors (n_crystals, n_features).

    There is one for each value (n_crystals, n_values). The penalty is chosen on the validation set. Plain
    least squares can be worse than the mean for a few hundred crystals and 64 nearly collinear features.
    """
    training, validation = folds == "training", folds == "validation"
    x = _standardised(vectors, training)
    scaler = StandardScaler().fit(values[training])
    y = scaler.transform(values)
    fits = [Ridge(penalty).fit(x[training], y[training]).predict(x) for penalty in PENALTIES]
    predictions = np.stack(fits).reshape(len(PENALTIES), *y.shape)
    errors = ((predictions - y)[:, validation] ** 2).sum(axis=1)  # (n_penalties, n_values)
    best = errors.argmin(axis=0) if validation.sum() > 1 else np.zeros(y.shape[1], dtype=int)
    chosen = np.take_along_axis(predictions, best[None, None, :], axis=0)[0]
    return np.asarray(scaler.inverse_transform(chosen))


def _logistic(vectors: np.ndarray, samples: Samples) -> np.ndarray:
    training, validation = samples.at("training"), samples.at("validation")
    x, labels = _standardised(vectors, training), samples.targets[:, 0]
    fits = []
    for inverse_penalty in INVERSE_PENALTIES:
        with warnings.catch_warnings():
            # the validation set decides whether the fit is used
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted = LogisticRegression(C=inverse_penalty, max_iter=300)
            fits.append(fitted.fit(x[training], labels[training]))
    best = max(fits, key=lambda fitted: float(fitted.score(x[validation], labels[validation])))
    return np.asarray(best.predict(x))[:, None]


def _standardised(vectors: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Features with mean 0 and standard deviation 1 over the training crystals."""
    x = vectors.astype(np.float64)
    return np.asarray(StandardScaler().fit(x[training]).transform(x))
