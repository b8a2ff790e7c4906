"""Heat capacity and internal energy of a crystal from its phonon density of states.

The numbers are those of pymatgen's `PhononDos`, which the paper uses (Methods): integrals over the harmonic
oscillators of positive frequency, zero-point energy included. Imaginary modes, tabulated as negative
frequencies, are left out and nothing takes their place: soft modes lower Cv and U.

A density of states belongs to a cell: its integral over all frequencies is three modes an atom. With that of
another cell than the structure's the values are wrong by the ratio of the two; `check_mode_count` finds that.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.constants import R

from hybrid.errors import InputError

if TYPE_CHECKING:
    from pymatgen.phonon.dos import PhononDos

TEMPERATURE = 300.0  # K; of the paper's Cv and U
CV_TOLERANCE = 0.01  # what the integral of a tabulated density of states may be off by
MODE_TOLERANCE = 0.1  # another cell of the same crystal has half the modes, or twice as many


def heat_capacity(
    frequencies_thz: Sequence[float] | np.ndarray,
    densities: Sequence[float] | np.ndarray,
    temperature: float = TEMPERATURE,
) -> float:
    """The heat capacity at constant volume Cv, J/(mol K) of cells.

    Args:
        frequencies_thz: ascending frequencies (n,), THz; imaginary ones negative.
        densities: the density of states (n,) at them, modes a cell and THz.
        temperature: K.

    Raises:
        InputError: the two are not such a table, or the temperature is negative.
    """
    return float(_density_of_states(frequencies_thz, densities, temperature).cv(temperature))


def internal_energy(
    frequencies_thz: Sequence[float] | np.ndarray,
    densities: Sequence[float] | np.ndarray,
    temperature: float = TEMPERATURE,
) -> float:
    """The vibrational internal energy U with the zero-point energy, kJ/mol of cells.

    Args:
        frequencies_thz: ascending frequencies (n,), THz; imaginary ones negative.
        densities: the density of states (n,) at them, modes a cell and THz.
        temperature: K.

    Raises:
        InputError: the two are not such a table, or the temperature is negative.
    """
    dos = _density_of_states(frequencies_thz, densities, temperature)
    return float(dos.internal_energy(temperature)) / 1000


def check_dulong_petit(cv: float, n_atoms: int) -> None:
    """Checks a heat capacity, J/(mol K) of cells of `n_atoms`, against its classical limit 3 R an atom.

    Raises:
        InputError: it is not positive, or above the limit.
    """
    limit = 3 * n_atoms * R
    if not 0 < cv <= (1 + CV_TOLERANCE) * limit:
        raise InputError(
            f"heat capacity {cv:.2f} J/(mol K) is not between 0 and 3NR = {limit:.2f} of {n_atoms} atoms"
        )


def check_mode_count(
    frequencies_thz: Sequence[float] | np.ndarray, densities: Sequence[float] | np.ndarray, n_atoms: int
) -> None:
    """Checks that a density of states, imaginary modes included, has the 3 n_atoms modes of the cell.

    Raises:
        InputError: it is that of another cell.
    """
    dos = _density_of_states(frequencies_thz, densities)
    modes = float(np.trapezoid(dos.densities, dos.frequencies))
    if abs(modes - 3 * n_atoms) > MODE_TOLERANCE * 3 * n_atoms:
        raise InputError(
            f"density of states has {modes:.2f} modes, not the {3 * n_atoms} of a cell of {n_atoms} atoms"
        )


def _density_of_states(
    frequencies: Sequence[float] | np.ndarray,
    densities: Sequence[float] | np.ndarray,
    temperature: float = TEMPERATURE,
) -> "PhononDos":
    from pymatgen.phonon.dos import PhononDos  # brings pyplot with it

    dos = PhononDos(frequencies, densities)
    if dos.frequencies.ndim != 1 or dos.frequencies.shape != dos.densities.shape or dos.frequencies.size < 2:
        raise InputError(
            f"a density of states needs as many densities as frequencies, two at least; "
            f"these are {dos.frequencies.shape} and {dos.densities.shape}"
        )
    if not (np.isfinite(dos.frequencies).all() and np.isfinite(dos.densities).all()):
        raise InputError("a frequency or a density of the density of states is not a number")
    if not (np.diff(dos.frequencies) > 0).all():
        raise InputError("the frequencies of the density of states do not ascend")
    if dos.frequencies[-1] <= 0:
        raise InputError("the density of states has no positive frequency")
    if not temperature >= 0:
        raise InputError(f"the temperature is {temperature:g} K; it cannot be negative")
    return dos
