"""Nearest neighbours by the kernel: bit by bit pymatgen's, ties included."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import needs_compiler, random_crystal
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from hybrid.graphs.nearest_neighbours import (
    n_tied,
    nearest_by_element,
    nearest_neighbours,
    neighbours_by_pymatgen,
)
from hybrid.kernels.neighbours import Neighbours
from reproduction.data.chains import chain_of_set

pytestmark = needs_compiler
SIZES = ((12, 8.0), (18, 12.0), (4, 3.0))


def same(structure: Structure, n_neighbours: int = 12, radius: float = 8.0) -> bool:
    kernel = Neighbours.get()
    assert kernel
    ours = kernel.find(structure, n_neighbours, radius)
    theirs = neighbours_by_pymatgen(structure, n_neighbours, radius)
    return all(np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True))


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 10**6), st.integers(1, 40), st.sampled_from(SIZES))
def test_random_crystals(seed: int, n_atoms: int, size: tuple[int, float]) -> None:
    assert same(random_crystal(seed, n_atoms), *size)


@pytest.mark.parametrize("size", SIZES)
def test_ties(
    size: tuple[int, float], NaCl: Structure, Cu: Structure, CsCl: Structure, Si: Structure
) -> None:
    """In textbook crystals, also in supercells and shifted, whole shells are at one distance."""
    for crystal in (NaCl, Cu, CsCl, Si):
        larger = crystal.make_supercell((2, 3, 1), in_place=False)
        shifted = larger.translate_sites(range(len(larger)), [0.37, -1.2, 0.5], to_unit_cell=False)
        assert same(crystal, *size)
        assert same(larger, *size)
        assert same(shifted, *size)


def test_hand_computed(NaCl: Structure) -> None:
    kernel = Neighbours.get()
    assert kernel
    neighbours, distances = kernel.find(NaCl, 12, 8.0)
    assert distances[0, :6] == pytest.approx(5.64 / 2)
    assert distances[0, 6:] == pytest.approx(5.64 / np.sqrt(2))
    assert sorted(neighbours[0, :6]) == [5, 5, 6, 6, 7, 7]  # each chlorine twice, from either side


@pytest.mark.parametrize("kind", ["single", "double"])
@pytest.mark.parametrize("n_atoms", [2, 8, 40])
def test_chains_in_vacuum(kind: str, n_atoms: int) -> None:
    """Rows are filled up where an atom has fewer neighbours."""
    for number in range(5):
        chain = chain_of_set(kind, n_atoms, number)
        assert same(chain)
        assert same(chain, 18, 12.0)


def test_without_periods(NaCl: Structure) -> None:
    for periodic in ((False, False, False), (True, False, True)):
        lattice = Lattice(NaCl.lattice.matrix, pbc=periodic)
        assert same(Structure(lattice, NaCl.species, NaCl.frac_coords))


@pytest.mark.parametrize("every", [60, pytest.param(5, marks=pytest.mark.slow)])
def test_real_crystals(every: int, hybrid_data: Path) -> None:
    with gzip.open(hybrid_data / "mp_snapshot.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for number, line in enumerate(file) if number % every == 0]
    crystals = [Structure(Lattice(row["lattice"]), row["species"], row["frac"]) for row in rows]
    assert len(crystals) > 30_000 / every
    different = [row["id"] for row, crystal in zip(rows, crystals, strict=True) if not same(crystal)]
    assert different == []


@pytest.mark.parametrize("seed", range(5))
def test_ties_by_element_do_not_depend_on_rounding(seed: int) -> None:
    """Layers of Li and O: the last six neighbours are chosen from twelve, four of them Li."""
    crystal = Structure(Lattice.orthorhombic(3, 3, 6), ["Li", "O"], [[0, 0, 0], [0, 0, 0.5]])
    rng = np.random.default_rng(seed)
    rounded = Structure(
        crystal.lattice, crystal.species, crystal.frac_coords + rng.uniform(-2e-5, 2e-5, (2, 3))
    )
    assert n_tied(nearest_neighbours(rounded, 13, 8.0)[1], 8.0) == 2
    nearest, distances = nearest_by_element(rounded, 12, 8.0)
    assert sorted(nearest[0]) == sorted([0] * 4 + [1] * 2 + [0] * 4 + [1] * 2)
    np.testing.assert_allclose(distances[0], [3] * 6 + [18**0.5] * 6, atol=1e-3)
    whole, all_of_it = nearest_by_element(rounded, 18, 8.0), nearest_neighbours(rounded, 18, 8.0)
    np.testing.assert_allclose(whole[1], np.sort(all_of_it[1], axis=1), atol=1e-3)
    assert n_tied(nearest_neighbours(rounded, 19, 8.0)[1], 8.0) == 0
