"""Debye's model as a baseline for Cv and U (eqs. 15 to 19), from volume, mass and one stiffness.

The paper writes the model for the three acoustic branches of a primitive cell. Here all 3N modes of a cell
follow Debye's spectrum, so V and m are per atom, and results are multiplied by N. The zero-point energy,
which the labels include and eq. 15 does not, is added to U. In eq. 19, d is the edge of the volume per atom,
d = V^(1/3), so the velocity of sound is v = √(K/ρ) with the density ρ = m/V and the effective stiffness K =
C/d.

The stiffness of ions or electrons that repel each other falls like e²/d⁴, so K = K₀ (20 Å³/V)^(4/3). K₀ is
the only number that is fitted, on the training set.
"""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.constants import R, angstrom, atomic_mass, giga, hbar, k
from scipy.optimize import minimize_scalar

from hybrid.errors import InputError
from hybrid.training.model_registry import Model
from hybrid.training.results import Fitted
from hybrid.training.samples import Samples
from reproduction.data.thermal import TEMPERATURE
from reproduction.models.oscillators import energy_of_quanta, heat_capacity_of_quanta

REFERENCE_VOLUME = 20.0  # Å³ an atom
EXPONENT = 4 / 3
STIFFNESSES = (0.1, 1e4)  # GPa, between which K₀ is sought
NODES = 64  # of the Gauss-Legendre quadrature of Debye's integrals
Quantity = Callable[[np.ndarray], np.ndarray]


def debye_temperature(stiffness: np.ndarray, volume: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """The Debye temperature θ, K (eqs. 18 and 19).

    Args:
        stiffness: the effective K, GPa.
        volume: Å³ an atom.
        mass: mean mass of an atom, u.
    """
    cubic_metres = np.asarray(volume) * angstrom**3
    velocity = np.sqrt(np.asarray(stiffness) * giga * cubic_metres / (np.asarray(mass) * atomic_mass))
    theta: np.ndarray = hbar * velocity / k * (6 * np.pi**2 / cubic_metres) ** (1 / 3)
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


def _mean_over_spectrum(function: Quantity, x_debye: np.ndarray) -> np.ndarray:
    """The mean over Debye's spectrum, 3 x²/x_D³ up to x_D = θ/T (eq. 17)."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    shares = (nodes + 1) / 2  # of x_D
    mean: np.ndarray = function(np.multiply.outer(x_debye, shares)) @ (1.5 * weights * shares**2)
    return mean


def effective_stiffness(k0: float, volume: np.ndarray) -> np.ndarray:
    """K, GPa, of crystals of `volume` Å³ an atom, if that of one of 20 Å³ is `k0`."""
    stiffness: np.ndarray = k0 * (REFERENCE_VOLUME / np.asarray(volume)) ** EXPONENT
    return stiffness


def fit_stiffness(
    quantity: Quantity, volume: np.ndarray, mass: np.ndarray, count: np.ndarray, targets: np.ndarray
) -> float:
    """K₀, GPa, by least squares.

    Args:
        quantity: heat_capacity or internal_energy, per atom.
        volume: (n_crystals,) Å³ an atom.
        mass: (n_crystals,) mean mass of an atom, u.
        count: (n_crystals,) numbers of atoms that the targets belong to.
        targets: (n_crystals,) in the quantity's unit.
    """

    def error(logarithm: float) -> float:
        stiffness = effective_stiffness(float(np.exp(logarithm)), volume)
        predicted = count * quantity(debye_temperature(stiffness, volume, mass))
        return float(((predicted - targets) ** 2).sum())

    found = minimize_scalar(error, bounds=tuple(np.log(STIFFNESSES)), method="bounded")
    return float(np.exp(found.x))


QUANTITIES = {  # by target and unit: per atom, and whether the target is of a cell
    ("Cv", "J/(mol-cell K)"): (heat_capacity, True),
    ("Cv", "J/(mol-atom K)"): (heat_capacity, False),
    ("U", "kJ/mol-cell"): (internal_energy, True),
    ("U", "kJ/mol-atom"): (internal_energy, False),
}


def debye(samples: Samples, *_: Any) -> Fitted:
    """Cv or U at 300 K, per cell or per atom, from the crystals' volume, mass and number of atoms.

    Raises:
        InputError: the targets are something else.
    """
    quantity, per_cell = _quantity(samples)
    structures = list(samples.folder.structures())
    count = np.array([len(structure) for structure in structures], float)
    volume = np.array([structure.volume for structure in structures]) / count
    mass = np.array([float(structure.composition.weight) for structure in structures]) / count
    factor = count if per_cell else np.ones_like(count)
    at = samples.at("training")
    k0 = fit_stiffness(quantity, volume[at], mass[at], factor[at], samples.targets[at, 0])
    theta = debye_temperature(effective_stiffness(k0, volume), volume, mass)
    notes = {"stiffness_gpa": round(k0, 4), "median_debye_temperature_k": round(float(np.median(theta)), 2)}
    return Fitted((factor * quantity(theta))[:, None], notes)


def _quantity(samples: Samples) -> tuple[Quantity, bool]:
    """The quantity of the targets, and whether they are per cell."""
    manifest = samples.folder.path / "manifest.json"
    try:
        content = json.loads(manifest.read_text())
        target, unit = str(content["target"]), str(content["unit"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{manifest}: does not say what the target and its unit are") from error
    if samples.names:
        target, unit = samples.names[0], ""
    if (target, unit) not in QUANTITIES:
        gives = "Cv in J/(mol-cell K) or U in kJ/mol-cell (or per atom)"
        raise InputError(f"{manifest}: Debye's model gives {gives}, not {target} in '{unit}'")
    return QUANTITIES[target, unit]


MODEL = Model(debye)
