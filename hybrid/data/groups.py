"""Groups of similar crystals, which a split can keep in one fold."""

from collections.abc import Callable, Sequence

import numpy as np
from pymatgen.core import Structure

from hybrid.cells import SYMPREC, reduced_cell, symmetry_dataset


def formula(structure: Structure) -> str:
    """The reduced formula, which polymorphs have in common."""
    return structure.composition.reduced_formula


def prototype(structure: Structure) -> str:
    """Anonymous formula, space group and number of atoms in the primitive cell.

    Crystals of one structure type agree in these. Since Wyckoff positions are not compared, a few different
    structure types agree too.
    """
    cell = reduced_cell(structure)
    number = symmetry_dataset(cell, SYMPREC).number
    return f"{structure.composition.anonymized_formula} {number} {len(cell)}"


def formula_overlap(formulas: Sequence[str], folds: np.ndarray) -> float:
    """The share of the test crystals whose formula (n_crystals,) is that of a training crystal."""
    found = np.asarray(formulas)
    return float(np.isin(found[folds == "test"], found[folds == "training"]).mean())


GROUPINGS: dict[str, Callable[[Structure], str]] = {"formula": formula, "prototype": prototype}
