"""Rows of descriptors that are done, kept by what they were computed from and with."""

import hashlib
import inspect
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
_MODULES = ("compute", "environments", "lattice", "matminer_reference", "symmetry", "voronoi")
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
