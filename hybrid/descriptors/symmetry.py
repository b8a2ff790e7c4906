"""Descriptors of the symmetry, by spglib: structural complexity, crystal system, space group."""

import numpy as np
from pymatgen.core import Structure

from hybrid.cells import symmetry_dataset

COMPLEXITY_SYMPREC = 0.1  # Å, matminer's StructuralComplexity
SPACE_GROUP_SYMPREC = 0.01  # Å, matminer's GlobalSymmetryFeatures
ANGLE_TOLERANCE = 5  # degrees, pymatgen's SpacegroupAnalyzer, which both use

# the highest space-group number of each crystal system, and matminer's number for the system
CRYSTAL_SYSTEMS = {
    "triclinic": (2, 7),
    "monoclinic": (15, 6),
    "orthorhombic": (74, 5),
    "tetragonal": (142, 4),
    "trigonal": (167, 3),
    "hexagonal": (194, 2),
    "cubic": (230, 1),
}


def structural_complexity(cell: Structure) -> dict[str, float]:
    """Shannon entropy of the distribution of a cell's atoms over symmetry-equivalent sites.

    Per atom it is -sum_k p_k log2 p_k in bits, with p_k the share of the atoms in orbit k (Krivovichev 2013,
    the paper's reference 40); per cell it is multiplied by the number of atoms.

    If the search at the finer tolerance finds that all atoms of each element are equivalent, the search at
    the coarser tolerance is skipped. An operation that maps the crystal onto itself within 0.01 Å does so
    within 0.1 Å too, so a coarser tolerance can only join orbits, and no orbit has atoms of two elements. The
    atoms have to be further apart than twice the coarser tolerance, otherwise an atom's partner is ambiguous.
    This holds for the crystal; spglib gives no guarantee, as it tightens a tolerance if a search fails.

    Raises:
        InputError: spglib cannot analyse the cell.
    """
    sizes = _orbit_sizes(cell, SPACE_GROUP_SYMPREC)
    if len(sizes) > len(set(cell.species)) or not cell.is_valid(2 * COMPLEXITY_SYMPREC):
        sizes = _orbit_sizes(cell, COMPLEXITY_SYMPREC)
    share = sizes / len(cell)
    entropy = abs(float(share @ np.log2(share)))
    return {"struct_comp_atom": entropy, "struct_comp_cell": entropy * len(cell)}


def _orbit_sizes(cell: Structure, symprec: float) -> np.ndarray:
    """(n_orbits,) atoms of each orbit."""
    orbits = symmetry_dataset(cell, symprec, ANGLE_TOLERANCE).equivalent_atoms  # (n_atoms,)
    return np.unique(orbits, return_counts=True)[1]


def space_group(cell: Structure) -> dict[str, float]:
    """Space-group number (1 to 230) and crystal system (1 cubic to 7 triclinic).

    Raises:
        InputError: spglib cannot analyse the cell.
    """
    number = int(symmetry_dataset(cell, SPACE_GROUP_SYMPREC, ANGLE_TOLERANCE).number)
    return {"crys_sys": crystal_system(number), "space_group_number": number}


def crystal_system(space_group_number: int) -> int:
    """The crystal system of a space group, as matminer numbers them: 1 cubic to 7 triclinic."""
    return next(code for highest, code in CRYSTAL_SYSTEMS.values() if space_group_number <= highest)
