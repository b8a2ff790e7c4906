"""The table of structures that have been read: each content is parsed once, however the run before ended."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import random_crystal, write_structure
from pymatgen.core import DummySpecies, Lattice, Structure

from hybrid.data import structure_table
from hybrid.data.folder import read_folder
from hybrid.data.structure_table import StructureTable
from hybrid.errors import InputError
from hybrid.settings import GraphSettings
from hybrid.structures import check_structure, read_structure
from reproduction.data.sources.entries import parse_structure

TABLE = Path(".hybrid") / "structures.jsonl"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are parsed, one an attempt."""
    names: list[str] = []

    def read(path: Path) -> Structure:
        names.append(path.name)
        return read_structure(path)

    monkeypatch.setattr(structure_table, "read_structure", read)
    return names


def read_all(folder: Path) -> dict[str, Structure]:
    with StructureTable(folder) as table:
        return {path.stem: table.read(path) for path in sorted(folder.glob("x*.*"))}


def test_each_content_is_parsed_once(crystal_folder: Callable[..., Path], parsed: list[str]) -> None:
    folder = crystal_folder(4)
    first = read_all(folder)
    assert parsed == ["x00.json", "x01.json", "x02.json", "x03.json"]
    (folder / "x00.json").rename(folder / "x09.json")
    again = read_all(folder)
    assert len(parsed) == 4
    assert again["x09"] == first["x00"]
    assert again["x02"] == first["x02"] == read_structure(folder / "x02.json")


def test_what_is_kept_is_what_was_read(tmp_path: Path, parsed: list[str]) -> None:
    """To the last digit, with oxidation states, in the order of the file."""
    ions = Structure(Lattice.cubic(1 / 3 + 4), ["Cl-", "Na+"], [[0.5, 0.5, 2 / 3], [-1e-17, 1, 1.25]])
    write_structure(ions, tmp_path / "x.json")
    one, two = read_all(tmp_path)["x"], read_all(tmp_path)["x"]
    assert parsed == ["x.json"]
    for read in (one, two):
        assert read.lattice.matrix.tolist() == ions.lattice.matrix.tolist()
        assert read.frac_coords.tolist() == ions.frac_coords.tolist()
        assert [site.species_string for site in read] == ["Cl-", "Na+"]
    with StructureTable(tmp_path) as table:
        composition = table.composition(tmp_path / "x.json")
    assert composition == ions.composition
    assert composition.reduced_formula == "NaCl"


def test_a_changed_file_is_parsed_again(crystal_folder: Callable[..., Path], parsed: list[str]) -> None:
    folder = crystal_folder(3)
    read_all(folder)
    parsed.clear()
    old = (folder / "x01.json").stat()
    write_structure(random_crystal(77), folder / "x01.json")
    os.utime(folder / "x01.json", ns=(old.st_atime_ns, old.st_mtime_ns))  # it is the content that counts
    assert read_all(folder)["x01"] == random_crystal(77)
    assert parsed == ["x01.json"]


def test_the_same_text_under_another_format_is_parsed_again(tmp_path: Path, parsed: list[str]) -> None:
    write_structure(random_crystal(3), tmp_path / "x.vasp")
    (tmp_path / "x2.poscar").write_bytes((tmp_path / "x.vasp").read_bytes())
    read_all(tmp_path)
    assert sorted(parsed) == ["x.vasp", "x2.poscar"]


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_half_written_last_line_costs_one_parse(
    cut: int, crystal_folder: Callable[..., Path], parsed: list[str]
) -> None:
    folder = crystal_folder(4)
    whole = read_all(folder)
    table = folder / TABLE
    table.write_bytes(table.read_bytes()[:-cut])
    for expected in (["x03.json"] if cut > 1 else [], []):  # without its line end alone, a line is whole
        parsed.clear()
        assert read_all(folder) == whole
        assert parsed == expected


def test_lines_that_are_no_structures_are_passed_over(
    crystal_folder: Callable[..., Path], parsed: list[str]
) -> None:
    folder = crystal_folder(2)
    (folder / ".hybrid").mkdir()
    (folder / TABLE).write_bytes(b'[1]\n\n"x"\nnull\n{"frac": []}\n\xff\xfe\n')
    read_all(folder)
    parsed.clear()
    read_all(folder)
    assert parsed == []


def test_what_cannot_be_read_is_not_kept(crystal_folder: Callable[..., Path], parsed: list[str]) -> None:
    folder = crystal_folder(2)
    (folder / "x01.json").write_text("{}")
    for _ in range(2):
        with pytest.raises(InputError, match=r"x01\.json: does not parse as a structure"):
            read_all(folder)
    assert parsed == ["x00.json", "x01.json", "x01.json"]
    with pytest.raises(InputError, match=r"x07\.json: cannot be read \(No such file"):
        StructureTable(folder).read(folder / "x07.json")


def test_a_folder_without_room_for_a_table_is_read_all_the_same(
    crystal_folder: Callable[..., Path], parsed: list[str]
) -> None:
    folder = crystal_folder(3)
    (folder / ".hybrid").touch()  # a file, where the folder of the table would be
    one, two = read_all(folder), read_all(folder)
    assert one == two
    assert len(parsed) == 6
    assert (folder / ".hybrid").read_bytes() == b""


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_read_only_folder(crystal_folder: Callable[..., Path]) -> None:
    folder = crystal_folder(3)
    folder.chmod(0o555)
    try:
        assert len(read_all(folder)) == 3
    finally:
        folder.chmod(0o755)


def test_graphs_and_checks_share_the_table(crystal_folder: Callable[..., Path], parsed: list[str]) -> None:
    folder = crystal_folder(5)
    crystals = read_folder(folder, skip_bad=True)
    crystals.graphs(GraphSettings())
    crystals.graphs(GraphSettings(radius=5.0))
    assert len(parsed) == 5


def test_two_processes_at_once(tmp_path: Path, parsed: list[str]) -> None:
    """Each parses half of the folder and a common part; every line of both stays readable."""
    for i in range(90):
        write_structure(random_crystal(i), tmp_path / f"x{i:02d}.json")
    code = """
import sys, time
from pathlib import Path
from reproduction.data.sources.entries import parse_structure
from hybrid.data.structure_table import StructureTable
folder, first, end = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
with StructureTable(folder) as table:
    (folder / f"ready{first}").touch()
    while len(list(folder.glob("ready*"))) < 2:
        time.sleep(0.001)
    for i in range(first, end):
        table.read(folder / f"x{i:02d}.json")
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    both = [
        subprocess.Popen([sys.executable, "-c", code, tmp_path, str(first), str(end)], env=environment)
        for first, end in ((0, 60), (30, 90))
    ]
    assert [process.wait(timeout=300) for process in both] == [0, 0]
    lines = (tmp_path / TABLE).read_text().splitlines()
    assert len(lines) == 120
    assert len({json.loads(line)["key"] for line in lines}) == 90
    assert read_all(tmp_path)["x42"] == random_crystal(42)
    assert parsed == []


# --- the checks that files and data sources share ---


def _without_a_place(crystal: Structure) -> Structure:
    content = crystal.as_dict()
    content["sites"][1]["abc"][2] = float("nan")
    return Structure.from_dict(content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda crystal: Structure(crystal.lattice, [], []), "has no atoms"),
        (
            lambda crystal: Structure(crystal.lattice, ["Cs", {"Cl": 0.5, "Br": 0.5}], crystal.frac_coords),
            "site 2 is 0.5 Cl / 0.5 Br; ordered structures only",
        ),
        (
            lambda crystal: Structure(crystal.lattice, ["Cs", DummySpecies("Xx", 0)], crystal.frac_coords),
            "site 2 is 'Xx', which is not an element",
        ),
        (_without_a_place, "a coordinate is not a number"),
        (
            lambda crystal: Structure(Lattice([[4, 0, 0], [0, 4, 0], [4, 4, 0]]), ["Cs"], [[0, 0, 0]]),
            "the cell has no volume",
        ),
    ],
)
def test_a_structure_that_is_none_is_refused_in_the_same_words_everywhere(
    change: Callable[[Structure], Structure], message: str, CsCl: Structure
) -> None:
    spoilt = change(CsCl)
    with pytest.raises(InputError) as caught:
        check_structure(spoilt, "x.cif")
    assert str(caught.value) == f"x.cif: {message}"
    with pytest.raises(InputError) as caught:
        parse_structure("table: row 2 (mp-1)", lambda stored: stored, spoilt)
    assert str(caught.value) == f"table: row 2 (mp-1): {message}"
    check_structure(CsCl, "x.cif")


def test_a_file_with_what_is_no_element(CsCl: Structure, tmp_path: Path) -> None:
    dummy = Structure(CsCl.lattice, ["Cs", DummySpecies("Xx", 0)], CsCl.frac_coords)
    write_structure(dummy, tmp_path / "x.json")
    with pytest.raises(InputError, match=r"x\.json: site 2 is 'Xx', which is not an element"):
        read_structure(tmp_path / "x.json")
