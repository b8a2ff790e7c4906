"""Records of results: their provenance, their rows, and these grouped by seeds."""

import os
import platform
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import hybrid
from hybrid.data.splits import FOLDS
from hybrid.errors import InputError
from hybrid.processor import processor_info
from hybrid.reading import read_json
from hybrid.report.style import COLOURS

PACKAGES = ("torch", "numpy", "pymatgen")


def provenance(code: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """When, with which code and packages, and on which machine a record was made.

    `code` names the commit; without it the package's version is given.
    """
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "code": code or {"version": hybrid.__version__},
        "environment": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "hardware": hardware(),
    }


def hardware() -> dict[str, Any]:
    """The machine's architecture, processor and number of cores."""
    lines = processor_info().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "machine": platform.machine(),
        "processor": names[0] if names else platform.processor(),
        "cores": len(names) or os.cpu_count(),
    }


def read_record(path: Path) -> dict[str, Any]:
    """Reads a record from its JSON file.

    Raises:
        InputError: it is none.
    """
    record: dict[str, Any] = read_json(path)
    if not isinstance(record, dict) or "rows" not in record:
        raise InputError(f"{path}: is not a record of results")
    return record


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
        """The row for a record, from a run's metrics.json; `target` is the row's, if the run has several."""
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


@dataclass(frozen=True)
class Bar:
    """The results of one network on one dataset: a row for every seed, also for those that diverged."""

    rows: list[dict[str, Any]]

    @property
    def first(self) -> dict[str, Any]:
        """The first row, for entries that are the same for all seeds."""
        return self.rows[0]

    @property
    def done(self) -> list[dict[str, Any]]:
        """The rows that have a result."""
        return [row for row in self.rows if row["status"] == "done"]

    @property
    def n_diverged(self) -> int:
        """The number of seeds that diverged."""
        return len(self.rows) - len(self.done)

    def values(self, metric: str) -> list[float]:
        """The metric of every finished seed."""
        found = (row["metrics"][metric] for row in self.done)
        return [float("nan") if value is None else value for value in found]  # of too few crystals

    def mean(self, metric: str) -> float:
        """The metric's mean over the finished seeds; NaN if there are none."""
        values = self.values(metric)
        return sum(values) / len(values) if values else float("nan")

    @property
    def unit(self) -> str:
        """The target's unit; empty for a pure number."""
        unit: str = self.first["unit"]
        return "" if unit == "1" else unit

    def in_unit(self, metric: str) -> str:
        """The metric's mean over the finished seeds, with the target's unit."""
        return f"{self.mean(metric):.3g} {self.unit}".strip()

    def each(self, metric: str) -> str:
        """The metric of every seed in one line, or "diverged"."""
        return ", ".join([f"{value:z.3f}" for value in self.values(metric)] + ["diverged"] * self.n_diverged)

    @property
    def group(self) -> str:
        """The dataset's label, with the descriptor that is learnt, if any."""
        label, target = self.first["dataset_label"], self.first["target"]
        return f"{target}\n{label}" if self.first.get("descriptor") else label

    @property
    def variant(self) -> str:
        """The name of the settings, without the note of how many targets were learnt together."""
        return re.sub(r", \d+ targets$", "", self.first["variant"])

    @property
    def colour(self) -> str:
        """The colour of the variant, model or pooling, the first that has one; otherwise of own networks."""
        model, pooling = self.first["model"], self.first["pooling"]
        names = (f"{pooling} {self.variant}", self.variant, f"{model} {pooling}", model, pooling)
        return next((COLOURS[name] for name in names if name in COLOURS), COLOURS["own"])

    @property
    def tuned(self) -> bool:
        """Whether it was trained with the tuned settings instead of the paper's."""
        return self.variant == "tuned"


def bars(record: dict[str, Any]) -> list[Bar]:
    """The results of a record: a bar for each network, dataset and split, in the record's order."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in record["rows"]:
        if row["status"] != "not run":
            split = (row.get("grouping"), row.get("training_share", 1.0))
            key = (row["panel"], row["dataset"], *split, row["target"], row["network"])
            groups.setdefault(key, []).append(row)
    return [Bar(rows) for rows in groups.values()]


def not_run(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of networks or datasets that were not run."""
    return [row for row in record["rows"] if row["status"] == "not run"]


def scale_note(record: dict[str, Any]) -> str:
    """Scale, epochs, seeds and training size in one line, for the foot of a figure."""
    done = [row for row in record["rows"] if row["status"] == "done"]
    epochs = _in_short({row["epochs"] for row in done if row["epochs"]})
    seeds = _in_short({len(bar.done) for bar in bars(record) if bar.done})
    sizes = _in_short({row["n_train"] for row in done})
    plural = "" if seeds == "1" else "s"
    scale = f"scale {record['scale']}: " if record["scale"] else ""
    trained = f"{epochs} epochs, " if epochs else ""
    return f"{scale}{trained}{seeds} seed{plural}, {sizes} training structures"


def _in_short(numbers: set[int]) -> str:
    """All of them, or the lowest and the highest of many."""
    texts = [f"{number:,}" for number in sorted(numbers)]
    return "/".join(texts) if len(texts) <= 3 else f"{texts[0]} to {texts[-1]}"
