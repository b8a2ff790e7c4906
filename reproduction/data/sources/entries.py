"""What a source gives: structures and labels by id, checked where they are read."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pymatgen.core import Structure

from hybrid.errors import InputError
from hybrid.structures import check_structure


@dataclass(frozen=True)
class Entry:
    """A crystal as its source stores it, not reduced, with what the source knows of it."""

    id: str
    structure: Structure
    values: dict[str, float]  # by quantity, in the units that the source's module states


@dataclass(frozen=True)
class Labels:
    """The values of one quantity and its split, both by id."""

    values: dict[str, float]
    folds: dict[str, str]  # "training" or "test"


def parse_structure(
    where: str, parse: Callable[[Any], Structure], stored: object, n_atoms: int | None = None
) -> Structure:
    """An ordered structure with a place for each atom.

    Args:
        where: file, row and id, for the error.
        parse: makes a structure of what is stored.
        stored: what the source holds.
        n_atoms: how many atoms the source says there are.

    Raises:
        InputError: it does not parse, or is no such structure.
    """
    try:
        structure = parse(stored)
    except Exception as error:  # parsers raise anything; the user needs the file and the reason
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{where}: does not parse as a structure ({reason[:160]})") from error
    check_structure(structure, where)
    if n_atoms is not None and len(structure) != n_atoms:
        raise InputError(f"{where}: has {len(structure)} atoms, not {n_atoms} as the table says")
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
