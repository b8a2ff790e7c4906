"""Finished runs in compact tables, one for each data set: results/<scale>/runs/<dataset>.parquet.

There is a table for each data set and not for each experiment, because experiments share runs. Every run is
kept once, together with those on the same crystals. A job trains in its own folder, `runs/<name>/`, which
contains the model and is not committed; `pack` copies everything else into the table. From then on the run
counts as finished with or without its folder, and the table is read instead of the folder.
"""

import csv
import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hybrid.atomic import atomic_file, locked
from hybrid.errors import InputError

SCHEMA = pa.schema(
    {
        "name": pa.string(),
        "settings": pa.string(),  # this and the next three: JSON
        "metrics": pa.string(),
        "measurements": pa.string(),  # by name
        "log": pa.string(),  # columns of numbers (n_epochs,)
        "predictions": pa.struct(  # columns (n_crystals,), numbers in the target's unit
            {
                "id": pa.list_(pa.string()),
                "fold": pa.list_(pa.string()),
                "target": pa.list_(pa.float64()),
                "prediction": pa.list_(pa.float64()),
            }
        ),
    }
)
SHARED = [f"predictions.{name}.list.element" for name in ("id", "fold", "target")]  # by the runs of a table
WRITTEN = {
    "compression": "zstd",
    "compression_level": 9,
    "use_dictionary": SHARED,
    "write_page_checksum": True,
}


NOT_MEASURED = ("settings", "metrics", "inputs")


def is_packed(table: Path, name: str) -> bool:
    """Whether a table holds the run called `name`."""
    return name in column_of(table, "metrics")


def read(table: Path, folder: Path, column: str) -> Any:
    """A column of a finished run: from its table or, before it is packed, from its folder.

    Args:
        table: of the run's data set.
        folder: of the run.
        column: settings, metrics, log, predictions, or measurements, which may have been added to the folder
            since the run was packed.

    Returns:
        a dictionary; for log and predictions a list for each column, empty if they are not kept.

    Raises:
        InputError: the table is damaged.
    """
    kept = _kept(table, folder.name, column)
    if column == "measurements":
        return _measurements(folder) | (kept or {})
    return _FROM_FOLDER[column](folder) if kept is None else kept


def pack(table: Path, folders: Iterable[Path]) -> None:
    """Copies finished runs and their measurements into their table; what the table already has is kept.

    Raises:
        InputError: the table is damaged.
    """
    new = [folder for folder in folders if _has_news(table, folder)]
    if new:
        with _locked(table):  # another process may have packed some of them
            rows = [_row(table, folder) for folder in new if _has_news(table, folder)]
            if rows:
                _replace(table, [row["name"] for row in rows], rows)


def forget(table: Path, name: str) -> None:
    """Removes a run from its table, if it is in it."""
    with _locked(table):
        if is_packed(table, name):
            _replace(table, [name], [])


def _has_news(table: Path, folder: Path) -> bool:
    if not is_packed(table, folder.name):
        return (folder / "metrics.json").exists()
    known = _kept(table, folder.name, "measurements")
    return any(what not in known for what in _measurements(folder))


def _row(table: Path, folder: Path) -> dict[str, Any]:
    known = {column: read(table, folder, column) for column in SCHEMA.names if column != "name"}
    predictions = known.pop("predictions") or None
    texts = {column: json.dumps(value, ensure_ascii=False) for column, value in known.items()}
    return {"name": folder.name, **texts, "predictions": predictions}


def _replace(table: Path, names: list[str], rows: list[dict[str, Any]]) -> None:
    """Writes a table without `names` and with `rows` at its end, so that git stores only the new part."""
    old = _read(table, SCHEMA.names) if table.exists() else SCHEMA.empty_table()
    others = old.filter(pc.invert(pc.is_in(old["name"], pa.array(names, pa.string()))))
    whole = pa.concat_tables([others, pa.Table.from_pylist(rows, SCHEMA)]).combine_chunks()
    with atomic_file(table) as temporary:
        pq.write_table(whole, temporary, **WRITTEN)


def _locked(table: Path) -> Any:
    return locked(table.with_name(f".{table.stem}.lock"))


def _kept(table: Path, name: str, column: str) -> Any:
    """A run's entry in a column of a table; None if the run is not in it."""
    kept = column_of(table, column).get(name)
    if kept is None:
        return None
    return kept.as_py() or {} if column == "predictions" else json.loads(kept)


def column_of(table: Path, name: str) -> dict[str, Any]:
    """The values of a column by run; a table is read again only if it was replaced."""
    try:
        found = table.stat()
    except FileNotFoundError:
        return {}
    return _column_at(table, name, (found.st_ino, found.st_mtime_ns, found.st_size))


@lru_cache(maxsize=256)
def _column_at(table: Path, column: str, _stamp: tuple[int, ...]) -> dict[str, Any]:
    found = _read(table, ["name", column])
    values = found[column] if column == "predictions" else found[column].to_pylist()
    return dict(zip(found["name"].to_pylist(), values, strict=True))


def _read(table: Path, columns: list[str]) -> pa.Table:
    try:
        with pq.ParquetFile(table, page_checksum_verification=True) as file:
            return file.read(columns).select(columns).cast(pa.schema([SCHEMA.field(c) for c in columns]))
    except (OSError, ValueError, KeyError) as error:  # Arrow's errors are of these kinds
        why = str(error).splitlines()[0]
        raise InputError(
            f"{table}: is damaged, or not a table of runs ({why}); restore it from git, or remove it to "
            "train its runs again"
        ) from error


def _json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def _measurements(folder: Path) -> dict[str, Any]:
    files = sorted(folder.glob("[!.]*.json"))  # hidden ones are half-written
    return {file.stem: _json(file) for file in files if file.stem not in NOT_MEASURED}


def _columns(path: Path, words: Sequence[str] = ()) -> dict[str, list[Any]]:
    """The columns of a CSV file, as numbers except for `words`; none if there is no file."""
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    return {name: list(cells if name in words else map(float, cells)) for name, cells in columns.items()}


def _predictions(folder: Path) -> dict[str, list[Any]]:
    """The predictions of a single target; those of many targets are too large to keep."""
    columns = _columns(folder / "predictions.csv", ("id", "fold"))
    return columns if len(columns) == len(SCHEMA.field("predictions").type) else {}


_FROM_FOLDER = {
    "settings": lambda folder: _json(folder / "settings.json"),
    "metrics": lambda folder: _json(folder / "metrics.json"),
    "log": lambda folder: _columns(folder / "log.csv"),
    "predictions": _predictions,
}
