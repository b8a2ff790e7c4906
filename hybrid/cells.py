"""The reduced cell of a crystal: primitive, Niggli reduced, with all atoms inside."""

import math
import os
from collections import Counter
from functools import cache, lru_cache
from typing import Any

import numpy as np
import spglib
from pymatgen.core import Composition, Lattice, Structure

from hybrid.errors import InputError

# spglib warns of each failed attempt, even if a later one succeeds
os.environ.setdefault("SPGLIB_WARNING", "OFF")

SYMPREC = 0.01  # Å; accuracy to which a translation has to map the crystal onto itself


def wrapped(fractional: np.ndarray) -> np.ndarray:
    """Fractional coordinates (n_atoms, 3) moved into [0, 1).

    pymatgen's Voronoi tessellation fails or is silently wrong if a coordinate is outside, and Niggli
    reduction can return 1.0.
    """
    inside: np.ndarray = fractional - np.floor(fractional)
    inside[inside >= 1] = 0  # -1e-17 minus its floor is 1.0
    return inside


def symmetry_dataset(structure: Structure, symprec: float, angle_tolerance: float = -1) -> Any:
    """The symmetry analysis by spglib of an ordered structure; the last two results are cached.

    Args:
        structure: the crystal.
        symprec: the largest distance between an atom and its image by a symmetry operation, Å.
        angle_tolerance: of lattice angles, degrees; from `symprec` if negative.

    Raises:
        InputError: spglib finds no symmetry at all, for example if two atoms have the same position.
    """
    lattice, places = structure.lattice.matrix.tobytes(), structure.frac_coords.tobytes()
    known: dict[Any, int] = {}
    numbers = tuple(known.setdefault(species, len(known) + 1) for species in structure.species)
    dataset = _search(lattice, places, numbers, symprec, angle_tolerance)
    if dataset is None:
        raise InputError(f"spglib finds no symmetry at {symprec} Å; do two atoms have the same position?")
    return dataset


@lru_cache(maxsize=2)  # a crystal is analysed at two tolerances
def _search(
    lattice: bytes, places: bytes, numbers: tuple[int, ...], symprec: float, angle_tolerance: float
) -> Any:
    """The result of spglib, None if it finds no symmetry; lattice vectors and positions are float64 bytes."""
    cell: Any = (np.frombuffer(lattice).reshape(3, 3), np.frombuffer(places).reshape(-1, 3), numbers)
    try:
        return spglib.get_symmetry_dataset(cell, symprec=symprec, angle_tolerance=angle_tolerance)
    except spglib.SpglibError:  # depends on how the process has configured spglib
        return None


def reduced_cell(structure: Structure, symprec: float = SYMPREC) -> Structure:
    """The Niggli cell of the primitive cell, with fractional coordinates in [0, 1).

    This is the paper's "primitive cell": its number of atoms and lattice constants are descriptors. Positions
    are not symmetrised; site properties are dropped.

    Args:
        structure: an ordered crystal.
        symprec: the accuracy to which a translation has to map the crystal onto itself, Å.

    Raises:
        InputError: the structure is disordered or spglib cannot analyse it.
    """
    if not structure.is_ordered:
        raise InputError("partially occupied sites; ordered structures only")
    if not len(structure):
        raise InputError("has no atoms")
    if not np.isfinite(structure.frac_coords).all():
        raise InputError("a coordinate is not a number")
    species = [_whole(species) for species in structure.species]
    primitive = _primitive(
        Structure(structure.lattice.matrix, species, wrapped(structure.frac_coords)), symprec
    )
    lattice = _niggli(primitive.lattice)
    fractional = lattice.get_fractional_coords(primitive.cart_coords)
    return Structure(lattice, [site.species for site in primitive], wrapped(fractional))


@cache
def _whole(species: Any) -> Composition:
    """The composition of a site with one atom, cached because pymatgen would build it for each site."""
    return Composition({species: 1})


def _niggli(lattice: Lattice) -> Lattice:
    """The Niggli cell: the shortest lattice vectors; its angles are all below 90°, or none is.

    pymatgen's angles are accurate to about a degree, so those near 90° may lie on both sides. Reversing two
    vectors corrects this.
    """
    matrix = lattice.get_niggli_reduced_lattice().matrix
    a, b, c = matrix
    products = np.array([b @ c, c @ a, a @ b])  # Å²
    signs = np.where(np.abs(products) > 1e-5 * lattice.volume ** (1 / 3), np.sign(products), 0)
    wanted = 1 if signs.prod() > 0 else -1
    for turned in np.array([[1, 1, 1], [-1, 1, 1], [1, -1, 1], [1, 1, -1]]):
        if (wanted * signs * turned.prod() * turned >= 0).all():  # products of the two other vectors
            matrix = matrix * turned[:, None] * turned.prod()  # the handedness stays
            break
    return Lattice(matrix)


def _primitive(structure: Structure, symprec: float) -> Structure:
    """The primitive cell of a wrapped structure; each atom is at the mean of its equivalents."""
    if math.gcd(*Counter(structure.species).values()) == 1:
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
