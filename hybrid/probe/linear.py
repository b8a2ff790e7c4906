"""How much of a descriptor a network's learnt vector holds, by linear regression (Figure S6a)."""

import numpy as np
from sklearn.linear_model import Ridge

from hybrid.metrics import regression_metrics

PENALTIES = 10.0 ** np.arange(-6, 4)
"""Of the squared coefficients, for standardised features and descriptors; from no matter to strong."""


def linear_r2(vectors: np.ndarray, values: np.ndarray, folds: np.ndarray) -> float:
    """R2 on the test set of a linear regression from learnt vectors to a descriptor (eq. S4).

    The regression is penalised, by as much as suits the validation set: with some hundred crystals and 64
    features that are nearly collinear, plain least squares can be worse than the mean.

    Args:
        vectors: (n_crystals, n_features) mean_i a_i.
        values: (n_crystals,) the descriptor; crystals without a value are left out.
        folds: (n_crystals,) training, validation or test.

    Returns:
        Not a number if the descriptor does not vary over the training or the test crystals.
    """
    known = ~np.isnan(values)
    parts = {fold: known & (folds == fold) for fold in ("training", "validation", "test")}
    training = parts["training"]
    if any(part.sum() < 2 or not np.ptp(values[part]) for part in (training, parts["test"])):
        return float("nan")
    predictions = linear_predictions(vectors[known], values[known][:, None], folds[known])
    test = folds[known] == "test"
    return regression_metrics(values[known][test], predictions[test, 0])["r2"]


def linear_predictions(vectors: np.ndarray, values: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Predictions (n_crystals, n_values) of such regressions, with a penalty of its own for each value.

    Args:
        vectors: (n_crystals, n_features).
        values: (n_crystals, n_values), all known.
        folds: (n_crystals,) training, validation or test.
    """
    training, validation = folds == "training", folds == "validation"
    x, y = standardised(vectors.astype(np.float64), training), standardised(values, training)
    fits = np.stack([_ridge(x, y, training, penalty) for penalty in PENALTIES])
    errors = ((fits - y)[:, validation] ** 2).sum(axis=1)  # (n_penalties, n_values)
    best = errors.argmin(axis=0) if validation.sum() > 1 else np.zeros(values.shape[1], dtype=int)
    chosen = np.take_along_axis(fits, best[None, None, :], axis=0)[0]
    mean, std = _statistics(values, training)
    predictions: np.ndarray = chosen * std + mean
    return predictions


def _ridge(x: np.ndarray, y: np.ndarray, training: np.ndarray, penalty: float) -> np.ndarray:
    fitted = Ridge(penalty).fit(x[training], y[training])
    return np.asarray(fitted.predict(x)).reshape(y.shape)


def standardised(columns: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Columns (n, n_columns) with mean 0 and standard deviation 1 over the training rows."""
    mean, std = _statistics(columns, training)
    scaled: np.ndarray = (columns - mean) / std
    return scaled


def _statistics(columns: np.ndarray, training: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation over the training rows; 1 for a column that does not vary there."""
    mean, std = columns[training].mean(axis=0), columns[training].std(axis=0)
    return mean, np.where(std > 0, std, 1)
