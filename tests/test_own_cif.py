"""The quick reader of this package's own CIF files: pymatgen's structures to the last bit, or none."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import random_crystal
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from pymatgen.io.cif import CifWriter

from hybrid.cif import read_own_cif
from reproduction.data.chains import chain_of_set


def written(structure: Structure, digits: int = 8) -> str:
    return str(CifWriter(structure, significant_figures=digits))


def same(text: str) -> bool:
    ours, theirs = read_own_cif(text), Structure.from_str(text, fmt="cif")
    assert ours is not None
    return ours.species == theirs.species and all(
        np.array_equal(one, other)
        for one, other in (
            (ours.lattice.matrix, theirs.lattice.matrix),
            (ours.frac_coords, theirs.frac_coords),
            (ours.cart_coords, theirs.cart_coords),
        )
    )


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 12), st.sampled_from([4, 8]))
def test_random_crystals(seed: int, n_atoms: int, digits: int) -> None:
    crystal = random_crystal(seed, n_atoms)
    text = written(crystal, digits)
    if {"Si", "Cu"} <= set(crystal.symbol_set):  # of the same electronegativity
        assert read_own_cif(text) is None
    else:
        assert same(text)


def test_thirds_and_edges_of_the_cell() -> None:
    """pymatgen takes 0.3333 for a third, and moves every atom into the cell."""
    places = [[1 / 3, 2 / 3, 0], [0.33333, 0.66667, 0.5], [-0.25, 1.25, 1]]
    assert same(written(Structure(Lattice.hexagonal(4, 6), ["Mg", "Mg", "O"], places)))


def test_chains() -> None:
    assert same(written(chain_of_set("double", 40, 3)))


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        ("'x, y, z'", "'-x, -y, z'"),
        ("  1\n", "  0.5\n"),
        ("_cell_length_a", "_cell_length_x"),
        ("# generated using pymatgen", "# by another program"),
        ("Na0  1", "Na0  2"),
        ("  Na  ", "  Na+  "),
        ("  Cl  ", "  D  "),
        ("_atom_site_occupancy\n", "_atom_site_occupancy\n _atom_site_note\n"),
    ],
)
def test_everything_else_is_left_to_pymatgen(found: str, instead: str, NaCl: Structure) -> None:
    text = written(NaCl)
    assert found in text
    assert read_own_cif(text) is not None
    assert read_own_cif(text.replace(found, instead, 1)) is None


def test_a_file_that_ends_early(NaCl: Structure) -> None:
    """Cut inside its last line, it is not read with an atom less."""
    text = written(NaCl).rstrip()
    for length in range(len(text) - 40, len(text)):
        assert read_own_cif(text[:length]) is None or text[:length].count("\n") < text.count("\n")


def test_sites_that_meet_or_cannot_be_told_apart(NaCl: Structure) -> None:
    meeting = Structure(Lattice.cubic(4), ["Na", "Cl"], [[0, 0, 0], [0, 0, 0.00001]])
    assert read_own_cif(written(meeting)) is None
    no_electronegativity = Structure(Lattice.cubic(4), ["He"], [[0, 0, 0]])
    assert read_own_cif(written(no_electronegativity)) is None


@pytest.mark.parametrize("every", [150, pytest.param(10, marks=pytest.mark.slow)])
def test_real_crystals(every: int, hybrid_data: Path) -> None:
    with gzip.open(hybrid_data / "mp_snapshot.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for number, line in enumerate(file) if number % every == 0]
    texts = [written(Structure(Lattice(row["lattice"]), row["species"], row["frac"])) for row in rows]
    own = [text for text in texts if read_own_cif(text)]
    assert len(own) > 0.9 * len(texts) > 20_000 / every
    assert all(map(same, own))
