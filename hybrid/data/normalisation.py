"""What a target is a target of: a cell, an atom, a formula unit.

A value given for one cell of a crystal is brought to another cell, or to an atom or formula unit, by counting
atoms (Table 2).
"""

from typing import Literal, get_args

from pymatgen.core import Structure

from hybrid.errors import unknown_name

Normalisation = Literal["cell", "atom", "formula"]
NORMALISATIONS: tuple[str, ...] = get_args(Normalisation)


def n_units(structure: Structure, per: str) -> float:
    """How many cells (one), atoms or formula units a structure holds.

    The formula unit is that of pymatgen's reduced formula: whole numbers without a common divisor, and the
    molecule of the elements that form one (O2).

    Raises:
        InputError: `per` is none of NORMALISATIONS.
    """
    if per == "cell":
        return 1
    if per == "atom":
        return len(structure)
    if per == "formula":
        return structure.composition.get_reduced_formula_and_factor()[1]
    raise unknown_name("normalisation", per, NORMALISATIONS)


def renormalise(value: float, given: Structure, given_per: str, wanted: Structure, wanted_per: str) -> float:
    """The value of `wanted`, per `wanted_per`, from that of `given`, per `given_per`.

    Args:
        value: an extensive quantity, of the crystal that both structures are cells of.
        given: the cell that the value belongs to.
        given_per: cell, atom or formula.
        wanted: another cell of the same crystal.
        wanted_per: cell, atom or formula.
    """
    of_atom = value * n_units(given, given_per) / len(given)
    return of_atom * len(wanted) / n_units(wanted, wanted_per)
