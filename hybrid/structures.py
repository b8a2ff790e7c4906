"""Reads crystal structures: CIF, POSCAR, pymatgen JSON, extended XYZ."""

import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pymatgen.core import DummySpecies, Structure

from hybrid.cif import read_own_cif
from hybrid.errors import InputError, note, one_line, some

FORMATS: dict[str, Any] = {
    ".cif": "cif",
    ".poscar": "poscar",
    ".vasp": "poscar",
    ".json": "json",
    ".extxyz": "extxyz",
    ".xyz": "extxyz",
}
RESERVED = ("atom_init.json", "manifest.json", "config.json")
T = TypeVar("T")


def read_structure(path: Path) -> Structure:
    """Reads one ordered crystal structure in the format of the file's ending.

    Raises:
        InputError: the file cannot be read, or fails `check_structure`.
    """
    if path.suffix not in FORMATS:
        raise InputError(f"{path}: unknown structure format '{path.suffix}'; known: {', '.join(FORMATS)}")
    structure = parsed(path, _read)
    check_structure(structure, str(path))
    return structure


def parsed(path: Path, reader: Callable[[Path], T]) -> T:
    """What a reader makes of a file.

    Raises:
        InputError: the reader raises anything.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return reader(path)
    except Exception as error:  # parsers raise errors of any kind
        raise InputError(f"{path}: does not parse as a structure ({one_line(error)})") from error


def _read(path: Path) -> Structure:
    file_format = FORMATS[path.suffix]
    if file_format == "extxyz":
        return _read_extxyz(path)
    text = path.read_text(encoding="utf-8")
    return (file_format == "cif" and read_own_cif(text)) or Structure.from_str(text, fmt=file_format)


def _read_extxyz(path: Path) -> Structure:
    from ase import Atoms
    from ase.io import read
    from pymatgen.io.ase import AseAtomsAdaptor

    atoms = read(path, index=-1, format="extxyz")
    assert isinstance(atoms, Atoms)
    if not all(atoms.pbc):
        raise ValueError("has no lattice in all three directions")
    return AseAtomsAdaptor.get_structure(atoms)


def check_structure(structure: Structure, where: str) -> None:
    """Checks that a structure is an ordered crystal with finite coordinates and a cell volume.

    Args:
        structure: the crystal.
        where: its file, and row or id if there is one, for the error.

    Raises:
        InputError: it is not, has no atoms, or has a site without a chemical element.
    """
    if len(structure) == 0:
        raise InputError(f"{where}: has no atoms")
    for number, site in enumerate(structure, start=1):
        if not site.is_ordered:
            parts = " / ".join(f"{amount:g} {species}" for species, amount in site.species.items())
            raise InputError(f"{where}: site {number} is {parts}; ordered structures only")
        if isinstance(site.specie, DummySpecies):
            raise InputError(f"{where}: site {number} is '{site.specie.symbol}', which is not an element")
    if not np.isfinite(structure.cart_coords).all():
        raise InputError(f"{where}: a coordinate is not a number")
    if not structure.volume > 0:
        raise InputError(f"{where}: the cell has no volume")


def structure_files(folder: Path) -> dict[str, Path]:
    """The structure files of a folder by id, which is the file name without its ending.

    A .json file is an output and no structure if it names no sites, or stands beside another format.

    Raises:
        InputError: two files in different formats have the same id.
    """
    files: dict[str, Path] = {}
    others = []
    for path in sorted(folder.iterdir(), key=lambda path: (path.suffix == ".json", path)):
        if path.suffix not in FORMATS or path.name in RESERVED:
            continue
        if path.suffix == ".json" and (path.stem in files or b'"sites"' not in path.read_bytes()):
            others.append(path.name)
            continue
        if path.stem in files:
            raise InputError(f"{path}: id '{path.stem}' also has the structure {files[path.stem].name}")
        files[path.stem] = path
    if others:
        note(f"{folder}: {some(others)} without a structure left out")
    return dict(sorted(files.items(), key=lambda item: item[1]))


def without_ending(identity: str) -> str:
    """An id without the ending of its structure file, if it carries one."""
    path = Path(identity)
    return str(path.with_suffix("")) if path.suffix in FORMATS else identity


def content_key(source: Path | Structure, prefix: str = "") -> str:
    """A hash of the format and content of a file, or of a structure, and of `prefix`.

    Raises:
        InputError: the file cannot be read.
    """
    if isinstance(source, Structure):
        kind, content = "", source.lattice.matrix.tobytes() + source.frac_coords.tobytes()
        content += " ".join(site.species_string for site in source).encode()
    else:
        try:
            kind, content = source.suffix, source.read_bytes()
        except OSError as error:
            raise InputError(f"{source}: cannot be read ({error.strerror})") from error
    return hashlib.sha256(f"{prefix}{kind}\0".encode() + content).hexdigest()[:32]
