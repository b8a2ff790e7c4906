"""What records say: of the paper's three statements under Table 2, and of a split by formula."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from hybrid.report.records import Bar, bars

PROPERTIES = {
    "U": ("phonon-u", "phonon-u-per-atom", "phonon-u"),
    "Cv": ("phonon-cv", "phonon-cv-per-atom", "phonon-cv"),
    "M": ("magnetization", "magnetization-per-atom", "magnetization-per-cell"),
}
"""Table 2's properties: the datasets of its three settings."""

SETTINGS = ("average pooling per cell or formula", "average pooling per atom", "sum pooling per cell")
MODELS = {"CGCNN": "cgcnn", "ALIGNN": "alignn"}
TRAINERS = {"not tuned": "", "tuned": "-tuned"}


@dataclass(frozen=True)
class Error:
    """MAE/MAD of one network on one dataset, over the seeds."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return sum(self.values) / len(self.values)

    @classmethod
    def of(cls, bar: Bar) -> "Error":
        """The error of a bar that has a result."""
        return cls(tuple(bar.values("mae_over_mad")))

    def overlaps(self, other: "Error") -> bool:
        """Whether some seed of the one is not better, and some not worse, than some seed of the other."""
        return min(self.values) <= max(other.values) and min(other.values) <= max(self.values)

    def __str__(self) -> str:
        return f"{self.mean:.3f}"


@dataclass(frozen=True)
class Finding:
    """One comparison that a statement makes.

    Attributes:
        text: what is compared, with the numbers.
        holds: whether it is as the paper says.
        overlap: whether the seeds of what is compared overlap.
    """

    text: str
    holds: bool
    overlap: bool = False

    def line(self) -> str:
        """As an item of a list."""
        seeds = ", within the spread of the seeds" if self.overlap else ""
        return f"   - {self.text}: {'holds' if self.holds else 'does not hold'}{seeds}"


class Errors:
    """The errors of a record by dataset and network.

    Args:
        record: of Table 2.
    """

    def __init__(self, record: dict[str, Any]):
        self._found = {
            (bar.first["dataset"], bar.first["network"]): Error.of(bar) for bar in bars(record) if bar.done
        }

    def of(self, dataset: str, network: str) -> Error | None:
        """The error; None if the network has not been trained there, or only diverged."""
        return self._found.get((dataset, network))

    def settings(self, symbol: str, model: str, trainer: str) -> tuple[Error | None, ...]:
        """The errors of a model in the three settings of Table 2, for a property."""
        networks = (f"{model}{trainer}", f"{model}{trainer}", f"{model}-sum{trainer}")
        return tuple(map(self.of, PROPERTIES[symbol], networks))


def table2(record: dict[str, Any]) -> list[str]:
    """Lines of Markdown for the end of Table 2: each statement, whether it holds, and by which numbers."""
    errors = Errors(record)
    lines = [
        "## The paper's statements on Table 2",
        "",
        "MAE/MAD, means over the seeds, as in the table, whose variants say how networks are trained. The "
        f"three settings are {', '.join(SETTINGS)}.",
        "",
    ]
    for number, (says, judge) in enumerate(STATEMENTS, start=1):
        findings = list(judge(errors))
        lines.append(f"{number}. “{says}” {_verdict(findings)}")
        lines += [finding.line() for finding in findings]
    lines += ["", "## What the gain of the hybrid consists of", ""]
    return [*lines, *cell_size(errors), *sum_alone(errors)]


def _sum_gains_more(errors: Errors) -> Iterator[Finding]:
    for symbol, (name, model), (how, trainer) in product(PROPERTIES, MODELS.items(), TRAINERS.items()):
        cell, atom, total = errors.settings(symbol, model, trainer)
        if cell and atom and total:
            text = (
                f"{symbol}, {name}, {how}: {cell} per cell, {total} by sum pooling ({change(cell, total)}), "
                f"{atom} per atom ({change(cell, atom)})"
            )
            yield Finding(text, total.mean < atom.mean, total.overlaps(atom))


def _settings_come_closer(errors: Errors) -> Iterator[Finding]:
    for symbol, (name, model), (how, trainer) in product(PROPERTIES, MODELS.items(), TRAINERS.items()):
        plain = _known(errors.settings(symbol, model, trainer))
        hybrid = _known(errors.settings(symbol, f"de-{model}", trainer))
        if len(plain) == len(hybrid) == len(SETTINGS):
            text = (
                f"{symbol}, {how}: {name} {_range(plain)}, de-{name} {_range(hybrid)}; difference "
                f"{_width(plain):.3f} and {_width(hybrid):.3f}"
            )
            yield Finding(text, _width(hybrid) < _width(plain))


def _hybrids_are_better(errors: Errors) -> Iterator[Finding]:
    for symbol, (name, model), (how, trainer) in product(PROPERTIES, MODELS.items(), TRAINERS.items()):
        pairs = zip(
            SETTINGS,
            errors.settings(symbol, model, trainer),
            errors.settings(symbol, f"de-{model}", trainer),
            strict=True,
        )
        for setting, plain, hybrid in pairs:
            if plain and hybrid:
                text = f"{symbol}, {setting}, {how}: {name} {plain}, de-{name} {hybrid}"
                yield Finding(text, hybrid.mean < plain.mean, hybrid.overlaps(plain))


STATEMENTS: tuple[tuple[str, Callable[[Errors], Iterable[Finding]]], ...] = (
    (
        "compared with average pooling for property normalized per cell/formula, the improvement from sum "
        "pooling for not normalized property is more significant than average pooling for property "
        "normalized per atom",
        _sum_gains_more,
    ),
    (
        "When hybridized with descriptors, the difference between the three settings becomes smaller "
        "compared with that of the original GNNs",
        _settings_come_closer,
    ),
    (
        "Except de-ALIGNN for M with sum pooling, in all other cases the descriptor-hybridized GNNs "
        "outperform the original GNNs",
        _hybrids_are_better,
    ),
)
"""The paper's words, and what judges them by a record."""


def cell_size(errors: Errors) -> list[str]:
    """How much of de-CGCNN's gain over CGCNN, both with average pooling, the size of the cell alone gives."""
    lines = []
    for (symbol, (dataset, *_)), (how, trainer) in product(PROPERTIES.items(), TRAINERS.items()):
        size = errors.of(dataset, "natoms-baseline")
        plain, hybrid = (errors.of(dataset, f"{model}{trainer}") for model in ("cgcnn", "de-cgcnn"))
        if not (size and plain and hybrid):
            continue
        gain = plain.mean - hybrid.mean
        numbers = f"CGCNN {plain}, k x natoms {size}, de-CGCNN {hybrid}"
        if gain <= 0:
            lines.append(f"- Cell size, {symbol}, {how}: the hybrid gains nothing ({numbers}).")
            continue
        if size.mean >= plain.mean:
            lines.append(f"- Cell size, {symbol}, {how}: gives none of the hybrid's gain ({numbers}).")
            continue
        share = (plain.mean - size.mean) / gain
        lines.append(
            f"- Cell size, {symbol}, {how}: {numbers}; k x natoms alone gives {100 * share:.0f} % of the "
            f"hybrid's gain, {100 * (1 - share):.0f} % ({size.mean - hybrid.mean:.3f}) remain."
        )
    return lines


def sum_alone(errors: Errors) -> list[str]:
    """Where CGCNN with sum pooling and no descriptors does as well as the hybrid with average pooling."""
    lines = []
    for (symbol, (dataset, *_)), (how, trainer) in product(PROPERTIES.items(), TRAINERS.items()):
        alone, hybrid = errors.of(dataset, f"cgcnn-sum{trainer}"), errors.of(dataset, f"de-cgcnn{trainer}")
        if not (alone and hybrid):
            continue
        if alone.overlaps(hybrid):
            verdict = "as well as the hybrid, within the spread of the seeds"
        else:
            verdict = "better than the hybrid" if alone.mean < hybrid.mean else "worse than the hybrid"
        lines.append(
            f"- Sum pooling alone, {symbol}, {how}: CGCNN with sum pooling {alone}, de-CGCNN with average "
            f"pooling {hybrid}; {verdict}."
        )
    return lines


def _verdict(findings: list[Finding]) -> str:
    held = sum(finding.holds for finding in findings)
    if not findings:
        return "**Not tested**: not all that it takes has been trained."
    if held == len(findings):
        return f"**Confirmed** in {held} of {held} comparisons."
    word = "Not confirmed" if held == 0 else "Confirmed in part"
    return f"**{word}**: in {held} of {len(findings)} comparisons."


def _known(found: tuple[Error | None, ...]) -> list[Error]:
    return [error for error in found if error]


def _width(found: list[Error]) -> float:
    return max(error.mean for error in found) - min(error.mean for error in found)


def _range(found: list[Error]) -> str:
    return " / ".join(map(str, found))


def change(before: Error, after: Error) -> str:
    """By how much an error rises, in percent."""
    return f"{100 * (after.mean / before.mean - 1):+.0f} %"
