"""Reads crystal structures: CIF, POSCAR, pymatgen JSON, extended XYZ."""

import hashlib
import io
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pymatgen.core import DummySpecies, Structure

from hybrid.cells import wrapped
from hybrid.cif import FURTHEST, read_any_cif, read_own_cif
from hybrid.errors import InputError, one_line
from hybrid.reading import NUMBER, read_bytes, read_text

FORMATS: dict[str, Any] = {
    ".cif": "cif",
    ".poscar": "poscar",
    ".vasp": "poscar",
    ".json": "json",
    ".extxyz": "extxyz",
    ".xyz": "extxyz",
}
HARMLESS = re.compile(  # what pymatgen says of files that it reads rightly
    r"^Issues encountered while parsing CIF: *$|coordinates rounded|Spacegroup from .* used|electronegativity"
    r"|Skipping relative stoichiometry|Pauling file corrections|1-line symmetry op|Defaulting to P1"
    r"|[Ss]elective dynamics|^No structure parsed for section|^'_atom_site_label'$"
    r"|Cannot determine chemical composition from CIF|\S+ parsed as [A-Z][a-z]?$"
)
SMALLEST, LARGEST = 0.5, 1e6  # Å³ an atom: denser than metallic hydrogen; an atom in a box of 100 Å
CLOSEST = 0.1  # Å between two atoms
FAR = 10  # cells
HEAVIEST = 100  # the last element with features
VERSIONS = {".extxyz": " 2", ".xyz": " 2"}  # of how a format is read, where it was once read otherwise
ODD = re.compile(r'(?<=[\s"])[-+]?[\d.]*(\d_\d|(?![0-9])\d)\S*')  # numbers to Python alone, as 1_000 and ３
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
    return near_its_cell(structure)


def near_its_cell(structure: Structure) -> Structure:
    """The same crystal, with its atoms in the cell if one is far away, as after long molecular dynamics.

    The search for neighbours looks at all cells between the atoms.
    """
    if np.abs(structure.frac_coords).max() <= FAR:
        return structure
    return Structure(structure.lattice, structure.species, wrapped(structure.frac_coords))


def parsed(path: Path, reader: Callable[[Path], T]) -> T:
    """What a reader makes of a file.

    Raises:
        InputError: the reader raises anything, or warns that it guesses.
    """
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found = reader(path)
    except InputError:
        raise
    except Exception as error:  # parsers raise errors of any kind
        raise InputError(f"{path}: does not parse as a structure ({one_line(error)})") from error
    said = [line for warning in told if _is_doubt(warning) for line in str(warning.message).split("\n")]
    doubts = [line for line in said if line.strip() and not HARMLESS.search(line)]
    if doubts:
        raise InputError(
            f"{path}: pymatgen had to guess when reading it ({' '.join(doubts[0].split())[:160]})"
        )
    return found


def _is_doubt(warning: warnings.WarningMessage) -> bool:
    return issubclass(warning.category, UserWarning) and any(
        package in warning.filename for package in ("pymatgen", "ase", "hybrid")
    )


def _read(path: Path) -> Structure:
    file_format, text = FORMATS[path.suffix], read_text(path)
    if file_format in ("poscar", "extxyz") and text[-1:] in tuple("0123456789."):
        raise ValueError("ends in a number without a line end, as a file that was cut off")
    if file_format == "extxyz":
        return _read_extxyz(text)
    if file_format == "cif":
        return read_own_cif(text) or read_any_cif(text)
    if file_format == "poscar":
        _refuse_odd_numbers(text[text.find("\n") :])
    structure = Structure.from_str(text, fmt=file_format)
    if file_format == "poscar":
        _refuse_lost_atoms(text)
    return structure


def _refuse_odd_numbers(text: str) -> None:
    if odd := ODD.search(text):
        raise ValueError(f"'{odd[0]}' is no number")


def _refuse_lost_atoms(poscar: str) -> None:
    """Checks that pymatgen has not left out what it did not expect."""
    lines = [re.split("[!#]", line)[0].split() for line in poscar.splitlines()]
    names, counts = lines[5:7]
    if names[0].isdecimal():
        return  # without names of elements, which pymatgen guesses and warns of
    if len(names) != len(counts):
        raise ValueError(f"has {len(names)} names of elements and {len(counts)} numbers of atoms")
    selective = lines[7][0][0] in "sS"
    below = lines[8 + selective + sum(map(int, counts)) :]
    if below and below[0] and NUMBER.fullmatch(below[0][0]):
        raise ValueError(f"has more positions than the {sum(map(int, counts))} that it counts")
    if any("configuration=" in line for line in below):
        raise ValueError("holds several structures; one is needed")


def _read_extxyz(text: str) -> Structure:
    from ase.io import read

    lines, at, frame = text.splitlines(), 0, slice(0)
    while at < len(lines) and (count := lines[at].strip()).isdecimal():
        if len(count) > 9 or int(count) > len(lines):
            raise ValueError(f"line {at + 1} counts more atoms than there are lines")
        frame = slice(at + 1, at := at + int(count) + 2)
    if not at or any(map(str.strip, lines[at:])):
        raise ValueError(f"line {at + 1} is no number of atoms")
    comment, *sites = lines[frame]  # of the last frame, which counts
    _refuse_odd_numbers("\n".join([*re.findall('Lattice="[^"]*', comment), *sites]))
    return from_ase(read(io.StringIO(text), index=-1, format="extxyz"))


def from_ase(atoms: Any) -> Structure:
    """The structure of ASE's Atoms.

    Raises:
        ValueError: it is not periodic in all three directions, or has partial occupancies.
    """
    from pymatgen.io.ase import AseAtomsAdaptor

    if not all(atoms.pbc):
        raise ValueError("has no lattice in all three directions")
    of_kinds = atoms.info.get("occupancy")  # as ASE writes them: amounts of elements by kind of site
    partial = isinstance(of_kinds, dict) and any(list(kind.values()) != [1] for kind in of_kinds.values())
    if partial or any(amount != 1 for amount in atoms.arrays.get("occupancy", ())):
        raise ValueError("has partial occupancies; ordered structures only")
    return AseAtomsAdaptor.get_structure(atoms)


def check_structure(structure: Structure, where: str) -> None:
    """Checks that a structure is an ordered crystal, with a cell and coordinates as there can be.

    Args:
        structure: the crystal.
        where: its file, and row or id if there is one, for the error.

    Raises:
        InputError: it is not, has no atoms, or has a site without a chemical element.
    """
    if len(structure) == 0:
        raise InputError(f"{where}: has no atoms")
    if not all(structure.pbc):
        raise InputError(f"{where}: is not periodic in all three directions")
    for number, site in enumerate(structure, start=1):
        if not site.is_ordered:
            parts = " / ".join(f"{amount:g} {species}" for species, amount in site.species.items())
            raise InputError(f"{where}: site {number} is {parts}; ordered structures only")
        if isinstance(site.specie, DummySpecies):
            raise InputError(f"{where}: site {number} is '{site.specie.symbol}', which is not an element")
        if site.specie.Z > HEAVIEST:
            raise InputError(
                f"{where}: site {number} is {site.specie.symbol}, of which there are no crystals"
            )
    if not np.isfinite(structure.cart_coords).all():
        raise InputError(f"{where}: a coordinate is not a number")
    if np.abs(structure.frac_coords).max() > FURTHEST:
        raise InputError(f"{where}: an atom is over {FURTHEST:,} cells away from the cell")
    if not structure.volume > 0:
        raise InputError(f"{where}: the cell has no volume")
    of_atom = structure.volume / len(structure)
    if not SMALLEST < of_atom < LARGEST:
        raise InputError(f"{where}: the cell has {of_atom:.3g} Å³ an atom, which no crystal has")
    _refuse_one_place(structure, where)


def _refuse_one_place(structure: Structure, where: str) -> None:
    fractional, block = structure.frac_coords, 250  # (n_atoms, 3)
    for first in range(0, len(fractional), block):
        steps = fractional[first : first + block, None] - fractional
        steps = (steps - np.round(steps)) @ structure.lattice.matrix
        near = np.argwhere(np.einsum("ijk,ijk->ij", steps, steps) < CLOSEST**2)
        for one, other in near:
            if first + one < other:
                sites = f"sites {first + one + 1} and {other + 1}"
                raise InputError(f"{where}: {sites} are less than {CLOSEST:g} Å apart")


def without_ending(identity: str) -> str:
    """An id without the ending of its structure file, if it carries one."""
    name, _, ending = identity.rpartition(".")
    return name if name and f".{ending}" in FORMATS else identity


def content_key(source: Path | Structure, prefix: str = "") -> str:
    """A hash of the format and content of a file, or of a structure, and of `prefix`.

    Raises:
        InputError: the file cannot be read.
    """
    if isinstance(source, Structure):
        kind, content = "", source.lattice.matrix.tobytes() + source.frac_coords.tobytes()
        content += " ".join(site.species_string for site in source).encode()
    else:
        kind, content = source.suffix + VERSIONS.get(source.suffix, ""), read_bytes(source)
    return hashlib.sha256(f"{prefix}{kind}\0".encode() + content).hexdigest()[:32]
