"""A dataset folder: `id_prop.csv` (id,target; no header) and one structure file an id.

Upstream CGCNN, upstream ALIGNN and this package read the same folder. An `atom_init.json` in it replaces
the element features that come with upstream CGCNN.
"""

import contextlib
import csv
import hashlib
import json
import math
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np
from pymatgen.core import Element, Structure
from tqdm import tqdm

from hybrid.atomic import atomic_folder
from hybrid.data.splits import write_split
from hybrid.data.structure_table import StructureTable
from hybrid.errors import InputError
from hybrid.graphs.composition import CompositionGraphs
from hybrid.graphs.crystal import CrystalGraphs
from hybrid.graphs.line_graph import LineGraphs
from hybrid.settings import GraphSettings
from hybrid.structures import structure_files

G = TypeVar("G", bound=CrystalGraphs | LineGraphs | CompositionGraphs)
ATOM_INIT = Path(__file__).with_name("atom_init.json")


@dataclass(frozen=True)
class CrystalFolder:
    """The checked contents of a dataset folder; structures are read when they are needed."""

    path: Path
    ids: list[str]
    targets: np.ndarray | None  # (n_crystals,), in the target's unit
    files: list[Path]
    atom_features: dict[int, list[float]]  # by atomic number
    dropped: list[str] = field(default_factory=list)  # one reason an id that cannot be used

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

    def structures(self) -> Iterable[Structure]:
        """Reads the structures one by one.

        Raises:
            InputError: one cannot be read, or holds an element without features.
        """
        with StructureTable(self.path) as table:
            for path in self.files:
                yield self.checked(table.read(path), path)

    def checked(self, structure: Structure, path: Path) -> Structure:
        """The structure, if there are features for all its elements.

        Raises:
            InputError: there are none for one.
        """
        for number, site in enumerate(structure, start=1):
            if site.specie.Z not in self.atom_features:
                name = Element.from_Z(site.specie.Z).symbol
                raise InputError(f"{path}: site {number} is {name}, which atom_init.json does not describe")
        return structure

    @overload
    def graphs(self, settings: GraphSettings) -> CrystalGraphs: ...

    @overload
    def graphs(self, settings: GraphSettings, kind: type[G]) -> G: ...

    def graphs(self, settings: GraphSettings, kind: type[Any] = CrystalGraphs) -> Any:
        """The crystals' graphs, kept in `.hybrid/` inside the folder so that nothing is parsed twice."""
        cache = self.path / ".hybrid" / f"graphs-{self._key(settings, kind)}.npz"
        if cache.exists():
            graphs = kind.load(cache)
            if set(graphs.species.tolist()) <= self.atom_features.keys():
                return graphs  # otherwise reading the structures says which element has no features
        progress = tqdm(
            self.structures(), total=len(self), desc=f"graphs of {self.path.name}", unit="crystal"
        )
        graphs = kind.from_structures(progress, settings)
        with contextlib.suppress(OSError):  # a folder that cannot be written to is read again next time
            graphs.save(cache)
        return graphs

    def _key(self, settings: GraphSettings, kind: type) -> str:
        """Changes when a structure file, the choice of crystals, a setting or what graphs hold does."""
        columns = " ".join(column.name for column in fields(kind))
        prefix = "" if kind is CrystalGraphs else f"{kind.__name__} {columns} "
        key = hashlib.sha256(f"{prefix}{settings.max_neighbours} {settings.radius}".encode())
        for identity, path in zip(self.ids, self.files, strict=True):
            stat = path.stat()
            key.update(f"\0{identity}\0{stat.st_size}\0{stat.st_mtime_ns}".encode())
        return key.hexdigest()[:16]


def read_folder(path: Path, targets: bool = True, skip_bad: bool = False) -> CrystalFolder:
    """Reads and checks a dataset folder.

    Args:
        path: the folder.
        targets: read id_prop.csv; otherwise every structure file in the folder is a crystal.
        skip_bad: leave out what cannot be used and say so in `dropped`, instead of stopping.

    Raises:
        InputError: the folder, id_prop.csv or a row of it cannot be used.
    """
    if not path.is_dir():
        raise InputError(f"{path}: no such folder")
    files = structure_files(path)
    own = path / ATOM_INIT.name
    features = read_atom_features(own if own.exists() else ATOM_INIT)
    if targets:
        rows, dropped = _read_targets(path, files, skip_bad)
        folder = CrystalFolder(
            path, list(rows), np.array(list(rows.values())), [files[i] for i in rows], features
        )
    else:
        folder, dropped = CrystalFolder(path, list(files), None, list(files.values()), features), []
    if skip_bad:
        usable, unreadable = _readable(folder)
        folder, dropped = folder.take(usable), dropped + unreadable
    if not folder:
        raise InputError(f"{path}: holds no structures that can be used")
    return replace(folder, dropped=dropped)


def _read_targets(path: Path, files: dict[str, Path], skip_bad: bool) -> tuple[dict[str, float], list[str]]:
    """Targets by id, and why the others were dropped."""
    table = path / "id_prop.csv"
    if not table.exists():
        raise InputError(f"{path}: has no id_prop.csv (rows id,target; no header)")
    targets: dict[str, float] = {}
    named = set()
    problems = []
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:  # Excel writes a byte order mark
            rows = list(csv.reader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{table}: is not a CSV file in UTF-8 ({error})") from error
    for number, row in enumerate(rows, start=1):
        if not row:
            continue
        named.add(row[0].strip())
        problem = _problem(row, targets, files)
        if problem:
            problems.append(f"{table}: row {number}: {problem}")
        else:
            targets[row[0].strip()] = float(row[1])
    problems += [f"{files[i]}: has no row in id_prop.csv" for i in sorted(set(files) - named)]
    if problems and not skip_bad:
        raise InputError(problems[0])
    return targets, problems


def _problem(row: list[str], seen: dict[str, float], files: dict[str, Path]) -> str | None:
    """Why a row of id_prop.csv cannot be used, if so."""
    if len(row) != 2:
        return f"has {len(row)} columns instead of id,target"
    identity, target = row[0].strip(), row[1].strip()
    try:
        number = float(target)
    except ValueError:
        return f"target '{target}' of '{identity}' is not a number"
    if not math.isfinite(number):
        return f"target of '{identity}' is {target}"
    if identity in seen:
        return f"id '{identity}' stands there twice"
    if identity not in files:
        return f"id '{identity}' has no structure file"
    return None


def _readable(folder: CrystalFolder) -> tuple[list[int], list[str]]:
    """The indices of the crystals whose structure can be used, and why the others cannot."""
    usable, problems = [], []
    with StructureTable(folder.path) as table:
        for i, path in enumerate(tqdm(folder.files, desc=f"checking {folder.path.name}", unit="crystal")):
            try:
                folder.checked(table.read(path), path)
                usable.append(i)
            except InputError as error:
                problems.append(str(error))
    return usable, problems


def read_atom_features(path: Path) -> dict[int, list[float]]:
    """Element features by atomic number from an `atom_init.json`.

    Raises:
        InputError: the file is not such a table.
    """
    try:
        table = json.loads(path.read_text())
        features = {int(number): [float(v) for v in values] for number, values in table.items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError(f"{path}: is not a table of element features ({error})") from error
    if len({len(values) for values in features.values()}) != 1:
        raise InputError(f"{path}: the elements' features differ in length")
    return features


def write_folder(
    path: Path,
    crystals: Iterable[tuple[str, Structure, float]],
    manifest: dict[str, Any],
    splits: Mapping[str, Mapping[str, str]] | None = None,
) -> None:
    """Writes a dataset folder, whole or not at all: CIF files, id_prop.csv, atom_init.json, manifest.json.

    Args:
        path: the folder.
        crystals: ids, structures and targets.
        manifest: written last, so that what makes the crystals may fill it meanwhile.
        splits: folds by id, by the split's name; only ids that were written appear in its file.
    """
    from pymatgen.io.cif import CifWriter  # brings symmetry analysis, which reading a folder does without

    with atomic_folder(path) as folder:
        rows = {}
        for identity, structure, target in crystals:
            CifWriter(structure).write_file(folder / f"{identity}.cif")
            rows[identity] = f"{identity},{float(target)!r}\n"
        (folder / "id_prop.csv").write_text("".join(rows.values()))
        for name, folds in (splits or {}).items():
            kept = [identity for identity in rows if identity in folds]
            write_split(folder / "splits" / f"{name}.csv", kept, [folds[identity] for identity in kept])
        shutil.copy(ATOM_INIT, folder / "atom_init.json")
        content = {**manifest, "n_crystals": len(rows)}
        (folder / "manifest.json").write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
