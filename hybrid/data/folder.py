"""A dataset folder: `id_prop.csv` (id,target; no header) and a structure file for each id.

It is the folder of upstream CGCNN and ALIGNN. An `atom_init.json` in it replaces the element features of
upstream CGCNN.
"""

import contextlib
import hashlib
import json
import math
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from pymatgen.core import Element, Structure
from typing_extensions import TypeVar

from hybrid.data.listed import read_listing
from hybrid.data.structure_table import StructureTable
from hybrid.errors import InputError
from hybrid.graphs.composition import CompositionGraphs
from hybrid.graphs.crystal import CrystalGraphs
from hybrid.graphs.limits import refuse_too_large
from hybrid.graphs.line_graph import LineGraphs
from hybrid.graphs.merged_crystal import MergedCrystalGraphs
from hybrid.progress import Progress
from hybrid.reading import read_json
from hybrid.settings import GraphSettings
from hybrid.structures import content_key, structure_files, unknown_files

G = TypeVar(
    "G", bound=MergedCrystalGraphs | CrystalGraphs | LineGraphs | CompositionGraphs, default=CrystalGraphs
)
ATOM_INIT = Path(__file__).with_name("atom_init.json")


@dataclass(frozen=True)
class CrystalFolder:
    """The contents of a dataset folder; structures are read when they are needed."""

    path: Path
    ids: list[str]
    targets: np.ndarray | None  # (n_crystals,) or (n_crystals, n_targets), in the targets' units
    files: list[Any]  # paths; structures if they are in memory
    atom_features: dict[int, list[float]]  # by atomic number
    dropped: list[str] = field(default_factory=list)  # a reason for each crystal that was left out
    stored: bool = True  # in a folder, where graphs and descriptors are kept; `path` is a mere name otherwise
    target_names: tuple[str, ...] = ()  # (n_targets,) if there are several

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, indices: Iterable[int]) -> "CrystalFolder":
        """The same folder with only the crystals at `indices`."""
        indices = list(indices)
        return replace(
            self,
            ids=[self.ids[i] for i in indices],
            files=[self.files[i] for i in indices],
            targets=None if self.targets is None else self.targets[indices],
        )

    @cached_property
    def unit(self) -> str:
        """The unit of the targets, if the folder's manifest.json gives it."""
        return "" if (unit := self._manifest("unit")) == "1" else unit

    @cached_property
    def target(self) -> str:
        """Name and unit of the target, as far as the manifest gives them."""
        name = self._manifest("target")
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
        return [content_key(file) for file in self.files]

    def structures(self) -> Iterable[Structure]:
        """Reads the structures one by one.

        Raises:
            InputError: one cannot be read, or has an element without features.
        """
        if not self.stored:
            yield from (
                self.checked(structure, name) for name, structure in zip(self.ids, self.files, strict=True)
            )
            return
        with StructureTable(self.path) as table:
            for path in self.files:
                yield self.checked(table.read(path), path)

    def checked(self, structure: Structure, path: Path | str) -> Structure:
        """The structure, after a check that there are features for all its elements.

        Raises:
            InputError: an element has no features.
        """
        for number, site in enumerate(structure, start=1):
            if site.specie.Z not in self.atom_features:
                name = Element.from_Z(site.specie.Z).symbol
                raise InputError(f"{path}: site {number} is {name}, which atom_init.json does not describe")
        return structure

    def graphs(self, settings: GraphSettings, kind: type[G] = CrystalGraphs) -> G:  # type: ignore[assignment]
        """The crystals' graphs, which are kept in `.hybrid/` inside the folder."""
        if not self.stored:
            return cast(G, kind.from_structures(self._sized(settings, kind), settings))
        cache = self.path / ".hybrid" / f"graphs-{self._key(settings, kind)}.npz"
        graphs: Any = kind.load(cache)
        if graphs and len(graphs) == len(self) and set(graphs.species.tolist()) <= self.atom_features.keys():
            return cast(G, graphs)  # otherwise `structures` names the element without features
        bar = Progress(self._sized(settings, kind), f"graphs of {self.path.name}", len(self), unit="crystals")
        graphs = kind.from_structures(bar, settings)
        with contextlib.suppress(OSError, InputError):  # the folder cannot be written to
            graphs.save(cache)
        return cast(G, graphs)

    def _sized(self, settings: GraphSettings, kind: type) -> Iterable[Structure]:
        """The structures, after a check that their graphs are not too large."""
        for where, structure in zip(self.files if self.stored else self.ids, self.structures(), strict=True):
            if kind is not CompositionGraphs:
                refuse_too_large(structure, settings, kind is LineGraphs, str(where))
            yield structure

    def _key(self, settings: GraphSettings, kind: type) -> str:
        """A hash of the structures, of what the graphs hold and of their settings."""
        columns = " ".join(column.name for column in fields(kind))
        prefix = "" if kind is CrystalGraphs else f"{kind.__name__} {columns} "
        ties = "" if settings.ties == "found" else f" {settings.ties}"
        key = hashlib.sha256(f"{prefix}{settings.max_neighbours} {settings.radius}{ties}".encode())
        key.update(" ".join(self.contents).encode())
        return key.hexdigest()[:16]


def read_folder(
    path: Path,
    targets: bool = True,
    skip_bad: bool = False,
    *,
    several_targets: bool = False,
    every: bool = False,
    own_features: bool = True,
) -> CrystalFolder:
    """Reads and checks a dataset folder.

    Args:
        path: the folder.
        targets: read id_prop.csv, which says what counts; otherwise take every structure file in the folder.
        skip_bad: leave out what cannot be used and list it in `dropped`, instead of stopping.
        several_targets: there may be more than one, and `targets` are (n_crystals, n_targets).
        every: take every structure file and those targets that id_prop.csv has; NaN for the others.
        own_features: an atom_init.json in the folder replaces ours.

    Raises:
        InputError: the folder, id_prop.csv or a row of it cannot be used.
    """
    if not path.is_dir():
        raise InputError(f"{path}: no such folder")
    own = path / ATOM_INIT.name
    features = read_atom_features(own if own_features and own.exists() else ATOM_INIT)
    if targets:
        listing = read_listing(path, several_targets, skip_bad, every)
        values = listing.targets if several_targets else listing.targets[:, 0]
        folder = CrystalFolder(path, listing.ids, values, listing.files, features, listing.dropped)
        folder = replace(folder, target_names=listing.names)
    else:
        files = structure_files(path)
        folder = CrystalFolder(path, list(files), None, list(files.values()), features)
    if every or not targets:
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
        for i, path in enumerate(Progress(folder.files, f"checking {folder.path.name}", unit="crystals")):
            try:
                folder.checked(table.read(path), path)
                usable.append(i)
            except InputError as error:
                problems.append(str(error))
    return replace(folder.take(usable), dropped=folder.dropped + problems)


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


def write_crystals(folder: Path, crystals: Iterable[tuple[str, Structure, float]]) -> list[str]:
    """Writes CIF files, id_prop.csv and atom_init.json into a folder, and returns the ids."""
    from pymatgen.io.cif import CifWriter  # loads symmetry analysis, which reading a folder does not need

    rows = {}
    for identity, structure, target in crystals:
        CifWriter(structure).write_file(folder / f"{identity}.cif")
        rows[identity] = f"{identity},{float(target)!r}\n"
    (folder / "id_prop.csv").write_text("".join(rows.values()), encoding="utf-8")
    shutil.copy(ATOM_INIT, folder / "atom_init.json")
    return list(rows)


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Writes manifest.json into a folder."""
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    (folder / "manifest.json").write_text(text, encoding="utf-8")
