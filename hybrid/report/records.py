"""What figures and tables read: a record's rows, grouped over seeds."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybrid.report.style import COLOURS


@dataclass(frozen=True)
class Bar:
    """One network on one dataset: a row for every seed, diverged ones among them."""

    rows: list[dict[str, Any]]

    @property
    def first(self) -> dict[str, Any]:
        """What the seeds have in common."""
        return self.rows[0]

    @property
    def done(self) -> list[dict[str, Any]]:
        """The rows that have a result."""
        return [row for row in self.rows if row["status"] == "done"]

    @property
    def n_diverged(self) -> int:
        """How many seeds have none."""
        return len(self.rows) - len(self.done)

    def values(self, metric: str) -> list[float]:
        """The metric, one value a finished seed."""
        return [row["metrics"][metric] for row in self.done]

    def mean(self, metric: str) -> float:
        """The metric's mean over the finished seeds; not a number if there are none."""
        values = self.values(metric)
        return sum(values) / len(values) if values else float("nan")

    @property
    def unit(self) -> str:
        """Of the target; empty for a pure number."""
        unit: str = self.first["unit"]
        return "" if unit == "1" else unit

    def in_unit(self, metric: str) -> str:
        """The metric's mean over the finished seeds, with the target's unit."""
        return f"{self.mean(metric):.3g} {self.unit}".strip()

    def each(self, metric: str) -> str:
        """The metric of every seed in one line, those that diverged among them."""
        return ", ".join([f"{value:z.3f}" for value in self.values(metric)] + ["diverged"] * self.n_diverged)

    @property
    def group(self) -> str:
        """The dataset, and the descriptor that is learnt there."""
        label, target = self.first["dataset_label"], self.first["target"]
        return f"{target}\n{label}" if self.first.get("descriptor") else label

    @property
    def colour(self) -> str:
        """The colour of what sets this network apart: its variant, its model, or its pooling."""
        model, pooling, variant = self.first["model"], self.first["pooling"], self._variant
        names = (f"{pooling} {variant}", variant, f"{model} {pooling}", model, pooling)
        return next(COLOURS[name] for name in names if name in COLOURS)

    @property
    def tuned(self) -> bool:
        """Whether it is trained as `hybrid train` does, not in the paper's way."""
        return self._variant == "tuned"

    @property
    def _variant(self) -> str:
        variant: str = self.first["variant"]
        return variant.removesuffix(", multi-target")


def read_record(path: Path) -> dict[str, Any]:
    """A record as it was written."""
    record: dict[str, Any] = json.loads(path.read_text())
    return record


def bars(record: dict[str, Any]) -> list[Bar]:
    """The record's trained rows, one bar for a network on a dataset and its split, in the record's order."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in record["rows"]:
        if row["status"] != "not run":
            split = (row.get("grouping"), row.get("training_share", 1.0))
            key = (row["panel"], row["dataset"], *split, row["target"], row["network"])
            groups.setdefault(key, []).append(row)
    return [Bar(rows) for rows in groups.values()]


def not_run(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows that stand for what was not run."""
    return [row for row in record["rows"] if row["status"] == "not run"]


def scale_note(record: dict[str, Any]) -> str:
    """Scale, epochs, seeds and training size in one line, for the foot of a figure."""
    done = [row for row in record["rows"] if row["status"] == "done"]
    epochs = "/".join(sorted({str(row["epochs"]) for row in done if row["epochs"]}, key=int))
    seeds = "/".join(map(str, sorted({len(bar.done) for bar in bars(record) if bar.done})))
    sizes = "/".join(f"{size:,}" for size in sorted({row["n_train"] for row in done}))
    plural = "" if seeds == "1" else "s"
    scale = f"scale {record['scale']}: " if record["scale"] else ""
    trained = f"{epochs} epochs, " if epochs else ""
    return f"{scale}{trained}{seeds} seed{plural}, {sizes} training structures"
