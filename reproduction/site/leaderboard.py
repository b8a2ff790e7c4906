"""The leaderboard of the probe as a page: models down, descriptors across."""

import csv
import html
import io
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

from hybrid.descriptors.registry import Descriptor, paper_descriptors
from reproduction.leaderboard import Entry
from reproduction.site.tables import framed, raw

GOOD = 0.8  # R² from which the paper calls a descriptor learnt
INTRODUCTION = f"""# Leaderboard of the probe

Which of the paper's descriptors does a model learn? R² on the test set, and accuracy for the crystal
system, means over the seeds: the deeper the colour, the better; {GOOD:g} or more is **bold**. Local
descriptors are statistics of the atoms' surroundings, global ones are of the whole crystal (Figures 2a, and
2b and c). A click on a header sorts. The rows that read nothing, the number of atoms or the formula alone
say how much can be had without the structure. Models differ in their data sets and numbers of training
crystals.

A row is a checked file in `results/leaderboard`; [the guide](docs/leaderboard.md) says how to add your
model.
"""


def page(models: list[Entry], pages: set[str]) -> str:
    """The page, with a table that can be sorted and filtered.

    Args:
        models: the rows.
        pages: those of the site, to which models of ours link.
    """
    if not models:
        return f"{INTRODUCTION}\nNo model was probed yet; `make figure2` probes CGCNN and others.\n"
    descriptors = paper_descriptors()
    groups = {"local": [d for d in descriptors if d.local], "global": [d for d in descriptors if not d.local]}
    head = "".join(_head(groups))
    rows = "\n".join(f"<tr>{''.join(_row(model, groups, pages))}</tr>" for model in models)
    body = f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>"
    board = framed(f'<table class="data leaderboard">\n{body}\n</table>', "Leaderboard")
    buttons = "".join(
        f'<button type="button" data-show="{kind}" aria-pressed="{str(not kind).lower()}">{text}</button>'
        for kind, text in (("", "all descriptors"), ("local", "local"), ("global", "global"))
    )
    filters = f'<div class="filters" role="group" aria-label="Descriptors">{buttons}</div>\n'
    download = "[Download the table as CSV](leaderboard.csv)"
    return f"---\nhide-toc: true\n---\n\n{INTRODUCTION}\n{raw(filters + board)}\n{download}\n"


def table(models: list[Entry]) -> str:
    """The same as CSV."""
    names = [one.name for one in paper_descriptors()]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["model", "settings", "reads", "data set", "training crystals", "records", *names])
    for model in models:
        about = [model.model, model.settings, model.reads, model.dataset, model.n_train]
        scores = (f"{mean(model.scores[name]):.4f}" if name in model.scores else "" for name in names)
        writer.writerow([*about, " ".join(model.records), *scores])
    return text.getvalue()


def _head(groups: dict[str, list[Descriptor]]) -> Iterator[str]:
    for text in ("model", "reads", "data set", "training crystals"):
        yield f'<th scope="col">{text}</th>'
    for kind, descriptors in groups.items():
        yield f'<th scope="col" data-kind="{kind}">{kind}, mean</th>'
        for one in descriptors:
            about = html.escape(one.full_name + ("" if one.unit == "1" else f", {one.unit}"))
            yield (
                f'<th scope="col" class="upright" data-kind="{kind}" title="{about}">'
                f"<span>{html.escape(one.symbol)}</span></th>"
            )


def _row(model: Entry, groups: dict[str, list[Descriptor]], pages: set[str]) -> Iterator[str]:
    ours = [str(Path(name).with_suffix(".html")) for name in model.own if f"{name[:-5]}.md" in pages]
    address, name = next(iter(ours), model.link), html.escape(model.model)
    name = f'<a href="{html.escape(address)}">{name}</a>' if address else name
    yield (
        f'<th scope="row">{name}<small>{html.escape(model.settings)}</small></th><td>{model.reads}</td>'
        f'<td>{html.escape(model.dataset)}</td><td class="number">{model.n_train:,}</td>'
    )
    for kind, descriptors in groups.items():
        yield _score(model.mean(descriptors), kind)
        yield from (_score(model.score(one.name), kind) for one in descriptors)


def _score(value: float | None, kind: str) -> str:
    if value is None:
        return f'<td data-kind="{kind}"></td>'
    shade = f"{100 * max(0.0, min(1.0, value)):.0f}%"
    text = f"<b>{value:z.2f}</b>" if value >= GOOD else f"{value:z.2f}"
    return f'<td class="number score" data-kind="{kind}" style="--score:{shade}">{text}</td>'
