"""Dataset folders: what cannot be used is named with file and row, and nothing is written."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import random_crystal, write_structure
from pymatgen.core import Lattice, Structure

from hybrid.data.folder import ATOM_INIT, read_atom_features, read_folder
from hybrid.data.written_folder import CrystalFile
from hybrid.errors import InputError
from hybrid.settings import GraphSettings, RunSettings
from hybrid.training.run import train
from reproduction.data.folders import write_folder

Break = Callable[[Path], None]


def test_a_good_folder(crystal_folder: Callable[..., Path]) -> None:
    path = crystal_folder(5, ".cif")
    folder = read_folder(path)
    assert folder.ids == ["x00", "x01", "x02", "x03", "x04"]
    assert [file.name for file in folder.files.values()] == [f"{identity}.cif" for identity in folder.ids]
    assert folder.targets is not None
    rows = dict(line.split(",") for line in (path / "id_prop.csv").read_text().split())
    assert folder.targets.tolist() == [float(rows[identity]) for identity in folder.ids]
    assert folder.dropped == []
    assert len(folder) == 5
    assert [len(s) for s in folder.structures()] == [len(random_crystal(i)) for i in range(5)]


def test_rows_give_the_order_and_may_have_spaces_and_empty_lines(crystal_folder: Callable[..., Path]) -> None:
    path = crystal_folder(3)
    (path / "id_prop.csv").write_text("x02, 1.5\n\nx00 ,-2e-3\n x01,3\n\n")
    folder = read_folder(path)
    assert folder.ids == ["x02", "x00", "x01"]
    assert folder.targets is not None
    assert folder.targets.tolist() == [1.5, -0.002, 3]


def test_formats_may_be_mixed(crystal_folder: Callable[..., Path], NaCl: Structure) -> None:
    path = crystal_folder(3, ".vasp")
    for ending in (".cif", ".extxyz", ".json"):
        write_structure(NaCl, path / f"NaCl{ending[1:]}{ending}")
    with (path / "id_prop.csv").open("a") as file:
        file.write("NaClcif,1\nNaClextxyz,2\nNaCljson,3\n")
    assert [len(s) for s in read_folder(path).structures()][3:] == [8, 8, 8]


def test_take_keeps_ids_files_and_targets_together(crystal_folder: Callable[..., Path]) -> None:
    folder = read_folder(crystal_folder(5))
    some = folder.take([4, 1])
    assert some.ids == ["x04", "x01"]
    assert [file.stem for file in some.files.values()] == some.ids
    assert folder.targets is not None
    assert some.targets is not None
    assert some.targets.tolist() == folder.targets[[4, 1]].tolist()


def test_without_targets_every_structure_counts(crystal_folder: Callable[..., Path]) -> None:
    path = crystal_folder(4)
    (path / "id_prop.csv").unlink()
    folder = read_folder(path, targets=False)
    assert folder.ids == ["x00", "x01", "x02", "x03"]
    assert folder.targets is None


# --- bad input: what is done to a good folder, and what the message says ---


def _append(row: str) -> Break:
    def change(path: Path) -> None:
        with (path / "id_prop.csv").open("a") as file:
            file.write(row + "\n")

    return change


def _replace(identity: str, row: str) -> Break:
    def change(path: Path) -> None:
        table = path / "id_prop.csv"
        rows = table.read_text().splitlines()
        table.write_text("\n".join(row if r.startswith(identity) else r for r in rows) + "\n")

    return change


def _partial_occupancy(path: Path) -> None:
    sites = Structure(Lattice.cubic(4), ["O", {"Fe": 0.4, "Co": 0.6}], [[0, 0, 0], [0.5, 0.5, 0.5]])
    write_structure(sites, path / "x02.json")


def _no_features(path: Path) -> None:
    table = json.loads(ATOM_INIT.read_text())
    (path / "atom_init.json").write_text(json.dumps({z: table[z] for z in table if z != "79"}))
    write_structure(Structure(Lattice.cubic(3), ["Cs", "Au"], [[0] * 3, [0.5] * 3]), path / "x02.json")


ROWS = {
    "no structure": (_append("x99,1.0"), r"id_prop\.csv: row 6: id 'x99' has no structure file"),
    "NaN": (_replace("x02", "x02,NaN"), r"id_prop\.csv: row 3: target of 'x02' is 'NaN'"),
    "infinite": (_replace("x02", "x02,-inf"), r"id_prop\.csv: row 3: target of 'x02' is '-inf'"),
    "text": (
        _replace("x02", "x02,high"),
        r"id_prop\.csv: row 3: target of 'x02' is 'high'; a number is needed",
    ),
    "empty": (_replace("x02", "x02,"), r"id_prop\.csv: row 3: target of 'x02' is ''; a number is needed"),
    "twice": (_append("x01,2.0"), r"id_prop\.csv: row 6: id 'x01' appears twice"),
    "three columns": (_replace("x02", "x02,1,2"), r"id_prop\.csv: row 3: has 3 columns instead of id,target"),
    "one column": (_replace("x02", "x02"), r"id_prop\.csv: row 3: has an id only"),
}
STRUCTURES: dict[str, tuple[Break, str]] = {
    "unparseable": (
        lambda path: (path / "x02.json").write_text("rubbish") and None,
        r"x02\.json: does not parse as a structure",
    ),
    "partial occupancy": (_partial_occupancy, r"x02\.json: site 2 is 0\.4 Fe / 0\.6 Co; ordered"),
    "unknown element": (_no_features, r"x02\.json: site 2 is Au, which atom_init\.json does not describe"),
}


@pytest.mark.parametrize("case", ROWS)
def test_bad_rows_are_named(case: str, crystal_folder: Callable[..., Path]) -> None:
    change, message = ROWS[case]
    path = crystal_folder(5)
    change(path)
    before = sorted(path.iterdir())
    with pytest.raises(InputError, match=message) as caught:
        read_folder(path)
    assert str(caught.value).startswith(str(path))
    assert sorted(path.iterdir()) == before


@pytest.mark.parametrize("case", STRUCTURES)
def test_bad_structures_are_named_and_nothing_is_written(
    case: str, crystal_folder: Callable[..., Path], tmp_path: Path
) -> None:
    change, message = STRUCTURES[case]
    path = crystal_folder(5)
    change(path)
    before = sorted(path.iterdir())
    with pytest.raises(InputError, match=message) as caught:
        train(read_folder(path), RunSettings(), tmp_path / "run", device="cpu", progress=False)
    assert str(caught.value).startswith(str(path))
    assert sorted(set(path.iterdir()) - {path / ".hybrid"}) == before  # what was read well is kept there
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("case", [*ROWS, *STRUCTURES])
def test_skip_bad_drops_and_lists(case: str, crystal_folder: Callable[..., Path]) -> None:
    change, message = (ROWS | STRUCTURES)[case]
    path = crystal_folder(5)
    change(path)
    folder = read_folder(path, skip_bad=True)
    kept = {"x00", "x01", "x02", "x03", "x04"}
    if case not in ("no structure", "twice"):
        kept -= {"x02"}
    assert set(folder.ids) == kept
    assert len(folder.dropped) == 1, folder.dropped
    with pytest.raises(InputError, match=message):
        raise InputError(folder.dropped[0])
    assert len(folder.graphs(GraphSettings())) == len(kept)


def test_skip_bad_lists_every_reason(crystal_folder: Callable[..., Path]) -> None:
    path = crystal_folder(6)
    _replace("x01", "x01,nan")(path)
    _append("x77,1")(path)
    (path / "x03.json").write_text("{}")
    folder = read_folder(path, skip_bad=True)
    assert folder.ids == ["x00", "x02", "x04", "x05"]
    assert len(folder.dropped) == 3
    assert folder.targets is not None
    assert len(folder.targets) == 4


def test_when_nothing_is_left(crystal_folder: Callable[..., Path]) -> None:
    path = crystal_folder(3)
    (path / "id_prop.csv").write_text("x00,nan\nx01,nan\nx02,nan\n")
    with pytest.raises(InputError, match=r"crystals: contains no structures that can be used"):
        read_folder(path, skip_bad=True)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: no such folder"):
        read_folder(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file: no such folder"):
        read_folder(tmp_path / "file")


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no id_prop\.csv"):
        read_folder(tmp_path)
    with pytest.raises(InputError, match=r"contains no structures"):
        read_folder(tmp_path, targets=False)
    (tmp_path / "id_prop.csv").touch()
    with pytest.raises(InputError, match=r"id_prop\.csv: has no rows"):
        read_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["id_prop.csv"]


def test_missing_id_prop(crystal_folder: Callable[..., Path]) -> None:
    path = crystal_folder(3)
    (path / "id_prop.csv").unlink()
    with pytest.raises(InputError, match=r"crystals: has no id_prop\.csv \(rows id,target\)"):
        read_folder(path)


def test_a_header_may_be_there(crystal_folder: Callable[..., Path]) -> None:
    path = crystal_folder(3)
    (path / "id_prop.csv").write_text("id,target\n" + (path / "id_prop.csv").read_text())
    assert read_folder(path).ids == ["x00", "x01", "x02"]


def test_a_byte_order_mark_is_no_part_of_the_first_id(crystal_folder: Callable[..., Path]) -> None:
    path = crystal_folder(3)
    table = path / "id_prop.csv"
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes())
    assert read_folder(path).ids == ["x00", "x01", "x02"]


def test_a_table_in_another_encoding_is_named(crystal_folder: Callable[..., Path]) -> None:
    path = crystal_folder(3)
    (path / "id_prop.csv").write_bytes("größe,1\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"id_prop\.csv: row 1 is not text in UTF-8"):
        read_folder(path)


def test_cached_graphs_do_not_hide_an_element_without_features(crystal_folder: Callable[..., Path]) -> None:
    path = crystal_folder(4)
    read_folder(path).graphs(GraphSettings())
    table = json.loads(ATOM_INIT.read_text())
    absent = next(iter(read_folder(path).structures()))[0].specie
    (path / "atom_init.json").write_text(json.dumps({z: table[z] for z in table if z != str(absent.Z)}))
    with pytest.raises(InputError, match=rf"site \d+ is {absent}, which atom_init\.json does not describe"):
        read_folder(path).graphs(GraphSettings())


def test_fewer_than_three_crystals_cannot_be_split(
    crystal_folder: Callable[..., Path], tmp_path: Path
) -> None:
    path = crystal_folder(2)
    with pytest.raises(InputError, match="2 crystals cannot be split"):
        train(read_folder(path), RunSettings(), tmp_path / "run", device="cpu", progress=False)
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON"),
        ("[1]", "is not a table of element features"),
        ('{"H": [1, 2]}', "is not a table of element features"),
        ('{"1": ["a"]}', "is not a table of element features"),
        ('{"1": [1, 2], "2": [1]}', "the elements' features differ in length"),
    ],
)
def test_element_features_that_are_none(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "atom_init.json").write_text(text)
    with pytest.raises(InputError, match=f"atom_init.json: {message}"):
        read_atom_features(tmp_path / "atom_init.json")


def test_upstreams_element_features() -> None:
    features = read_atom_features(ATOM_INIT)
    assert set(features) == set(range(1, 101))
    assert {len(values) for values in features.values()} == {92}


# --- writing ---


def test_a_written_folder_is_read_back(tmp_path: Path, NaCl: Structure, Cu: Structure) -> None:
    crystals = [CrystalFile.of("NaCl", NaCl, np.float64(0.1)), CrystalFile.of("Cu", Cu, 2 / 3)]
    write_folder(tmp_path / "data", crystals, {"source": "textbook"})
    folder = read_folder(tmp_path / "data")
    assert folder.ids == ["NaCl", "Cu"]
    assert folder.targets is not None
    assert folder.targets.tolist() == [0.1, 2 / 3]
    assert [len(s) for s in folder.structures()] == [8, 1]
    manifest = json.loads((tmp_path / "data" / "manifest.json").read_text())
    assert manifest == {"source": "textbook", "n_crystals": 2}


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path, NaCl: Structure) -> None:
    def crystals():
        yield CrystalFile.of("NaCl", NaCl, 1.0)
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        write_folder(tmp_path / "data", crystals(), {})
    assert list(tmp_path.iterdir()) == []
