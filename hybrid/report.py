"""Tables beside the figures, from records only: Markdown for people, CSV for programs."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hybrid.atomic import write_text
from hybrid.figures.records import Bar, bars, not_run, scale_note

COLUMNS = (
    "dataset",
    "network",
    "R² (mean)",
    "R² (seeds)",
    "MAE",
    "MAE/MAD",
    "R² on training",
    "paper",
    "source in the paper",
)


def write_record_table(record: dict[str, Any], stem: Path) -> None:
    """Writes a record's table: ours, seed by seed, and the paper's words or numbers beside it."""
    rows = [_row(bar) for bar in bars(record)]
    rows += [
        [row["dataset_label"], "", "not run", "", "", "", "", "", row["note"]] for row in not_run(record)
    ]
    hardware, torch = record["hardware"], record["environment"]["torch"]
    where = f"{hardware['processor']}, {hardware['cores']} cores, torch {torch}"
    write_table(stem, f"{record['caption']}; {scale_note(record)}; {where}.", COLUMNS, rows)


def write_table(stem: Path, caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Writes `<stem>.md` and `<stem>.csv`."""
    lines = ["| " + " | ".join(row) + " |" for row in (columns, ["---"] * len(columns), *rows)]
    write_text(stem.with_name(stem.name + ".md"), "\n".join([f"# {stem.name}\n", f"{caption}\n", *lines, ""]))
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([columns, *rows])
    write_text(stem.with_name(stem.name + ".csv"), buffer.getvalue())


def _row(bar: Bar) -> list[str]:
    paper = bar.first["paper"] or {"says": "", "source": ""}
    done, paper_side = bar.done, [paper["says"], paper["source"]]
    labels = [bar.first["dataset_label"], bar.first["network_label"]]
    if not done:
        return [*labels, "diverged", *[""] * 4, *paper_side]
    training = sum(row["training_r2"] for row in done) / len(done)
    seeds = [f"{value:.3f}" for value in bar.values("r2")] + ["diverged"] * bar.n_diverged
    return [
        *labels,
        f"{bar.mean('r2'):.3f}",
        ", ".join(seeds),
        f"{bar.mean('mae'):.3g} {bar.first['unit']}",
        f"{bar.mean('mae_over_mad'):.3f}",
        f"{training:.3f}",
        *paper_side,
    ]
