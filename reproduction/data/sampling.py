"""The paper's thinning of the Materials Project to a set biased to low symmetry ("MP dataset", Methods)."""

from collections.abc import Sequence

import numpy as np

from hybrid.errors import InputError

HALF_KEPT = 15  # C2/c, the last monoclinic space group: half of its crystals stay


def keep_probability(space_groups: Sequence[int] | np.ndarray) -> np.ndarray:
    """The probability (n,) with which each crystal stays, 15/(N + 15) with N its space-group number.

    The paper gives the probability of being removed, N/(N + 15). N is the number that names the space group,
    1 to 230, not how many crystals have it: 94 % of P1 stay, and 6 % of the cubic crystals. The sum over all
    crystals is the expected size of the thinned set.

    Raises:
        InputError: a number is not that of a space group.
    """
    numbers = np.asarray(space_groups)
    known = np.isin(numbers, np.arange(1, 231))
    if not known.all():
        first = int(np.flatnonzero(~known)[0])
        raise InputError(f"row {first + 1}: space group {numbers[first]} is not one of 1 to 230")
    return np.asarray(HALF_KEPT / (numbers + HALF_KEPT))


def thin_by_space_group(space_groups: Sequence[int] | np.ndarray, seed: int) -> np.ndarray:
    """Which crystals stay, (n,) of bool, each drawn on its own with `keep_probability`.

    The n-th draw is the n-th crystal's: with the same order the same seed gives the same set, and crystals
    added at the end leave the choice among the others as it was. Sort the ids, to be able to make it again.

    Args:
        space_groups: international space-group numbers (n,).
        seed: the data seed.

    Raises:
        InputError: a number is not that of a space group.
    """
    probability = keep_probability(space_groups)
    kept: np.ndarray = np.random.default_rng(seed).random(len(probability)) < probability
    return kept
