"""Structures by Materials Project id, from a folder, one download, or the database itself.

Files have one JSON object a line: `id`, `lattice` (3x3, Å, rows are vectors), `species`, `frac` and `source`,
where the structure was collected from. Structures are as stored there, neither reduced nor wrapped, and some
are conventional cells: take `hybrid.cells.reduced_cell` of each.
"""

import json
import logging
import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from pymatgen.core import Composition, Structure

from hybrid.errors import InputError
from reproduction.data.files import MissingDataError, data_file, open_text
from reproduction.data.sources import materials_project, mp_all
from reproduction.data.sources.entries import Entry, Labels, parse_structure

log = logging.getLogger(__name__)
FILES = (
    "mp_snapshot.jsonl.gz",
    "mp_structures/paper47862_extra.jsonl.gz",
    "mp_structures/labelled_extra.jsonl.gz",
    "mp_structures/mp2018_extra.jsonl.gz",
    "mp_structures/mp2019_gap_only_extra.jsonl.gz",
)


class Source(Protocol):
    """Something that has structures."""

    name: str

    def having(self, ids: Collection[str]) -> set[str]:
        """Those of the ids that it has.

        Raises:
            MissingDataError: it is not available here.
        """

    def structures(self, ids: Collection[str]) -> Iterator[tuple[str, Structure]]:
        """Ids and structures of those of the ids that it has."""


class JsonLines:
    """Files of structures.

    Args:
        name: for people.
        paths: finds the files.
    """

    def __init__(self, name: str, paths: Callable[[], Sequence[Path]]):
        self.name = name
        self._paths = paths

    def having(self, ids: Collection[str]) -> set[str]:
        """Those of the ids that are in the files; see `Source`."""
        paths = tuple(self._paths())
        return set(ids) & _ids(paths, tuple(path.stat().st_mtime_ns for path in paths))

    def structures(self, ids: Collection[str] | None = None) -> Iterator[tuple[str, Structure]]:
        """Ids and structures, of all without `ids`.

        Raises:
            InputError: a line cannot be used, or an id comes twice.
        """
        wanted = None if ids is None else frozenset(ids)
        seen = set()
        for where, identity, line in _lines(self._paths()):
            if wanted is not None and identity not in wanted:
                continue
            if identity in seen:
                raise InputError(f"{where}: id '{identity}' occurs twice")
            seen.add(identity)
            yield identity, parse_structure(f"{where} ({identity})", _structure, line)


def _lines(paths: Sequence[Path]) -> Iterator[tuple[str, str, str]]:
    """File and line number, id, and the line."""
    for path in paths:
        with open_text(path) as file:
            for number, line in enumerate(file, start=1):
                where = f"{path}: line {number}"
                if not line.startswith('{"id":"'):
                    raise InputError(f"{where}: does not begin with an id")
                yield where, line[7 : line.index('"', 7)], line


@cache
def _ids(paths: tuple[Path, ...], _changed: tuple[int, ...]) -> frozenset[str]:
    """All ids in the files, read once for as long as they do not change."""
    return frozenset(identity for _, identity, _ in _lines(paths))


class Database:
    """The Materials Project as it is today, through a key."""

    name = "Materials Project by mp-api"

    def having(self, ids: Collection[str]) -> set[str]:
        """Those of the ids that are still there, downloaded; see `Source`.

        Raises:
            InputError: there is a key, and the download fails; the same command continues it.
        """
        try:
            downloaded = materials_project.download(sorted(ids), [])
        except MissingDataError as error:
            if os.environ.get("MP_API_KEY"):
                raise InputError(str(error)) from error
            raise
        return set(ids) - set(downloaded.manifest["missing_ids"])

    def structures(self, ids: Collection[str]) -> Iterator[tuple[str, Structure]]:
        """Ids and structures of the ids."""
        for entry in materials_project.entries(sorted(ids), []):
            yield entry.id, entry.structure


class Chain:
    """Sources of which the first that has an id gives its structure.

    Args:
        sources: in the order in which they are asked; one is not asked if nothing is left to ask for.
    """

    def __init__(self, sources: Sequence[Source]):
        self.sources = sources

    def structures(
        self, ids: Collection[str], told: dict[str, int | str] | None = None
    ) -> Iterator[tuple[str, Structure]]:
        """Ids and structures of those of the ids that any source has.

        Args:
            ids: of the Materials Project.
            told: is filled with the number of structures of each source, or why it is not available.

        Raises:
            MissingDataError: no source is available.
            InputError: a source holds something that cannot be used.
        """
        told = {} if told is None else told
        wanted = set(ids)
        reasons = []
        for source in self.sources if wanted else ():
            try:
                found = source.having(wanted)
            except MissingDataError as error:
                told[source.name] = "not at hand"
                reasons.append(str(error))
                continue
            told[source.name] = len(found)
            yield from source.structures(found)
            wanted -= found
            if not wanted:
                break
        if reasons and len(reasons) == len(self.sources):
            raise MissingDataError("; or ".join(reasons))
        if reasons and wanted:
            log.warning(
                "%d of %d crystals have no structure here: %s", len(wanted), len(ids), "; ".join(reasons)
            )

    def labelled(self, labels: Labels, quantity: str, told: dict[str, int | str]) -> Iterator[Entry]:
        """The labels whose crystals any source has, with these; the rest is as in `structures`."""
        of_crystal = defaultdict(list)
        for identity in labels.values:
            of_crystal[labels.crystals.get(identity, identity)].append(identity)
        for crystal, structure in self.structures(of_crystal, told):
            for identity in of_crystal[crystal]:
                yield Entry(identity, structure, {quantity: labels.values[identity]})


def _structure(line: str) -> Structure:
    entry: dict[str, Any] = json.loads(line)
    return Structure(entry["lattice"], [_element(symbol) for symbol in entry["species"]], entry["frac"])


@cache
def _element(symbol: str) -> Composition:
    return Composition({symbol: 1})  # cached, because pymatgen would build it for each atom


def _local_files() -> list[Path]:
    """Those of `FILES` that exist."""
    paths, reasons = [], []
    for name in FILES:
        try:
            paths.append(data_file(name))
        except MissingDataError as error:
            reasons.append(error)
    if not paths:
        raise reasons[0]
    return paths


LOCAL = JsonLines("HYBRID_DATA", _local_files)
MP_2018 = JsonLines(mp_all.NAME, lambda: [mp_all.lines()])
STRUCTURES = Chain((LOCAL, MP_2018, Database()))
"""What every data set of Materials Project crystals takes its structures from."""
