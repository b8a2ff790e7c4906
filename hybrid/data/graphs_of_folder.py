"""Makes the graphs of a dataset folder, a part of the crystals after the other, in several processes.

Finished parts are kept in `.hybrid/`, so that a stopped call goes on. When all are there, one file takes
their place, from which training reads the crystals of each batch.
"""

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, cast

from pymatgen.core import Structure
from typing_extensions import TypeVar

from hybrid.atomic import locked_where_possible
from hybrid.data.structure_table import StructureTable, row_of, structure_of
from hybrid.errors import InputError
from hybrid.folder_files import FolderFiles
from hybrid.graphs.composition import CompositionGraphs
from hybrid.graphs.crystal import CrystalGraphs
from hybrid.graphs.limits import refuse_too_large, refuse_without_features
from hybrid.graphs.line_graph import LineGraphs
from hybrid.graphs.merged_crystal import MergedCrystalGraphs
from hybrid.paths import nearby
from hybrid.processes import in_parallel
from hybrid.progress import Progress
from hybrid.settings import GraphSettings
from hybrid.structures import read_structure

PackedGraphs = CrystalGraphs | MergedCrystalGraphs | LineGraphs | CompositionGraphs
G = TypeVar("G", bound=PackedGraphs, default=CrystalGraphs)
PART = 512  # crystals


@dataclass(frozen=True)
class _Part:
    """Some crystals of a folder."""

    kept: Path  # the file of their graphs
    crystals: list[tuple[str, Path, dict[str, Any] | None]]  # key, file, row of the structure table or None


@dataclass(frozen=True)
class _Done:
    """What is known when a part is done."""

    part: _Part
    graphs: Any  # None: they are in the part's file
    rows: dict[str, dict[str, Any]]  # by key, of the structures that were not in the table


@dataclass(frozen=True)
class StoredCrystals:
    """Structure files of a folder."""

    files: FolderFiles  # by id
    described: frozenset[int]  # the atomic numbers that have features
    jobs: int  # processes

    def graphs(self, settings: GraphSettings, kind: type[G]) -> G:
        """The graphs of the crystals, which are made unless they are kept in the folder.

        Raises:
            InputError: a structure cannot be read, has an element without features, or its graph is too
                large.
        """
        kept = self.files.folder / ".hybrid" / f"graphs-{self._key(settings, kind)}.columns"
        graphs: G | None = self._kept(kept, kind)
        if graphs is not None:
            return graphs
        with locked_where_possible(kept.with_name("graphs.lock")):
            graphs = self._kept(kept, kind)  # as another process may just have made them
            return cast(G, self._made(settings, kind, kept)) if graphs is None else graphs

    def _kept(self, file: Path, kind: type[Any]) -> Any:
        """The graphs in a file, if they are those of the crystals and all elements have features."""
        copy = nearby(file)
        graphs = kind.load(copy)
        if graphs is None and copy != file:  # a copy may be damaged
            graphs = kind.load(file)
        if graphs is None or len(graphs) != len(self.files):
            return None
        known = set(graphs.species.unique().tolist()) <= self.described
        return graphs if known else None  # the element without features is named when they are made

    def _made(self, settings: GraphSettings, kind: type[Any], kept: Path) -> Any:
        """Makes the graphs, and keeps them if the folder can be written to."""
        several = len(self.files) > PART
        make = partial(_of_part, described=self.described, settings=settings, kind=kind, keep=several)
        found: dict[Path, Any] = {}
        bar = Progress(None, f"graphs of {self.files.folder.name}", len(self.files), unit="crystals")
        with StructureTable(self.files.folder) as table, bar:
            parts = self._parts(table, kept.with_suffix(".parts"))
            for done in in_parallel(make, parts, self.jobs if several else 1):
                for key, row in done.rows.items():
                    table.add(key, row)
                found[done.part.kept] = done.graphs or kind.load(done.part.kept)
                bar.update(len(done.part.crystals))
        in_order = [found[place] for place in sorted(found)]
        with contextlib.suppress(OSError, InputError):  # the folder cannot be written to
            kind.save(in_order, kept)
            shutil.rmtree(kept.with_suffix(".parts"), ignore_errors=True)
        return kind.load(kept) or kind.joined(in_order)

    def _parts(self, table: StructureTable, place: Path) -> Iterator[_Part]:
        """The crystals in parts, with what is known of their structures."""
        crystals = zip(self.files.contents, self.files.values(), strict=True)
        for first in range(0, len(self.files), PART):
            of_part = [(key, file, table.get(key)) for key, file in islice(crystals, PART)]
            yield _Part(place / f"{first:09}.columns", of_part)

    def _key(self, settings: GraphSettings, kind: type[Any]) -> str:
        """A hash of the structures, of what the graphs hold and of their settings."""
        columns = " ".join(column.name for column in fields(kind))
        chosen = f"{settings.max_neighbours} {settings.radius} {settings.ties}"
        name = kind.__name__ if kind.version == 1 else f"{kind.__name__} {kind.version}"
        key = hashlib.sha256(f"{name} {columns} {chosen} ".encode())
        key.update(" ".join(self.files.contents).encode())
        return key.hexdigest()[:16]


def _of_part(
    part: _Part, described: frozenset[int], settings: GraphSettings, kind: type[Any], keep: bool
) -> _Done:
    """Makes the graphs of a part, unless it was finished in an earlier call."""
    if keep and kind.load(part.kept) is not None:
        return _Done(part, None, {})
    rows: dict[str, dict[str, Any]] = {}

    def structures() -> Iterator[Structure]:
        for key, file, row in part.crystals:
            if row is None:
                row = rows[key] = row_of(read_structure(file))
            structure = structure_of(row)
            refuse_without_features(structure, described, str(file))
            yield sized(structure, str(file), settings, kind)

    graphs = kind.from_structures(structures(), settings)
    if keep:
        with contextlib.suppress(OSError, InputError):  # the folder cannot be written to
            kind.save([graphs], part.kept)
            return _Done(part, None, rows)
    return _Done(part, graphs, rows)


def sized(structure: Structure, where: str, settings: GraphSettings, kind: type[Any]) -> Structure:
    """The structure, after a check that its graph is not too large."""
    if kind is not CompositionGraphs:
        refuse_too_large(structure, settings, kind is LineGraphs, where)
    return structure
