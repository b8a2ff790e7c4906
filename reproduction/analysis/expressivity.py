"""Which zigzag and armchair chains a distance-only network can tell apart (Figure 3c).

A network that cannot distinguish two chains of different periodicity cannot learn the periodicity. This is
tested with untrained networks: if any of several random networks has different outputs for two chains, they
can be distinguished. If all outputs are equal within rounding, the input does not contain the difference.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from pymatgen.core import Structure

from hybrid.errors import InputError
from reproduction.data.chains import armchair_chain, zigzag_chain

THRESHOLD = 1e-6
"""Relative to the size of the outputs; larger differences are real.

In double precision, outputs for the same graph from another cell differ by 1e-12 or less. If a shell differs
by hundredths of an Å, they differ by 1e-4 or more. The threshold lies between these, and above the rounding
of distances in single precision.
"""

RADIUS = 8.0  # Å, the cut-off
SAME_SHELL = 1e-3  # Å; distances that differ by less belong to one shell; rounding errors are far smaller
SHELLS = {"1-2": 2, "1-2 and 1-3": 4, "12 within 8 Å": 12}
"""The number of neighbours in the graph: the first shell, the first two, or CGCNN's default."""

Predict = Callable[[Sequence[Structure], int, float, int], np.ndarray]
"""Outputs (n_structures,) of an untrained network with mean pooling, in double precision.

The arguments are structures, the largest number of neighbours, the cut-off in Å and the seed of the weights.
With sum pooling, zigzag and armchair would differ by the number of atoms in the cell alone.
"""


@dataclass(frozen=True)
class Chain:
    """A chain of Figure 3c."""

    shape: str  # zigzag or armchair
    bond_angle: float  # degrees
    structure: Structure

    @property
    def name(self) -> str:
        """Shape and angle."""
        return f"{self.shape} {self.bond_angle:g}°"


Pair = tuple[Chain, Chain]  # of the same bond length


@dataclass(frozen=True)
class Row:
    """The result for a pair of chains and a number of neighbours."""

    pair: str
    shells: str
    max_difference: float  # largest over the seeds, relative to the outputs' size
    distinguishable: bool
    paper: bool | None


def paper_says(pair: Pair, shells: str) -> bool | None:
    """Whether the paper says that a distance-only network can distinguish a pair; None if it says nothing.

    With the nearest neighbours it cannot, for any angles. With the second nearest it can if the angles
    differ, and cannot if they are equal. The paper says nothing about further shells.
    """
    one, other = pair
    return {"1-2": False, "1-2 and 1-3": one.bond_angle != other.bond_angle}.get(shells)


def figure_3c_pairs(bond_length: float = 1.5, angles: tuple[float, float] = (120.0, 130.0)) -> list[Pair]:
    """All pairs of the zigzag and armchair chains with one bond length and two bond angles.

    Args:
        bond_length: l in Å.
        angles: two bond angles in degrees, above 108: below, the armchair's 1-4 distance across a cis bond is
            smaller than its 1-3 distance, and the second shell is another one.

    Raises:
        InputError: the angles are the same, or no such chain exists.
    """
    if angles[0] == angles[1]:
        raise InputError(f"two different bond angles are compared; both are {angles[0]:g}°")
    zigzag = [Chain("zigzag", angle, zigzag_chain(bond_length, angle)) for angle in angles]
    armchair = [Chain("armchair", angle, armchair_chain(bond_length, angle)) for angle in angles]
    return list(combinations([*zigzag, *armchair], 2))


def distinguishability(
    pairs: Sequence[Pair], shells: Mapping[str, int], seeds: Sequence[int], predict: Predict
) -> list[Row]:
    """Compares the outputs of untrained networks for both chains of every pair.

    Args:
        pairs: the chains to compare.
        shells: the numbers of neighbours to compare them with, by name.
        seeds: one network is drawn for each.
        predict: builds the network and the graphs.

    Returns:
        A row for each number of neighbours and pair.

    Raises:
        InputError: a number of neighbours ends within a shell, so that the choice among equally near atoms
            would be arbitrary; or the outputs are zero or not numbers.
    """
    chains = [chain for pair in pairs for chain in pair]
    rows = []
    for seen, n_neighbours in shells.items():
        for chain in chains:
            _check_whole_shells(chain, n_neighbours)
        drawn = [predict([chain.structure for chain in chains], n_neighbours, RADIUS, seed) for seed in seeds]
        outputs = np.array(drawn, dtype=float).reshape(len(seeds), len(pairs), 2)
        size = np.sqrt(np.mean(outputs**2))
        if not size > 0:
            raise InputError(f"neighbours {seen}: the networks' outputs are zero or not numbers")
        differences = np.abs(outputs[:, :, 0] - outputs[:, :, 1]).max(axis=0) / size
        for pair, difference in zip(pairs, differences.tolist(), strict=True):
            name = " / ".join(chain.name for chain in pair)
            rows.append(Row(name, seen, difference, difference > THRESHOLD, paper_says(pair, seen)))
    return rows


def _check_whole_shells(chain: Chain, n_neighbours: int) -> None:
    centres, _, _, distances = chain.structure.get_neighbor_list(RADIUS)
    for atom in range(len(chain.structure)):
        near = np.sort(distances[centres == atom])
        if len(near) > n_neighbours and near[n_neighbours] - near[n_neighbours - 1] < SAME_SHELL:
            raise InputError(
                f"{chain.name}: {n_neighbours} neighbours end within a shell at {near[n_neighbours]:.3f} Å; "
                f"use another bond angle or number of neighbours"
            )
