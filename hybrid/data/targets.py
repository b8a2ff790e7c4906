"""What a target is a target of: a cell, an atom, a formula unit; and the values that cannot be right.

One definition of each serves every data set: a value given for one cell of a crystal is brought to another
cell, or to an atom or formula unit, by counting atoms (Table 2).
"""

import math
from collections.abc import Callable
from typing import Literal, get_args

from pymatgen.core import Structure

from hybrid.data.thermal import check_dulong_petit
from hybrid.errors import InputError, unknown_name

Normalisation = Literal["cell", "atom", "formula"]
NORMALISATIONS: tuple[str, ...] = get_args(Normalisation)
Check = Callable[[float, int], None]


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


def between(low: float, high: float) -> Check:
    """A check that a value is above `low` and below `high`, neither of which it may be."""

    def check(value: float, _: int) -> None:
        if not low < value < high:
            limits = f"above {low:g}" + (f" and below {high:g}" if math.isfinite(high) else "")
            raise InputError(f"the value {value:g} is not {limits}")

    return check


def at_least(low: float) -> Check:
    """A check that a value is not below `low`."""

    def check(value: float, _: int) -> None:
        if not low <= value < math.inf:
            raise InputError(f"the value {value:g} is below {low:g}")

    return check


def dulong_petit(value: float, n_atoms: int) -> None:
    """Refuses a heat capacity, J/(mol K) of cells of `n_atoms`, that is not positive or above 3 N R.

    Raises:
        InputError: it is.
    """
    check_dulong_petit(value, n_atoms)


POSITIVE = between(0, math.inf)  # moduli, energies of vibrations
POISSON = between(-1, 0.5)  # what positive moduli allow
