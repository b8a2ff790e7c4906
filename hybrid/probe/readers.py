"""How much of a descriptor a crystal's vector holds: a linear model and a random forest on frozen vectors."""

import warnings
from collections.abc import Callable

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from hybrid.probe.linear import linear_predictions, standardised
from hybrid.settings import RunSettings
from hybrid.training.samples import Samples

N_TREES = 100
FEATURES = 1 / 3
"""Of the forest: the share of the features that a regression tree may choose from at a node."""
INVERSE_PENALTIES = 10.0 ** np.arange(-3, 3)
"""Of the logistic regression, for standardised features."""

Probe = Callable[[np.ndarray, Samples, RunSettings], np.ndarray]
"""From vectors (n_crystals, n_features) to predictions (n_crystals, n_targets) for the samples' targets."""


def linear(vectors: np.ndarray, samples: Samples, settings: RunSettings) -> np.ndarray:
    """Ridge regression, or logistic regression for classes, on standardised vectors.

    Each target has the penalty that suits its validation crystals; statistics and coefficients are of the
    training set alone.
    """
    if settings.task == "classification":
        return _logistic(vectors, samples)
    return linear_predictions(vectors, samples.targets, samples.folds)


def forest(vectors: np.ndarray, samples: Samples, settings: RunSettings) -> np.ndarray:
    """A random forest for each target.

    Nothing is chosen on the validation set, which it is trained on too.
    """
    seen, columns = samples.folds != "test", samples.targets.T
    predictions = []
    for column in tqdm(columns, desc="forests", unit="forest", leave=False, disable=len(columns) == 1):
        if settings.task == "classification":
            trees = RandomForestClassifier(N_TREES, random_state=settings.model_seed)
        else:
            trees = RandomForestRegressor(N_TREES, max_features=FEATURES, random_state=settings.model_seed)
        predictions.append(trees.fit(vectors[seen], column[seen]).predict(vectors))
    return np.stack(predictions, axis=1)


PROBES: dict[str, Probe] = {"linear": linear, "forest": forest}


def _logistic(vectors: np.ndarray, samples: Samples) -> np.ndarray:
    training, validation = samples.at("training"), samples.at("validation")
    x, labels = standardised(vectors.astype(np.float64), samples.folds == "training"), samples.targets[:, 0]
    fits = []
    for inverse_penalty in INVERSE_PENALTIES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the validation set judges that fit as well
            fitted = LogisticRegression(C=inverse_penalty, max_iter=300)
            fits.append(fitted.fit(x[training], labels[training]))
    best = max(fits, key=lambda fitted: float(fitted.score(x[validation], labels[validation])))
    return np.asarray(best.predict(x))[:, None]
