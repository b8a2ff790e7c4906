"""1D carbon chains: the random single and double chains, zigzag and armchair (Figure 3, SI section 9).

All chains run along x and are separated by 100 Å of vacuum along y and z. The probed target is the length of
the lattice vector along the chain, `structure.lattice.a` in Å.
"""

import math
from typing import Literal

import numpy as np
from pymatgen.core import Lattice, Structure

from hybrid.errors import InputError, unknown_name
from hybrid.structures import CLOSEST

MAX_STEP = 2 * 1.5  # Å, largest displacement along each axis; 1.5 Å approximates the C-C bond
VACUUM = 100.0  # Å, the cell's b and c
DOUBLE_OFFSET = 3.0  # Å between the strands of a double chain
SHORT = (2, 9)  # atoms a chain, first and last exclusive: "1D, short"
LONG = (37, 51)  # "1D, long"
N_CHAINS = 1400  # of each of the paper's sets

Kind = Literal["single", "mixed"]
STRANDS: dict[str, tuple[str, ...]] = {"single": ("single",), "mixed": ("single", "double")}


def random_chain(n_atoms: int, rng: np.random.Generator) -> Structure:
    """A random carbon chain by the pseudo-code of SI section 9.

    The first atom and every step are uniform in (0, 3) Å along each axis; odd steps go back along y and z,
    which keeps the chain together, and x only grows. The last atom's x becomes a.

    What that implies: the last atom's image lies at x = 0, so the step that closes the chain is the first
    atom's x along x, but along y and z it is the sum of all steps, which is not bounded. In
    about two fifths of the long chains the closing gap exceeds CGCNN's cut-off of 8 Å. Neighbouring atoms
    may be anything from 0 to 3√3 Å apart. Coordinates are not wrapped into the cell, so consecutive sites
    are consecutive along the chain; y and z may be negative.

    Args:
        n_atoms: atoms in the cell.
        rng: draws x, y, z of one atom after the other, as the pseudo-code does.

    Raises:
        InputError: there is no atom.
    """
    if n_atoms < 1:
        raise InputError(f"a chain of {n_atoms} atoms; at least 1 is needed")
    steps = MAX_STEP * rng.random((n_atoms, 3))
    steps[1::2, 1:] *= -1
    return _carbon(np.cumsum(steps, axis=0))


def double_chain(chain: Structure, offset: float = DOUBLE_OFFSET) -> Structure:
    """`chain` and its copy beside it: the same a, twice the atoms (Figure 3d).

    The paper gives no geometry for its double chains. Here the copy is shifted along y by `offset` Å; the
    default is the largest displacement within a chain, so the strands see each other within the cut-off.
    """
    strand = chain.cart_coords
    return _carbon(np.vstack([strand, strand + np.array([0.0, offset, 0.0])]), chain.lattice.a)


def zigzag_chain(bond_length: float, bond_angle: float) -> Structure:
    """The planar all-trans chain of Figure 3c: 2 atoms a cell, a = 2 l sin(θ/2).

    Args:
        bond_length: l in Å.
        bond_angle: θ in degrees, between 60 and 180; at 60 the second neighbours are as near as the bonded.

    Raises:
        InputError: no such chain exists.
    """
    _check_bonds("zigzag", bond_length, bond_angle, smallest_angle=60)
    half = math.radians(bond_angle) / 2
    step = bond_length * math.sin(half)
    return _carbon(np.array([[0, 0, 0], [step, bond_length * math.cos(half), 0]]), 2 * step)


def armchair_chain(bond_length: float, bond_angle: float) -> Structure:
    """The planar cis-trans chain of Figure 3c: 4 atoms a cell, a = 4 l sin²(θ/2).

    Bonds along x alternate with bonds that rise and fall. Every atom has one fourth atom (1-4) across a cis
    bond, l (1 - 2 cos θ) away, and one across a trans bond, as far as all of them are in the zigzag chain.

    Args:
        bond_length: l in Å.
        bond_angle: θ in degrees, between 90 and 180; at 90 the cis fourth atoms are as near as the bonded.

    Raises:
        InputError: no such chain exists.
    """
    _check_bonds("armchair", bond_length, bond_angle, smallest_angle=90)
    slope = math.pi - math.radians(bond_angle)
    along, up = bond_length * math.cos(slope), bond_length * math.sin(slope)
    x = [0, bond_length, bond_length + along, 2 * bond_length + along]
    return _carbon(np.transpose([x, [0, 0, up, up], [0, 0, 0, 0]]), 2 * (bond_length + along))


def chain_set(
    kind: Kind,
    lengths: tuple[int, int],
    n_chains: int = N_CHAINS,
    seed: int = 0,
    double_offset: float = DOUBLE_OFFSET,
) -> list[tuple[str, Structure]]:
    """The chains of a data set, equally many of every number of atoms.

    The paper's sets have 1,400 chains each: 200 of every short or 100 of every long length. Its mixed sets
    (Figure S3) are here half single, half double, by the number of atoms of one strand. A chain depends on
    its id, the seed and nothing else, so a larger set holds the smaller one's chains and the mixed set's
    single chains are the single set's. Double chains are made from chains of their own: no chain occurs both
    alone and doubled.

    Args:
        kind: `single` or `mixed`.
        lengths: the smallest number of atoms and one more than the largest, as `SHORT` and `LONG`.
        n_chains: size of the set.
        seed: draws the chains.
        double_offset: Å between the strands of a double chain.

    Returns:
        (id, structure) sorted by strands, length and number; an id is like `double-07-0012`.

    Raises:
        InputError: unknown kind, no lengths, or `n_chains` is not a multiple of the number of groups.
    """
    if kind not in STRANDS:
        raise unknown_name("kind of chain set", kind, STRANDS)
    first, last = lengths
    if not 1 <= first < last:
        raise InputError(f"chain lengths [{first}, {last}): the first must be at least 1 and below the last")
    n_groups = len(STRANDS[kind]) * (last - first)
    per_group, remainder = divmod(n_chains, n_groups)
    if per_group < 1 or remainder:
        raise InputError(
            f"{n_chains} chains cannot be shared equally among {n_groups} groups "
            f"({' and '.join(STRANDS[kind])} chains of {first} to {last - 1} atoms); "
            f"give a multiple of {n_groups}"
        )
    return [
        (f"{strands}-{n_atoms:02d}-{number:04d}", chain_of_set(strands, n_atoms, number, seed, double_offset))
        for strands in STRANDS[kind]
        for n_atoms in range(first, last)
        for number in range(per_group)
    ]


def chain_of_set(
    strands: str, n_atoms: int, number: int, seed: int = 0, double_offset: float = DOUBLE_OFFSET
) -> Structure:
    """One chain of `chain_set`, for example the one that a figure shows.

    A chain with two atoms in one place, as one of 1,400 long ones has, is drawn again.

    Args:
        strands: `single` or `double`.
        n_atoms: atoms of one strand.
        number: counts the chains of these strands and this length from 0.
        seed: the set's.
        double_offset: Å between the strands of a double chain.

    Raises:
        InputError: unknown strands.
    """
    known = STRANDS["mixed"]
    if strands not in known:
        raise unknown_name("kind of chain", strands, known)
    rng = np.random.default_rng([seed, known.index(strands), n_atoms, number])
    while not (chain := random_chain(n_atoms, rng)).is_valid(tol=CLOSEST):
        pass
    return double_chain(chain, double_offset) if strands == "double" else chain


def _carbon(positions: np.ndarray, a: float | None = None) -> Structure:
    """Carbon at Cartesian `positions` (n_atoms, 3) in Å; without a, the last atom's x is the cell's end."""
    lattice = Lattice.orthorhombic(positions[-1, 0] if a is None else a, VACUUM, VACUUM)
    return Structure(lattice, ["C"] * len(positions), positions, coords_are_cartesian=True)


def _check_bonds(name: str, bond_length: float, bond_angle: float, smallest_angle: float) -> None:
    if not 0 < bond_length < math.inf:
        raise InputError(f"{name} chain: a bond length of {bond_length:g} Å; a positive length is needed")
    if not smallest_angle < bond_angle < 180:
        raise InputError(
            f"{name} chain: a bond angle of {bond_angle:g}°; only between {smallest_angle:g}° and 180° "
            f"are the bonded atoms the nearest"
        )
