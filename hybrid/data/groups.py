"""What crystals have in common, so that a split can keep those together that would give a test away."""

from collections.abc import Callable, Sequence

import numpy as np
from pymatgen.core import Structure

from hybrid.cells import SYMPREC, reduced_cell, symmetry_dataset


def formula(structure: Structure) -> str:
    """The reduced formula: polymorphs share it."""
    return structure.composition.reduced_formula


def prototype(structure: Structure) -> str:
    """Anonymous formula, space group and atoms in the primitive cell, which a structure type shares.

    No wyckoff positions are compared, so that a few structure types fall together; none is torn apart but by
    the symmetry's tolerance.
    """
    cell = reduced_cell(structure)
    number = symmetry_dataset(cell, SYMPREC).number
    return f"{structure.composition.anonymized_formula} {number} {len(cell)}"


def formula_overlap(formulas: Sequence[str], folds: np.ndarray) -> float:
    """The share of the test crystals whose formula is that of a training crystal.

    A model of the composition alone has seen these crystals, or their polymorphs, in training.

    Args:
        formulas: (n_crystals,) equal for crystals of one reduced formula.
        folds: (n_crystals,) training, validation or test.
    """
    found = np.asarray(formulas)
    return float(np.isin(found[folds == "test"], found[folds == "training"]).mean())


GROUPINGS: dict[str, Callable[[Structure], str]] = {"formula": formula, "prototype": prototype}
