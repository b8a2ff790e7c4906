"""The rows of records: the results of one model for one target."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from hybrid.data.splits import FOLDS


@dataclass(frozen=True, kw_only=True)
class Row:
    """One model with one seed on one target of a dataset."""

    dataset: str | None  # its name
    dataset_label: str  # its name in figures
    target: str  # symbol of the quantity
    descriptor: str | None  # the target's column in descriptors.csv; None: the target is in id_prop.csv
    unit: str  # of the target
    network: str  # name of the network or model
    network_label: str  # its name in figures
    model: str  # its architecture, or the kind of baseline
    pooling: str | None
    descriptors: list[str] | str | None  # those in its input, or "all"
    variant: str  # name of the settings
    panel: str  # of the figure
    seed: int  # of the weights
    epochs: int | None
    paper: dict[str, Any] | None = None  # the paper's values and words
    status: str  # done or diverged
    note: str
    split: dict[str, Any] = field(default_factory=dict)  # further keys that distinguish splits

    def with_metrics(self, metrics: Mapping[str, float], **others: Any) -> dict[str, Any]:
        """The row for a record, with metrics on the test set and further keys."""
        row = asdict(self)
        row |= row.pop("split")
        return {**row, "metrics": dict(metrics), **others}

    def of_run(self, result: Mapping[str, Any], target: str = "") -> dict[str, Any]:
        """The row for a record, with the content of a run's metrics.json; `target`: of several in the run."""
        if self.status != "done":
            return self.with_metrics({})
        scores = {
            fold: result[fold][target] if target in result[fold] else result[fold]
            for fold in FOLDS
            if fold in result
        }
        return self.with_metrics(
            scores["test"],
            validation=scores.get("validation", {}),  # a forest has none
            training_r2=scores["training"].get("r2"),
            n_train=result["n_training"],
            n_val=result["n_validation"],
            n_test=result["n_test"],
            **{key: result.get(key) for key in ("best_epoch", "n_filled", "train_seconds", "device")},
        )


def not_run_row(label: str, reason: str, panel: str = "", **others: Any) -> dict[str, Any]:
    """The row of a dataset that was not run, with the reason and further keys."""
    row: dict[str, Any] = {"dataset": None, "dataset_label": label, "panel": panel, "metrics": {}}
    return {**row, "status": "not run", "note": reason, **others}
