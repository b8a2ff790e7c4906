"""Tables beside the figures, from records only: Markdown for people, CSV for programs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from hybrid.atomic import write_text
from hybrid.report.records import Bar, bars, not_run, scale_note

SHOWN = {"r2": "R²", "accuracy": "accuracy", "mae_over_mad": "MAE/MAD"}
IDENTITY = ("dataset", "target", "network", "variant")


def write_record_table(record: dict[str, Any], stem: Path, notes: Sequence[str] = ()) -> None:
    """Writes a record's table: ours, seed by seed, and the paper's words or numbers beside it.

    Args:
        record: what was run.
        stem: of the two files.
        notes: lines of Markdown that follow the table.
    """
    metric = record["metric"]
    name = SHOWN[metric]
    others = [other for other in ("mae_over_mad", "r2") if other != metric]
    columns = (
        *IDENTITY,
        f"{name} (mean)",
        f"{name} (seeds)",
        "MAE",
        *(SHOWN[other] for other in others),
        "R² on training",
        "paper",
        "source in the paper",
    )
    rows = [_row(bar, metric, others) for bar in bars(record)]
    filler = [""] * (len(columns) - 6)
    rows += [[row["dataset_label"], "", "", "", "not run", *filler, row["note"]] for row in not_run(record)]
    hardware, torch = record["hardware"], record["environment"]["torch"]
    where = f"{hardware['processor']}, {hardware['cores']} cores, torch {torch}"
    write_table(stem, f"{record['caption']}; {scale_note(record)}; {where}.", columns, rows, notes)


def write_table(
    stem: Path,
    caption: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    notes: Sequence[str] = (),
) -> None:
    """Writes `<stem>.md`, which ends with the notes, and `<stem>.csv`."""
    lines = ["| " + " | ".join(row) + " |" for row in (columns, ["---"] * len(columns), *rows)]
    lines += ["", *notes] if notes else []
    write_text(stem.with_name(stem.name + ".md"), "\n".join([f"# {stem.name}\n", f"{caption}\n", *lines, ""]))
    table = pd.DataFrame(list(rows), columns=list(columns))
    write_text(stem.with_name(stem.name + ".csv"), table.to_csv(index=False, lineterminator="\n"))


def _row(bar: Bar, metric: str, others: list[str]) -> list[str]:
    first, done = bar.first, bar.done
    paper = first["paper"] or {}
    said = [f"{paper[key]:g}" for key in SHOWN if key in paper] + [paper.get("says", "")]
    paper_side = ["; ".join(filter(None, said)), paper.get("source", "")]
    identity = [first["dataset_label"], first["target"], first["network_label"], first["variant"]]
    if not done:
        return [*identity, "diverged", *[""] * (3 + len(others)), *paper_side]
    if "accuracy" in done[0]["metrics"]:
        metric = "accuracy"
    training = [row["training_r2"] for row in done if row["training_r2"] is not None]
    numeric = metric != "accuracy"
    return [
        *identity,
        f"{bar.mean(metric):z.3f}",
        bar.each(metric),
        bar.in_unit("mae") if numeric else "",
        *(f"{bar.mean(other):z.3f}" if numeric else "" for other in others),
        f"{sum(training) / len(training):z.3f}" if training else "",
        *paper_side,
    ]
