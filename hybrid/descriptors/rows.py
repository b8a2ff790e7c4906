"""Rows of descriptors that are done, kept by what they were computed from and with."""

import hashlib
import inspect
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pymatgen.core import Structure

from hybrid.descriptors.registry import Descriptor
from hybrid.errors import InputError

_PACKAGES = ("numpy", "scipy", "spglib", "pymatgen", "pymatgen-core", "matminer")
_SOURCES = Path(__file__).parent
_MODULES = ("compute", "environments", "lattice", "oracle", "symmetry", "voronoi")
_CODE = (
    _SOURCES.parent / "cells.py",
    _SOURCES.parent / "structures.py",
    *(_SOURCES / f"{name}.py" for name in _MODULES),
)


@dataclass(frozen=True)
class Row:
    """One crystal's descriptors.

    Attributes:
        values: by name; those that could not be computed are left out.
        error: which and why, empty if none.
    """

    values: dict[str, float]
    error: str = ""


class RowCache:
    """Rows by key, in memory and, with a path, in a JSON-lines file that outlives a killed run.

    Raises:
        InputError: the file cannot be read or written to.
    """

    def __init__(self, path: Path | None = None):
        self._rows: dict[str, Row] = {}
        self._file = None
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # unbuffered, and each row in one write: a kill can only cut the last line short
            self._file = path.open("ab+", buffering=0)
            self._file.seek(0)
            content = self._file.read()
            if content and not content.endswith(b"\n"):
                self._file.write(b"\n")
        except OSError as error:
            raise InputError(f"{path}: cannot be kept there ({error.strerror})") from error
        for line in content.splitlines():
            try:
                entry = json.loads(line)
                self._rows[entry["key"]] = Row(entry["values"], entry["error"])
            except (ValueError, KeyError, TypeError):
                continue  # half a line; its crystal is computed again

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def __getitem__(self, key: str) -> Row:
        return self._rows[key]

    def add(self, key: str, row: Row) -> None:
        """Keeps a row."""
        self._rows[key] = row
        if self._file:
            entry = {"key": key, "values": row.values, "error": row.error}
            self._file.write(json.dumps(entry).encode() + b"\n")

    def close(self) -> None:
        """Closes the file."""
        if self._file:
            self._file.close()


def key_of(structure: Structure | Path, descriptors: Sequence[Descriptor], backend: str) -> str:
    """Changes when the structure does, or its file, or what is computed and by which code."""
    key = hashlib.sha256(f"{code_version()} {backend}".encode())
    for descriptor in descriptors:
        key.update(f"\0{descriptor.name}\0{_source(descriptor.function)}".encode())
    if isinstance(structure, Path):
        try:
            key.update(f"\0{structure.suffix}\0".encode() + structure.read_bytes())
        except OSError as error:
            raise InputError(f"{structure}: cannot be read ({error.strerror})") from error
    else:
        key.update(structure.lattice.matrix.tobytes() + structure.frac_coords.tobytes())
        key.update(" ".join(site.species_string for site in structure).encode())
    return key.hexdigest()[:32]


@cache
def code_version() -> str:
    """A hash of the modules that compute descriptors and of the versions of what they build on."""
    key = hashlib.sha256()
    for path in _CODE:
        key.update(path.read_bytes())
    for package in _PACKAGES:
        try:
            key.update(f"\0{package} {version(package)}".encode())
        except PackageNotFoundError:
            key.update(f"\0{package} none".encode())
    return key.hexdigest()[:16]


@cache
def _source(function: Callable[[Structure], float] | None) -> str:
    """The source of a registered descriptor's function."""
    if function is None:
        return ""
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):  # typed at a prompt, or a callable object
        return repr(function)
