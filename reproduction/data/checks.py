"""Values that a target cannot have."""

import math
from collections.abc import Callable

from hybrid.errors import InputError
from reproduction.data.thermal import check_dulong_petit

Check = Callable[[float, int], None]


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
