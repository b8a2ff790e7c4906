"""What a source gives: structures and labels by id, checked where they are read."""

import csv
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymatgen.core import Structure

from hybrid.errors import InputError
from hybrid.structures import check_structure
from reproduction.data.files import open_text


@dataclass(frozen=True)
class Entry:
    """A crystal as its source stores it, not reduced, with what the source knows of it."""

    id: str
    structure: Structure
    values: dict[str, float]  # by quantity, in the units that the source's module states


@dataclass(frozen=True)
class Labels:
    """The values of one quantity by id, and what was published with them.

    Attributes:
        values: by id.
        folds: of a published split: training or test, and validation where the split has one.
        crystals: the Materials Project id of a label's crystal, where the label has an id of its own.
        predictions: the authors' own, of test crystals.
        model: which network made them.
        notes: for the manifest.
    """

    values: dict[str, float]
    folds: dict[str, str] = field(default_factory=dict)
    crystals: dict[str, str] = field(default_factory=dict)
    predictions: dict[str, float] = field(default_factory=dict)
    model: str = ""
    notes: dict[str, Any] = field(default_factory=dict)


def table_rows(path: Path, *columns: str) -> Iterator[tuple[str, Sequence[str]]]:
    """Where it stands, and the cells under `columns`, of each row of a CSV file; the header is row 1.

    Raises:
        InputError: the file lacks a column, a row is too short, or its first cell is empty.
    """
    with open_text(path) as file:
        table = csv.reader(file)
        header = next(table, [])
        if not set(columns) <= set(header):
            raise InputError(f"{path}: has no columns {' and '.join(columns)}")
        places = [header.index(name) for name in columns]
        for number, row in enumerate(table, start=2):
            where = f"{path}: row {number}"
            if len(row) <= max(places):
                raise InputError(f"{where}: has {len(row)} columns instead of {len(header)}")
            if not row[places[0]]:
                raise InputError(f"{where}: has no id")
            yield where, [row[place] for place in places]


def parse_structure(where: str, parse: Callable[[Any], Structure], stored: object) -> Structure:
    """An ordered structure with a place for each atom.

    Args:
        where: file, row and id, for the error.
        parse: makes a structure of what is stored.
        stored: what the source holds.

    Raises:
        InputError: it does not parse, or is no such structure.
    """
    try:
        structure = parse(stored)
    except Exception as error:  # parsers raise anything; the user needs the file and the reason
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{where}: does not parse as a structure ({reason[:160]})") from error
    check_structure(structure, where)
    return structure


def parse_number(where: str, column: str, value: object) -> float:
    """A finite number.

    Raises:
        InputError: it is none.
    """
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{where}: {column} is '{value}', not a number")
    return number


def without_duplicates(path: object, entries: Iterable[Entry]) -> Iterator[Entry]:
    """The same entries.

    Raises:
        InputError: an id comes twice.
    """
    seen = set()
    for entry in entries:
        if entry.id in seen:
            raise InputError(f"{path}: id '{entry.id}' occurs twice")
        seen.add(entry.id)
        yield entry
