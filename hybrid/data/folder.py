"""A dataset folder: `id_prop.csv` (rows id,target) and a structure file for each id.

It is the folder of upstream CGCNN and ALIGNN. An `atom_init.json` in it replaces the element features of
upstream CGCNN.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from pymatgen.core import Composition, Structure

from hybrid.data.graphs_of_folder import G, StoredCrystals, sized
from hybrid.data.listed import read_listing, target_names
from hybrid.data.structure_table import StructureTable
from hybrid.errors import InputError
from hybrid.folder_files import FolderFiles, structure_files, unknown_files
from hybrid.graphs.crystal import CrystalGraphs
from hybrid.graphs.limits import refuse_without_features
from hybrid.progress import Progress
from hybrid.reading import read_json
from hybrid.settings import GraphSettings
from hybrid.structures import content_key

ATOM_INIT = Path(__file__).with_name("atom_init.json")


@dataclass(frozen=True)
class CrystalFolder:
    """The contents of a dataset folder; structures are read when they are needed."""

    path: Path
    files: Mapping[str, Any]  # by id; structures if they are in memory
    targets: np.ndarray | None  # (n_crystals,) or (n_crystals, n_targets), in the targets' units
    atom_features: dict[int, list[float]]  # by atomic number
    dropped: list[str] = field(default_factory=list)  # a reason for each crystal that was left out
    jobs: int = 1  # processes that make graphs and descriptors; -1: one for each core
    target_names: tuple[str, ...] = ()  # (n_targets,) if there are several
    named: str = ""  # the name of a single target, if id_prop.csv has a header with it
    part: bool = False  # whether it has some of the folder's crystals only

    def __len__(self) -> int:
        return len(self.files)

    @property
    def stored(self) -> bool:
        """Whether it is a folder, where graphs and descriptors are kept; otherwise `path` is a mere name."""
        return isinstance(self.files, FolderFiles)

    @cached_property
    def ids(self) -> list[str]:
        """The crystals' ids in order."""
        return list(self.files)

    def take(self, indices: Iterable[int]) -> "CrystalFolder":
        """The same folder with only the crystals at `indices`."""
        indices = list(indices)
        ids = [self.ids[i] for i in indices]
        files = (
            self.files.only(ids)
            if isinstance(self.files, FolderFiles)
            else {name: self.files[name] for name in ids}
        )
        targets = None if self.targets is None else self.targets[indices]
        return replace(self, files=files, targets=targets, part=True)

    @cached_property
    def unit(self) -> str:
        """The unit of the targets, if the folder's manifest.json gives it."""
        return "" if (unit := self._manifest("unit")) == "1" else unit

    @cached_property
    def target_name(self) -> str:
        """The name of a single target, if the manifest or the header of id_prop.csv gives it."""
        return self._manifest("target") or self.named

    @cached_property
    def target(self) -> str:
        """Name and unit of a single target, as far as they are known."""
        name = self.target_name
        return f"{name} in {self.unit}" if name and self.unit else name

    def _manifest(self, entry: str) -> str:
        try:
            found = read_json(self.path / "manifest.json")[entry]
        except (InputError, KeyError, TypeError):
            return ""
        return str(found or "") if self.stored else ""

    @cached_property
    def contents(self) -> list[str]:
        """A hash of each structure, or of its file.

        Raises:
            InputError: a file cannot be read.
        """
        if isinstance(self.files, FolderFiles):
            return self.files.contents
        return [content_key(structure) for structure in self.files.values()]

    def keys(self, of_structures: bool) -> list[str]:
        """Of each crystal its key in the inputs.json of a run: of its file, or of the structure in it."""
        contents: Iterable[str] = self.contents
        if of_structures and self.stored:
            with StructureTable(self.path) as table:
                contents = [content_key(table.read(path)) for path in self.files.values()]
        return [content[:16] for content in contents]

    def structures(self) -> Iterable[Structure]:
        """Reads the structures one by one.

        Raises:
            InputError: one cannot be read, or has an element without features.
        """
        if not self.stored:
            yield from (self.checked(structure, name) for name, structure in self.files.items())
            return
        with StructureTable(self.path) as table:
            for path in self.files.values():
                yield self.checked(table.read(path), path)

    def compositions(self) -> Iterable[Composition]:
        """The elements of each crystal, and how many atoms of each are in its cell.

        Raises:
            InputError: a structure cannot be read.
        """
        if not self.stored:
            yield from (structure.composition for structure in self.files.values())
            return
        with StructureTable(self.path) as table:
            yield from map(table.composition, self.files.values())

    def checked(self, structure: Structure, path: Path | str) -> Structure:
        """The structure, after a check that there are features for all its elements.

        Raises:
            InputError: an element has no features.
        """
        refuse_without_features(structure, self.atom_features, str(path))
        return structure

    def graphs(self, settings: GraphSettings, kind: type[G] = CrystalGraphs) -> G:  # type: ignore[assignment]
        """The crystals' graphs; those of a stored folder are kept in `.hybrid/` inside it."""
        if isinstance(self.files, FolderFiles):
            stored = StoredCrystals(self.files, frozenset(self.atom_features), self.jobs)
            return stored.graphs(settings, kind)
        named = zip(self.structures(), self.ids, strict=True)
        return cast(G, kind.from_structures((sized(*one, settings, kind) for one in named), settings))


def same_target(one: str, other: str) -> bool:
    """Whether two targets have the same name, and the same unit if both have one."""
    return one == other or one in other.split(" in ")[:1] or other in one.split(" in ")[:1]


def read_folder(
    path: Path,
    targets: bool = True,
    skip_bad: bool = False,
    *,
    several_targets: bool = False,
    every: bool = False,
    chosen: Sequence[str] | None = None,
    own_features: bool = True,
) -> CrystalFolder:
    """Reads and checks a dataset folder.

    Args:
        path: the folder.
        targets: read id_prop.csv, which says what counts; otherwise take every structure file in the folder.
        skip_bad: leave out what cannot be used and list it in `dropped`, instead of stopping.
        several_targets: there may be more than one, and `targets` are (n_crystals, n_targets).
        every: take every structure file and those targets that id_prop.csv has; NaN for the others.
        chosen: the targets that are used; None: all. Nothing is asked of other columns of id_prop.csv; it is
            not read if these are not in it, as they are descriptors then.
        own_features: an atom_init.json in the folder replaces ours.

    Raises:
        InputError: the folder, id_prop.csv or a row of it cannot be used.
    """
    if not path.is_dir():
        raise InputError(f"{path}: no such folder")
    own = path / ATOM_INIT.name
    features = read_atom_features(own if own_features and own.exists() else ATOM_INIT)
    if targets and (not chosen or set(chosen) <= set(target_names(path))):
        listing = read_listing(path, several_targets, skip_bad, every, chosen)
        values = listing.targets if several_targets else listing.targets[:, 0]
        folder = CrystalFolder(path, listing.files, values, features, listing.dropped)
        folder = replace(folder, target_names=listing.names, named=listing.named)
    else:
        folder = CrystalFolder(path, structure_files(path), None, features)
    if every or folder.targets is None:
        unknown = [f"{file}: is in no known structure format" for file in unknown_files(path)]
        folder = replace(folder, dropped=folder.dropped + unknown)
    if skip_bad:
        folder = _without_unreadable(folder)
    if not folder:
        raise InputError(f"{path}: contains no structures that can be used")
    return folder


def _without_unreadable(folder: CrystalFolder) -> CrystalFolder:
    """The crystals whose structures can be used, with the reason for each of the others in `dropped`."""
    usable, problems = [], []
    with StructureTable(folder.path) as table:
        for i, path in enumerate(
            Progress(folder.files.values(), f"checking {folder.path.name}", unit="crystals")
        ):
            try:
                folder.checked(table.read(path), path)
                usable.append(i)
            except InputError as error:
                problems.append(str(error))
    return replace(folder.take(usable), dropped=folder.dropped + problems, part=False)


def read_atom_features(path: Path) -> dict[int, list[float]]:
    """Element features by atomic number from an `atom_init.json`.

    Raises:
        InputError: the file is not such a table.
    """
    table = read_json(path)
    try:
        features = {int(number): [float(v) for v in values] for number, values in table.items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError(f"{path}: is not a table of element features ({error})") from error
    if not all(math.isfinite(value) for values in features.values() for value in values):
        raise InputError(f"{path}: an element's feature is not a finite number")
    if len({len(values) for values in features.values()}) != 1:
        raise InputError(f"{path}: the elements' features differ in length")
    return features
