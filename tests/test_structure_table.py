"""Tables of structures."""

import gzip

import numpy as np
import pytest
from conftest import random_crystal
from pymatgen.core import Lattice, Structure

from hybrid.errors import InputError
from hybrid.structure_table import read_structure_table, write_structure_table


@pytest.mark.parametrize("name", ["structures.jsonl", "structures.jsonl.gz"])
def test_structures_come_back_with_all_their_digits(tmp_path, name):
    written = {f"x{seed}": random_crystal(seed) for seed in (3, 1, 2)}
    written["ion"] = Structure(Lattice.cubic(4), ["Fe3+", "O2-"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    write_structure_table(tmp_path / name, written)
    read = read_structure_table(tmp_path / name)
    assert list(read) == list(written)
    for identity, structure in written.items():
        assert np.array_equal(read[identity].lattice.matrix, structure.lattice.matrix)
        assert np.array_equal(read[identity].frac_coords, structure.frac_coords)
        assert read[identity].species == structure.species
    assert list(read_structure_table(tmp_path / name, ["x2", "x3", "y"])) == ["x3", "x2"]


def test_a_bad_line_is_named(tmp_path):
    path = tmp_path / "structures.jsonl"
    write_structure_table(path, {"x": random_crystal(0)})
    good = path.read_text()
    for line, message in {
        '{"id": "y", "latt': "line 2: is not JSON",
        '{"id": "y"}\n': "line 2: is not a structure .*lattice",
        good: "line 2: id 'x' stands there twice",
        good.replace('"x"', '"y"').replace("[[", "[[[", 1): "line 2: is not",
    }.items():
        path.write_text(good + line)
        with pytest.raises(InputError, match=message):
            read_structure_table(path)


def test_a_file_cut_short_or_not_there(tmp_path):
    path = tmp_path / "structures.jsonl.gz"
    with pytest.raises(InputError, match="cannot be read"):
        read_structure_table(path)
    write_structure_table(path, {"x": random_crystal(0)})
    gzip.decompress(path.read_bytes())
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="cannot be read"):
        read_structure_table(path)


def test_disordered_structures_are_refused(tmp_path):
    path = tmp_path / "structures.jsonl"
    with pytest.raises(InputError, match="'x' has partially occupied sites"):
        write_structure_table(path, {"x": Structure(Lattice.cubic(4), [{"Fe": 0.5}], [[0, 0, 0]])})
    assert not path.exists()
