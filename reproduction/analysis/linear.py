"""How much of a descriptor a network's embeddings contain, by linear regression (Figure S6a)."""

import numpy as np

from hybrid.metrics import regression_metrics, varies
from hybrid.probing.simple_models import ridge_predictions


def linear_r2(vectors: np.ndarray, values: np.ndarray, folds: np.ndarray) -> float:
    """R² on the test set of a ridge regression from embeddings to a descriptor (eq. S4).

    Args:
        vectors: (n_crystals, n_features) mean_i a_i.
        values: (n_crystals,) the descriptor; crystals without a value are left out.
        folds: (n_crystals,) training, validation or test.

    Returns:
        Not a number if the descriptor does not vary over the training or the test crystals.
    """
    known = ~np.isnan(values)
    vectors, values, folds = vectors[known], values[known], folds[known]
    for fold in ("training", "test"):
        part = values[folds == fold]
        if len(part) < 2 or not varies(part):
            return float("nan")
    predictions = ridge_predictions(vectors, values[:, None], folds)[:, 0]
    test = folds == "test"
    return regression_metrics(values[test], predictions[test])["r2"]
