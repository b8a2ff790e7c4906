"""Metrics of predictions."""

import math
from collections.abc import Iterable, Mapping

import numpy as np

ROUNDING = 1e-12  # of the largest number: deviations up to this come from rounding


def varies(values: np.ndarray) -> np.ndarray:
    """Whether descriptors (n_crystals, …) vary by more than rounding, as the angles of cubic cells do."""
    different: np.ndarray = np.ptp(values, axis=0) > 1e-9 * np.maximum(1, np.abs(values).max(axis=0))
    return different


def in_digits(values: np.ndarray) -> list[str]:
    """Numbers (n,) as text, with seven digits of the differences between them; empty for NaN.

    So energies of -1234567.1 eV keep their hundredths. The half in the middle decides, whatever outliers do.
    """
    found = values[np.isfinite(values)] if np.isfinite(values).any() else np.zeros(1)
    largest = np.abs(found).max()
    spread = np.ptp(np.percentile(found, [25, 75])) or np.ptp(found)
    more = int(math.log10(largest / spread)) if 0 < spread < largest else 3 * (spread == 0)
    return ["" if math.isnan(value) else f"{value:.{min(7 + more, 17)}g}" for value in values]


def regression_metrics(targets: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    """MAE, RMSE and MAD in the target's unit, MAE/MAD and R² (Results, Figure 2 and Table 1).

    MAD is the mean absolute deviation of these targets from their own mean, the paper's metric. Where all
    targets are equal, MAE/MAD and R2 are NaN.
    """
    error = predictions - targets
    deviation = targets - targets.mean()
    mae, mad = float(np.abs(error).mean()), float(np.abs(deviation).mean())
    variance = float((deviation**2).sum())
    if mad <= ROUNDING * float(np.abs(targets).max()):
        mad = variance = 0.0
    return {
        "mae": mae,
        "mad": mad,
        "mae_over_mad": mae / mad if mad > 0 else float("nan"),
        "r2": 1 - float((error**2).sum()) / variance if variance > 0 else float("nan"),
        "rmse": float(np.sqrt((error**2).mean())),
    }


def classification_metrics(
    labels: np.ndarray,
    predictions: np.ndarray,
    probabilities: np.ndarray | None = None,
    classes: Iterable[float] = (),
) -> dict[str, float]:
    """Accuracy, its mean over the classes (balanced), and the share of the most frequent class.

    With probabilities (n_crystals, n_classes) of `classes`, also the area under the ROC curve: the mean over
    the classes, each against all others, and NaN where there is one class only.
    """
    right = predictions == labels
    found, counts = np.unique(labels, return_counts=True)
    metrics = {
        "accuracy": float(right.mean()),
        "balanced_accuracy": float(np.mean([right[labels == label].mean() for label in found])),
        "majority": float(counts.max() / len(labels)),
    }
    if probabilities is not None:
        from sklearn.metrics import roc_auc_score  # what learns numbers does without

        pairs = zip(classes, probabilities.T, strict=True)
        areas = [roc_auc_score(labels == label, p) for label, p in pairs if 0 < (labels == label).mean() < 1]
        metrics["roc_auc"] = float(np.mean(areas)) if areas else math.nan
    return metrics


def known(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """Metrics as JSON has them: None where one is not defined."""
    return {name: None if math.isnan(value) else value for name, value in metrics.items()}


def in_words(scores: Mapping[str, float | None], unit: str = "") -> str:
    """Metrics in a line."""
    if "accuracy" in scores:
        area = scores.get("roc_auc")
        said = "" if area is None else f", ROC AUC {area:.3f}"
        return f"accuracy {scores['accuracy']:.3f} (most frequent class: {scores['majority']:.3f}){said}"
    mae, ratio, r2 = scores["mae"], scores["mae_over_mad"], scores["r2"]
    if r2 is None or ratio is None:
        said = "no MAE/MAD or R² (too few crystals, or all with the same target)"
    else:
        said = f"MAE/MAD {ratio:.3f}, R² {r2:.3f}"
    return f"MAE {f'{mae:.4g} {unit}'.strip()}, {said}"
