"""A quick reader of the CIF files that this package writes by pymatgen, without symmetry.

All other CIF files are left to pymatgen's reader, which gives exactly the same structures ten times more
slowly.
"""

import math
import re
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
THIRDS, NEAR = (1 / 3, 2 / 3), 1e-4  # coordinates this near to a third become a third in pymatgen
THINNEST = 0.01  # Å; pymatgen refuses thinner cells


def read_own_cif(text: str) -> Structure | None:
    """The structure of a CIF file in the form in which this package writes it; None if it is in another."""
    head = HEAD.match(text)
    if not head:
        return None
    atoms = [ATOM.fullmatch(line) for line in text[head.end() :].rstrip("\n").split("\n")]
    rows = [atom.groups() for atom in atoms if atom]
    symbols = [symbol for symbol, *_ in rows]
    order = {symbol: _electronegativity(symbol) for symbol in symbols}
    if len(rows) < len(atoms) or None in order.values() or len(set(order.values())) < len(order):
        return None  # pymatgen sorts sites by electronegativity, which does not determine the order here
    fractional = np.array([row[1:] for row in rows], float)
    for third in THIRDS:
        fractional[np.abs(fractional / third - 1) <= NEAR] = third
    fractional -= np.floor(fractional)
    steps = fractional[:, None] - fractional
    if (np.abs(steps - np.round(steps)) < NEAR).all(axis=2).sum() > len(rows):
        return None  # pymatgen merges two sites that are so near
    lattice = Lattice.from_parameters(*map(float, head.groups()))
    with np.errstate(all="ignore"):
        between_planes = 1 / np.linalg.norm(lattice.reciprocal_lattice_crystallographic.matrix, axis=1)
    if not (between_planes > THINNEST).all():
        return None
    by_order = sorted(range(len(rows)), key=lambda i: order[symbols[i]] or 0.0)
    return Structure(lattice, [symbols[i] for i in by_order], fractional[by_order])


@cache
def _electronegativity(symbol: str) -> float | None:
    if symbol in ("D", "T") or not Element.is_valid_symbol(symbol):
        return None
    value = Element(symbol).X
    return None if math.isnan(value) else float(value)
