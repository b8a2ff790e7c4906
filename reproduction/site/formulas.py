"""The formulas of test crystals by id, for what is shown under the pointer: results/formulas.csv.

The file is committed, because the structures are not; `python -m reproduction formulas` writes it where they
are at hand.
"""

import csv
from pathlib import Path

import pyarrow.parquet as pq

from hybrid.atomic import write_csv
from reproduction.data.structures import LOCAL
from reproduction.paths import RESULTS

FILE = RESULTS / "formulas.csv"


def read(path: Path = FILE) -> dict[str, str]:
    """The formulas by id; none if there is no file."""
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        return {row["id"]: row["formula"] for row in csv.DictReader(file)}


def write(scale: str, path: Path = FILE) -> int:
    """Adds the test crystals of a scale's runs to the file.

    Returns:
        The number of crystals in it.

    Raises:
        MissingDataError: there are no structures here.
    """
    known = read(path)
    wanted = {identity.partition("-row")[0] for identity in _tested(RESULTS / scale / "runs")} - set(known)
    for identity, structure in LOCAL.structures(wanted):
        known[identity] = structure.composition.reduced_formula
    write_csv(path, [("id", "formula"), *sorted(known.items())], "\n")
    return len(known)


def _tested(runs: Path) -> set[str]:
    """The ids of all crystals that are in a test part."""
    found = set()
    for table in runs.glob("*.parquet"):
        for predictions in pq.read_table(table, columns=["predictions"])["predictions"].to_pylist():
            if predictions and predictions["id"]:
                pairs = zip(predictions["id"], predictions["fold"], strict=True)
                found |= {identity for identity, fold in pairs if fold == "test"}
    return found
