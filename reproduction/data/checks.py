"""Values that a target cannot have."""

import math
from collections.abc import Callable

from hybrid.errors import InputError

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


POSITIVE = between(0, math.inf)  # moduli, energies of vibrations
