"""A page for each figure and table: picture, the paper beside ours, tables, origin, downloads."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from hybrid.reading import read_json
from hybrid.report.records import scale_note
from reproduction import figures
from reproduction.site import parity
from reproduction.site.sources import toctree
from reproduction.site.tables import COMPARED, TABLE, comparison, html_table, table_of, with_html_tables
from reproduction.workflow.spec import UPSTREAM

WORDS = {".json": "record (JSON)", ".predictions.csv": "predictions (CSV)", ".png": "PNG", ".pdf": "PDF"}
NUMBERED = re.compile(r"^((?:Figure|Table|SI section) \w+): ")
PRINTED = 144 / 300  # pixels on the screen to a pixel of a picture
DISCUSSED = ("docs/results.md", "docs/audit.md")


@dataclass(frozen=True)
class Result:
    """A figure or table, with or without files.

    Attributes:
        name: the make target.
        folder: of the results at a scale.
    """

    name: str
    folder: Path

    @property
    def scale(self) -> str:
        """The scale's name."""
        return self.folder.name

    @property
    def page(self) -> str:
        """The page's path on the site."""
        return f"results/{self.scale}/{self.name}.md"

    @property
    def title(self) -> str:
        """A short title: as the paper names it, or the make target in words."""
        if numbered := NUMBERED.match(self._doc):
            by = ", upstream's scripts" if self.name.endswith(UPSTREAM) else ""
            return f"{numbered[1]}{by}"
        words = self.name.replace("-", " ")
        return words[0].upper() + words[1:]

    @cached_property
    def description(self) -> list[str]:
        """What its module says of it: a sentence and more paragraphs; nothing if there is no module."""
        first, *others = self._doc.split("\n\n")
        first = NUMBERED.sub("", " ".join(first.split())).removeprefix(f"{self.title.partition(' ')[0]}: ")
        return [first[:1].upper() + first[1:], *others]

    @cached_property
    def _doc(self) -> str:
        known = self.name.removesuffix(UPSTREAM) in figures.names()
        return inspect.getdoc(figures.figure(self.name)) or "" if known else ""

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Its JSON file: when, with which code and on which machine it was made; empty without one."""
        path = self.folder / f"{self.name}.json"
        return read_json(path) if path.exists() else {}

    @property
    def record(self) -> dict[str, Any] | None:
        """Its record, if networks were trained for it and their results are rows."""
        return self.provenance if "rows" in self.provenance else None

    @cached_property
    def text(self) -> str:
        """Its tables with their captions, and notes, in Markdown without the title; empty without any."""
        path = self.folder / f"{self.name}.md"
        return path.read_text().partition("\n")[2].strip() if path.exists() else ""

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Its tables by the name of their CSV file: the figure's own, the others with their heading."""
        found: dict[str, pd.DataFrame] = {}
        for part in re.split(r"^(?=## )", self.text, flags=re.MULTILINE):
            heading = part.partition("\n")[0].removeprefix("## ") if part.startswith("## ") else ""
            name = "-".join([self.name, *re.findall(r"\w+", heading.lower())])
            found |= {f"{name}.csv": table_of(lines) for lines in TABLE.findall(part)}
        return found

    @property
    def files(self) -> list[Path]:
        """What can be downloaded beside its tables."""
        found = [self.folder / f"{self.name}{ending}" for ending in WORDS]
        return [path for path in found if path.exists()]

    @property
    def picture(self) -> str:
        """The name of its picture; empty if there is none."""
        path = self.folder / f"{self.name}.png"
        return path.name if path.exists() else ""


def results_of(folder: Path) -> list[Result]:
    """All figures and tables, and other records in a folder of results, in the paper's order."""
    names = figures.names() | {path.stem for path in folder.glob("*.json")}
    return [Result(name, folder) for name in sorted(names, key=_order)]


def _order(name: str) -> tuple[int, bool, int, str]:
    found = re.match(r"(figure|table)(S?)(\d+)", name)
    kind = {"figure": 0, "table": 1}[found[1]] if found else 3 if name.startswith("audit-") else 2
    return (kind, bool(found and found[2]), int(found[3]) if found else 0, name)


def groups(results: list[Result]) -> dict[str, list[Result]]:
    """The results by what they are, for the sidebar."""
    titles = ("Figures of the paper", "Tables of the paper", "Other experiments", "Audit")
    found: dict[str, list[Result]] = {title: [] for title in titles}
    for result in results:
        found[titles[_order(result.name)[0]]].append(result)
    return {title: members for title, members in found.items() if members}


def index(results: list[Result], scale: str) -> str:
    """The list of all figures and tables, with small pictures."""
    lines = ["# Figures and tables", "", f"What was drawn from the records of scale `{scale}`.", ""]
    for title, members in groups(results).items():
        lines += [f"## {title}", ""]
        drawn = [result for result in members if result.picture]
        if drawn:
            lines += [":::{container} gallery", *map(_thumbnail, drawn), ":::", ""]
        others = [result for result in members if not result.picture]
        lines += [f"- {_line(result)}" for result in others]
        lines += ["", toctree(f"{result.title} <{result.name}>" for result in members)]
    return "\n".join(lines)


def _thumbnail(result: Result) -> str:
    page = f"{result.name}.md"
    return f"- [![]({result.picture})]({page})\n\n  {_line(result)}"


def _line(result: Result) -> str:
    about = result.description[0] or result.text.partition("\n")[0]
    return f"[{result.title}]({result.name}.md)" + (f": {about}" if about else "")


def page(result: Result, formulas: dict[str, str], documents: dict[str, str]) -> str:
    """The page of a result.

    Args:
        result: the figure or table.
        formulas: by id, for what is shown under the pointer.
        documents: texts of `DISCUSSED` by path, to which pages link where they speak of the result.
    """
    lines = [f"# {result.title}", "", *_paragraphs(result.description), *_discussed(result, documents)]
    if not (result.files or result.text):
        lines += [
            f"Not run yet at scale `{result.scale}`; `make {result.name} SCALE={result.scale}` does it."
        ]
        return "\n".join(lines)
    if result.picture:
        alt = result.record["caption"] if result.record else result.title
        header = (result.folder / result.picture).read_bytes()[
            :24
        ]  # of a PNG: its width is in bytes 16 to 19
        width = round(int.from_bytes(header[16:20]) * PRINTED)
        lines += [f"[![{alt}]({result.picture}){{width={width}px}}]({result.picture})", ""]
    if result.record:
        lines += _compared(result)
        if plots := parity.plots(result.record, result.folder, formulas):
            lines += ["## Predicted against true", "", parity.html(plots), ""]
    if result.text:
        lines += ["## All results", "", with_html_tables(result.text, result.title), ""]
    lines += ["## Where it comes from", "", *_provenance(result), "", "Downloads: ", ""]
    lines += [f"- [{name}]({name}), table (CSV)" for name in result.tables]
    lines += [f"- [{path.name}]({path.name}), {_word(path)}" for path in result.files]
    return "\n".join([*lines, ""])


def _paragraphs(texts: list[str]) -> Iterator[str]:
    for text in texts:
        yield from (text, "")


def _compared(result: Result) -> Iterator[str]:
    record = result.record
    assert record is not None
    summary, rows = comparison(record)
    if rows:
        yield from ("## What the paper says, and what came out", "", summary, "")
        yield html_table(COMPARED, rows, f"{result.title}: the paper beside ours")
        yield ""


def _discussed(result: Result, documents: dict[str, str]) -> Iterator[str]:
    """Links to the sections that speak of the result."""
    from myst_parser.mdit_to_docutils.base import default_slugify

    found = []
    for path, text in documents.items():
        for section in re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]:
            heading = section.partition("\n")[0].removeprefix("## ")
            linked = re.search(rf"/{re.escape(result.name)}\.(md(#[\w-]+)?|png)\)", section)
            if linked or heading == result.name:
                title = text.partition("\n")[0].removeprefix("# ")
                found.append(f"[{title}: {heading}](../../{path}#{default_slugify(heading)})")
    if found:
        yield from (f"Discussed in {', '.join(found)}.", "")


def _provenance(result: Result) -> Iterator[str]:
    again = f"`make {result.name} SCALE={result.scale}`"
    made = result.provenance
    if not made:
        yield f"{again} draws it; no network is trained for it, and it has no record."
        return
    if result.record:
        yield f"- {scale_note(result.record)}; {len(result.record.get('runs', ()))} runs"
    machine = made["hardware"]
    yield f"- made {made['created'][:10]} by commit `{made['code'].get('commit')}`"
    yield f"- on {machine['processor']}, {machine['cores']} cores, {machine['machine']}"
    yield f"- with {', '.join(f'{name} {version}' for name, version in made['environment'].items())}"
    yield f"- {again} makes it again"


def _word(path: Path) -> str:
    return next(word for ending, word in WORDS.items() if path.name.endswith(ending))
