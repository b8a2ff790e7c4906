"""A quick reader of the CIF files that this package writes: pymatgen's, without symmetry.

Whatever differs from these in any way is left to pymatgen's own reader, which gives the same structures, to
the last bit, some twenty times more slowly.
"""

import math
import re
from collections.abc import Sequence
from functools import cache

import numpy as np
from pymatgen.core import Element, Lattice, Structure

NUMBER = r"\s+(-?\d+\.\d+)\n"
CELL = "".join(f"_cell_{name}{NUMBER}" for name in ("length_a", "length_b", "length_c"))
CELL += "".join(f"_cell_angle_{name}{NUMBER}" for name in ("alpha", "beta", "gamma"))
COLUMNS = ("type_symbol", "label", "symmetry_multiplicity", "fract_x", "fract_y", "fract_z", "occupancy")
HEAD = re.compile(
    r"# generated using pymatgen\ndata_\S*\n_symmetry_space_group_name_H-M\s+'P 1'\n"
    + CELL
    + r"_symmetry_Int_Tables_number\s+1\n_chemical_formula_structural[^\n]*\n_chemical_formula_sum[^\n]*\n"
    r"_cell_volume[^\n]*\n_cell_formula_units_Z[^\n]*\n"
    r"loop_\n _symmetry_equiv_pos_site_id\n _symmetry_equiv_pos_as_xyz\n  1  'x, y, z'\n"
    "loop_\n" + "".join(f" _atom_site_{name}\n" for name in COLUMNS)
)
ATOM = re.compile(r"  ([A-Z][a-z]?)  \w+  1  (-?\d+\.\d+)  (-?\d+\.\d+)  (-?\d+\.\d+)  1")
THIRDS, NEAR = (1 / 3, 2 / 3), 1e-4  # pymatgen takes what is this near to a third for one
THINNEST = 0.01  # Å; pymatgen refuses thinner cells


def read_own_cif(text: str) -> Structure | None:
    """The structure of a CIF file as this package writes it; None if it is any other."""
    head = HEAD.match(text)
    if not head:
        return None
    atoms = [ATOM.fullmatch(line) for line in text[head.end() :].rstrip("\n").split("\n")]
    rows = [atom.groups() for atom in atoms if atom]
    order = _order([symbol for symbol, *_ in rows])
    if len(rows) < len(atoms) or order is None:
        return None
    fractional = np.array([row[1:] for row in rows], float)
    for third in THIRDS:
        fractional[np.abs(fractional / third - 1) <= NEAR] = third
    fractional -= np.floor(fractional)
    lattice = Lattice.from_parameters(*map(float, head.groups()))
    if _too_thin(lattice) or _meet(fractional):
        return None
    return Structure(lattice, [rows[i][0] for i in order], fractional[order])


def _order(symbols: Sequence[str]) -> list[int] | None:
    """Pymatgen's order of the sites, by electronegativity; None if that alone does not decide."""
    known = {symbol: _electronegativity(symbol) for symbol in set(symbols)}
    values = set(known.values())
    if None in values or len(values) < len(known):
        return None
    return sorted(range(len(symbols)), key=lambda i: known[symbols[i]] or 0.0)


@cache
def _electronegativity(symbol: str) -> float | None:
    if symbol in ("D", "T") or not Element.is_valid_symbol(symbol):
        return None
    value = Element(symbol).X
    return None if math.isnan(value) else float(value)


def _too_thin(lattice: Lattice) -> bool:
    with np.errstate(all="ignore"):
        between_planes = 1 / np.linalg.norm(lattice.reciprocal_lattice_crystallographic.matrix, axis=1)
    return not bool((between_planes > THINNEST).all())


def _meet(fractional: np.ndarray) -> bool:
    """Whether two sites are so near to each other that pymatgen would make one of them."""
    steps = fractional[:, None] - fractional
    near: np.ndarray = (np.abs(steps - np.round(steps)) < NEAR).all(axis=2)
    return int(near.sum()) > len(fractional)
