"""Rows of computed descriptors, and the keys under which they are cached."""

import contextlib
import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pymatgen.core import Structure

from hybrid.descriptors.registry import Descriptor
from hybrid.reading import read_bytes

_PACKAGES = ("numpy", "scipy", "spglib", "pymatgen", "pymatgen-core")
_SOURCES = Path(__file__).parent
_MODULES = ("compute", "environments", "lattice", "symmetry", "voronoi")
_CODE = (
    _SOURCES.parent / "cells.py",
    _SOURCES.parent / "structures.py",
    *(_SOURCES / f"{name}.py" for name in _MODULES),
)


@dataclass(frozen=True)
class Row:
    """One crystal's descriptors."""

    values: dict[str, float]  # by name, without those that could not be computed
    error: str = ""  # which could not be computed, and why; empty if none


def key_of(structure: Structure | Path, descriptors: Sequence[Descriptor], version: str = "") -> str:
    """A key that depends on the structure or its file, the descriptors, and the code that computes them.

    `version` is that of further code.
    """
    key = hashlib.sha256(f"{code_version()} {version}".encode())
    for descriptor in descriptors:
        key.update(f"\0{descriptor.name}\0{_source(descriptor.function)}".encode())
    if isinstance(structure, Path):
        key.update(f"\0{structure.suffix}\0".encode() + read_bytes(structure))
    else:
        key.update(structure.lattice.matrix.tobytes() + structure.frac_coords.tobytes())
        key.update(" ".join(site.species_string for site in structure).encode())
    return key.hexdigest()[:32]


@cache
def code_version() -> str:
    """A hash of the modules that compute descriptors and of the versions of the packages that they use."""
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
    found = []
    with contextlib.suppress(OSError, TypeError):
        found.append(inspect.getsource(function))
    with contextlib.suppress(OSError, TypeError, ValueError):
        found.append(Path(inspect.getfile(function)).read_text(encoding="utf-8"))  # it may call others there
    return "\0".join(found) or repr(function)  # typed at a prompt, or a callable object
