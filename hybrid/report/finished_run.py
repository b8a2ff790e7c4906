"""A finished run as its report shows it: parts, predictions, scores, logs and what differs from the defaults.

All is read from the run folder: metrics.json, predictions.csv, settings.json, log.csv of the run or of its
members, and data.json, which `describe_data` wrote while the structures were at hand.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hybrid.data.splits import FOLDS
from hybrid.errors import InputError
from hybrid.metrics import ROUNDING, classification_metrics, regression_metrics
from hybrid.reading import plain_number, read_json
from hybrid.report.run_files import DATA, printable, read_log, read_predictions
from hybrid.settings import RunSettings
from hybrid.trained.model import probability_columns
from hybrid.training.choices import chosen_settings
from hybrid.training.run_folder import leaves, said

UNSEEN = "unseen"  # the part of a cross-validation, in which each crystal was unseen by its model


@dataclass(frozen=True)
class FinishedRun:
    """A finished run, by one model or by several members."""

    path: Path  # its folder
    columns: dict[str, list[str]]  # of predictions.csv by name, a cell for each crystal
    metrics: dict[str, Any]  # the content of metrics.json
    settings: dict[tuple[str, ...], list[Any]]  # the values of each setting, several where members differ
    logs: dict[str, dict[str, np.ndarray]]  # rows of log.csv by column, of the run or of each member
    data: dict[str, Any]  # the content of data.json, or nothing

    @classmethod
    def read(cls, path: Path) -> "FinishedRun":
        """Reads a run folder.

        Raises:
            InputError: it holds no finished run, or a file in it is damaged.
        """
        if not (path / "metrics.json").exists():
            raise InputError(f"{path}: is not the folder of a finished run")
        members = sorted(
            (file.parent for file in path.glob("*/settings.json")),
            key=lambda member: [int(n) for n in re.findall(r"\d+", member.name)],
        )
        here = (path / "settings.json").exists()
        settings: dict[tuple[str, ...], list[Any]] = {}
        for member in [path] if here else members:
            for name, value in leaves(read_json(member / "settings.json")):
                found = settings.setdefault(name, [])
                found += [value] * (value not in found)
        if not settings:
            raise InputError(f"{path}: has no settings.json")
        logged = [path] if (path / "log.csv").exists() else members
        logs = {
            "" if member == path else member.name: read_log(member / "log.csv")
            for member in logged
            if (member / "log.csv").exists()
        }
        data = read_json(path / DATA) if (path / DATA).exists() else {}
        return cls(path, read_predictions(path), read_json(path / "metrics.json"), settings, logs, data)

    @property
    def name(self) -> str:
        """The name of its folder."""
        return printable(self.path.resolve().name)

    @property
    def described(self) -> str:
        """Its model, pooling and number of members in words."""
        model, pooling = (self.settings.get(("model", name), ["?"])[0] for name in ("name", "pooling"))
        members = f", {len(self.logs)} members" if len(self.logs) > 1 else ""
        return printable(f"{model}, {pooling} pooling{members}")

    @property
    def unit(self) -> str:
        """The unit of its target, if it has one that is known."""
        known = self.names == ("",) and not self.classification
        return printable(self.data.get("unit", "")) if known else ""

    @cached_property
    def ids(self) -> list[str]:
        """(n_crystals,)."""
        return [printable(identity) for identity in self.columns["id"]]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of its targets; an empty one if there is but one."""
        return tuple(name[7:] for name in self.columns if name == "target" or name.startswith("target "))

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of its targets as they can be shown."""
        return tuple(map(printable, self.names))

    @property
    def classification(self) -> bool:
        """Whether it learns classes."""
        return bool(self.settings.get(("task",), [""])[0] == "classification")

    def numbers(self, what: str) -> np.ndarray | None:
        """(n_crystals, n_targets) target, prediction, std, lower or upper; None if there is none."""
        wanted = [f"{what} {name}".strip() for name in self.names]
        if not set(wanted) <= set(self.columns):
            return None
        return self._table(wanted)

    def _table(self, names: list[str]) -> np.ndarray:
        cells = [[plain_number(cell) for cell in self.columns[name]] for name in names]
        return np.array(cells, dtype=float).T  # None becomes NaN

    @cached_property
    def targets(self) -> np.ndarray:
        """(n_crystals, n_targets)."""
        return self._table([f"target {name}".strip() for name in self.names])

    @cached_property
    def predictions(self) -> np.ndarray:
        """(n_crystals, n_targets)."""
        return self._table([f"prediction {name}".strip() for name in self.names])

    @cached_property
    def classes(self) -> np.ndarray:
        """The class labels (n_classes,), ascending, of a classification."""
        return np.asarray(np.unique(np.concatenate([self.targets, self.predictions])))

    @cached_property
    def probabilities(self) -> np.ndarray | None:
        """(n_crystals, n_classes), or None."""
        names = probability_columns(self.classes)
        return self._table(names) if set(names) <= set(self.columns) else None

    @cached_property
    def parts(self) -> dict[str, np.ndarray]:
        """The positions of the crystals of each part: the three folds, or all that were unseen in turn."""
        folds = np.array(self.columns["fold"])
        if set(folds) <= set(FOLDS):
            return {fold: np.flatnonzero(folds == fold) for fold in FOLDS if (folds == fold).any()}
        return {UNSEEN: np.arange(len(folds))}

    @property
    def judged(self) -> str:
        """The part that the model did not see: the test part, or that of a cross-validation."""
        return list(self.parts)[-1]

    @cached_property
    def errors(self) -> np.ndarray:
        """The error of each crystal (n_crystals,), see `error_name`."""
        if self.classification:
            return np.asarray(self.targets != self.predictions, dtype=float)[:, 0]
        errors = np.asarray(np.abs(self.predictions - self.targets))
        if len(self.names) == 1:
            return errors[:, 0]
        there = self.targets[self.parts[self.judged]]
        deviation = np.abs(there - there.mean(axis=0)).mean(axis=0)
        varied = deviation > ROUNDING * np.abs(there).max(axis=0)
        return np.asarray((errors / np.where(varied, deviation, 1)).mean(axis=1))

    @property
    def error_name(self) -> str:
        """What `errors` are."""
        if self.classification:
            return "share of wrong classes"
        if len(self.names) > 1:
            return "absolute error / MAD, mean over the targets"
        return f"absolute error{f' ({self.unit})' if self.unit else ''}"

    def worst(self, n: int) -> np.ndarray:
        """The positions of the judged crystals with the largest errors, at most n, the worst first.

        Of classes: those predicted wrongly, the least probable true class first.
        """
        at = self.parts[self.judged]
        badness = self.errors[at]
        if self.classification:
            at, badness = at[badness > 0], badness[badness > 0]
            if self.probabilities is not None:
                badness = 1 - self.probabilities[at, np.searchsorted(self.classes, self.targets[at, 0])]
        return at[np.argsort(-badness, kind="stable")[:n]]

    def scores(self, part: str, target: int = 0) -> dict[str, float]:
        """The metrics of a part."""
        at = self.parts[part]
        pair = self.targets[at, target], self.predictions[at, target]
        if not self.classification:
            return regression_metrics(*pair)
        probabilities = None if self.probabilities is None else self.probabilities[at]
        return classification_metrics(*pair, probabilities, self.classes)

    def crystal(self, i: int) -> tuple[str, str, int | None]:
        """File relative to the run, reduced formula and number of atoms of a crystal, if they are known."""
        file, formula, n_atoms = self.data.get("crystals", {}).get(self.columns["id"][i], ("", "", None))
        return str(file), printable(formula), n_atoms

    @cached_property
    def changed(self) -> list[tuple[str, str, str]]:
        """Name, value and default of each setting that is not the default of `hybrid train`."""
        model, pooling = (str(self.settings[("model", name)][0]) for name in ("name", "pooling"))
        found = []
        for trainer in ("tuned", "paper"):
            try:
                default = chosen_settings(model, pooling, trainer)
            except InputError:  # a user's class that is not at hand
                default = RunSettings()
            known = dict(leaves(default.model_dump(mode="json")))
            known |= {("model", "name"): model, ("model", "pooling"): pooling}
            rows = [] if trainer == "tuned" else [("trainer", "paper", "tuned")]
            rows += [
                (name[-1].replace("_", "-"), ", ".join(map(said, values)), said(known.get(name)))
                for name, values in self.settings.items()
                if values != [known.get(name)] and not {"code", "init_sha256"} & set(name)
            ]
            found.append(rows)
        return [tuple(map(printable, row)) for row in min(found, key=len)]  # type: ignore[misc]

    @property
    def split(self) -> Iterator[tuple[str, str]]:
        """How the crystals were divided, as names and words."""
        for part, at in self.parts.items():
            yield part, f"{len(at):,} crystal{'s' * (len(at) != 1)}"
        if UNSEEN in self.parts:
            yield "cross-validation", f"{len(set(self.columns['fold']))} parts, each unseen once"

        def value(name: str) -> Any:
            return self.settings.get((name,), [None])[0]

        if self.data.get("split_file"):
            yield "split", f"file {printable(self.data['split_file'])}"
        elif isinstance(value("split"), str):
            yield "split", f"file splits/{printable(value('split'))}.csv"
        elif value("split") and UNSEEN not in self.parts:
            yield "split", f"at random, {' / '.join(f'{100 * part:g} %' for part in value('split'))}"
        if value("grouping"):
            yield "kept together", f"crystals of one {value('grouping')}"
        seeds = self.settings.get(("data_seed",), [])
        yield "data seed", ", ".join(map(str, seeds))
        if self.data.get("folder"):
            yield "data, seen from the run", printable(self.data["folder"])


def best_epoch(log: dict[str, np.ndarray]) -> int:
    """The position of the epoch with the lowest validation error."""
    return int(np.nanargmin(log["validation_error"]))
