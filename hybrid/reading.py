"""Reads what users give: whole files, text, the rows of tables, JSON. All other modules call this."""

import codecs
import csv
import io
import json
import math
import re
import stat
from pathlib import Path
from typing import Any

from hybrid.errors import InputError, one_line, readable

MARKS = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}
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
    """Checks that a file can be read to its end.

    Raises:
        InputError: it is not there, or is a folder, a pipe or a device, which might never end.
    """
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
    if content[:2] in MARKS or b"\0" in content[:2000:2] or b"\0" in content[1:2000:2]:
        kind = "text in UTF-16" if content[:2] in MARKS else "no text, or text in UTF-16"
        raise InputError(f"{path}: is {kind}; save it as text in UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}: row {row} is not text in UTF-8; save it as text in UTF-8") from error


def read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """The rows of a CSV file that are not empty, each with its number; cells without spaces around them.

    Raises:
        InputError: it cannot be read, or its columns are separated by something else.
    """
    text = read_text(path)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise InputError(f"{path}: is not a CSV file ({one_line(error)})") from error
    stripped = ((place, [cell.strip() for cell in row]) for place, row in enumerate(rows, start=1))
    found = [(place, row) for place, row in stripped if any(row)]
    refuse_separators([row[0] for _, row in found[:3]], path)
    return found


def refuse_separators(cells: list[str], path: Path) -> None:
    """Checks that the first cells of a table are not whole rows with other separators.

    Raises:
        InputError: they are.
    """
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
