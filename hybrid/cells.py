"""One cell for a crystal, however it was given: primitive, Niggli reduced, all atoms inside."""

import math
import os
from functools import cache, lru_cache
from typing import Any

import numpy as np
import spglib
from pymatgen.core import Composition, Lattice, Structure

from hybrid.errors import InputError

os.environ.setdefault("SPGLIB_WARNING", "OFF")  # it prints attempts that it then repeats with success

SYMPREC = 0.01  # Å; translations that map the crystal onto itself this closely make the cell smaller


def wrapped(fractional: np.ndarray) -> np.ndarray:
    """Fractional coordinates (n_atoms, 3) moved into [0, 1).

    pymatgen's Voronoi tessellation of a whole cell fails, or is wrong without a word, where a coordinate
    lies outside, and Niggli reduction itself returns 1.0.
    """
    inside: np.ndarray = fractional - np.floor(fractional)
    inside[inside >= 1] = 0  # -1e-17 minus its floor is 1.0
    return inside


def _species_numbers(structure: Structure) -> tuple[int, ...]:
    """A number for each atom (n_atoms,), the same where the species is."""
    numbers: dict[Any, int] = {}
    return tuple(numbers.setdefault(species, len(numbers) + 1) for species in structure.species)


def symmetry_dataset(structure: Structure, symprec: float, angle_tolerance: float = -1) -> Any:
    """The symmetry analysis by spglib of an ordered structure, kept for a while.

    Args:
        structure: the crystal.
        symprec: how far an atom may be from where a symmetry operation puts it, Å.
        angle_tolerance: of lattice angles, degrees; judged by `symprec` if negative.

    Raises:
        InputError: spglib finds no symmetry at all, as where two atoms sit on one place.
    """
    lattice, places = structure.lattice.matrix.tobytes(), structure.frac_coords.tobytes()
    dataset = _search(lattice, places, _species_numbers(structure), symprec, angle_tolerance)
    if dataset is None:
        raise InputError(f"spglib finds no symmetry at {symprec} Å; are there atoms on the same place?")
    return dataset


@lru_cache(maxsize=2)  # at two tolerances
def _search(
    lattice: bytes, places: bytes, numbers: tuple[int, ...], symprec: float, angle_tolerance: float
) -> Any:
    """What spglib finds, None if nothing; lattice vectors and places are float64."""
    cell: Any = (np.frombuffer(lattice).reshape(3, 3), np.frombuffer(places).reshape(-1, 3), numbers)
    try:
        return spglib.get_symmetry_dataset(cell, symprec=symprec, angle_tolerance=angle_tolerance)
    except spglib.SpglibError:  # raised or not, as the process has set spglib
        return None


def reduced_cell(structure: Structure, symprec: float = SYMPREC) -> Structure:
    """The Niggli cell of the primitive cell, with fractional coordinates in [0, 1).

    "Primitive cell" in the paper: number of atoms and lattice constants are this cell's. The atoms keep
    their places, nothing is symmetrised; site properties are left behind.

    Args:
        structure: an ordered crystal.
        symprec: how closely a translation has to map the crystal onto itself, Å.

    Raises:
        InputError: the structure is disordered or spglib cannot analyse it.
    """
    if not structure.is_ordered:
        raise InputError("partially occupied sites; ordered structures only")
    if not np.isfinite(structure.frac_coords).all() or not len(structure):
        raise InputError("an atom without a place" if len(structure) else "holds no atoms")
    species = [_whole(species) for species in structure.species]
    primitive = _primitive(
        Structure(structure.lattice.matrix, species, wrapped(structure.frac_coords)), symprec
    )
    lattice = _niggli(primitive.lattice)
    fractional = lattice.get_fractional_coords(primitive.cart_coords)
    return Structure(lattice, [site.species for site in primitive], wrapped(fractional))


@cache
def _whole(species: Any) -> Composition:
    """A site with one atom of a species, which pymatgen otherwise makes anew for each site."""
    return Composition({species: 1})


def _niggli(lattice: Lattice) -> Lattice:
    """The Niggli cell: of the shortest vectors, with angles all below 90° or none.

    pymatgen finds the cell's lengths and angles, and then vectors whose angles agree to a degree only, so
    that near 90° acute and obtuse ones may come mixed, as the given cell has it. Turning vectors round mends
    that.
    """
    matrix = lattice.get_niggli_reduced_lattice().matrix
    a, b, c = matrix
    products = np.array([b @ c, c @ a, a @ b])  # Å²
    signs = np.where(np.abs(products) > 1e-5 * lattice.volume ** (1 / 3), np.sign(products), 0)
    wanted = 1 if signs.prod() > 0 else -1
    for turned in np.array([[1, 1, 1], [-1, 1, 1], [1, -1, 1], [1, 1, -1]]):
        if (wanted * signs * turned.prod() * turned >= 0).all():  # products of the two other vectors
            matrix = matrix * turned[:, None] * turned.prod()  # right-handed as before
            break
    return Lattice(matrix)


def _primitive(structure: Structure, symprec: float) -> Structure:
    """The primitive cell of a wrapped structure; an atom is at the mean of the atoms it stands for."""
    if not _may_be_supercell(structure, symprec):
        return structure
    dataset = symmetry_dataset(structure, symprec)
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
    species = [structure[i].species for i in first]
    return Structure(lattice, species, wrapped(fractional[first] + mean))


def _may_be_supercell(structure: Structure, symprec: float) -> bool:
    """False if no translation within the cell maps the crystal onto itself, which is quickly seen.

    A translation takes an atom of the rarest species to another one, and every species onto itself. The
    tolerance is wide: spglib has the last word on what passes.
    """
    numbers = np.array(_species_numbers(structure))
    counts = np.bincount(numbers)[1:]
    if math.gcd(*counts.tolist()) == 1:
        return False
    steps = None
    for species in np.argsort(counts, kind="stable") + 1:
        places = structure.frac_coords[numbers == species]  # (n, 3)
        if steps is None:
            steps = places[1:] - places[0]  # (n_steps, 3)
        if len(steps) * len(places) ** 2 > 300_000:
            return True
        gap = places[:, None, None] + steps[:, None] - places  # (n, n_steps, n, 3)
        gap = (gap - np.round(gap)) @ structure.lattice.matrix
        nearest = np.einsum("aspx,aspx->asp", gap, gap).min(axis=2)  # (n, n_steps)
        steps = steps[nearest.max(axis=0) < (5 * symprec) ** 2]
        if not len(steps):
            return False
    return True
