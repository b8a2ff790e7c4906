"""One cell for a crystal, however it was given: primitive, Niggli reduced, all atoms inside."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import spglib
from pymatgen.core import Lattice, Structure

from hybrid.errors import InputError

SYMPREC = 0.01  # Å; translations that map the crystal onto itself this closely make the cell smaller
ANGLE_TOLERANCE = 5.0  # degrees, pymatgen's


def wrapped(fractional: np.ndarray) -> np.ndarray:
    """Fractional coordinates (n_atoms, 3) moved into [0, 1).

    pymatgen's Voronoi tessellation of a whole cell fails, or is wrong without a word, where a coordinate
    lies outside, and Niggli reduction itself returns 1.0.
    """
    inside = fractional - np.floor(fractional)
    inside[inside >= 1] = 0  # -1e-17 minus its floor is 1.0
    return inside


def species_numbers(structure: Structure) -> list[int]:
    """A number for each atom (n_atoms,), the same where the species is."""
    numbers: dict[Any, int] = {}
    return [numbers.setdefault(site.species, len(numbers) + 1) for site in structure]


def symmetry_dataset(structure: Structure, symprec: float) -> Any:
    """spglib's symmetry analysis of an ordered structure.

    Args:
        structure: the crystal.
        symprec: how far an atom may be from where a symmetry operation puts it, Å.

    Raises:
        InputError: spglib finds no symmetry at all, as where two atoms sit on one place.
    """
    cell = (structure.lattice.matrix, structure.frac_coords, species_numbers(structure))
    try:
        dataset = spglib.get_symmetry_dataset(cell, symprec=symprec, angle_tolerance=ANGLE_TOLERANCE)
    except spglib.SpglibError as error:
        raise InputError(f"spglib finds no symmetry at {symprec} Å ({error})") from error
    if dataset is None:
        raise InputError(f"spglib finds no symmetry at {symprec} Å; are there atoms on the same place?")
    return dataset


def reduced_cell(structure: Structure) -> Structure:
    """The Niggli cell of the primitive cell, with fractional coordinates in [0, 1).

    "Primitive cell" in the paper: number of atoms and lattice constants are this cell's. The atoms keep
    their places, nothing is symmetrised; site properties are left behind.

    Raises:
        InputError: the structure is disordered or spglib cannot analyse it.
    """
    if not structure.is_ordered:
        raise InputError("partially occupied sites; ordered structures only")
    if not np.isfinite(structure.frac_coords).all() or not len(structure):
        raise InputError("an atom without a place" if len(structure) else "holds no atoms")
    primitive = _primitive(
        Structure(structure.lattice.matrix, structure.species, wrapped(structure.frac_coords))
    )
    lattice = primitive.lattice.get_niggli_reduced_lattice()
    fractional = lattice.get_fractional_coords(primitive.cart_coords)
    return Structure(lattice, primitive.species, wrapped(fractional))


def _primitive(structure: Structure) -> Structure:
    """The primitive cell of a wrapped structure; an atom is at the mean of the atoms it stands for."""
    dataset = symmetry_dataset(structure, SYMPREC)
    of_atom = np.asarray(dataset.mapping_to_primitive)  # (n_atoms,) index in the primitive cell
    n_primitive = int(of_atom.max()) + 1
    if n_primitive == len(structure):
        return structure
    lattice = Lattice(dataset.primitive_lattice)
    _, first = np.unique(of_atom, return_index=True)
    fractional = lattice.get_fractional_coords(structure.cart_coords)  # (n_atoms, 3)
    offset = fractional - fractional[first][of_atom]
    offset -= np.round(offset)
    mean = np.zeros((n_primitive, 3))
    np.add.at(mean, of_atom, offset)
    mean /= np.bincount(of_atom)[:, None]
    species: Sequence[Any] = [structure.species[i] for i in first]
    return Structure(lattice, species, wrapped(fractional[first] + mean))
