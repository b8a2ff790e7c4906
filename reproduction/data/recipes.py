"""How a dataset folder of real crystals is made: reduce each cell, bring its target to it, check, write."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pymatgen.core import Structure

from hybrid.atomic import atomic_folder, write_csv
from hybrid.cells import reduced_cell
from hybrid.data.extensive_targets import renormalise
from hybrid.data.written_folder import CrystalFile
from hybrid.errors import InputError
from hybrid.processes import in_parallel
from hybrid.progress import Progress
from reproduction.data.checks import Check
from reproduction.data.files import MissingDataError
from reproduction.data.folders import write_folder
from reproduction.data.sources.entries import Entry, Labels
from reproduction.data.structures import STRUCTURES

MAX_REFUSED = 0.05  # of the entries; with more, a unit or a normalisation is wrong
PREDICTIONS = "authors_predictions.csv"
WITHOUT = "without_structure.txt"


@dataclass(frozen=True)
class Recipe:
    """The sources of crystals and of one of their quantities, and the check of its values.

    Attributes:
        source: for the manifest.
        licence: of the data.
        labels: gives the values, by Materials Project id; structures come from `STRUCTURES`.
        entries: gives crystals with their values, if there are no labels or they are not available.
        published: whether the labels have a split; otherwise splits are drawn by seed.
        quantity: the name of the target among the entries' values.
        given: an entry whose value belongs to its structure, from the source's entry.
        given_per: what the value belongs to: cell, atom or formula; none for an intensive quantity.
        per: what the target belongs to.
        check: refuses a target that cannot be right; it is given the atoms of the reduced cell.
        target: computes the target from the reduced cell, where the source has none.
        task: what the target is learnt as.
    """

    source: str
    licence: str
    labels: Callable[[], Labels] | None = None
    entries: Callable[[], Iterable[Entry]] | None = None
    published: bool = False
    quantity: str = ""
    given: Callable[[Entry], Entry] | None = None
    given_per: str | None = None
    per: str | None = None
    check: Check | None = None
    target: Callable[[Structure], float] | None = None
    task: Literal["regression", "classification"] = "regression"

    def build(self, path: Path, target: str, unit: str, jobs: int = 1) -> None:
        """Writes the folder, with `jobs` processes.

        Beside the crystals, the manifest and the split there are the labels without a structure, one id a
        line, and the authors' predictions, rows id,prediction,model, if there are any.

        Raises:
            MissingDataError: the source's data are not available.
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
        labels, entries = self._found(manifest)
        splits = {"authors": labels.folds} if labels.folds else {}
        seen: set[str] = set()
        with atomic_folder(path) as folder:
            crystals = self._crystals(path.name, entries, seen, labels, manifest, jobs)
            write_folder(folder, crystals, manifest, splits)
            _write(folder / WITHOUT, [(i,) for i in labels.values if i not in seen])
            predictions = [(i, repr(p), labels.model) for i, p in labels.predictions.items() if i in seen]
            _write(folder / PREDICTIONS, [("id", "prediction", "model"), *predictions] if predictions else [])

    def _found(self, manifest: dict[str, Any]) -> tuple[Labels, Iterable[Entry]]:
        """The labels, if there are any, and the crystals; their sources are added to the manifest."""
        if self.labels:
            try:
                labels = self.labels()
            except MissingDataError:
                if not self.entries:
                    raise
            else:
                manifest |= labels.notes
                manifest["structures"] = {}
                return labels, STRUCTURES.labelled(labels, self.quantity, manifest["structures"])
        assert self.entries
        return Labels({}), self.entries()

    def _crystals(
        self,
        name: str,
        entries: Iterable[Entry],
        seen: set[str],
        labels: Labels,
        manifest: dict[str, Any],
        jobs: int,
    ) -> Iterator[CrystalFile]:
        """Reduced cells with their targets; what is left out, and why, is added to the manifest."""
        dropped: list[str] = manifest["dropped"]

        def once() -> Iterator[Entry]:
            for entry in entries:
                if entry.id in seen:
                    raise InputError(f"{name}: id '{entry.id}' occurs twice")
                seen.add(entry.id)
                yield entry

        made = in_parallel(self._reduced, once(), jobs, order=True)
        for crystal in Progress(made, f"building {name}", unit="crystals", delay=0.5):
            if isinstance(crystal, str):
                dropped.append(crystal)
            else:
                yield crystal
        if len(dropped) > MAX_REFUSED * len(seen):
            raise InputError(
                f"{name}: {len(dropped)} of {len(seen)} entries cannot be right; first {dropped[0]}"
            )
        if labels.values:
            manifest["labels without a structure"] = len(labels.values.keys() - seen)

    def _reduced(self, entry: Entry) -> CrystalFile | str:
        """The reduced cell with its target, or why there is none."""
        try:
            given = self.given(entry) if self.given else entry
            cell = reduced_cell(given.structure)
            return CrystalFile.of(entry.id, cell, self._value(given, cell))
        except InputError as error:
            return f"{entry.id}: {error}"

    def _value(self, entry: Entry, cell: Structure) -> float:
        value = self.target(cell) if self.target else entry.values[self.quantity]
        if self.given_per and self.per:
            value = renormalise(value, entry.structure, self.given_per, cell, self.per)
        if self.check:
            self.check(value, len(cell) if self.per != "atom" else 1)
        return value


def _write(path: Path, rows: list[tuple[str, ...]]) -> None:
    if rows:
        write_csv(path, rows, "\n")
