"""Tables of figures, from rows with named columns, and the formatting of errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hybrid.errors import InputError
from hybrid.report.records import Bar, not_run
from hybrid.report.tables import markdown_table, write_table


def write_rows(stem: Path, caption: str, rows: Sequence[dict[str, str]], notes: Sequence[str] = ()) -> None:
    """Writes `<stem>.md` and `<stem>.csv`; nothing if there are no rows.

    Args:
        stem: of the two files.
        caption: above the table.
        rows: the cells by the name of their column, the same columns in each row.
        notes: lines of Markdown below the table.
    """
    if rows:
        write_table(stem, caption, list(rows[0]), [list(row.values()) for row in rows], notes)


def section(title: str, caption: str, rows: Sequence[dict[str, str]]) -> list[str]:
    """One more table as notes of another: lines of Markdown under a heading, none if there are no rows."""
    if not rows:
        return []
    return [f"## {title}", "", caption, "", *markdown_table(list(rows[0]), [list(r.values()) for r in rows])]


def stacked(*blocks: Sequence[str]) -> list[str]:
    """Blocks of lines with an empty line between them; empty blocks are left out."""
    return [line for block in blocks if block for line in ("", *block)][1:]


@dataclass(frozen=True)
class Error:
    """MAE/MAD of one network on one dataset, a value for each seed."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, bar: Bar) -> "Error":
        """The error of a network that has a result."""
        return cls(tuple(bar.values("mae_over_mad")))

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return sum(self.values) / len(self.values)

    def overlaps(self, other: "Error") -> bool:
        """Whether the ranges over the seeds overlap."""
        return min(self.values) <= max(other.values) and min(other.values) <= max(self.values)

    def change(self, after: "Error") -> str:
        """The relative change from this error to the other one, in percent."""
        return f"{100 * (after.mean / self.mean - 1):+.0f} %"

    def __str__(self) -> str:
        return f"{self.mean:.3f}"


def error_cells(bar: Bar) -> dict[str, str]:
    """The columns of a network's errors: mean and seeds of MAE/MAD, and the MAE with its unit."""
    return {
        "MAE/MAD (mean)": f"{bar.mean('mae_over_mad'):.3f}" if bar.done else "",
        "MAE/MAD (seeds)": bar.each("mae_over_mad"),
        "MAE": bar.in_unit("mae") if bar.done else "",
    }


def over_seeds(values: Sequence[float] | np.ndarray) -> str:
    """The mean and, for several seeds, the lowest and the highest value."""
    spread = f" ({min(values):z.3f} to {max(values):z.3f})" if len(values) > 1 else ""
    return f"{float(np.mean(values)):z.3f}{spread}"


def require(found: object, record: dict[str, Any], measured: bool = False) -> None:
    """Checks that a record contains something to draw.

    Args:
        found: the part of the record that is to be drawn.
        record: of a figure.
        measured: whether this part comes from measurements of trained models.

    Raises:
        InputError: it is empty.
    """
    if not found:
        name, scale = record["experiment"], record["scale"]
        lacks, does = ("no run is finished", "trains the networks")
        if measured:
            lacks, does = ("no model has been measured", "trains and measures them")
        why = "".join(f" ({row['dataset_label']}: {row['note']})" for row in not_run(record)[:1])
        raise InputError(f"{name}: {lacks} at scale {scale}{why}; `make {name} SCALE={scale}` {does}")
