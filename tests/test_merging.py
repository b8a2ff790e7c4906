"""Merging of equivalent atoms, bonds and angles: against refinement by hand, and kernels against NumPy."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import fields
from unittest.mock import patch

import numpy as np
import pytest
import torch
from conftest import needs_compiler, random_crystal
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from hybrid.data.folder import read_folder
from hybrid.graphs.bonds import angles_of, bonds_of
from hybrid.graphs.equivalence import TOLERANCE, MergedGraph, kinds_of, merge_equivalent
from hybrid.graphs.line_graph import LineGraphs
from hybrid.kernels.merging import Merging
from hybrid.kernels.shells import Pairs, Shells, whole_shells
from hybrid.settings import GraphSettings
from reproduction.data.chains import chain_of_set
from reproduction.paths import ROOT

TITANIUM = Structure(Lattice.hexagonal(2.95, 4.68), ["Ti"] * 2, [[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]])
PEROVSKITE = Structure(
    Lattice.cubic(3.9),
    ["Sr", "Ti", "O", "O", "O"],
    [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]],
)


def row_of_six() -> Structure:
    """Six atoms in a row, one of them of another element: the others differ by how far it is."""
    cubic = Structure(Lattice.cubic(3), ["Po"], [[0, 0, 0]]) * (6, 1, 1)
    cubic[0] = "Bi"
    return cubic


# --- against refinement by hand ---


def naive_kinds(crystal: Structure, max_neighbours: int) -> tuple[list[int], list[int], list[int]]:
    """The coarsest stable partition of atoms, bonds and angles, by comparing sorted neighbourhoods."""
    bonds = bonds_of(crystal, max_neighbours, 8.0)
    angles = angles_of(bonds, len(crystal))
    n_bonds = len(bonds.source)
    cosine = clusters(angles.cosines)
    meeting: list[list[tuple[int, int]]] = [[] for _ in range(n_bonds)]
    for first, second, c in zip(angles.first, angles.second, cosine, strict=True):
        meeting[second].append((c, first))
    atom, bond = ranked(crystal.atomic_numbers), clusters(np.linalg.norm(bonds.vectors, axis=1))
    before = 0
    while before != len(set(atom)) + len(set(bond)):
        before = len(set(atom)) + len(set(bond))
        bond = ranked(
            (
                bond[b],
                atom[bonds.source[b]],
                atom[bonds.target[b]],
                tuple(sorted((c, bond[first]) for c, first in meeting[b])),
            )
            for b in range(n_bonds)
        )
        atom = ranked(
            (atom[a], tuple(sorted(bond[b] for b in np.flatnonzero(bonds.target == a))))
            for a in range(len(crystal))
        )
    angle = ranked((bond[e], bond[f], c) for e, f, c in zip(angles.first, angles.second, cosine, strict=True))
    return atom, bond, angle


def ranked(labels: Iterable[Hashable]) -> list[int]:
    """Numbers for labels, in the order in which they are met."""
    met: dict[Hashable, int] = {}
    return [met.setdefault(label, len(met)) for label in labels]


class UnclearError(ValueError):
    """Values lie about a tolerance apart, where rounding decides which are equal."""


def clusters(values: np.ndarray) -> list[int]:
    """Numbers for values that lie together."""
    order = np.argsort(values)
    gaps = np.diff(values[order])
    numbers = np.empty(len(values), dtype=int)
    numbers[order] = np.cumsum(np.append(0, gaps > TOLERANCE))
    if any(np.ptp(values[block]) > 0.9 * TOLERANCE for block in blocks(numbers)):
        raise UnclearError
    if ((gaps > 0.9 * TOLERANCE) & (gaps < 1.1 * TOLERANCE)).any():
        raise UnclearError
    return numbers.tolist()


def assert_merged_as_by_hand(crystal: Structure, max_neighbours: int = 12) -> None:
    bonds = bonds_of(crystal, max_neighbours, 8.0)
    angles = angles_of(bonds, len(crystal))
    species = np.array(crystal.atomic_numbers)
    expected = naive_kinds(crystal, max_neighbours)
    atom_kinds, bond_kinds, angle_kinds = (
        kinds.tolist() for kinds in kinds_of(species, bonds, angles, TOLERANCE)
    )
    angle_kinds = [
        (bond_kinds[second], kind) for second, kind in zip(angles.second, angle_kinds, strict=True)
    ]
    for mine, theirs in zip(expected, (atom_kinds, bond_kinds, angle_kinds), strict=True):
        assert ranked(mine) == ranked(theirs)  # the same blocks
    atom, bond, angle = map(blocks, expected)
    graph = merge_equivalent(species, bonds, angles)
    of_atoms, of_bonds, of_angles = (
        zip(graph.species, graph.atoms_of_kind, strict=True),
        zip(
            *(graph.species[ends] for ends in (graph.source, graph.target)),
            graph.bonds_of_kind,
            graph.lengths.round(6),
            strict=True,
        ),
        zip(
            *(graph.bonds_of_kind[ends] for ends in (graph.first, graph.second)),
            graph.angles_of_kind,
            strict=True,
        ),
    )
    lengths = np.linalg.norm(bonds.vectors, axis=1)
    assert Counter(of_atoms) == Counter((species[a[0]], len(a)) for a in atom)
    assert Counter(of_bonds) == Counter(
        (species[bonds.source[b[0]]], species[bonds.target[b[0]]], len(b), lengths[b].mean().round(6))
        for b in bond
    )
    size = {b: len(block) for block in bond for b in block}
    assert Counter(of_angles) == Counter(
        (size[angles.first[a[0]]], size[angles.second[a[0]]], len(a)) for a in angle
    )


def blocks(labels: Sequence[int]) -> list[np.ndarray]:
    """The positions of each label."""
    return [np.flatnonzero(np.array(labels) == label) for label in set(labels)]


@pytest.mark.parametrize("max_neighbours", [1, 4, 12])
def test_symmetric_crystals_are_merged_as_by_hand(
    max_neighbours: int, Cu: Structure, NaCl_primitive: Structure, Si: Structure, CsCl: Structure
) -> None:
    for cell in (Cu, NaCl_primitive, Si, CsCl, TITANIUM, PEROVSKITE, row_of_six()):
        assert_merged_as_by_hand(cell, max_neighbours)


def test_supercells_are_merged_as_by_hand(Cu: Structure, CsCl: Structure, Si: Structure) -> None:
    for cell, times in ((Cu, (2, 1, 1)), (Cu, (3, 2, 1)), (CsCl, (1, 1, 3)), (Si, (1, 3, 1))):
        assert_merged_as_by_hand(cell * times)


def test_atoms_of_one_element_differ_by_how_far_another_is() -> None:
    """Of the row of six, 1 + 2 + 2 + 1; the 6 nearest neighbours do not reach far, so it takes rounds."""
    cell = row_of_six()
    bonds = bonds_of(cell, 6, 8.0)
    graph = merge_equivalent(np.array(cell.atomic_numbers), bonds, angles_of(bonds, len(cell)))
    assert Counter(zip(graph.species, graph.atoms_of_kind, strict=True)) == {
        (83, 1): 1,
        (84, 2): 2,
        (84, 1): 1,
    }


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), max_neighbours=st.integers(1, 12), doubled=st.booleans())
def test_random_crystals_are_merged_as_by_hand(seed: int, max_neighbours: int, doubled: bool) -> None:
    crystal = random_crystal(seed, n_atoms=1 + seed % 3)
    try:
        assert_merged_as_by_hand(crystal * (2, 1, 1) if doubled else crystal, max_neighbours)
    except UnclearError:
        reject()


# --- the kernels against NumPy ---

RANDOM = {"seed": st.integers(0, 10**6), "n_atoms": st.integers(1, 6), "max_neighbours": st.integers(1, 16)}


def assert_shells_are_numpys(crystal: Structure, max_neighbours: int = 12, radius: float = 8.0) -> None:
    assert Shells.get() is not None
    found = bonds_of(crystal, max_neighbours, radius)
    with patch.object(Shells, "get", return_value=None):
        expected = bonds_of(crystal, max_neighbours, radius)
    for name in ("source", "target", "vectors"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), f"{name} of {crystal.formula}"


@needs_compiler
def test_shells_are_numpys_on_symmetric_crystals(
    NaCl: Structure, Cu: Structure, Si: Structure, CsCl: Structure, C_zigzag: Structure, C_long: Structure
) -> None:
    for cell in (NaCl, Cu, Si, CsCl, C_zigzag, C_long, TITANIUM, PEROVSKITE, row_of_six()):
        for max_neighbours in (1, 6, 12):
            assert_shells_are_numpys(cell, max_neighbours)


@needs_compiler
@settings(max_examples=60, deadline=None)
@given(
    **RANDOM,
    radius=st.floats(0.5, 9),
)
def test_shells_are_numpys_on_random_crystals(
    seed: int, n_atoms: int, max_neighbours: int, radius: float
) -> None:
    """Also where the search begins with too small a sphere."""
    assert_shells_are_numpys(random_crystal(seed, n_atoms=n_atoms), max_neighbours, radius)


@needs_compiler
def test_shells_need_enough_neighbours_within_the_radius() -> None:
    """An atom with itself at 0, and images of itself: two at 1 Å and two at 1.5 Å; one pair beyond."""
    pairs = Pairs(
        1,
        np.zeros(6, dtype=np.int64),
        np.zeros(6, dtype=np.int64),
        np.array([[0.0, 0, 0], [0, 0, 1], [0, 0, -1], [0, 1, 0], [0, -1, 0], [1, 0, 0]]),
        np.array([0, 1, 1, 1.5, 1.5, 2.5]),
    )
    nearest, further = [[0, 0, 0, 0, -1], [0, 0, 0, 0, 1]], [[0, 0, 0, -1, 0], [0, 0, 0, 1, 0]]
    for choose in (Shells.get(), whole_shells):
        assert choose(pairs, 1, 2.0).tolist() == choose(pairs, 2, 1.1).tolist() == nearest
        assert choose(pairs, 3, 2.0).tolist() == [further[0], *nearest, further[1]]
        assert choose(pairs, 5, 2.0) is None
        assert choose(pairs, 6, 3.0) is None
        assert choose(pairs, 2, 1.0) is None


def assert_kernel_is_numpy(
    crystal: Structure, max_neighbours: int = 12, tolerance: float = TOLERANCE
) -> None:
    kernel = Merging.get()
    assert kernel is not None
    bonds = bonds_of(crystal, max_neighbours, 8.0)
    species = np.array(crystal.atomic_numbers)
    found = MergedGraph(*kernel(species, bonds.source, bonds.target, bonds.vectors, tolerance))
    expected = merge_equivalent(species, bonds, angles_of(bonds, len(crystal)), tolerance)
    for field in fields(expected):
        mine, theirs = (getattr(graph, field.name) for graph in (found, expected))
        assert mine.dtype == theirs.dtype
        assert np.array_equal(mine, theirs), f"{field.name} of {crystal.formula}"


@needs_compiler
def test_kernel_is_numpy_on_symmetric_crystals(
    NaCl: Structure, Cu: Structure, Si: Structure, CsCl: Structure, C_zigzag: Structure, C_long: Structure
) -> None:
    cells = [NaCl, Cu, Si, CsCl, C_zigzag, C_long, TITANIUM, PEROVSKITE, row_of_six(), Cu * (3, 3, 3)]
    for cell in [*cells, chain_of_set("single", 3, 0)]:
        assert_kernel_is_numpy(cell)


@needs_compiler
@settings(max_examples=60, deadline=None)
@given(
    **RANDOM,
    tolerance=st.sampled_from([1e-7, TOLERANCE, 1e-3, 0.02, 0.3]),
)
def test_kernel_is_numpy_on_random_crystals(
    seed: int, n_atoms: int, max_neighbours: int, tolerance: float
) -> None:
    """Where the tolerance is wide, values lie close enough to share bins and to fall into several."""
    assert_kernel_is_numpy(random_crystal(seed, n_atoms=n_atoms), max_neighbours, tolerance)


@needs_compiler
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), noise=st.sampled_from([1e-6, 1e-5, 1e-4]))
def test_kernel_is_numpy_on_almost_symmetric_crystals(seed: int, noise: float) -> None:
    """Lengths and cosines about a tolerance apart."""
    crystal = PEROVSKITE.copy()
    crystal.perturb(noise, min_distance=0, seed=seed)
    assert_kernel_is_numpy(crystal)


@needs_compiler
def test_graphs_are_packed_alike_without_the_kernel(NaCl: Structure) -> None:
    crystals = [NaCl, *map(random_crystal, range(4))]
    found = LineGraphs.from_structures(crystals, GraphSettings())
    with patch.object(Merging, "get", return_value=None), patch.object(Shells, "get", return_value=None):
        expected = LineGraphs.from_structures(crystals, GraphSettings())
    for field in fields(expected):
        assert torch.equal(getattr(found, field.name), getattr(expected, field.name)), field.name


def test_nothing_is_merged_without_a_tolerance(Cu: Structure) -> None:
    graphs = LineGraphs.from_structures([Cu], GraphSettings(), tolerance=None)
    assert graphs.n_kinds.tolist() == [[1, 24, 24 * 23]]


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("name", ["binary-k", "phonon-cv", "chains-mixed-long"])
def test_kernel_is_numpy_on_real_crystals(name: str) -> None:
    if not (ROOT / "datasets" / name / "id_prop.csv").is_file():
        pytest.skip(f"datasets/{name} is not there")
    folder = read_folder(ROOT / "datasets" / name)
    for crystal in folder.take(range(0, len(folder), len(folder) // 150)).structures():
        assert_shells_are_numpys(crystal)
        assert_kernel_is_numpy(crystal)
