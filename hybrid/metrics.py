"""Metrics of predictions."""

import numpy as np


def regression_metrics(targets: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    """MAE, RMSE and MAD in the target's unit, MAE/MAD and R² (Results, Figure 2 and Table 1).

    MAD is the mean absolute deviation of these targets from their own mean, the paper's metric.
    """
    error = predictions - targets
    deviation = targets - targets.mean()
    mae, mad = float(np.abs(error).mean()), float(np.abs(deviation).mean())
    variance = float((deviation**2).sum())
    return {
        "mae": mae,
        "mad": mad,
        "mae_over_mad": mae / mad if mad > 0 else float("nan"),
        "r2": 1 - float((error**2).sum()) / variance if variance > 0 else float("nan"),
        "rmse": float(np.sqrt((error**2).mean())),
    }


def classification_metrics(labels: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    """Accuracy, its mean over the classes (balanced), and the share of the most frequent class."""
    right = predictions == labels
    classes, counts = np.unique(labels, return_counts=True)
    return {
        "accuracy": float(right.mean()),
        "balanced_accuracy": float(np.mean([right[labels == label].mean() for label in classes])),
        "majority": float(counts.max() / len(labels)),
    }
