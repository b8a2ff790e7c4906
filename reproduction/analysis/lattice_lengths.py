"""Lattice lengths against local quantities such as the density: SI sections 1 and 5 (Figures S1 and S5)."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from pymatgen.core import Lattice, Structure

from hybrid.data.folder import CrystalFolder
from hybrid.descriptors.table import DescriptorTable
from hybrid.errors import InputError
from hybrid.graphs.crystal import CrystalGraphs
from hybrid.settings import GraphSettings

COLUMNS = ("natoms", "a", "b", "c", "density", "vpa")
LONG = 20.0  # Å, the lattice length above which the paper calls a structure long
N_CONVOLUTIONS = 3  # of default CGCNN, from which the paper takes its receptive field
SAME_SHELL = 1e-3  # of the distance: neighbours nearer to each other than this are one shell

MAX_ELEMENTS, MAX_ATOMS, MAX_VPA = 3, 40, 60.0  # of crystals that are drawn; Å³ per atom


def lattices(folder: CrystalFolder) -> pd.DataFrame:
    """The primitive cells of all crystals of a folder by id, from its descriptor table.

    Returns:
        natoms; the lattice lengths a >= b >= c in Å; density in g/cm³; vpa, the volume per atom in Å³.

    Raises:
        InputError: the table does not exist, or lacks a column, a crystal or a value.
    """
    table = DescriptorTable.read(folder.path / "descriptors.csv").select(COLUMNS)
    cells = pd.DataFrame(table.values.numpy(), index=table.ids, columns=table.names)
    for identity in pd.Index(folder.ids).difference(cells.index):
        raise InputError(f"{table.path}: has no row for id '{identity}'")
    cells = cells.loc[folder.ids]
    for identity in cells.index[cells.isna().any(axis=1)]:
        raise InputError(f"{table.path}: id '{identity}' has no lattice ({table.errors[identity]})")
    return cells


def correlations(cells: pd.DataFrame) -> dict[tuple[str, str], tuple[float, float]]:
    """Pearson's and Spearman's coefficients of a, b and c with density and volume per atom (vpa)."""
    pearson, spearman = cells.corr("pearson"), cells.corr("spearman")
    return {
        (length, local): (pearson.loc[local, length], spearman.loc[local, length])
        for local in ("density", "vpa")
        for length in ("a", "b", "c")
    }


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
        found = crystal.get_neighbors(crystal[0], radius)
        distances = np.sort([neighbour.nn_distance for neighbour in found])
        starts = np.flatnonzero(np.diff(distances, prepend=0) > SAME_SHELL * distances)
        if len(starts) > n_shells:  # so that the last shell is complete
            ends = pairwise(starts[: n_shells + 1].tolist())
            return [(float(distances[first]), int(end - first)) for first, end in ends]
        radius *= 1.3


def sphere_radius(vpa: np.ndarray, n_neighbours: int, cutoff: float) -> np.ndarray:
    """Radius in Å of the sphere that holds `n_neighbours` atoms' volume, at most the cut-off (eq. S3, S4).

    Args:
        vpa: (n_crystals,) volume per atom, Å³.
        n_neighbours: of one atom.
        cutoff: of the crystal graph, Å.
    """
    radius: np.ndarray = np.minimum(np.cbrt(3 / (4 * math.pi) * n_neighbours * vpa), cutoff)
    return radius


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


def long_examples(folder: CrystalFolder, cells: pd.DataFrame, n_examples: int) -> list[LongCrystal]:
    """The crystals with the longest a among those that can be drawn, no two with the same elements.

    They have at most 3 elements and 40 atoms in the cell, and at most 60 Å³ per atom, which excludes gases
    and hypothetical crystals that have fallen apart.

    Raises:
        InputError: there are too few of them.
    """
    found: list[LongCrystal] = []
    systems = set()
    small = ((cells["natoms"] <= MAX_ATOMS) & (cells["vpa"] <= MAX_VPA)).to_numpy()
    for i in np.argsort(-cells["a"].to_numpy(), kind="stable"):
        (structure,) = folder.take([int(i)]).structures() if small[i] else (None,)
        if structure is None or len(structure.composition) > MAX_ELEMENTS:
            continue
        if (system := structure.composition.chemical_system) not in systems:
            systems.add(system)
            found.append(LongCrystal(cells.index[i], float(cells["a"].iloc[i]), structure))
        if len(found) == n_examples:
            return found
    raise InputError(f"{folder.path}: has {len(found)} long crystals that can be drawn, {n_examples} wanted")
