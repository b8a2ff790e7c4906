"""CIF files: a quick reader of those that this package writes by pymatgen, without symmetry; and all others.

The others are left to pymatgen's reader, which gives exactly the same structures ten times more slowly, and
are checked for what it guesses.
"""

import math
import re
from collections import Counter
from functools import cache
from typing import Any

import numpy as np
from pymatgen.core import Element, Lattice, Structure, SymmOp

from hybrid.reading import plain_number

CELL = tuple(f"_cell_{name}" for name in ("length_a", "length_b", "length_c"))
CELL += tuple(f"_cell_angle_{name}" for name in ("alpha", "beta", "gamma"))
COLUMNS = ("type_symbol", "label", "symmetry_multiplicity", "fract_x", "fract_y", "fract_z", "occupancy")
HEAD = re.compile(
    r"# generated using pymatgen\ndata_\S*\n_symmetry_space_group_name_H-M\s+'P 1'\n"
    + "".join(rf"{name}\s+(\d+\.\d+)\n" for name in CELL)
    + r"_symmetry_Int_Tables_number\s+1\n_chemical_formula_structural[^\n]*\n"
    r"_chemical_formula_sum   ([^\n]*)\n_cell_volume[^\n]*\n_cell_formula_units_Z[^\n]*\n"
    r"loop_\n _symmetry_equiv_pos_site_id\n _symmetry_equiv_pos_as_xyz\n  1  'x, y, z'\n"
    "loop_\n" + "".join(f" _atom_site_{name}\n" for name in COLUMNS),
    re.ASCII,
)
ATOM = re.compile(r"  ([A-Z][a-z]?)  \w+  1  (-?\d+\.\d+)  (-?\d+\.\d+)  (-?\d+\.\d+)  1", re.ASCII)
OPERATIONS = ("_symmetry_equiv_pos_as_xyz", "_space_group_symop_operation_xyz")
FURTHEST = 10_000  # cells that a coordinate may be away, of which pymatgen keeps the fraction
THIRDS, NEAR = (1 / 3, 2 / 3), 1e-4  # coordinates this near to a third become a third in pymatgen
STRAIGHT = 180.0  # degrees
THINNEST = 0.01  # Å; pymatgen refuses thinner cells


def read_own_cif(text: str) -> Structure | None:
    """The structure of a CIF file in the form in which this package writes it; None if it is in another."""
    head = HEAD.match(text)
    if not head:
        return None
    atoms = [ATOM.fullmatch(line) for line in text[head.end() :].rstrip("\n").split("\n")]
    rows = [atom.groups() for atom in atoms if atom]
    symbols = [symbol for symbol, *_ in rows]
    counts = " ".join(f"{symbol}{n}" for symbol, n in sorted(Counter(symbols).items()))
    order = {symbol: _electronegativity(symbol) for symbol in symbols}
    if counts != " ".join(sorted(head[7].strip(" '").split())):
        return None  # atoms are missing; pymatgen says so
    if len(rows) < len(atoms) or None in order.values() or len(set(order.values())) < len(order):
        return None  # pymatgen sorts sites by electronegativity, which does not determine the order here
    fractional = np.array([row[1:] for row in rows], float)
    for third in THIRDS:
        fractional[np.abs(fractional / third - 1) <= NEAR] = third
    fractional -= np.floor(fractional)
    steps = fractional[:, None] - fractional
    if (np.abs(steps - np.round(steps)) < NEAR).all(axis=2).sum() > len(rows):
        return None  # pymatgen merges two sites that are so near
    cell = list(map(float, head.groups()[:6]))
    if max(cell[3:]) >= STRAIGHT:
        return None  # an error follows
    lattice = Lattice.from_parameters(*cell)
    with np.errstate(all="ignore"):
        between_planes = 1 / np.linalg.norm(lattice.reciprocal_lattice_crystallographic.matrix, axis=1)
    if not (between_planes > THINNEST).all():
        return None
    by_order = sorted(range(len(rows)), key=lambda i: order[symbols[i]] or 0.0)
    return Structure(lattice, [symbols[i] for i in by_order], fractional[by_order])


def read_any_cif(text: str) -> Structure:
    """The structure of a CIF file by pymatgen, where the file leaves it nothing to guess.

    Raises:
        ValueError: there is not one structure in it, an operation of symmetry is none, its space group is
            unknown, or a site names no element.
    """
    from pymatgen.io.cif import CifParser

    parser: Any = CifParser.from_str(text)
    structures = parser.parse_structures(primitive=False)
    if len(structures) > 1:
        raise ValueError(f"holds {len(structures)} structures; one is needed")
    for block in parser.as_dict().values():
        for name in ("_atom_site_type_symbol", "_atom_site_label"):
            if name in block:
                _check_symbols(block[name])
                break
        for name, value in block.items():
            if name.rstrip("_") in OPERATIONS:
                _check_operations([value] if isinstance(value, str) else value)
            if name in CELL or name.startswith("_atom_site_fract_"):
                _check_numbers(name, [value] if isinstance(value, str) else value)
        if any("Defaulting to P1" in told for told in parser.warnings) and any(
            name.startswith(("_symmetry", "_space_group")) and value not in ("", "?", ".")
            for name, value in block.items()
        ):
            raise ValueError("its space group is not known")
    found: Structure = structures[0]
    return found


def _check_symbols(symbols: list[str]) -> None:
    for symbol in symbols:
        letters = re.match(r"[A-Za-z]*", symbol)
        name = letters[0].title() if letters else ""
        if name not in ("Ow", "Hw") and not Element.is_valid_symbol(name):
            raise ValueError(f"'{symbol}' names no element")


def _check_numbers(name: str, values: list[str]) -> None:
    for value in values:
        if value in ("?", "."):
            continue  # in a block without a structure
        number = plain_number(re.sub(r"\([\d.]*\)$", "", value))  # an uncertainty in brackets
        if number is None or (name in CELL and not 0 < number < (STRAIGHT if "angle" in name else math.inf)):
            raise ValueError(f"{name} is '{value}'")
        if name not in CELL and abs(number) > FURTHEST:
            raise ValueError(f"an atom is over {FURTHEST:,} cells away from the cell")


def _check_operations(operations: list[str]) -> None:
    for operation in operations:
        text = operation.lower().replace(" ", "")
        parts = re.fullmatch(r"[-+*/.0-9xyz]+,[-+*/.0-9xyz]+,[-+*/.0-9xyz]+", text)
        turned = np.linalg.det(SymmOp.from_xyz_str(text).rotation_matrix) if parts else 0
        if not math.isclose(abs(turned), 1, abs_tol=1e-6):
            raise ValueError(f"'{operation}' is no operation of symmetry")


@cache
def _electronegativity(symbol: str) -> float | None:
    if symbol in ("D", "T") or not Element.is_valid_symbol(symbol):
        return None
    value = Element(symbol).X
    return None if math.isnan(value) else float(value)
