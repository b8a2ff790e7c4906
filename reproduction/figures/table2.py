"""Table 2: extensive properties per cell and per atom with average pooling, and per cell with sum pooling.

k x natoms shows how much of a value per cell is due to the size of the cell alone. The paper's MAD of Cv per atom,
13.8, is impossible: a heat capacity per atom is at most 3R = 24.9 J/(mol K), so its MAD is at most 12.5.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from hybrid.report.records import bars
from reproduction.drawing.recorded import draw_errors
from reproduction.drawing.tables import Error
from reproduction.paper import TABLE_2, errors
from reproduction.workflow.spec import Part, Spec

CGCNN = ("forest", "cgcnn", "de-cgcnn", "cgcnn-tuned", "de-cgcnn-tuned")
BY_SUM = ("cgcnn-sum", "de-cgcnn-sum", "cgcnn-sum-tuned", "de-cgcnn-sum-tuned")
FULL_SIZE = tuple(f"{n}-full-size" for n in ("alignn", "de-alignn", "alignn-sum", "de-alignn-sum"))
SPEC = Spec(
    caption="MAE/MAD of U, Cv and M: per cell, formula or atom, average and sum pooling, with and without descriptors",
    metric="mae_over_mad",
    parts=(
        Part(
            datasets=("phonon-u", "phonon-cv"),
            networks=("mean-baseline", "natoms-baseline", "debye", *CGCNN, *BY_SUM),
        ),
        Part(
            datasets=("phonon-u-per-atom", "phonon-cv-per-atom"), networks=("mean-baseline", "debye", *CGCNN)
        ),
        Part(
            datasets=("magnetization", "magnetization-per-atom"),
            networks=("mean-baseline", "forest", "cgcnn", "de-cgcnn"),
        ),
        Part(
            datasets=("magnetization-per-cell",),
            networks=("mean-baseline", "natoms-baseline", "cgcnn-sum", "de-cgcnn-sum"),
        ),
        Part(
            datasets=("phonon-u", "phonon-cv"),
            networks=("alignn", "de-alignn", "alignn-sum", "de-alignn-sum"),
        ),
        Part(datasets=("phonon-u", "phonon-cv"), networks=FULL_SIZE, scales=("cpu",)),
        Part(
            datasets=("phonon-u-per-atom", "phonon-cv-per-atom", "magnetization", "magnetization-per-atom"),
            networks=("alignn", "de-alignn"),
        ),
        Part(datasets=("magnetization-per-cell",), networks=("alignn-sum", "de-alignn-sum")),
    ),
    upstream={  # a day of training on two cores otherwise
        "cpu": Part(
            datasets=("phonon-cv",), networks=("cgcnn", "de-cgcnn", "cgcnn-sum", "de-cgcnn-sum"), seeds=(0,)
        )
    },
    paper=errors("Table 2", TABLE_2),
)

PROPERTIES = {
    "U": ("phonon-u", "phonon-u-per-atom", "phonon-u"),
    "Cv": ("phonon-cv", "phonon-cv-per-atom", "phonon-cv"),
    "M": ("magnetization", "magnetization-per-atom", "magnetization-per-cell"),
}
"""The datasets of each property in the three settings."""

SETTINGS = ("average pooling per cell or formula", "average pooling per atom", "sum pooling per cell")
MODELS = {"CGCNN": "cgcnn", "ALIGNN": "alignn"}
TRAINERS = {"not tuned": "", "tuned": "-tuned"}
STATEMENTS = (
    "compared with average pooling for property normalized per cell/formula, the improvement from sum pooling for not normalized property is more significant than average pooling for property normalized per atom",
    "When hybridized with descriptors, the difference between the three settings becomes smaller compared with that of the original GNNs",
    "Except de-ALIGNN for M with sum pooling, in all other cases the descriptor-hybridized GNNs outperform the original GNNs",
)

Errors = dict[tuple[str, str], Error]
"""By dataset and network, for those with a result."""


def draw(stem: Path, record: dict[str, Any]) -> None:
    """Draws the errors, and writes whether they confirm the paper's statements."""
    draw_errors(stem, record, notes(record))


def notes(record: dict[str, Any]) -> list[str]:
    """Lines of Markdown: whether each of the paper's statements holds, and by which numbers."""
    found = {(bar.first["dataset"], bar.first["network"]): Error.of(bar) for bar in bars(record) if bar.done}
    lines = [
        "## The paper's statements on Table 2",
        "",
        "MAE/MAD, means over the seeds, as in the table, whose variants say how networks are trained. The "
        f"three settings are {', '.join(SETTINGS)}.",
        "",
    ]
    for number, (says, findings) in enumerate(zip(STATEMENTS, _findings(found), strict=True), start=1):
        lines += [f"{number}. “{says}” {_verdict(findings)}", *(finding.line() for finding in findings)]
    return [*lines, "", "## What the gain of the hybrid consists of", "", *_cell_size(found), *_sums(found)]


@dataclass(frozen=True)
class Finding:
    """One comparison that a statement makes.

    Attributes:
        text: what is compared, with the numbers.
        holds: whether the paper's statement holds.
        overlap: whether the seeds of the compared errors overlap.
    """

    text: str
    holds: bool
    overlap: bool = False

    def line(self) -> str:
        """As an item of a list."""
        seeds = ", within the spread of the seeds" if self.overlap else ""
        return f"   - {self.text}: {'holds' if self.holds else 'does not hold'}{seeds}"


def _findings(found: Errors) -> tuple[list[Finding], list[Finding], list[Finding]]:
    """The comparisons that each of the three statements makes, as far as both sides have been trained."""
    gains, spreads, hybrids = [], [], []
    for symbol, (name, model), (how, trainer) in product(PROPERTIES, MODELS.items(), TRAINERS.items()):
        networks = (f"{model}{trainer}", f"{model}{trainer}", f"{model}-sum{trainer}")
        named = list(zip(PROPERTIES[symbol], networks, strict=True))
        plain = [found.get((dataset, network)) for dataset, network in named]
        joined = [found.get((dataset, f"de-{network}")) for dataset, network in named]
        cell, atom, total = plain
        if cell and atom and total:
            text = (
                f"{symbol}, {name}, {how}: {cell} per cell, {total} by sum pooling ({cell.change(total)}), "
                f"{atom} per atom ({cell.change(atom)})"
            )
            gains.append(Finding(text, total.mean < atom.mean, total.overlaps(atom)))
        if all(plain) and all(joined):
            before, after = _spread(plain), _spread(joined)
            text = (
                f"{symbol}, {how}: {name} {_row(plain)}, de-{name} {_row(joined)}; difference "
                f"{before:.3f} and {after:.3f}"
            )
            spreads.append(Finding(text, after < before))
        for setting, one, other in zip(SETTINGS, plain, joined, strict=True):
            if one and other:
                text = f"{symbol}, {setting}, {how}: {name} {one}, de-{name} {other}"
                hybrids.append(Finding(text, other.mean < one.mean, other.overlaps(one)))
    return gains, spreads, hybrids


def _spread(settings: list[Error | None]) -> float:
    means = [error.mean for error in settings if error]
    return max(means) - min(means)


def _row(settings: list[Error | None]) -> str:
    return " / ".join(map(str, settings))


def _verdict(findings: list[Finding]) -> str:
    held = sum(finding.holds for finding in findings)
    if not findings:
        return "**Not tested**: not all that it takes has been trained."
    if held == len(findings):
        return f"**Confirmed** in {held} of {held} comparisons."
    word = "Not confirmed" if held == 0 else "Confirmed in part"
    return f"**{word}**: in {held} of {len(findings)} comparisons."


def _cell_size(found: Errors) -> Iterator[str]:
    """How much of de-CGCNN's gain over CGCNN, both with average pooling, the size of the cell alone gives."""
    for (symbol, (dataset, *_)), (how, trainer) in product(PROPERTIES.items(), TRAINERS.items()):
        networks = ("natoms-baseline", f"cgcnn{trainer}", f"de-cgcnn{trainer}")
        size, plain, hybrid = (found.get((dataset, network)) for network in networks)
        if not (size and plain and hybrid):
            continue
        about, gain = f"- Cell size, {symbol}, {how}", plain.mean - hybrid.mean
        numbers = f"CGCNN {plain}, k x natoms {size}, de-CGCNN {hybrid}"
        if gain <= 0:
            yield f"{about}: the hybrid gains nothing ({numbers})."
        elif size.mean >= plain.mean:
            yield f"{about}: gives none of the hybrid's gain ({numbers})."
        else:
            share = (plain.mean - size.mean) / gain
            yield (
                f"{about}: {numbers}; k x natoms alone gives {100 * share:.0f} % of the hybrid's gain, "
                f"{100 * (1 - share):.0f} % ({size.mean - hybrid.mean:.3f}) remain."
            )


def _sums(found: Errors) -> Iterator[str]:
    """Where CGCNN with sum pooling and no descriptors does as well as the hybrid with average pooling."""
    for (symbol, (dataset, *_)), (how, trainer) in product(PROPERTIES.items(), TRAINERS.items()):
        alone, hybrid = (found.get((dataset, f"{name}{trainer}")) for name in ("cgcnn-sum", "de-cgcnn"))
        if not (alone and hybrid):
            continue
        verdict = "better than the hybrid" if alone.mean < hybrid.mean else "worse than the hybrid"
        if alone.overlaps(hybrid):
            verdict = "as well as the hybrid, within the spread of the seeds"
        yield (
            f"- Sum pooling alone, {symbol}, {how}: CGCNN with sum pooling {alone}, de-CGCNN with average "
            f"pooling {hybrid}; {verdict}."
        )
