"""What most figures and tables do with their record: bars, errors or points, and the table beside them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hybrid.errors import InputError
from hybrid.report import bars
from hybrid.report.style import save
from hybrid.report.tables import write_record_table
from reproduction.drawing import errors, parity
from reproduction.drawing.improvements import write_improvements


def draw_bars(stem: Path, record: dict[str, Any], notes: Sequence[str] = ()) -> None:
    """Bars by data set, target and network, and the record's table, which ends with `notes`."""
    write_record_table(record, stem, notes)
    save(bars.draw(record), stem)


def draw_errors(stem: Path, record: dict[str, Any], notes: Sequence[str] = ()) -> None:
    """Errors on a logarithmic axis, the record's table, and the table of what descriptors improve."""
    write_record_table(record, stem, notes)
    write_improvements(record, stem)
    save(errors.draw(record), stem)


def draw_parity(stem: Path, record: dict[str, Any]) -> None:
    """Predicted against true values of the test set, and the record's table."""
    write_record_table(record, stem)
    save(parity.draw(record, stem.with_name(f"{stem.name}.predictions.csv")), stem)


def require(found: object, record: dict[str, Any], measured: bool = False) -> None:
    """Refuses to draw nothing.

    Args:
        found: in the record, of what is to be drawn.
        record: of a figure.
        measured: whether that is what was measured of trained models.

    Raises:
        InputError: nothing was found.
    """
    if not found:
        name, scale = record["experiment"], record["scale"]
        lacks, does = ("no run has come to an end", "trains the networks")
        if measured:
            lacks, does = ("no model has been measured", "trains and measures them")
        raise InputError(f"{name}: {lacks} at scale {scale}; `make {name} SCALE={scale}` {does}")


def over_seeds(values: Sequence[float] | np.ndarray) -> str:
    """The mean, and where there are several seeds the lowest and the highest."""
    spread = f" ({min(values):z.3f} to {max(values):z.3f})" if len(values) > 1 else ""
    return f"{float(np.mean(values)):z.3f}{spread}"
