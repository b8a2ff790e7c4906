"""matminer's copy of the Materials Project of October 2018, 83,989 structures: one download, no key.

The file is one JSON object of 84,000 rows, too large to be read at once. It is read row by row, once, and
kept in the cache as the JSON lines of `structures`, with the values of `COLUMNS` beside them.
"""

import gzip
import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from pymatgen.core import Composition

from hybrid.atomic import atomic_file, locked
from hybrid.errors import InputError
from hybrid.progress import Progress
from reproduction.data.files import cache_folder, data_file, open_text

NAME = "matminer's mp_all_20181018"
FILE = "matminer/mp_all_20181018.json.gz"
COLUMNS = {"magnetization": "mu_b", "band_gap": "gap pbe", "formation_energy": "e_form"}
QUANTITIES = (*COLUMNS, "formula_units")
PIECE = 1 << 22  # characters read at a time
DECODER = json.JSONDecoder()


def lines() -> Path:
    """The JSON lines, made from the download if they do not exist yet.

    Raises:
        MissingDataError: the file is not available.
        InputError: it cannot be read.
    """
    source = data_file(FILE)
    path = cache_folder() / "matminer" / "mp_all_20181018.jsonl.gz"
    with locked(path.with_name(f".{path.name}.lock")):
        if not path.exists():
            with atomic_file(path) as temporary, gzip.open(temporary, "wt", 5, encoding="utf-8") as file:
                for row in Progress(_rows(source), f"reading {NAME}", unit="crystals", delay=0.5):
                    line = _line(row)
                    if line:
                        file.write(json.dumps(line, separators=(",", ":")) + "\n")
    return path


def values(quantity: str) -> dict[str, float]:
    """One of `QUANTITIES`, in the units that `mp_tables` states, by id; raises as `lines`."""
    with open_text(lines()) as file:
        entries = map(json.loads, file)
        return {e["id"]: e["values"][quantity] for e in entries if quantity in e["values"]}


def _line(row: dict[str, Any]) -> dict[str, Any] | None:
    """What is kept of a row; nothing of a crystal with partly occupied places."""
    sites = [(site["species"], site["abc"]) for site in row["structure"]["sites"]]
    if any(len(species) != 1 or species[0]["occu"] != 1 for species, _ in sites):
        return None
    elements = [species[0]["element"] for species, _ in sites]
    found = {name: row[column] for name, column in COLUMNS.items()}
    kept = {name: value for name, value in found.items() if value is not None and math.isfinite(value)}
    _, formula_units = Composition(Counter(elements)).get_reduced_formula_and_factor()
    return {
        "id": row["mpid"],
        "lattice": row["structure"]["lattice"]["matrix"],
        "species": elements,
        "frac": [place for _, place in sites],
        "source": NAME,
        "values": kept | {"formula_units": formula_units},
    }


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a table that pandas has written in its "split" form: index, columns, data."""
    try:
        with open_text(path) as file:
            text = _Text(file)
            text.find(r'"columns"')
            text.find(r"\[")
            columns = text.value()
            text.find(r'"data"')
            text.find(r"\[")
            text.place += 1
            while text.find(r"[][]") == "[":
                yield dict(zip(columns, text.value(), strict=True))
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise InputError(f"{path}: is not matminer's table ({error})") from error


class _Text:
    """A JSON text that is read piece by piece, and where in it we are."""

    def __init__(self, file: TextIO):
        self._file = file
        self._text = ""
        self.place = 0

    def find(self, pattern: str) -> str:
        """Goes to the next match of a pattern, and returns it."""
        while (match := re.compile(pattern).search(self._text, self.place)) is None:
            self._read_on()
        self.place = match.start()
        return match[0]

    def value(self) -> Any:
        """The list or object that begins here; goes behind it."""
        while True:
            try:
                value, self.place = DECODER.raw_decode(self._text, self.place)
                return value
            except json.JSONDecodeError:  # its end has not been read yet
                self._read_on()

    def _read_on(self) -> None:
        piece = self._file.read(PIECE)
        if not piece:
            raise ValueError("it ends before its time")
        self._text = self._text[self.place :] + piece
        self.place = 0
