"""The rows of records: what was fitted to what, and how well; made here and nowhere else."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from hybrid.data.splits import FOLDS


@dataclass(frozen=True, kw_only=True)
class Row:
    """One model with one seed on one target of a dataset.

    Attributes:
        dataset: its name.
        dataset_label: what figures call it.
        target: symbol of the quantity.
        descriptor: the column of descriptors.csv that it is; None: id_prop.csv's target.
        unit: of the target.
        network: name of the network or model.
        network_label: what figures call it.
        model: its architecture, or the kind of baseline.
        pooling: None if it has none.
        descriptors: those that it takes, "all", or None.
        variant: names the settings.
        panel: of the figure.
        seed: of the weights.
        epochs: None if it is not trained in epochs.
        paper: what the paper has for it.
        status: done or diverged.
        note: anything else.
        split: what else sets the split apart, as further keys.
    """

    dataset: str | None
    dataset_label: str
    target: str
    descriptor: str | None
    unit: str
    network: str
    network_label: str
    model: str
    pooling: str | None
    descriptors: list[str] | str | None
    variant: str
    panel: str
    seed: int
    epochs: int | None
    paper: dict[str, Any] | None = None
    status: str
    note: str
    split: dict[str, Any] = field(default_factory=dict)

    def with_metrics(self, metrics: Mapping[str, float], **others: Any) -> dict[str, Any]:
        """The row as it is recorded.

        Args:
            metrics: of the test set.
            others: further keys.
        """
        row = asdict(self)
        row |= row.pop("split")
        return {**row, "metrics": dict(metrics), **others}

    def of_run(self, result: Mapping[str, Any], target: str = "") -> dict[str, Any]:
        """The row of a run.

        Args:
            result: what metrics.json holds: metrics by fold, or by fold and target; sizes; notes.
            target: which of several targets the row is about.
        """
        if self.status != "done":
            return self.with_metrics({})
        scores = {fold: result[fold][target] if target in result[fold] else result[fold] for fold in FOLDS}
        return self.with_metrics(
            scores["test"],
            validation=scores["validation"],
            training_r2=scores["training"].get("r2"),
            **{f"n_{short}": result[f"n_{fold}"] for short, fold in zip(SHORT, FOLDS, strict=True)},
            **{key: result.get(key) for key in ("best_epoch", "n_filled", "train_seconds", "device")},
        )


def not_run_row(label: str, reason: str, panel: str = "", **others: Any) -> dict[str, Any]:
    """The row of what is not run, and why.

    Args:
        label: what figures call the dataset.
        reason: why.
        panel: of the figure.
        others: further keys.
    """
    row: dict[str, Any] = {"dataset": None, "dataset_label": label, "panel": panel, "metrics": {}}
    return {**row, "status": "not run", "note": reason, **others}


SHORT = ("train", "val", "test")  # the folds in records
