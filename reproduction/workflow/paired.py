"""Our predictions beside the authors' own, crystal by crystal, where theirs were published."""

import csv
from typing import Any

import numpy as np

from reproduction.data.recipes import PREDICTIONS
from reproduction.paths import DATASETS
from reproduction.workflow.runs import Run

PARTS = 3  # of the test crystals, by the value of the property


def paired(run: Run) -> dict[str, Any]:
    """Errors of a run and of the authors on the same test crystals; nothing where theirs are not at hand.

    Returns:
        `model`, whose predictions theirs are; `all`, and `parts` from the smallest values of the property to
        the largest, each with the number of crystals `n`, the errors `mae` and `authors_mae` in the
        property's unit, and `closer`, the share of crystals for which our prediction is the nearer one.
    """
    path = DATASETS / run.dataset / PREDICTIONS
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    theirs = {row["id"]: float(row["prediction"]) for row in rows}
    both = [(target, ours, theirs[i]) for i, target, ours in run.tested if i in theirs]
    if not both:
        return {}
    errors = np.abs([(ours - target, other - target) for target, ours, other in both])
    by_value = np.argsort([target for target, _, _ in both], kind="stable")
    parts = [_compared(errors[part]) for part in np.array_split(by_value, PARTS)]
    return {"model": rows[0]["model"], "all": _compared(errors), "parts": parts}


def _compared(errors: np.ndarray) -> dict[str, float]:
    """What is said of errors (n_crystals, 2), ours and theirs."""
    ours, theirs = errors.T
    closer = float((ours < theirs).mean())
    return {
        "n": len(errors),
        "mae": float(ours.mean()),
        "authors_mae": float(theirs.mean()),
        "closer": closer,
    }
