"""Lattice lengths against what an atom's surroundings tell: SI sections 1 and 5 (Figures S1 and S5)."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
from pymatgen.core import Lattice, Structure
from scipy.stats import spearmanr

from hybrid.data.folder import CrystalFolder
from hybrid.descriptors.table import DescriptorTable
from hybrid.errors import InputError
from hybrid.graphs.crystal import CrystalGraphs
from hybrid.settings import GraphSettings
from reproduction.analysis.untrained import untrained_outputs

LENGTHS = ("a", "b", "c")
LOCAL = ("density", "vpa")
LONG = 20.0  # Å, the lattice length above which the paper calls a structure long
N_CONVOLUTIONS = 3  # of default CGCNN, from which the paper takes its receptive field
SAME_SHELL = 1e-3  # of the distance: neighbours nearer to each other than this are one shell

MAX_ELEMENTS, MAX_ATOMS, MAX_VPA = 3, 40, 60.0  # what can be drawn, and is a solid (Å³ an atom)


@dataclass(frozen=True)
class Lattices:
    """The primitive cells of a dataset.

    Attributes:
        ids: (n_crystals,).
        natoms: atoms in the cell.
        a: longest lattice length, Å.
        b: the second longest, Å.
        c: the shortest, Å.
        density: g/cm³.
        vpa: volume per atom, Å³.
    """

    ids: tuple[str, ...]
    natoms: np.ndarray
    a: np.ndarray
    b: np.ndarray
    c: np.ndarray
    density: np.ndarray
    vpa: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


def lattices(folder: CrystalFolder) -> Lattices:
    """The lattices of all crystals of a folder, from its descriptor table.

    Raises:
        InputError: the table is not there, or lacks a column, a crystal or a value.
    """
    names = [field.name for field in fields(Lattices)][1:]
    table = DescriptorTable.read(folder.path / "descriptors.csv").select(names)
    known = dict(zip(table.ids, table.values.numpy(), strict=True))
    for identity in folder.ids:
        if identity not in known:
            raise InputError(f"{table.path}: has no row for id '{identity}'")
        if np.isnan(known[identity]).any():
            raise InputError(f"{table.path}: id '{identity}' has no lattice ({table.errors[identity]})")
    columns = np.array([known[identity] for identity in folder.ids]).T
    return Lattices(tuple(folder.ids), *columns)


@dataclass(frozen=True)
class Correlation:
    """How a lattice length goes with a quantity that the surroundings of an atom tell."""

    length: str
    local: str
    pearson: float
    spearman: float


def correlations(cells: Lattices) -> list[Correlation]:
    """Pearson's and Spearman's coefficients of every lattice length with density and volume per atom."""
    rows = []
    for local in LOCAL:
        for length in LENGTHS:
            x, y = getattr(cells, local), getattr(cells, length)
            pearson = float(np.corrcoef(x, y)[0, 1])
            rows.append(Correlation(length, local, pearson, float(spearmanr(x, y).statistic)))
    return rows


def fcc(distance: float, element: str = "Cu") -> Structure:
    """The Niggli cell of the cubic close packing: 1 atom, stacked ABC along z.

    Args:
        distance: between nearest neighbours, 2R, Å.
        element: of the atoms.
    """
    height = math.sqrt(2 / 3)  # of a layer
    vectors = [[1, 0, 0], [1 / 2, math.sqrt(3) / 2, 0], [1 / 2, math.sqrt(3) / 6, height]]
    return Structure(Lattice(np.array(vectors) * distance), [element], [[0, 0, 0]])


def hcp(distance: float, element: str = "Cu") -> Structure:
    """The Niggli cell of the hexagonal close packing with the ideal c/a = √(8/3): 2 atoms, stacked AB.

    Args:
        distance: between nearest neighbours, 2R, Å.
        element: of the atoms.
    """
    vectors = [[1, 0, 0], [-1 / 2, math.sqrt(3) / 2, 0], [0, 0, math.sqrt(8 / 3)]]
    places = np.array([[0, 0, 0], [2 / 3, 1 / 3, 1 / 2]])
    return Structure(Lattice(np.array(vectors) * distance), [element] * 2, places)


def shells(crystal: Structure, n_shells: int) -> list[tuple[float, int]]:
    """The nearest shells of neighbours of the first atom: (distance in Å, number of atoms)."""
    radius = 2.0 * (crystal.volume / len(crystal)) ** (1 / 3)
    while True:
        distances = np.sort(
            [neighbour.nn_distance for neighbour in crystal.get_neighbors(crystal[0], radius)]
        )
        gaps = np.diff(distances, prepend=0) > SAME_SHELL * distances
        starts = np.flatnonzero(gaps)
        if len(starts) > n_shells:  # so that the last one asked for is whole
            return [
                (float(distances[first]), int(end - first))
                for first, end in pairwise(starts[: n_shells + 1].tolist())
            ]
        radius *= 1.3


def output_difference(
    crystals: tuple[Structure, Structure], max_neighbours: int, seeds: Sequence[int]
) -> float:
    """Largest difference of the outputs of untrained CGCNN for two crystals, relative to their size.

    Args:
        crystals: both.
        max_neighbours: nearest neighbours that the networks see.
        seeds: a network is drawn for each.
    """
    outputs = np.array([untrained_outputs(crystals, max_neighbours, 8.0, seed) for seed in seeds])
    return float(np.abs(outputs[:, 0] - outputs[:, 1]).max() / np.sqrt(np.mean(outputs**2)))


def sphere_radius(vpa: np.ndarray, n_neighbours: int, cutoff: float) -> np.ndarray:
    """Radius in Å of the sphere that holds `n_neighbours` atoms' volume, at most the cut-off (eq. S3, S4).

    Args:
        vpa: (n_crystals,) volume per atom, Å³.
        n_neighbours: of one atom.
        cutoff: of the crystal graph, Å.
    """
    radius: np.ndarray = np.cbrt(3 / (4 * math.pi) * n_neighbours * vpa)
    clipped: np.ndarray = np.minimum(radius, cutoff)
    return clipped


def measured_radius(graphs: CrystalGraphs, settings: GraphSettings) -> np.ndarray:
    """Mean over the atoms of each crystal of the distance of the last neighbour (n_crystals,), Å.

    An atom with fewer neighbours within the cut-off counts with the cut-off.
    """
    last = np.minimum(graphs.distances[:, -1].numpy().astype(float), settings.radius)
    of_atom = np.repeat(np.arange(len(graphs)), graphs.n_atoms.numpy())
    mean: np.ndarray = np.bincount(of_atom, last, len(graphs)) / graphs.n_atoms.numpy()
    return mean


@dataclass(frozen=True)
class LongCrystal:
    """A structure with a long period, as an example."""

    identity: str
    a: float  # Å
    structure: Structure

    @property
    def formula(self) -> str:
        """The reduced formula."""
        return str(self.structure.composition.reduced_formula)


def long_examples(folder: CrystalFolder, cells: Lattices, n_examples: int) -> list[LongCrystal]:
    """The crystals with the longest a among those that can be drawn, no two of the same elements.

    Those have at most 3 elements and 40 atoms in the cell, and at most 60 Å³ an atom, which leaves out gases
    and hypothetical crystals that have come apart.

    Raises:
        InputError: there are too few of them.
    """
    found: list[LongCrystal] = []
    systems = set()
    for i in _longest_first(cells):
        (structure,) = folder.take([i]).structures()
        system = structure.composition.chemical_system
        if len(structure.composition) > MAX_ELEMENTS or system in systems:
            continue
        systems.add(system)
        found.append(LongCrystal(cells.ids[i], float(cells.a[i]), structure))
        if len(found) == n_examples:
            return found
    raise InputError(f"{folder.path}: has {len(found)} long crystals that can be drawn, {n_examples} wanted")


def _longest_first(cells: Lattices) -> Iterator[int]:
    """The crystals that are neither too large nor too thin, from the longest a to the shortest."""
    small = (cells.natoms <= MAX_ATOMS) & (cells.vpa <= MAX_VPA)
    for i in np.argsort(-cells.a, kind="stable").tolist():
        if small[i]:
            yield i
