"""Tables with a row for each crystal, by id: split files, descriptors."""

from collections.abc import Iterator
from pathlib import Path

from hybrid.errors import InputError
from hybrid.reading import read_rows
from hybrid.structures import without_ending

ID = "id"


def read_cells(path: Path) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """The columns of a table with a column `id`, and its rows, each with its number and its cells by column.

    Rows are read as they are asked for, and so are errors in them found.

    Raises:
        InputError: it cannot be read, has no such column, a column or an id appears twice, with or
            without the ending of its structure file, or a row has another length.
    """
    rows = read_rows(path)
    _, header = next(rows, (1, []))
    if ID not in header:
        raise InputError(f"{path}: has no column '{ID}'; its columns are {', '.join(header) or 'none'}")
    repeated = [name for name in header if header.count(name) > 1]
    if repeated:
        raise InputError(f"{path}: column '{repeated[0]}' appears twice")
    return header, _cells(path, header, rows)


def _cells(
    path: Path, header: list[str], rows: Iterator[tuple[int, list[str]]]
) -> Iterator[tuple[int, dict[str, str]]]:
    seen = set()
    for place, row in rows:
        if len(row) != len(header):
            raise InputError(f"{path}: row {place} has {len(row)} columns instead of {len(header)}")
        cells = dict(zip(header, row, strict=True))
        name = without_ending(cells[ID])
        if name in seen:
            raise InputError(f"{path}: row {place}: id '{cells[ID]}' appears twice")
        seen.add(name)
        yield place, cells
