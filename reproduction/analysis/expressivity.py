"""Which zigzag and armchair chains a distance-only network can tell apart (Figure 3c).

A network that cannot tell two chains of different periodicity apart cannot know the periodicity. Whether it
can is asked of untrained networks: if any of several random networks gives two chains different outputs,
they can be told apart; if all give the same to rounding, the input does not hold the difference.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import numpy as np
from pymatgen.core import Structure

from hybrid.errors import InputError
from reproduction.data.chains import armchair_chain, zigzag_chain

THRESHOLD = 1e-6
"""Of the outputs' size: larger differences are real.

In double precision the same graph, built from another cell, gives outputs that differ by 1e-12 or less; a
shell that differs by hundredths of an Å gives 1e-4 or more. The threshold lies between, and also above what
distances stored in single precision could add.
"""

SAME_SHELL = 1e-3  # Å: distances nearer than this are one shell; rounding is far below


class Predict(Protocol):
    """Outputs (n_structures,) of an untrained network with mean pooling, in double precision.

    Mean pooling is meant: with sum pooling the number of atoms in the cell alone tells zigzag from armchair.
    """

    def __call__(
        self, structures: Sequence[Structure], max_neighbours: int, radius: float, seed: int
    ) -> np.ndarray:
        """`seed` draws the weights; `max_neighbours` within `radius` Å are connected to every atom."""
        ...


@dataclass(frozen=True)
class Shells:
    """Which neighbours a network sees."""

    name: str
    max_neighbours: int
    radius: float  # Å


ONE_SHELL = Shells("1-2", 2, 8.0)
TWO_SHELLS = Shells("1-2 and 1-3", 4, 8.0)
DEFAULT = Shells("12 within 8 Å", 12, 8.0)  # CGCNN's default
ALL_SHELLS = (ONE_SHELL, TWO_SHELLS, DEFAULT)


@dataclass(frozen=True)
class Chain:
    """A named chain of Figure 3c."""

    shape: str  # zigzag or armchair
    bond_angle: float  # degrees
    structure: Structure

    @property
    def name(self) -> str:
        """Shape and angle."""
        return f"{self.shape} {self.bond_angle:g}°"


@dataclass(frozen=True)
class Pair:
    """Two chains with the same bond length."""

    first: Chain
    second: Chain

    @property
    def name(self) -> str:
        """Both chains' names."""
        return f"{self.first.name} / {self.second.name}"

    def paper_says(self, shells: Shells) -> bool | None:
        """Whether the paper says that a distance-only network tells the pair apart; None where it is silent.

        With the nearest neighbours it cannot, whatever the angles; with the second nearest it can if the
        angles differ, and still cannot if they are the same. Of further shells the paper says nothing.
        """
        claims = {ONE_SHELL: False, TWO_SHELLS: self.first.bond_angle != self.second.bond_angle}
        return claims.get(shells)


@dataclass(frozen=True)
class Row:
    """One pair seen with some shells."""

    pair: str
    shells: str
    max_difference: float  # largest over the seeds, relative to the outputs' size
    distinguishable: bool
    paper: bool | None


def figure_3c_pairs(bond_length: float = 1.5, angles: tuple[float, float] = (120.0, 130.0)) -> list[Pair]:
    """All pairs of the zigzag and armchair chains with one bond length and two bond angles.

    Args:
        bond_length: l in Å.
        angles: two bond angles in degrees, above 108: there the armchair's 1-4 distance across a cis bond
            falls below its 1-3 distance and the second shell is another one.

    Raises:
        InputError: the angles are the same, or no such chain exists.
    """
    if angles[0] == angles[1]:
        raise InputError(f"two different bond angles are compared; both are {angles[0]:g}°")
    chains = [
        Chain(shape, angle, make(bond_length, angle))
        for shape, make in (("zigzag", zigzag_chain), ("armchair", armchair_chain))
        for angle in angles
    ]
    return [Pair(first, second) for first, second in combinations(chains, 2)]


def distinguishability(
    pairs: Sequence[Pair], shells: Iterable[Shells], seeds: Iterable[int], predict: Predict
) -> list[Row]:
    """Compares the outputs of untrained networks for both chains of every pair.

    Args:
        pairs: the chains to compare.
        shells: the neighbourhoods to compare them in.
        seeds: one network is drawn for each.
        predict: builds the network and the graphs.

    Returns:
        A row for every neighbourhood and pair, one neighbourhood after the other.

    Raises:
        InputError: a number of neighbours ends within a shell, so that chance would choose among equally
            near atoms; or the outputs are zero or not numbers.
    """
    seeds = list(seeds)
    chains = [chain for pair in pairs for chain in (pair.first, pair.second)]
    structures = [chain.structure for chain in chains]
    rows = []
    for seen in shells:
        for chain in chains:
            _check_whole_shells(chain, seen)
        drawn = [predict(structures, seen.max_neighbours, seen.radius, seed) for seed in seeds]
        outputs = np.array(drawn, dtype=float).reshape(len(seeds), len(pairs), 2)
        size = np.sqrt(np.mean(outputs**2))
        if not size > 0:
            raise InputError(f"neighbours {seen.name}: the networks' outputs are zero or not numbers")
        differences = np.abs(outputs[:, :, 0] - outputs[:, :, 1]).max(axis=0) / size
        for pair, difference in zip(pairs, differences.tolist(), strict=True):
            distinguishable = difference > THRESHOLD
            rows.append(Row(pair.name, seen.name, difference, distinguishable, pair.paper_says(seen)))
    return rows


def _check_whole_shells(chain: Chain, shells: Shells) -> None:
    centres, _, _, distances = chain.structure.get_neighbor_list(shells.radius)
    for atom in range(len(chain.structure)):
        near = np.sort(distances[centres == atom])
        kept = shells.max_neighbours
        if len(near) > kept and near[kept] - near[kept - 1] < SAME_SHELL:
            raise InputError(
                f"{chain.name}: {kept} neighbours end within a shell at {near[kept]:.3f} Å; "
                f"with another bond angle or number of neighbours the shells are whole"
            )
