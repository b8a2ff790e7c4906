"""Converts extensive targets between cells, atoms and formula units (Table 2)."""

from pymatgen.core import Structure

from hybrid.errors import unknown_name

NORMALISATIONS = ("cell", "atom", "formula")


def n_units(structure: Structure, per: str) -> float:
    """The number of cells (one), atoms or formula units in a structure.

    The formula unit is pymatgen's reduced formula, and the molecule of elements that form one (O2).

    Raises:
        InputError: `per` is not in NORMALISATIONS.
    """
    if per == "cell":
        return 1
    if per == "atom":
        return len(structure)
    if per == "formula":
        return structure.composition.get_reduced_formula_and_factor()[1]
    raise unknown_name("normalisation", per, NORMALISATIONS)


def renormalise(value: float, given: Structure, given_per: str, wanted: Structure, wanted_per: str) -> float:
    """Converts an extensive value for the cell `given` into that for `wanted`, another cell of the crystal.

    Both are per cell, atom or formula.
    """
    of_atom = value * n_units(given, given_per) / len(given)
    return of_atom * len(wanted) / n_units(wanted, wanted_per)
