"""Folders as upstream's users have them: id_prop.csv says what counts."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hybrid.data.folder import read_folder, same_target
from hybrid.errors import InputError
from hybrid.settings import RunSettings
from hybrid.training.samples import Samples


@pytest.fixture
def folder(crystal_folder: Callable[..., Path]) -> Path:
    """Crystals x00.vasp to x04.vasp, of which the first three are listed, with other files beside them."""
    path = crystal_folder(5, ending=".vasp")
    (path / "id_prop.csv").write_text("x00.vasp,1\nx01, 2\n\nx02.vasp,3\n")
    for other in ("x01.json", "history_train.json", "README.md", "config.json"):
        (path / other).write_text("{}")
    return path


def test_ids_with_and_without_endings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read_folder(folder)
    assert found.ids == ["x00.vasp", "x01", "x02.vasp"]
    assert [file.name for file in found.files.values()] == ["x00.vasp", "x01.vasp", "x02.vasp"]
    assert np.array_equal(found.targets, [1, 2, 3])
    read_folder(folder)
    note = f"note: {folder}: x03.vasp, x04.vasp without a row in id_prop.csv left out\n"
    assert capsys.readouterr().err == note


def test_several_targets(folder: Path) -> None:
    for rows, names, targets in (
        ("x00,1,2\nx01,3,4\n", ("target_1", "target_2"), [[1, 2], [3, 4]]),
        ("ID,gap,energy\nx00,1,2\nx01,3,4\n", ("gap", "energy"), [[1, 2], [3, 4]]),
        ("id,gap\nx00,1\nx01,3\n", (), [[1], [3]]),
        ("x00,1\nx01,3\n", (), [[1], [3]]),
    ):
        (folder / "id_prop.csv").write_text(rows)
        found = read_folder(folder, several_targets=True)
        assert found.target_names == names
        assert np.array_equal(found.targets, targets)


def test_what_a_row_names_is_not_said_to_have_no_row(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "id_prop.csv").write_text("id,gap\nx00,1\nx01,\n")
    read_folder(folder, skip_bad=True)
    said = capsys.readouterr().err
    assert "x02" in said
    assert "x01" not in said


def test_several_targets_are_learnt_by_name(folder: Path) -> None:
    (folder / "id_prop.csv").write_text("id,gap,energy\nx00,1,2\nx01,3,4\nx02,5,6\n")
    found = read_folder(folder, several_targets=True)
    for chosen, names in (((), ("gap", "energy")), (("energy",), ("energy",))):
        samples = Samples.of(found, RunSettings(targets=chosen))
        assert samples.names == names
        assert np.array_equal(samples.targets[:, -1], [2, 4, 6])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("x00\n", "row 1: has an id only"),
        ("x00,1,2\n", "row 1: has 3 columns instead of id,target"),
        ("x00,1\nx09,1\n", "row 2: id 'x09' has no structure file"),
        ("x00,1\nx00.vasp,1\n", "row 2: id 'x00.vasp' appears twice"),
        ("x00,1\nx01,nan\n", "row 2: target of 'x01' is 'nan'; a number is needed, for classes a whole one"),
        ("identity,target\n", "row 1: id 'identity' has no structure file, and a header begins with id"),
        ("sub/x00,1\n", "row 1: id 'sub/x00' names a folder"),
        ("\n", "has no rows"),
    ],
)
def test_bad_rows_are_named(rows: str, message: str, folder: Path) -> None:
    (folder / "id_prop.csv").write_text(rows)
    with pytest.raises(InputError) as error:
        read_folder(folder)
    assert f"id_prop.csv: {message}" in str(error.value)


def test_rows_of_different_length(folder: Path) -> None:
    (folder / "id_prop.csv").write_text("x00,1,2\nx01,3\n")
    with pytest.raises(InputError, match="row 2: has 2 columns instead of an id and 2 targets"):
        read_folder(folder, several_targets=True)


@pytest.mark.parametrize("other", ["x01.cif", "x01.json"])
def test_an_id_with_two_structures(other: str, folder: Path) -> None:
    """They are refused wherever structures are read, unless id_prop.csv names one of them."""
    (folder / other).write_text('{"sites": []}')
    for kind in ({}, {"every": True}, {"targets": False}):
        with pytest.raises(InputError, match=r"x01\.\w+: x01\.\w+ has the same id; remove one of them"):
            read_folder(folder, **kind)
    (folder / "id_prop.csv").write_text("x00,1\nx01.vasp,2\n")
    for kind, n in (({}, 2), ({"every": True}, 5)):
        found = read_folder(folder, **kind)
        assert len(found) == n
        assert found.files["x01.vasp"] == folder / "x01.vasp"
    (folder / "id_prop.csv").write_text(f"x01.vasp,1\n{other},2\n")  # their descriptors have one id, too
    with pytest.raises(InputError, match=f"row 2: id '{other}' appears twice"):
        read_folder(folder)


def test_without_a_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert read_folder(folder, targets=False).ids == ["x00", "x01", "x02", "x03", "x04"]
    assert "history_train.json, x01.json without a structure left out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("x00,1,2", "has 3 columns instead of id,target"),
        ('x00,"1,5"', "target of 'x00' is '1,5'; a number is needed"),
        ("x00,inf", ""),
    ],
)
def test_rows_for_predictions_are_read_as_those_for_training(row: str, message: str, folder: Path) -> None:
    (folder / "id_prop.csv").write_text(f"material,property\nx01,1\n{row}\n")
    if message:
        with pytest.raises(InputError, match=f"row 3: {message}"):
            read_folder(folder, several_targets=True, every=True)
    else:
        assert len(read_folder(folder, several_targets=True, every=True)) == 5


def test_for_predictions_every_structure_counts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "id_prop.csv").write_text("x02.vasp,3\nelsewhere,4\nx01,unknown\n")
    found = read_folder(folder, several_targets=True, every=True)
    assert found.ids == ["x02.vasp", "x01", "x00", "x03", "x04"]
    assert found.targets is not None
    assert np.array_equal(np.flatnonzero(np.isfinite(found.targets[:, 0])), [0])
    assert "id_prop.csv: elsewhere without a structure left out" in capsys.readouterr().err


def test_only_the_chosen_targets_must_be_known(folder: Path) -> None:
    (folder / "id_prop.csv").write_text("id,gap,energy,source\nx00,1,2,paper\nx01,,3,\nx02,1,4,\n")
    found = read_folder(folder, several_targets=True, chosen=("energy",))
    assert Samples.of(found, RunSettings(targets=("energy",))).targets.tolist() == [[2], [3], [4]]
    with pytest.raises(InputError, match="row 3: target of 'x01' is ''; a number is needed"):
        read_folder(folder, several_targets=True, chosen=("gap", "energy"))


def test_a_header_names_a_single_target(folder: Path) -> None:
    for header, name in (("id,Cv", "Cv"), ("ID,target", ""), ("id,target_1", ""), ("x00,1", "")):
        (folder / "id_prop.csv").write_text(f"{header}\nx01,3\nx02,4\n")
        found = read_folder(folder, several_targets=True)
        assert (found.target, found.target_names) == (name, ())
    (folder / "id_prop.csv").write_text("id,Cv\nx00,1\nx01,3\nx02,4\n")
    (folder / "manifest.json").write_text('{"unit": "J/(mol K)"}')
    found = read_folder(folder, several_targets=True, chosen=("Cv",))
    assert found.target == "Cv in J/(mol K)"
    assert Samples.of(found, RunSettings(targets=("Cv",))).names == ()
    assert same_target(found.target, "Cv")
    assert same_target("Cv", found.target)
    assert not same_target(found.target, "Cv in eV/K")


@pytest.mark.parametrize(
    ("header", "message"), [("id,a,", "column 3 has no name"), ("id,a,b,a", "column 4 is another 'a'")]
)
def test_columns_have_names_of_their_own(header: str, message: str, folder: Path) -> None:
    (folder / "id_prop.csv").write_text(f"{header}\nx00,1,2\n")
    with pytest.raises(InputError, match=message):
        read_folder(folder, several_targets=True)
