"""Audit: is the number of atoms learnt, or looked up?

The authors' files of natoms hold every crystal three times. CGCNN with the paper's trainer learns the rows of
1,500 crystals with their split, and with one that has no crystal in two folds.
"""

from typing import Any

import numpy as np
import torch

from hybrid.metrics import regression_metrics
from hybrid.trained.model import TrainedModel
from hybrid.training.samples import Samples
from reproduction.drawing.suspects import Judgement, Results, Suspect, verdict
from reproduction.paper import statements
from reproduction.workflow.measurements import Measurement
from reproduction.workflow.spec import Part, Spec

__all__ = ["MEASUREMENT", "PICTURE", "SPEC", "SUSPECT", "draw"]

PUBLISHED, CLEAN = "natoms-as-published", "natoms-by-crystal"
PICTURE = False
SPEC = Spec(
    caption="R² of natoms on the authors' rows, with their split and with one by crystal",
    parts=(Part(datasets=(PUBLISHED, CLEAN), networks=("mean-baseline", "cgcnn")),),
    scales={"cpu": {"epochs": 100, "seeds": (0, 1)}},
    paper=statements("Results, Figure 2b | natoms-as-published | cgcnn | close to or higher than 0.8"),
)


def measure(model: TrainedModel, samples: Samples, seed: int, device: torch.device) -> dict[str, Any]:
    """How many test rows are of crystals with a row outside the test set, and how well that row predicts them."""
    crystals = np.array([identity.rsplit("-row", 1)[0] for identity in samples.folder.ids])
    targets, tested = samples.targets[:, 0], samples.folds == "test"
    known: dict[str, list[float]] = {}
    for crystal, value in zip(crystals[~tested], targets[~tested], strict=True):
        known.setdefault(crystal, []).append(value)
    unknown = targets[~tested].mean()
    looked_up = [np.mean(known.get(crystal, unknown)) for crystal in crystals[tested]]
    seen = float(np.mean([crystal in known for crystal in crystals[tested]]))
    return {"seen": seen, "r2": regression_metrics(targets[tested], np.array(looked_up))["r2"]}


MEASUREMENT = Measurement("lookup", measure, models=("cgcnn",))


def judge(results: Results) -> Judgement:
    """By R² with either split."""
    published, clean = (results.bar(dataset, "cgcnn") for dataset in (PUBLISHED, CLEAN))
    before, after = published.mean("r2"), clean.mean("r2")
    evidence = [
        f"With the authors' split CGCNN has an R² of {before:.2f} ({published.each('r2')}), with no crystal in "
        f"two folds {after:.2f} ({clean.each('r2')}); the rows are the same."
    ]
    if lookups := [row["lookup"] for row in published.done if row.get("lookup")]:
        seen, r2 = (np.mean([lookup[key] for lookup in lookups]) for key in ("seen", "r2"))
        evidence.append(
            f"Of the test rows {seen:.1%} are of crystals that have another row in the training file; to look "
            f"the value up there, without any network, has an R² of {r2:.2f}."
        )
    return Judgement(
        f"R² {after:.2f} on a clean split, {before:.2f} on theirs",
        verdict(before - after > 0.2, before >= 0.7),
        evidence,
    )


SUSPECT = Suspect(
    paper="CGCNN predicts natoms with an R² “close to or higher than 0.8” (Figure 2b).",
    cause="the files have every crystal three times, and nearly all crystals of the test file are in the training file too.",
    judge=judge,
    seen=(
        "In the authors' repository, `datasets/descriptors/test_natoms.csv`, line 3, mp-771023 has 28 atoms; it "
        "has them too in `training_natoms.csv`, lines 33581 and 94150. So mp-1103676: `test_natoms.csv`, lines "
        "2 and 2737, and `training_natoms.csv`, line 85673. The two files have 143,586 rows, three for each of "
        "47,862 crystals. The files of a, b, c, alpha and the structural complexity have each crystal once.",
    ),
)
draw = SUSPECT.draw
