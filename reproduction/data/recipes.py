"""How a dataset folder of real crystals is made: reduce each cell, bring its target to it, check, write."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pymatgen.core import Structure
from tqdm import tqdm

from hybrid.cells import reduced_cell
from hybrid.data.folder import write_folder
from hybrid.data.normalisation import renormalise
from hybrid.errors import InputError
from reproduction.data.checks import Check
from reproduction.data.sources.entries import Entry

MAX_REFUSED = 0.05  # of the entries; with more, a unit or a normalisation is wrong


@dataclass(frozen=True)
class Recipe:
    """Where crystals and one quantity of theirs come from, and what a right value is.

    Attributes:
        source: for the manifest.
        licence: of the data.
        entries: gives the crystals.
        quantity: the name of the target among the entries' values.
        given_per: what the source's value belongs to: cell, atom or formula; none for an intensive quantity.
        per: what the target belongs to.
        check: refuses a target that cannot be right; it is given the atoms of the reduced cell.
        target: computes the target from the reduced cell, where the source has none.
        folds: of a published split, by id; without it, splits are drawn by seed.
        task: what the target is learnt as.
    """

    source: str
    licence: str
    entries: Callable[[], Iterable[Entry]]
    quantity: str = ""
    given_per: str | None = None
    per: str | None = None
    check: Check | None = None
    target: Callable[[Structure], float] | None = None
    folds: Callable[[], Mapping[str, str]] | None = None
    task: Literal["regression", "classification"] = "regression"

    def build(self, path: Path, target: str, unit: str) -> None:
        """Writes the folder.

        Raises:
            MissingDataError: the source's data cannot be had.
            InputError: an id occurs twice, or too many values cannot be right.
        """
        manifest: dict[str, Any] = {
            "source": self.source,
            "licence": self.licence,
            "target": target,
            "unit": unit,
            "normalisation": self.per and f"per {self.per}",
            "cell": "Niggli cell of the primitive cell",
            "dropped": [],
        }
        splits = {"authors": self.folds()} if self.folds else {}
        write_folder(path, self._crystals(path, manifest, splits), manifest, splits)

    def _crystals(
        self, path: Path, manifest: dict[str, Any], splits: Mapping[str, Mapping[str, str]]
    ) -> Iterator[tuple[str, Structure, float]]:
        """Ids, reduced cells and targets; the manifest hears what is left out and why."""
        seen = set()
        dropped: list[str] = manifest["dropped"]
        for entry in tqdm(self.entries(), desc=f"building {path.name}", unit="crystal", delay=0.5):
            if entry.id in seen:
                raise InputError(f"{path.name}: id '{entry.id}' occurs twice")
            seen.add(entry.id)
            try:
                cell = reduced_cell(entry.structure)
                yield entry.id, cell, self._value(entry, cell)
            except InputError as error:
                dropped.append(f"{entry.id}: {error}")
        if len(dropped) > MAX_REFUSED * len(seen):
            raise InputError(
                f"{path.name}: {len(dropped)} of {len(seen)} entries cannot be right; first {dropped[0]}"
            )
        for folds in splits.values():
            manifest["labels without a structure"] = len(folds.keys() - seen)

    def _value(self, entry: Entry, cell: Structure) -> float:
        value = self.target(cell) if self.target else entry.values[self.quantity]
        if self.given_per and self.per:
            value = renormalise(value, entry.structure, self.given_per, cell, self.per)
        if self.check:
            self.check(value, len(cell) if self.per != "atom" else 1)
        return value
