"""The leaderboard of the probe: models down, descriptors across."""

import csv
import html
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

from hybrid.descriptors.registry import Descriptor, paper_descriptors
from hybrid.errors import InputError
from hybrid.report.records import Bar, bars
from hybrid.training.model_registry import get_model
from reproduction.site.results import Result
from reproduction.site.tables import framed, raw

SYMMETRY = "crys_sys"
GOOD = 0.8  # R² from which the paper calls a descriptor learnt
INTRODUCTION = f"""# Leaderboard of the probe

Which of the paper's descriptors does a model learn? R² on the test set, and accuracy for the crystal
system, means over the seeds: the deeper the colour, the better; {GOOD:g} or more is **bold**. Local
descriptors are statistics of the atoms' surroundings, global ones are of the whole crystal (Figures 2a, and
2b and c). A click on a header sorts. The rows that read nothing, the number of atoms or the formula alone
say how much can be had without the structure. Models differ in their numbers of training crystals.

`hybrid probe` makes such a row of your own model; [the guide](docs/probing.md) says how.
"""


@dataclass
class Probed:
    """A model in the leaderboard.

    Attributes:
        bar: its first result, which says what model it is.
        source: the figure or table with its results.
        scores: R², or accuracy of the crystal system, by descriptor.
    """

    bar: Bar
    source: Result
    scores: dict[str, float] = field(default_factory=dict)

    @property
    def reads(self) -> str:
        """What the model is given: structure, formula, embeddings, or nothing of the crystal but its size."""
        model = self.bar.first["model"]
        if model.endswith("-baseline"):
            return "number of atoms" if model.startswith(("line", "natoms")) else "nothing"
        if model in ("composition-forest", "roost"):
            return "formula"
        try:
            return "structure" if get_model(model).network else "embeddings"
        except InputError:
            return "structure"

    def mean(self, descriptors: list[Descriptor]) -> float | None:
        """Its mean score; none if it lacks a descriptor."""
        found = [self.scores.get(one.name) for one in descriptors]
        return mean(score for score in found if score is not None) if None not in found else None


def collect(results: list[Result]) -> list[Probed]:
    """The models of all records that learn descriptors; a number comes from the widest record that has it."""
    known = {one.name for one in paper_descriptors()}
    found: dict[tuple[str, str], Probed] = {}
    for result in sorted(results, key=lambda one: (-len(_scores(one)), one.name)):
        for bar in _scores(result):
            name = bar.first["descriptor"] or SYMMETRY
            if name in known:
                key = (bar.first["network"], bar.variant)
                model = found.setdefault(key, Probed(bar, result))
                model.scores.setdefault(
                    name, bar.mean("r2" if bar.first["descriptor"] not in (None, SYMMETRY) else "accuracy")
                )
    return sorted(found.values(), key=lambda model: (-len(model.scores), -mean(model.scores.values())))


def _scores(result: Result) -> list[Bar]:
    """The bars of a record that say how well a descriptor is learnt."""
    return [
        bar
        for bar in (bars(result.record) if result.record else [])
        if bar.done and (bar.first.get("descriptor") or "accuracy" in bar.done[0]["metrics"])
    ]


def page(models: list[Probed]) -> str:
    """The page, with a table that can be sorted and filtered."""
    if not models:
        return f"{INTRODUCTION}\nNo model was probed yet; `make figure2` probes CGCNN and others.\n"
    descriptors = paper_descriptors()
    groups = {"local": [d for d in descriptors if d.local], "global": [d for d in descriptors if not d.local]}
    head = "".join(_head(groups))
    rows = "\n".join(f"<tr>{''.join(_row(model, groups))}</tr>" for model in models)
    body = f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>"
    board = framed(f'<table class="data leaderboard">\n{body}\n</table>', "Leaderboard")
    buttons = "".join(
        f'<button type="button" data-show="{kind}" aria-pressed="{str(not kind).lower()}">{text}</button>'
        for kind, text in (("", "all descriptors"), ("local", "local"), ("global", "global"))
    )
    filters = f'<div class="filters" role="group" aria-label="Descriptors">{buttons}</div>\n'
    download = "[Download the table as CSV](leaderboard.csv)"
    return f"---\nhide-toc: true\n---\n\n{INTRODUCTION}\n{raw(filters + board)}\n{download}\n"


def table(models: list[Probed]) -> str:
    """The same as CSV."""
    names = [one.name for one in paper_descriptors()]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["model", "settings", "reads", "training crystals", "record", *names])
    for model in models:
        row = model.bar.done[0]
        about = [row["network_label"], model.bar.variant, model.reads, row["n_train"], model.source.name]
        writer.writerow([*about, *(f"{model.scores[n]:.4f}" if n in model.scores else "" for n in names)])
    return text.getvalue()


def _head(groups: dict[str, list[Descriptor]]) -> Iterator[str]:
    for text in ("model", "reads", "training crystals"):
        yield f'<th scope="col">{text}</th>'
    for kind, descriptors in groups.items():
        yield f'<th scope="col" data-kind="{kind}">{kind}, mean</th>'
        for one in descriptors:
            about = html.escape(one.full_name + ("" if one.unit == "1" else f", {one.unit}"))
            yield (
                f'<th scope="col" class="upright" data-kind="{kind}" title="{about}">'
                f"<span>{html.escape(one.symbol)}</span></th>"
            )


def _row(model: Probed, groups: dict[str, list[Descriptor]]) -> Iterator[str]:
    row = model.bar.done[0]
    address = f"{Path(model.source.page).with_suffix('.html')}"
    yield (
        f'<th scope="row"><a href="{address}">{html.escape(row["network_label"])}</a>'
        f"<small>{html.escape(model.bar.variant)}</small></th><td>{model.reads}</td>"
        f'<td class="number">{row["n_train"]:,}</td>'
    )
    for kind, descriptors in groups.items():
        yield _score(model.mean(descriptors), kind)
        yield from (_score(model.scores.get(one.name), kind) for one in descriptors)


def _score(value: float | None, kind: str) -> str:
    if value is None:
        return f'<td data-kind="{kind}"></td>'
    shade = f"{100 * max(0.0, min(1.0, value)):.0f}%"
    text = f"<b>{value:z.2f}</b>" if value >= GOOD else f"{value:z.2f}"
    return f'<td class="number score" data-kind="{kind}" style="--score:{shade}">{text}</td>'
