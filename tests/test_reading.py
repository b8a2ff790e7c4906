"""Readers of users' files: whatever one holds, it is read rightly or refused in one sentence with its path.

`make fuzz` searches further, guided by what the code does.
"""

import codecs
import os
import string
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import random_crystal, write_structure
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymatgen.core import Structure
from pymatgen.io.cif import CifWriter

from hybrid.data.folder import read_folder
from hybrid.data.listed import read_listing
from hybrid.data.splits import read_split
from hybrid.descriptors.table import DescriptorTable
from hybrid.errors import InputError
from hybrid.probing.embeddings import Embeddings
from hybrid.reading import plain_number, read_bytes, read_json, read_rows, read_text
from hybrid.structures import read_structure
from hybrid.trained.checkpoint import load
from hybrid.weights import read_weights, save_weights

quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


# --- what there is instead of a file ---

READERS: dict[str, Callable[[Path], object]] = {
    "x.cif": read_structure,
    "x.vasp": read_structure,
    "x.json": read_structure,
    "x.extxyz": read_structure,
    "split.csv": lambda path: read_split(path, ["a", "b", "c"], 0),
    "descriptors.csv": DescriptorTable.read,
    "id_prop.csv": lambda path: read_listing(path.parent),
    "vectors.csv": Embeddings.read,
    "vectors.npz": Embeddings.read,
    "model.ckpt": load,
}
PLACES: dict[str, Callable[[Path], object]] = {
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a dangling link": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path),
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "empty": Path.touch,
    "rubbish": lambda path: path.write_bytes(bytes(range(256))),
    "UTF-16": lambda path: path.write_text("id,fold\na,test\n", encoding="utf-16"),
    "NUL": lambda path: path.write_bytes(b"id,fold\0\na,test\n"),
    "another encoding": lambda path: path.write_bytes("id,größe\na,1\n".encode("latin-1")),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_such_file_is_refused(place: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    PLACES[place](path)
    with pytest.raises(InputError) as caught:
        READERS[name](path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_that_is_too_long_or_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / ("x" * 300), tmp_path / "file" / "x.cif"):
        with pytest.raises(InputError, match="cannot be read"):
            read_bytes(path)


# --- tables ---

cells = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=8).map(str.strip)


@quick
@given(rows=st.lists(st.lists(cells, min_size=2, max_size=3), min_size=1, max_size=5), marked=st.booleans())
def test_a_table_is_read_as_it_was_written(rows: list[list[str]], marked: bool, tmp_path: Path) -> None:
    rows = [[f"i{number}", *row] for number, row in enumerate(rows)]
    quoted = "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\r\n" for row in rows)
    (tmp_path / "x.csv").write_bytes(codecs.BOM_UTF8 * marked + quoted.encode())
    assert [row for _, row in read_rows(tmp_path / "x.csv")] == rows


@pytest.mark.parametrize(("mark", "name"), [(";", "semicolons"), ("\t", "tabs")])
def test_other_separators_are_named(mark: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(f"x0{mark}1,5\nx1{mark}2,5\n")
    for reader in (read_rows, Embeddings.read):
        with pytest.raises(InputError, match=f"separated by {name}; save it with commas"):
            reader(tmp_path / "x.csv")


def test_a_row_that_is_not_of_a_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text('x0,1\nx1,1\nx2,1\nx3,"1" 2\n')
    with pytest.raises(InputError, match=r"x\.csv: row 4 is not of a CSV file \("):
        list(read_rows(tmp_path / "x.csv"))


@quick
@given(st.floats(allow_nan=False) | st.integers(-(10**20), 10**20))
def test_numbers_are_what_every_program_writes(value: float) -> None:
    assert plain_number(repr(value)) == float(value)
    assert plain_number(f"{value:.3e}") == float(f"{value:.3e}")


@pytest.mark.parametrize(
    "cell", ["1_030", "３", "١", "0x10", "1,5", "1e", "", "one", "1 2", "1+2j", "½", "--1"]
)
def test_what_only_python_reads_as_a_number_is_none(cell: str) -> None:
    assert plain_number(cell) is None


@quick
@given(st.text(string.printable + "é１;\ufeff", max_size=60))
@pytest.mark.parametrize("name", ["split.csv", "descriptors.csv", "id_prop.csv", "vectors.csv"])
def test_any_text_is_a_table_or_is_refused(name: str, tmp_path: Path, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    try:
        READERS[name](tmp_path / name)
    except InputError as error:
        assert str(tmp_path / name) in str(error)  # noqa: PT017


# --- structures ---


def forms(folder: Path) -> list[Path]:
    """A crystal in every format, and one with symmetry."""
    crystal = random_crystal(3, 4)
    for name in ("x.cif", "x.vasp", "x.json", "x.extxyz"):
        write_structure(crystal, folder / name)
    CifWriter(crystal).write_file(folder / "own.cif")
    cubic = Structure.from_spacegroup(
        "Fm-3m", [[4, 0, 0], [0, 4, 0], [0, 0, 4]], ["Na", "Cl"], [[0] * 3, [0.5] * 3]
    )
    CifWriter(cubic, symprec=0.01).write_file(folder / "symmetric.cif")
    return sorted(folder.iterdir())


def atoms(crystal: Structure) -> list[tuple[int, ...]]:
    """Elements and places to 0.001 of a cell."""
    return sorted((s.specie.Z, *np.round(1000 * (s.frac_coords % 1)).astype(int) % 1000) for s in crystal)


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_a_file_that_is_cut_off_does_not_lose_an_atom(step: int, tmp_path: Path) -> None:
    """Wherever it is cut."""
    for path in forms(tmp_path):
        text, whole = path.read_text(), read_structure(path)
        cut = path.with_name(f"cut{path.suffix}")
        for end in range(len(text) - 1, 0, -step * (7 if path.suffix == ".cif" else 1)):
            cut.write_text(text[:end])
            try:
                found = read_structure(cut)
            except InputError:
                continue
            assert len(found) == len(whole), (path.name, end)
            assert atoms(found) == atoms(whole), (path.name, end)


@quick
@given(data=st.data())
def test_a_file_with_changed_letters_is_refused_or_a_crystal(data: st.DataObject, tmp_path: Path) -> None:
    path = data.draw(st.sampled_from(sorted(tmp_path.glob("[!c]*")) or forms(tmp_path)))
    text = list(path.read_text())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at] = data.draw(st.sampled_from([*"019.-eE _;'xZ\n\t", "", "é"]))
    changed = path.with_name(f"changed{path.suffix}")
    changed.write_text("".join(text), encoding="utf-8")
    try:
        found = read_structure(changed)
    except InputError as error:
        assert str(error).startswith(f"{changed}: ")  # noqa: PT017
    else:
        assert np.isfinite(found.cart_coords).all()
        assert 0.5 < found.volume / len(found) < 1e6


CELL = "data_x\n" + "".join(f"_cell_length_{a} 5\n" for a in "abc")
CELL += "".join(f"_cell_angle_{angle} 90\n" for angle in ("alpha", "beta", "gamma"))
SITES = "loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
POSCAR = "x\n1\n5 0 0\n0 5 0\n0 0 5\n{}1 1\ndirect\n0 0 0\n.5 .5 .5\n"
FRAME = '1\nLattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3\nCu 0 0 0\n'
SYMMETRY = "loop_\n_symmetry_equiv_pos_as_xyz\n'x,y,z'\n'{}'\n"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("x.cif", CELL + SITES + "Na1 0 0 0\nWat1 .5 .5 .5\n", "'Wat1' names no element"),
        ("x.cif", CELL + SITES + "Na1 0 0 0\nWAT .5 .5 .5\n", "'WAT' names no element"),
        ("x.cif", CELL + SITES + "Na1 0 0 0\nOH .5 .5 .5\n", "'OH' names no element"),
        (
            "x.cif",
            CELL + SYMMETRY.format("x,y,banana") + SITES + "Na1 0 0 0\n",
            "is no operation of symmetry",
        ),
        ("x.cif", CELL + SYMMETRY.format("x,x,z") + SITES + "Na1 0 0 0\n", "is no operation of symmetry"),
        (
            "x.cif",
            CELL + "_symmetry_space_group_name_H-M 'X 9'\n" + SITES + "Na1 0 0 0\n",
            "space group is not",
        ),
        ("x.cif", CELL + "_chemical_formula_sum 'Na Cl'\n" + SITES + "Na1 0 0 0\n", "had to guess"),
        (
            "x.cif",
            CELL + SITES + "Na1 0 0 0\n" + CELL.replace("x", "y", 1) + SITES + "K1 0 0 0\n",
            "2 structures",
        ),
        ("x.cif", CELL + SITES + "Na1 1e18 0 0\n", "cells away"),
        ("x.cif", CELL.replace(" 5", " .5") + SITES + "Na1 0 0 0\n", "Å³ an atom"),
        ("x.cif", CELL.replace(" 5", " 500") + SITES + "Na1 0 0 0\n", "Å³ an atom"),
        ("x.cif", CELL + SITES + "Md1 0 0 0\n", "of which there are no crystals"),
        (
            "x.cif",
            CELL.replace("length_a 5", "length_a -5") + SITES + "Na1 0 0 0\n",
            "_cell_length_a is '-5'",
        ),
        ("x.cif", CELL + SITES + "Na1 1_0 0 0\n", "_atom_site_fract_x is '1_0'"),
        (
            "x.cif",
            CELL.replace("length_a 5", "length_a ５") + SITES + "Na1 0 0 0\n",
            "does not parse",
        ),
        ("x.cif", CELL.replace("gamma 90", "gamma 200") + SITES + "Na1 0 0 0\n", "gamma is '200'"),
        ("x.vasp", POSCAR.format(""), "had to guess"),
        ("x.vasp", POSCAR.format("Na Cl K\n"), "3 names of elements and 2 numbers of atoms"),
        ("x.vasp", POSCAR.format("Na Cl\n") + "0 .5 0\n", "more positions than the 2 that it counts"),
        ("x.vasp", POSCAR.format("Na Cl\n") + "Direct configuration= 2\n.1 0 0\n", "several structures"),
        ("x.vasp", POSCAR.format("Na Cl\n").replace("0 5 0", "0 ５ 0"), "'５' is no number"),
        (
            "x.vasp",
            POSCAR.format("Na Cl\n").replace(".5 .5 .5", "1 1 1"),
            r"sites 1 and 2 are less than 0\.1 Å",
        ),
        ("x.extxyz", FRAME.replace("Cu 0", "Cu 1_0"), "'1_0' is no number"),
        ("x.extxyz", FRAME.replace("5 0 0 0 5", "5_0 0 0 0 5"), "'5_0' is no number"),
        ("x.extxyz", FRAME + "9" * 18 + "\n", "line 4 counts more atoms than there are lines"),
        ("x.extxyz", f"{FRAME}\n{FRAME}", "line 4 is no number of atoms"),
        (
            "x.extxyz",
            FRAME.replace("pos:R:3", "pos:R:3:occupancy:R:1").replace("Cu 0 0 0", "Cu 0 0 0 0.5"),
            "partial occupancies",
        ),
    ],
)
def test_what_would_be_guessed_is_refused(name: str, text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=told):
        read_structure(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "text", "formula"),
    [
        ("x.cif", CELL + SITES + "NA1 0 0 0\nO1W .5 .5 .5\n", "Na1 O1"),
        ("x.cif", CELL + SYMMETRY.format("-x, 1/2+y, -z+.5") + SITES + "Na1 .1 .2 .3\n", "Na2"),
        ("x.cif", CELL + "_symmetry_space_group_name_H-M 'P -1'\n" + SITES + "Na1 .1 .2 .3\n", "Na2"),
        ("x.cif", "data_global\n_journal_year 2000\n" + CELL + SITES + "Ne1 0 0 0\n", "Ne1"),
        ("x.vasp", POSCAR.format("Na Cl\n"), "Na1 Cl1"),
        ("x.vasp", "1_0 ３" + POSCAR.format("Na Cl ! comment\n") + "\n0 0 0\n1 1 1\n", "Na1 Cl1"),
    ],
)
def test_what_is_unusual_and_clear_is_read(name: str, text: str, formula: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert read_structure(tmp_path / name).formula == formula


def test_skip_bad_lists_what_is_doubtful(crystal_folder: Callable[..., Path]) -> None:
    path = crystal_folder(3, ".vasp")
    (path / "x01.vasp").write_text(POSCAR.format(""))
    (path / "x02.vasp").unlink()
    os.mkfifo(path / "x02.vasp")
    pipe, doubtful = read_folder(path, skip_bad=True).dropped
    assert pipe == f"{path / 'id_prop.csv'}: row 3: id 'x02' has no structure file"
    assert doubtful.startswith(f"{path / 'x01.vasp'}: ")


# --- checkpoints ---


@quick
@given(data=st.data())
def test_a_flipped_bit_of_a_checkpoint_is_noticed(data: st.DataObject, tmp_path: Path) -> None:
    path, weights = tmp_path / "x.ckpt", {"state_dict": {"w": torch.arange(50.0)}}
    save_weights(path, weights)
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    try:
        found = read_weights(path)
    except Exception:
        return
    assert torch.equal(found["state_dict"]["w"], weights["state_dict"]["w"])


def test_json_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="is no JSON"):
        read_json(tmp_path / "x.json")
    (tmp_path / "x.json").write_bytes(codecs.BOM_UTF8 + b"{}")
    assert read_json(tmp_path / "x.json") == {}
    assert read_text(tmp_path / "x.json") == "{}"
