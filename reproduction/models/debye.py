"""Cv and U of a crystal in Debye's model (eqs. 15 to 19), from volume, mass and one stiffness.

The paper writes the model for the three acoustic branches of a primitive cell. Here all 3N modes of a cell
follow Debye's spectrum, so that V and m are those per atom, and results are multiplied by N; the zero-point
energy, which the labels hold and eq. 15 does not, is added to U. Of eq. 19's three quantities d is taken as
the edge of an atom's share of the volume, d = V^(1/3), so that the velocity of sound is v = √(K/ρ) with the
density ρ = m/V and the effective stiffness K = C/d.

The stiffness of ions or electrons that repel each other falls like e²/d⁴, so K = K₀ (20 Å³/V)^(4/3). K₀ is
the only number that is fitted.
"""

from collections.abc import Callable

import numpy as np
from scipy.constants import R, atomic_mass, giga, hbar, k
from scipy.optimize import minimize_scalar

from reproduction.data.thermal import TEMPERATURE
from reproduction.models.oscillators import energy_of_quanta, heat_capacity_of_quanta

ANGSTROM = 1e-10  # m
REFERENCE_VOLUME = 20.0  # Å³ an atom
EXPONENT = 4 / 3
STIFFNESSES = (0.1, 1e4)  # GPa, between which K₀ is sought
NODES = 64  # of the Gauss-Legendre quadrature of Debye's integrals


def debye_temperature(stiffness: np.ndarray, volume: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """The Debye temperature θ, K (eqs. 18 and 19).

    Args:
        stiffness: the effective K, GPa.
        volume: Å³ an atom.
        mass: mean mass of an atom, u.
    """
    metres = np.asarray(volume) * ANGSTROM**3
    velocity = np.sqrt(np.asarray(stiffness) * giga * metres / (np.asarray(mass) * atomic_mass))
    theta: np.ndarray = hbar * velocity / k * (6 * np.pi**2 / metres) ** (1 / 3)
    return theta


def heat_capacity(theta: np.ndarray, temperature: float = TEMPERATURE) -> np.ndarray:
    """Cv, J/(mol K) of atoms, of crystals with Debye temperatures `theta` in K (eq. 16)."""
    result: np.ndarray = 3 * R * _mean_over_spectrum(heat_capacity_of_quanta, np.asarray(theta) / temperature)
    return result


def internal_energy(theta: np.ndarray, temperature: float = TEMPERATURE) -> np.ndarray:
    """U, kJ/mol of atoms, of such crystals: eq. 15 and the zero-point energy 9/8 Rθ."""
    mean = _mean_over_spectrum(energy_of_quanta, np.asarray(theta) / temperature)
    result: np.ndarray = 3 * R * temperature / 1000 * mean
    return result


def effective_stiffness(k0: float, volume: np.ndarray) -> np.ndarray:
    """K, GPa, of crystals of `volume` Å³ an atom, if that of one of 20 Å³ is `k0`."""
    stiffness: np.ndarray = k0 * (REFERENCE_VOLUME / np.asarray(volume)) ** EXPONENT
    return stiffness


def fit_stiffness(
    quantity: Callable[[np.ndarray], np.ndarray],
    volume: np.ndarray,
    mass: np.ndarray,
    count: np.ndarray,
    targets: np.ndarray,
) -> float:
    """K₀, GPa, by least squares.

    Args:
        quantity: heat_capacity or internal_energy, per atom.
        volume: (n_crystals,) Å³ an atom.
        mass: (n_crystals,) mean mass of an atom, u.
        count: (n_crystals,) atoms that a target is of.
        targets: (n_crystals,) in the quantity's unit.
    """

    def error(logarithm: float) -> float:
        stiffness = effective_stiffness(float(np.exp(logarithm)), volume)
        predicted = count * quantity(debye_temperature(stiffness, volume, mass))
        return float(((predicted - targets) ** 2).sum())

    found = minimize_scalar(error, bounds=tuple(np.log(STIFFNESSES)), method="bounded")
    return float(np.exp(found.x))


def _mean_over_spectrum(function: Callable[[np.ndarray], np.ndarray], x_debye: np.ndarray) -> np.ndarray:
    """The mean over Debye's spectrum, 3 x²/x_D³ up to x_D = θ/T (eq. 17)."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    shares = (nodes + 1) / 2  # of x_D
    mean: np.ndarray = function(np.multiply.outer(x_debye, shares)) @ (1.5 * weights * shares**2)
    return mean
