"""Size and shape of the Niggli cell, and how densely atoms fill it."""

import math
from functools import cache

from pymatgen.core import Element, Structure

from hybrid.errors import InputError

DALTON = 1.66053906660  # g/cm³ of one Da in one Å³ (CODATA 2018)


def cell_shape(cell: Structure) -> dict[str, float]:
    """Number of atoms, lattice lengths (Å) and angles (degrees) of a Niggli cell.

    As in the paper, lengths and angles are sorted separately: a is the length of the longest vector, alpha
    the largest angle, whichever two vectors enclose it.
    """
    c, b, a = sorted(cell.lattice.abc)
    gamma, beta, alpha = sorted(cell.lattice.angles)
    return {"natoms": len(cell), "a": a, "b": b, "c": c, "alpha": alpha, "beta": beta, "gamma": gamma}


def density(cell: Structure) -> dict[str, float]:
    """Mass density (g/cm³) and volume per atom (Å³)."""
    mass = sum(_mass(site.specie.symbol) for site in cell)
    return {"density": mass * DALTON / cell.volume, "vpa": cell.volume / len(cell)}


def packing_fraction(cell: Structure) -> dict[str, float]:
    """Volume of the atoms, as spheres of the tabulated atomic radii, over the volume of the cell.

    The radii are Slater's, not those of touching spheres, so fcc copper has 0.88 and not 0.74.

    Raises:
        InputError: an element has no tabulated radius (He, Ne, Kr, Xe, At, Rn, Fr).
    """
    spheres = sum(_sphere(site.specie.symbol) for site in cell)
    return {"packing_frac": spheres / cell.volume}


@cache
def _mass(symbol: str) -> float:
    """Atomic mass (Da) of an element."""
    return float(Element(symbol).atomic_mass)


@cache
def _sphere(symbol: str) -> float:
    """Volume (Å³) of an element's atom."""
    radius = Element(symbol).atomic_radius
    if radius is None:
        raise InputError(f"no atomic radius for {symbol}")
    return 4 / 3 * math.pi * float(radius) ** 3
