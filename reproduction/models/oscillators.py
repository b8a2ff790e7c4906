"""Heat capacity and internal energy of harmonic oscillators.

The internal energy includes the zero-point energy, as the labels do.
"""

import numpy as np
from scipy.constants import R, h, k

from reproduction.data.thermal import TEMPERATURE

THZ = 1e12  # Hz
SMALLEST, LARGEST = 1e-8, 350.0  # of half a quantum in kT: the classical limit; above, sinh overflows


def heat_capacities(frequencies: np.ndarray, temperature: float = TEMPERATURE) -> np.ndarray:
    """Cv of modes, J/(mol K); R where the frequency is 0, the classical limit.

    Args:
        frequencies: none negative, THz.
        temperature: K.
    """
    result: np.ndarray = R * heat_capacity_of_quanta(_quanta(frequencies, temperature))
    return result


def internal_energies(frequencies: np.ndarray, temperature: float = TEMPERATURE) -> np.ndarray:
    """U of modes, kJ/mol; RT where the frequency is 0, the classical limit.

    Args:
        frequencies: none negative, THz.
        temperature: K.
    """
    result: np.ndarray = R * temperature / 1000 * energy_of_quanta(_quanta(frequencies, temperature))
    return result


def heat_capacity_of_quanta(x: np.ndarray) -> np.ndarray:
    """The heat capacity in units of k of oscillators with quanta x, in units of kT: (x/2 / sinh(x/2))²."""
    half = np.clip(x / 2, SMALLEST, LARGEST)
    result: np.ndarray = (half / np.sinh(half)) ** 2
    return result


def energy_of_quanta(x: np.ndarray) -> np.ndarray:
    """The energy in units of kT of oscillators with quanta x, in units of kT: x/2 coth(x/2)."""
    half = np.maximum(x / 2, SMALLEST)
    result: np.ndarray = half / np.tanh(half)
    return result


def _quanta(frequencies: np.ndarray, temperature: float) -> np.ndarray:
    quanta: np.ndarray = h * THZ * np.asarray(frequencies, float) / (k * temperature)
    return quanta
