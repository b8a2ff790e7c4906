"""Structural complexity is that of the coarser search for symmetry, also where that is not made."""

import gzip
import itertools
import json
from collections.abc import Iterable

import numpy as np
import pytest
import spglib
from conftest import SPECIES, random_crystal
from pymatgen.core import Lattice, Structure

from hybrid.cells import reduced_cell, symmetry_dataset, wrapped
from hybrid.data.folder import read_folder
from hybrid.descriptors import symmetry
from hybrid.descriptors.symmetry import structural_complexity
from hybrid.errors import InputError
from reproduction.data.registry import get_dataset


@pytest.fixture
def tolerances(monkeypatch) -> list[float]:
    """Those of the searches that are asked for."""
    asked: list[float] = []
    search = symmetry.symmetry_dataset
    monkeypatch.setattr(
        symmetry, "symmetry_dataset", lambda cell, *how: asked.append(how[0]) or search(cell, *how)
    )
    return asked


def pseudosymmetric(seed: int) -> Structure:
    """An orthorhombic crystal of one orbit an element that is near to more symmetry than it has."""
    rng = np.random.default_rng(seed)
    edges = rng.uniform(4, 9) * rng.choice([0.5, 1, 1, 2**0.5, 3**0.5], 3)
    edges *= 1 + rng.choice([0, 1e-3, 1e-2]) * rng.normal(size=3)
    operations = spglib.get_symmetry_from_database(int(rng.integers(108, 349)))
    species, places = [], []
    for symbol in SPECIES[: rng.integers(1, 4)]:
        off = rng.choice([0, 0.005, 0.02, 0.05, 0.1, 0.2]) * rng.normal(size=3) / edges
        orbit = operations["rotations"] @ (rng.integers(0, 8, 3) / 8 + off) + operations["translations"]
        orbit = np.unique(np.round(wrapped(orbit), 12) % 1, axis=0)
        species += [symbol] * len(orbit)
        places.append(orbit)
    return Structure(Lattice.orthorhombic(*edges), species, np.concatenate(places))


def assert_as_by_the_coarser_search(structures: Iterable[Structure]) -> None:
    for structure in structures:
        cell = reduced_cell(structure)
        orbits = symmetry_dataset(cell, 0.1, 5).equivalent_atoms
        share = np.unique(orbits, return_counts=True)[1] / len(cell)
        assert structural_complexity(cell)["struct_comp_atom"] == abs(float(share @ np.log2(share)))


def test_one_search_is_enough_where_all_atoms_of_an_element_are_equivalent(NaCl, Cu, CsCl, tolerances):
    assert_as_by_the_coarser_search([NaCl, Cu, CsCl])
    assert tolerances == [0.01] * 3


def test_a_crystal_of_more_orbits_is_searched_twice(tolerances):
    """Doubled caesium chloride with an atom off its place: four atoms in four orbits, and in two at 0.1 Å."""
    places = [[0, 0, 0], [0.5, 0, 0], [0.25, 0.5, 0.5], [0.7547, 0.5, 0.5]]
    doubled = Structure(Lattice.orthorhombic(8.24, 4.12, 4.12), ["Cs", "Cs", "Cl", "Cl"], places)
    assert structural_complexity(reduced_cell(doubled))["struct_comp_atom"] == 1
    assert tolerances == [0.01, 0.1]


def test_atoms_too_near_to_each_other_are_refused_as_by_the_coarser_search():
    near = Structure(Lattice.cubic(4), ["Fe", "Fe"], [[0, 0, 0], [0, 0, 0.012]])
    with pytest.raises(InputError, match=r"no symmetry at 0\.1 Å; do two atoms have the same position"):
        structural_complexity(reduced_cell(near))


def test_crystals_near_to_more_symmetry(tolerances):
    crystals = [random_crystal(seed) for seed in range(20)] + [pseudosymmetric(seed) for seed in range(300)]
    crystals = [crystal for crystal in crystals if crystal.is_valid(0.12)]
    assert_as_by_the_coarser_search(crystals)
    twice = tolerances.count(0.1)
    assert 10 < twice < len(crystals) / 2


def test_crystals_of_the_materials_project(hybrid_data, tolerances):
    with gzip.open(hybrid_data / "mp_snapshot.jsonl.gz", "rt") as lines:
        entries = [json.loads(line) for line in itertools.islice(lines, 0, 6000, 40)]
    assert_as_by_the_coarser_search(
        Structure(Lattice(e["lattice"]), e["species"], e["frac"]) for e in entries
    )
    assert 20 < tolerances.count(0.1) < len(entries)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["phonon-cv", "mp-descriptors"])
def test_all_crystals_of_a_data_set(name, tmp_path, hybrid_data):
    get_dataset(name).build(tmp_path / name)
    assert_as_by_the_coarser_search(read_folder(tmp_path / name).structures())
