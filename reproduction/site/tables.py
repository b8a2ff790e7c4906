"""Tables as HTML, from the Markdown files beside the records, and the paper's numbers beside ours."""

import html
import re
from collections.abc import Sequence
from statistics import median
from typing import Any

import pandas as pd

from hybrid.report.records import bars
from hybrid.report.tables import METRICS

NUMBER = re.compile(r"[+-]?\d[\d,]*(\.\d+)?(e[+-]?\d+)?( [^\d,;]{1,16})?")  # with its unit
TABLE = re.compile(r"^\| .*(?:\n\| .*)*", re.MULTILINE)  # in Markdown that this project wrote
COMPARED = ("source", "data and target", "network", "paper", "ours", "seeds", "ours / paper")


def html_table(columns: Sequence[str], rows: Sequence[Sequence[str]], label: str) -> str:
    """A table whose columns can be sorted, in a frame that scrolls sideways where it is too wide.

    Args:
        columns: the header.
        rows: cells of plain text; `code` is set as such, and columns of single numbers to the right.
        label: what the table shows, for those who do not see it.
    """
    kinds = [' class="number"' if _are_numbers(cells) else "" for cells in zip(*rows, strict=True)]
    kinds = kinds or [""] * len(columns)
    head = "".join(
        f'<th scope="col"{kind}>{_marked(name)}</th>' for name, kind in zip(columns, kinds, strict=True)
    )
    body = "\n".join(
        "".join(
            ["<tr>", *(f"<td{kind}>{_marked(c)}</td>" for c, kind in zip(row, kinds, strict=True)), "</tr>"]
        )
        for row in rows
    )
    table = f'<table class="data">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>'
    return raw(framed(table, label))


def framed(table: str, label: str) -> str:
    """A table in its scrolling frame, which the keyboard reaches too."""
    return (
        f'<div class="frame" tabindex="0" role="region" aria-label="{html.escape(label)}">\n{table}\n</div>'
    )


def raw(text: str) -> str:
    """HTML inside Markdown."""
    return f"```{{raw}} html\n{text}\n```\n"


def table_of(lines: str) -> pd.DataFrame:
    """A `TABLE`; all cells are text."""
    header, _, *rows = (line.removeprefix("| ").removesuffix(" |").split(" | ") for line in lines.split("\n"))
    return pd.DataFrame(rows, columns=header)


def with_html_tables(text: str, label: str) -> str:
    """Markdown with every `TABLE` as HTML."""

    def as_html(found: re.Match[str]) -> str:
        table = table_of(found[0])
        return html_table(list(table), table.to_numpy().tolist(), label)

    return TABLE.sub(as_html, text)


def comparison(record: dict[str, Any]) -> tuple[str, list[list[str]]]:
    """What the paper says of a record's results: one sentence, and the rows of a table (`COMPARED`)."""
    metric, rows, ratios = record["metric"], [], []
    for bar in bars(record):
        said = bar.first["paper"]
        if not said:
            continue
        shown = "accuracy" if bar.done and "accuracy" in bar.done[0]["metrics"] else metric
        number, ratio = said.get(shown), ""
        if number and bar.done:
            ratios.append(bar.mean(shown) / number)
            ratio = f"{ratios[-1]:.2f}"
        words = "; ".join(filter(None, (f"{number:g}" if number else "", said.get("says", ""))))
        ours = f"{bar.mean(shown):z.3f}" if bar.done else "diverged"
        variant = f" ({bar.variant})" if bar.variant else ""
        network = bar.first["network_label"] + variant
        about = bar.group.replace("\n", ", ")
        rows.append([said.get("source", ""), about, network, words, ours, bar.each(shown), ratio])
    return _summary(rows, ratios, metric), rows


def _summary(rows: list[list[str]], ratios: list[float], metric: str) -> str:
    if not rows:
        return ""
    name = METRICS.get(metric, metric)
    if not ratios:
        return f"The paper comments on {_counted(len(rows), 'result')} here, in words; ours are {name}."
    lower, higher = sum(r < 0.95 for r in ratios), sum(r > 1.05 for r in ratios)
    return (
        f"The paper has {_counted(len(ratios), 'number')} here ({name}). "
        f"Ours is lower by more than 5 % in {lower} and higher by more than 5 % in {higher}; "
        f"the median of ours / paper is {median(ratios):.2f}."
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _are_numbers(cells: Sequence[str]) -> bool:
    return any(cells) and all(not cell or NUMBER.fullmatch(cell) for cell in cells)


def _marked(text: str) -> str:
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text, quote=False))
