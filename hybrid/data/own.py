"""A normalised dataset folder of a user's own one: reduced cells, targets that belong to them, splits."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.core import Structure
from tqdm import tqdm

from hybrid.atomic import atomic_folder
from hybrid.cells import reduced_cell
from hybrid.data.folder import ATOM_INIT, CrystalFolder, read_folder, write_folder
from hybrid.data.groups import GROUPINGS
from hybrid.data.normalisation import NORMALISATIONS, renormalise
from hybrid.data.splits import FOLDS, grouped_split, random_split
from hybrid.data.structure_table import StructureTable
from hybrid.errors import InputError, unknown_name


@dataclass(frozen=True)
class Splitting:
    """The splits to write, each a file named by what it is and the seed, such as `formula-0`.

    Attributes:
        random: whether a random one.
        groupings: some of `hybrid.data.groups.GROUPINGS`, for a split each that tears no group apart.
        fractions: of training, validation and test.
        seed: the data seed.
    """

    random: bool = False
    groupings: Sequence[str] = ()
    fractions: Sequence[float] = (0.8, 0.1, 0.1)
    seed: int = 0

    def check(self, n: int) -> None:
        """Finds out before `n` crystals are read whether they can be split.

        Raises:
            InputError: an unknown grouping, too few crystals, or fractions that do not add up to 1.
        """
        for name in self.groupings:
            if name not in GROUPINGS:
                raise unknown_name("grouping", name, GROUPINGS)
        if self.random or self.groupings:
            random_split(n, self.fractions, self.seed)

    def groups_of(self, cell: Structure) -> list[str]:
        """The group of a crystal in each grouping."""
        return [GROUPINGS[name](cell) for name in self.groupings]

    def draw(self, groups: Sequence[Sequence[str]]) -> dict[str, np.ndarray]:
        """The folds (n,) of each split, from what `groups_of` says of the n crystals.

        Raises:
            InputError: the crystals, or their groups, are too few.
        """
        drawn = {"random": random_split(len(groups), self.fractions, self.seed)} if self.random else {}
        for i, name in enumerate(self.groupings):
            drawn[name] = grouped_split([of_crystal[i] for of_crystal in groups], self.fractions, self.seed)
        return {f"{name}-{self.seed}": folds for name, folds in drawn.items()}


def normalise_folder(
    source: Path,
    out: Path,
    *,
    given_per: str | None = None,
    per: str | None = None,
    skip_bad: bool = False,
    splitting: Splitting | None = None,
) -> dict[str, Any]:
    """Writes a dataset folder with the crystals of another one, and returns its manifest.

    Each cell becomes the Niggli cell of its primitive cell. An `atom_init.json` of the source is kept.

    Args:
        source: id_prop.csv and a structure file an id.
        out: the folder to write.
        given_per: what the targets there belong to, cell, atom or formula; none for intensive ones.
        per: what they are to belong to.
        skip_bad: leave out what cannot be used and list it in the manifest, instead of stopping.
        splitting: the splits to write, if any.

    Raises:
        InputError: an option, the folder, a row or a structure cannot be used, or `out` is there already.
    """
    _check_units(given_per, per)
    if out.exists():
        raise InputError(f"{out}: is there already")
    folder = read_folder(source, skip_bad=skip_bad)
    splitting = splitting or Splitting()
    splitting.check(len(folder))
    manifest: dict[str, Any] = {
        "source": str(source.resolve()),
        "sha256 of id_prop.csv": hashlib.sha256((source / "id_prop.csv").read_bytes()).hexdigest(),
        "given": given_per and f"per {given_per}",
        "normalisation": per and f"per {per}",
        "cell": "Niggli cell of the primitive cell",
        "n_reduced": 0,
        "splits": {},
        "dropped": folder.dropped,
    }
    splits: dict[str, dict[str, str]] = {}
    crystals = _crystals(folder, (given_per, per), skip_bad, splitting, manifest, splits)
    with atomic_folder(out) as scratch:
        write_folder(scratch, crystals, manifest, splits)
        if (source / ATOM_INIT.name).exists():
            shutil.copy(source / ATOM_INIT.name, scratch)
    written: dict[str, Any] = json.loads((out / "manifest.json").read_text())
    return written


def _check_units(given_per: str | None, per: str | None) -> None:
    for name in (given_per, per):
        if name and name not in NORMALISATIONS:
            raise unknown_name("normalisation", name, NORMALISATIONS)
    if per and not given_per:
        raise InputError(f"targets per {per} need --given-per, what those in id_prop.csv belong to")
    if given_per and not per:
        raise InputError(f"targets given per {given_per} need --per, what they are to belong to")


def _crystals(
    folder: CrystalFolder,
    units: tuple[str | None, str | None],
    skip_bad: bool,
    splitting: Splitting,
    manifest: dict[str, Any],
    splits: dict[str, dict[str, str]],
) -> Iterator[tuple[str, Structure, float]]:
    """Ids, reduced cells and targets; manifest and splits are filled meanwhile."""
    assert folder.targets is not None
    given_per, per = units
    groups: dict[str, list[str]] = {}
    rows = zip(folder.ids, folder.files, folder.targets.tolist(), strict=True)
    with StructureTable(folder.path) as table:
        for identity, path, target in tqdm(rows, "reducing cells", len(folder), unit="crystal"):
            try:
                given = folder.checked(table.read(path), path)
                cell, groups[identity] = _reduced(given, path, splitting)
            except InputError as error:
                if not skip_bad:
                    raise
                manifest["dropped"].append(str(error))
                continue
            manifest["n_reduced"] += len(cell) < len(given)
            if given_per and per:
                target = renormalise(target, given, given_per, cell, per)
            yield identity, cell, target
    if not groups:
        raise InputError(f"{folder.path}: holds no structures that can be used")
    for name, folds in splitting.draw(list(groups.values())).items():
        splits[name] = dict(zip(groups, folds.tolist(), strict=True))
        manifest["splits"][name] = {fold: int((folds == fold).sum()) for fold in FOLDS}


def _reduced(structure: Structure, path: Path, splitting: Splitting) -> tuple[Structure, list[str]]:
    """The reduced cell of a file's structure, and its groups."""
    try:
        cell = reduced_cell(structure)
        return cell, splitting.groups_of(cell)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
