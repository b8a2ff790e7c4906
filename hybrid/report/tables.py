"""Tables of results: Markdown for people, CSV for programs."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from hybrid.atomic import write_text
from hybrid.report.records import Bar, bars, not_run, scale_note

METRICS = {"r2": "R²", "accuracy": "accuracy", "mae_over_mad": "MAE/MAD"}


def write_record_table(record: dict[str, Any], stem: Path, notes: Sequence[str] = ()) -> None:
    """Writes the table of a record: our results, also by seed, and the paper's words or numbers.

    `stem` is that of the two files; below the table are the notes, lines of Markdown.
    """
    metric, found = record["metric"], bars(record)
    classes = any("accuracy" in row["metrics"] for bar in found for row in bar.done[:1])
    named = f"{METRICS[metric]} or accuracy" if classes and metric != "accuracy" else METRICS[metric]
    others = [other for other in ("mae_over_mad", "r2") if other != metric]
    columns = (
        *("dataset", "target", "network", "variant"),
        f"{named} (mean)",
        f"{named} (seeds)",
        "MAE",
        *(METRICS[other] for other in others),
        "R² on training",
        "paper",
        "source in the paper",
    )
    rows = [_row(bar, metric, others) for bar in found]
    empty = [""] * (len(columns) - 6)
    rows += [[row["dataset_label"], "", "", "", "not run", *empty, row["note"]] for row in not_run(record)]
    hardware, torch = record["hardware"], record["environment"]["torch"]
    machine = f"recorded on {hardware['processor']}, {hardware['cores']} cores, torch {torch}"
    write_table(stem, f"{record['caption']}; {scale_note(record)}; {machine}.", columns, rows, notes)


def write_table(
    stem: Path, caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()
) -> None:
    """Writes `<stem>.md`, which ends with the notes, and `<stem>.csv`."""
    lines = [*markdown_table(columns, rows), *(["", *notes] if notes else [])]
    write_text(stem.with_name(stem.name + ".md"), "\n".join([f"# {stem.name}\n", f"{caption}\n", *lines, ""]))
    table = pd.DataFrame(list(rows), columns=list(columns))
    write_text(stem.with_name(stem.name + ".csv"), table.to_csv(index=False, lineterminator="\n"))


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table in Markdown."""
    return ["| " + " | ".join(row) + " |" for row in (columns, ["---"] * len(columns), *rows)]


def _row(bar: Bar, metric: str, others: list[str]) -> list[str]:
    first, paper = bar.first, bar.first["paper"] or {}
    said = [f"{paper[key]:g}" for key in METRICS if key in paper] + [paper.get("says", "")]
    of_paper = ["; ".join(filter(None, said)), paper.get("source", "")]
    identity = [first["dataset_label"], first["target"], first["network_label"], first["variant"]]
    if not bar.done:
        return [*identity, "diverged", *[""] * (3 + len(others)), *of_paper]
    training = [row["training_r2"] for row in bar.done if row["training_r2"] is not None]
    mean_of_training = f"{sum(training) / len(training):z.3f}" if training else ""
    if "accuracy" in bar.done[0]["metrics"]:
        metric, errors = "accuracy", [""] * (1 + len(others))
    else:
        errors = [bar.in_unit("mae"), *(f"{bar.mean(other):z.3f}" for other in others)]
    return [*identity, f"{bar.mean(metric):z.3f}", bar.each(metric), *errors, mean_of_training, *of_paper]
