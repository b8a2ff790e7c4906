"""Merges equivalent atoms, bonds and angles of a crystal, which message passing cannot tell apart.

All atoms that get the same vector in every layer are of one kind: they are of one element and have the same
kinds of bonds. Bonds are of one kind if they are equally long, join the same kinds of atoms, and meet the
same kinds of bonds at the same angles. Kinds are refined until this holds (colour refinement). Then one atom,
bond or angle of each kind is computed, and sums weight it by the number that it represents. Equivalent atoms
are due to the crystal's symmetry, or to a cell that is not primitive, but no symmetry analysis is needed.

`hybrid.kernels.merging` gives exactly the same in C++.
"""

from dataclasses import dataclass

import numpy as np

from hybrid.graphs.bonds import Angles, Bonds

TOLERANCE = 1e-5  # for bond lengths in Å and for cosines; coordinates in files are often rounded to 1e-6


@dataclass(frozen=True)
class MergedGraph:
    """One of each kind of atom, bond and angle. Bonds are sorted by target, angles by second bond."""

    species: np.ndarray  # (n_atom_kinds,) atomic numbers
    atoms_of_kind: np.ndarray  # (n_atom_kinds,)
    source: np.ndarray  # (n_bond_kinds,) kind of atom
    target: np.ndarray  # (n_bond_kinds,) kind of atom
    lengths: np.ndarray  # (n_bond_kinds,) Å
    bonds_of_kind: np.ndarray  # (n_bond_kinds,)
    first: np.ndarray  # (n_angle_kinds,) kind of bond
    second: np.ndarray  # (n_angle_kinds,) kind of bond
    cosines: np.ndarray  # (n_angle_kinds,)
    angles_of_kind: np.ndarray  # (n_angle_kinds,)


def merge_equivalent(
    species: np.ndarray, bonds: Bonds, angles: Angles, tolerance: float | None = TOLERANCE
) -> MergedGraph:
    """Merges equivalent atoms, bonds and angles.

    Args:
        species: (n_atoms,) atomic numbers.
        bonds: between the atoms.
        angles: between the bonds.
        tolerance: largest difference of equal lengths (Å) or cosines; None: nothing is merged.
    """
    lengths = bonds.lengths
    if tolerance is None:
        atom_kinds, bond_kinds = np.arange(len(species)), np.arange(len(lengths))
        angle_kinds = np.arange(len(angles.cosines))
    else:
        atom_kinds, bond_kinds, angle_kinds = kinds_of(species, bonds, angles, tolerance)
    atom_kind = Kinds.of(atom_kinds)
    bond_kind = Kinds.of(bond_kinds, along=atom_kind.label[bonds.target])
    angle_kind = Kinds.of(angle_kinds, along=bond_kind.label[angles.second])
    return MergedGraph(
        species[atom_kind.example],
        atom_kind.count,
        atom_kind.label[bonds.source[bond_kind.example]],
        atom_kind.label[bonds.target[bond_kind.example]],
        bond_kind.mean(lengths),
        bond_kind.count,
        bond_kind.label[angles.first[angle_kind.example]],
        bond_kind.label[angles.second[angle_kind.example]],
        angle_kind.mean(angles.cosines),
        angle_kind.count,
    )


@dataclass(frozen=True)
class Kinds:
    """A partition into kinds, numbered in the order in which they are packed."""

    label: np.ndarray  # (n,) the number of its kind
    example: np.ndarray  # (n_kinds,) the position of one member of each kind
    count: np.ndarray  # (n_kinds,) the number of members

    @classmethod
    def of(cls, kinds: np.ndarray, along: np.ndarray | None = None) -> "Kinds":
        """From kinds (n,) with any numbers; the new ones are sorted by `along` (n,), then by the old."""
        if along is not None:
            kinds = along * (kinds.max() + 1) + kinds
        order = np.argsort(kinds, kind="stable")
        first = np.append(True, np.diff(kinds[order]) != 0)
        label = np.empty_like(order)
        label[order] = np.cumsum(first) - 1
        return cls(label, order[first], np.diff(np.append(np.flatnonzero(first), len(order))))

    def mean(self, values: np.ndarray) -> np.ndarray:
        """(n_kinds,) means of values (n,)."""
        means: np.ndarray = np.bincount(self.label, values) / self.count
        return means


def kinds_of(
    species: np.ndarray, bonds: Bonds, angles: Angles, tolerance: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The kinds of atoms, bonds and angles by colour refinement, repeated until no kind is split any more.

    Returns:
        numbers (n_atoms,), (n_bonds,) and (n_angles,) that are equal within a kind. Those of angles depend on
        the first bond and the cosine, and distinguish the angles of one second bond.
    """
    lengths = bonds.lengths
    bins = bins_of(angles.cosines, tolerance)
    # hashed twice, so that a product of hashes distinguishes cosines from bonds
    by_cosine = hashed(hashed(np.arange(bins.max() + 1)))[bins]
    by_atom, by_bond = numbered(species), bins_of(lengths, tolerance)
    first_met = np.searchsorted(angles.second, np.arange(len(lengths)))
    found, before = (by_atom.max(), by_bond.max()), None
    while found != before:
        met = np.add.reduceat(by_cosine * hashed(by_bond)[angles.first], first_met)
        by_bond = numbered(hashed(by_bond, by_atom[bonds.source], by_atom[bonds.target], met))
        by_atom = numbered(hashed(by_atom, _multisets(hashed(by_bond), bonds.target, len(species))))
        found, before = (by_atom.max(), by_bond.max()), found
    return by_atom, by_bond, by_bond[angles.first] * (bins.max() + 1) + bins


def bins_of(values: np.ndarray, tolerance: float) -> np.ndarray:
    """Numbers (n,) that are equal for nearby values: bins of this width, the first after each gap."""
    order = np.argsort(values)
    ordered = values[order]
    first = np.append(True, np.diff(ordered) > tolerance)
    begin = ordered[first][np.cumsum(first) - 1]
    width = np.floor((ordered - begin) / tolerance)
    bins = np.empty(len(values), dtype=np.int64)
    bins[order] = np.cumsum(np.append(0, (np.diff(width) != 0) | first[1:]))
    return bins


def numbered(keys: np.ndarray) -> np.ndarray:
    """Numbers (n,) from 0 that are equal for equal keys."""
    numbers: np.ndarray = np.unique(keys, return_inverse=True)[1]
    return numbers


def hashed(*columns: np.ndarray) -> np.ndarray:
    """A 64-bit hash of each row (splitmix64)."""
    rows = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        rows = rows * np.uint64(3) + column.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        rows = (rows ^ (rows >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        rows = (rows ^ (rows >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        rows = rows ^ (rows >> np.uint64(31))
    return rows


def _multisets(hashes: np.ndarray, owner: np.ndarray, n_owners: int) -> np.ndarray:
    """A hash (n_owners,) of the multiset of hashes that belong to each owner: their sum."""
    sums = np.zeros(n_owners, dtype=np.uint64)
    np.add.at(sums, owner, hashes)
    return sums
