"""The card of a released model: a checked record, and its page in Markdown.

Its entries follow the model schema of Matbench Discovery and the model cards of MatGL, as far as they apply.
"""

from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict, Field

from hybrid.report.tables import markdown_table


class Record(BaseModel):
    """A part of a card; unknown entries are an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Data(Record):
    """What the model was trained on, or tried on."""

    name: str
    description: str
    source: str
    licence: str
    sha256: str = Field(description="of ids, folds, structures and targets")
    n_crystals: int
    n_training: int = 0
    n_validation: int = 0
    n_test: int = 0
    split: str = ""


class Score(Record):
    """Errors on some crystals, in the target's unit."""

    of: str
    n: int
    mae: float
    mad: float
    mae_over_mad: float | None
    r2: float | None


class Worst(Record):
    """A test crystal with a large error."""

    id: str
    formula: str
    n_atoms: int
    target: float
    prediction: float
    std: float


class External(Record):
    """Crystals of another source that the model has never seen."""

    data: Data
    n_left_out: int = Field(description="crystals that the training data hold too")
    score: Score
    single: tuple[float, ...] = Field(description="MAE/MAD of each member")
    coverage: dict[str, float]
    n_outside: int = Field(description="of the scored crystals, not like the training data")
    score_inside: Score | None
    coverage_inside: dict[str, float] | None


class Card(Record):
    """All that is told of a released model."""

    name: str
    version: str
    title: str
    target: str
    unit: str
    network: str
    n_members: int
    n_parameters: int = Field(description="of each member")
    settings: dict[str, str | int | float]
    descriptors: tuple[str, ...]
    training: Data
    elements: tuple[str, ...]
    n_atoms: tuple[int, int] = Field(description="fewest and most in a training cell")
    machine: str
    core_hours: float
    test: Score
    single: tuple[float, ...] = Field(description="MAE/MAD of each member on the test set")
    coverage: dict[str, float] = Field(description="share of test crystals in intervals, by their level")
    by_crystal_system: tuple[Score, ...]
    by_n_atoms: tuple[Score, ...]
    by_element: tuple[Score, ...] = Field(description="with at least 10 test crystals, worst first")
    worst: tuple[Worst, ...]
    external: External | None
    not_for: tuple[str, ...]
    sha256: str = Field(description="of weights.safetensors")


def markdown(card: Card) -> str:
    """The page of a card."""
    low, high = card.n_atoms
    data = card.training
    lines = [
        f"# {card.name}\n",
        f"{card.title}: {card.target}{f' in {card.unit}' if card.unit else ''}.\n",
        f"    hybrid predict {card.name} my_folder\n",
        _table(
            ("", ""),
            [
                ("network", f"{card.network}, {card.n_members} members that differ in their seeds"),
                ("parameters", f"{card.n_parameters:,} each"),
                ("descriptors", ", ".join(card.descriptors) or "none"),
                ("settings", ", ".join(f"{name} {value}" for name, value in card.settings.items())),
                ("training", f"{card.core_hours:.2g} core hours; {card.machine}"),
                ("version", card.version),
                ("sha256 of the weights", f"`{card.sha256}`"),
            ],
        ),
        "## Data\n",
        f"{data.description}. Source: {data.source}; licence: {data.licence}.\n",
        _table(
            ("", ""),
            [
                ("crystals", f"{data.n_crystals:,}"),
                (
                    "training, validation, test",
                    f"{data.n_training:,}, {data.n_validation:,}, {data.n_test:,}",
                ),
                ("split", data.split),
                ("sha256 of ids, folds, structures and targets", f"`{data.sha256}`"),
                ("atoms in a cell", f"{low} to {high}"),
                ("elements", f"{len(card.elements)}: {', '.join(card.elements)}"),
            ],
        ),
        "## Errors on the test set\n",
        _table(_columns(card.unit), [_score(card.test)]),
        f"MAE/MAD of the members alone: {', '.join(f'{value:.3f}' for value in card.single)}.\n",
        "## Intervals\n",
        "`lower` and `upper` enclose the target with the probability that is asked for (`--level`). They are "
        "calibrated on the validation crystals; this is how many test crystals they contain:\n",
        _coverage(card.coverage),
        _kept(card.coverage),
        "## Where the errors are\n",
        *(
            _table((what, *_columns(card.unit)[1:-1]), [_score(one)[:-1] for one in rows])
            for what, rows in (
                ("crystal system", card.by_crystal_system),
                ("atoms in the cell", card.by_n_atoms),
                ("crystals with", card.by_element),
            )
            if rows
        ),
        "The test crystals with the largest errors:\n",
        _table(
            ("id", "formula", "atoms", _in("target", card.unit), "prediction", "std"),
            [
                (w.id, w.formula, str(w.n_atoms), f"{w.target:.4g}", f"{w.prediction:.4g}", f"{w.std:.2g}")
                for w in card.worst
            ],
        ),
    ]
    if card.external:
        lines += _external(card.external, card.unit)
    lines += ["## Not for\n", *(f"- {said}" for said in card.not_for), ""]
    return "\n".join(lines)


def _columns(unit: str) -> tuple[str, ...]:
    return ("crystals", "number", _in("MAE", unit), _in("MAD", unit), "MAE/MAD", "R²")


def _in(what: str, unit: str) -> str:
    return f"{what}, {unit}" if unit else what


def _external(external: External, unit: str) -> list[str]:
    scores = [external.score, *([external.score_inside] if external.score_inside else [])]
    return [
        "## On crystals of another source\n",
        f"{external.data.description}; licence: {external.data.licence}. Of "
        f"{external.data.n_crystals} crystals {external.n_left_out} are in the model's data too and are left "
        f"out; of the others {external.n_outside} are not like those in training.\n",
        _table(_columns(unit), [_score(one) for one in scores]),
        f"MAE/MAD of the members alone: {', '.join(f'{value:.3f}' for value in external.single)}.\n",
        "Share of these crystals in the intervals:\n",
        _coverage(external.coverage),
        *(
            ["Of those like the ones in training:\n", _coverage(external.coverage_inside)]
            if external.coverage_inside
            else []
        ),
    ]


def _score(score: Score) -> tuple[str, ...]:
    ratios = ("" if value is None else f"{value:.3f}" for value in (score.mae_over_mad, score.r2))
    return (score.of, f"{score.n:,}", f"{score.mae:.3g}", f"{score.mad:.3g}", *ratios)


def _coverage(coverage: dict[str, float]) -> str:
    levels = [f"{100 * float(level):.0f} %" for level in coverage]
    return _table(("asked for", *levels), [("contained", *(f"{100 * v:.0f} %" for v in coverage.values()))])


def _kept(coverage: dict[str, float]) -> str:
    if 0.85 <= coverage["0.9"] <= 0.95:
        return ""
    return "**The interval of 90 % does not keep its promise on the test set.**\n"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(markdown_table(columns, rows)) + "\n"
