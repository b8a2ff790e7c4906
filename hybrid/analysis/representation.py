"""How much of a descriptor a network's learnt vector holds, by linear regression (Figure S6a)."""

import numpy as np
from sklearn.linear_model import Ridge

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
    x = _standardised(vectors.astype(np.float64), training)
    y = _standardised(values[:, None], training)[:, 0]

    def r2(fitted: Ridge, fold: str) -> float:
        return float(fitted.score(x[parts[fold]], y[parts[fold]]))

    fits = [Ridge(penalty).fit(x[training], y[training]) for penalty in PENALTIES]
    if parts["validation"].sum() < 2:
        return r2(fits[0], "test")
    return r2(max(fits, key=lambda fitted: r2(fitted, "validation")), "test")


def _standardised(columns: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Columns (n, n_columns) with mean 0 and standard deviation 1 over the training rows."""
    mean, std = columns[training].mean(axis=0), columns[training].std(axis=0)
    scaled: np.ndarray = (columns - mean) / np.where(std > 0, std, 1)
    return scaled
