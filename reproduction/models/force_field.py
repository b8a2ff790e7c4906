"""Cv and U of a crystal from a universal machine-learning force field (SI section 7).

phonopy displaces atoms of a supercell, one at a time and only those that are inequivalent by symmetry; the
forces give the force constants, and these the frequencies on a mesh of wave vectors. The splitting of
longitudinal and transverse optical modes is not corrected for.

The defaults were chosen for CHGNet, on training crystals only. The displacement is larger than the usual 0.01
Å: CHGNet's energy has a cusp if three atoms are in a line, as in many simple crystals, so that force
constants from small displacements have the wrong size and even the wrong sign. Cells are relaxed first,
because phonons belong to the minimum of the force field. Imaginary modes are left out of the sums, as in the
labels. They are mostly modes that CHGNet makes too soft. Soft modes raise Cv, so leaving them out hides a
part of CHGNet's error; Cv and U with such modes at |ν| are therefore given as well.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import numpy as np
from pydantic import Field
from pymatgen.core import Structure

from hybrid.errors import InputError
from hybrid.probing.force_fields import silence
from hybrid.settings import Settings
from reproduction.models.forces import ForceFieldName, Forces
from reproduction.models.oscillators import heat_capacities, internal_energies

IMAGES = np.array([image for image in product(range(-2, 3), repeat=3) if any(image)])
ROUNDING = 1e-3  # Å: what a lattice vector may be too short by
UNSTABLE = 1e-3  # share of imaginary modes: a crystal with more counts as unstable
STILL = -0.1  # THz: what is below counts as imaginary, what is between as rounding around 0


class ForceFieldSettings(Settings):
    """All that decides Cv and U of one structure."""

    force_field: ForceFieldName = Field("chgnet", description="a pretrained one")
    shortest_image: float = Field(
        10.0, gt=0, description="Å from an atom of the supercell to its nearest periodic image, at least"
    )
    displacement: float = Field(0.05, gt=0, description="of an atom, Å")
    mesh_length: float = Field(
        30.0, gt=0, description="Å: the mesh has this length over that of a lattice vector points along it"
    )
    symprec: float = Field(0.01, gt=0, description="Å: symmetry to this tolerance saves displacements")
    relax: bool = Field(True, description="relax cell and atoms with the force field first")
    imaginary: Literal["left out"] = Field("left out", description="from the sums over modes")


def describe(settings: ForceFieldSettings) -> str:
    """The settings in words, as records name them."""
    cell = "relaxed" if settings.relax else "unrelaxed"
    return (
        f"{cell}, images {settings.shortest_image:g} Å away, displacement {settings.displacement:g} Å, "
        f"imaginary modes {settings.imaginary}"
    )


class TooLargeError(InputError):
    """The supercell has more atoms than are allowed."""


@dataclass(frozen=True)
class Thermal:
    """The results of a force field for a crystal at 300 K.

    Attributes:
        cv: J/(mol K), a mole of cells.
        u: with the zero-point energy, kJ/mol of cells.
        cv_magnitude: Cv with imaginary modes at |ν|.
        u_magnitude: U with them.
        n_atoms: in the cell.
        n_supercell: atoms in the supercell.
        n_displacements: supercells of which forces were computed.
        imaginary: share of the modes that is imaginary.
        lowest: frequency, THz; imaginary ones negative.
    """

    cv: float
    u: float
    cv_magnitude: float
    u_magnitude: float
    n_atoms: int
    n_supercell: int
    n_displacements: int
    imaginary: float
    lowest: float


def thermal(
    structure: Structure,
    settings: ForceFieldSettings,
    forces: Forces,
    relax: Callable[[Structure], Structure] | None = None,
    max_supercell: int | None = None,
) -> Thermal:
    """Cv and U of a crystal.

    Args:
        structure: the cell that the values are of, best a reduced one.
        settings: of the calculation.
        forces: the force field.
        relax: relaxes a cell, if the settings ask for it; none: cells stay as they are.
        max_supercell: atoms that the supercell may have; none: any number.

    Raises:
        TooLargeError: it has more.
        InputError: forces or phonons cannot be computed.
    """
    size = supercell_size(structure, settings.shortest_image)
    n_supercell = int(size.prod()) * len(structure)
    if max_supercell is not None and n_supercell > max_supercell:
        raise TooLargeError(f"its supercell has {n_supercell} atoms, more than {max_supercell}")
    try:
        with silence():
            cell = relax(structure) if relax and settings.relax else structure
            frequencies, weights, n_displacements = _modes(cell, size, settings, forces)
    except (ValueError, RuntimeError, ArithmeticError, np.linalg.LinAlgError) as error:
        raise InputError(f"no phonons: {' '.join(str(error).split())}") from error
    if not np.isfinite(frequencies).all():
        raise InputError("no phonons: a frequency is not a number")
    imaginary = frequencies < STILL
    cv, u = (quantity(np.abs(frequencies)) * weights for quantity in (heat_capacities, internal_energies))
    return Thermal(
        cv=float(cv[~imaginary].sum()),
        u=float(u[~imaginary].sum()),
        cv_magnitude=float(cv.sum()),
        u_magnitude=float(u.sum()),
        n_atoms=len(structure),
        n_supercell=n_supercell,
        n_displacements=n_displacements,
        imaginary=float(weights[imaginary].sum() / weights.sum()),
        lowest=float(frequencies.min()),
    )


def supercell_size(structure: Structure, shortest: float) -> np.ndarray:
    """The repetitions (3,) of the cell along its vectors with which no image is nearer than `shortest` Å."""
    matrix = structure.lattice.matrix
    size = np.maximum(1, np.ceil((shortest - ROUNDING) / np.linalg.norm(matrix, axis=1)).astype(int))
    while True:
        distances = np.linalg.norm(IMAGES @ (size[:, None] * matrix), axis=1)
        nearest = distances.argmin()
        if distances[nearest] >= shortest - ROUNDING:
            result: np.ndarray = size
            return result
        lengths = np.where(IMAGES[nearest] != 0, size * np.linalg.norm(matrix, axis=1), np.inf)
        size[lengths.argmin()] += 1


def _modes(
    structure: Structure, size: np.ndarray, settings: ForceFieldSettings, forces: Forces
) -> tuple[np.ndarray, np.ndarray, int]:
    """Frequencies (n_modes,) in THz, their weights in modes of the cell, and the number of displacements."""
    try:
        from phonopy import Phonopy
        from phonopy.structure.atoms import PhonopyAtoms
    except ImportError as error:
        install = "pip install 'hybrid-crystal-gnn[force-field]'"
        raise InputError(f"phonopy is not installed; {install}") from error
    lattice, numbers, places = structure.lattice.matrix, structure.atomic_numbers, structure.frac_coords
    phonons = Phonopy(
        PhonopyAtoms(cell=lattice, numbers=numbers, scaled_positions=places),
        supercell_matrix=np.diag(size),
        primitive_matrix=np.eye(3),
        symprec=settings.symprec,
        log_level=0,
    )
    phonons.generate_displacements(distance=settings.displacement)
    displaced: list[Any] = phonons.supercells_with_displacements or []
    displaced = [Structure(cell.cell, cell.numbers, cell.scaled_positions) for cell in displaced]
    phonons.forces = np.array(forces(displaced))
    phonons.produce_force_constants(calculate_full_force_constants=False)
    phonons.symmetrize_force_constants()
    mesh = phonons.run_mesh(settings.mesh_length)
    points = mesh.weights / mesh.weights.sum()
    weights = np.repeat(points, mesh.frequencies.shape[1])
    return mesh.frequencies.ravel(), weights, len(displaced)
