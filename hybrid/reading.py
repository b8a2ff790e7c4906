"""Reads what users give: whole files, text, the rows of tables, JSON. All other modules call this."""

import codecs
import csv
import json
import math
import re
import stat
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from hybrid.errors import InputError, one_line, readable

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
HEAD = 2000  # bytes that tell what a file is
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?(nan|inf|infinity)", re.ASCII | re.IGNORECASE)


def read_bytes(path: Path) -> bytes:
    """A file's content.

    Raises:
        InputError: it cannot be read, or is a folder, a pipe or a device, which might never end.
    """
    refuse_no_file(path)
    with readable(path):
        return path.read_bytes()


def refuse_no_file(path: Path) -> None:
    """Raises an InputError unless there is a file, which ends, and no folder, pipe or device."""
    with readable(path):
        mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
        raise InputError(f"{path}: is {kind}, not a file")


def read_text(path: Path) -> str:
    """A text file in UTF-8, with or without a byte-order mark.

    Raises:
        InputError: it cannot be read, or is in another encoding.
    """
    return as_text(read_bytes(path), path)


def as_text(content: bytes, path: Path) -> str:
    """The content of a text file, see `read_text`."""
    _refuse_other_content(content[:HEAD], path)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}: row {row} is not text in UTF-8; save it as text in UTF-8") from error


def _refuse_other_content(head: bytes, path: Path) -> None:
    """Checks that a file does not begin as text in UTF-16, or as no text."""
    if head[:2] in UTF_16 or b"\0" in head:
        kind = "text in UTF-16" if head[:2] in UTF_16 else "no text, or text in UTF-16"
        raise InputError(f"{path}: is {kind}; save it as text in UTF-8")


def read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV file that are not empty, each with its number; cells without spaces around them.

    They are read as they are asked for, so that a large table need not be in memory.

    Raises:
        InputError: it cannot be read, or its columns are separated by something else.
    """
    rows = _rows(path)
    first = list(islice(rows, 3))
    refuse_separators([row[0] for _, row in first], path)
    return chain(first, rows)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    refuse_no_file(path)
    with readable(path), path.open("rb") as file:
        _refuse_other_content(file.read(HEAD), path)
    with readable(path), path.open(encoding="utf-8-sig", newline="") as text:
        place = 0
        try:
            for place, row in enumerate(csv.reader(text, strict=True), start=1):
                cells = [cell.strip() for cell in row]
                if any(cells):
                    yield place, cells
        except csv.Error as error:
            raise InputError(f"{path}: row {place + 1} is not of a CSV file ({one_line(error)})") from error
        except UnicodeDecodeError:
            read_text(path)  # raises an error that names the row
            raise


def refuse_separators(cells: list[str], path: Path) -> None:
    """Raises an InputError if the first cells of a table are whole rows with other separators."""
    for mark, name in ((";", "semicolons"), ("\t", "tabs")):
        if cells and all(mark in cell for cell in cells):
            raise InputError(f"{path}: its columns are separated by {name}; save it with commas")


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        InputError: it cannot be read, or is no JSON.
    """
    text = read_text(path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is no JSON ({one_line(error)})") from error


def plain_number(cell: str) -> float | None:
    """A number as every program writes it; None for anything else, as 1_000 and ３ are to Python alone."""
    return float(cell) if NUMBER.fullmatch(cell) else None


def finite(cell: str) -> bool:
    """Whether a cell is a finite number."""
    value = plain_number(cell)
    return value is not None and math.isfinite(value)
