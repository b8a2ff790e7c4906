"""Folders as upstream's users have them: id_prop.csv says what counts."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hybrid.data.listed import read_listed, read_unlisted
from hybrid.errors import InputError


@pytest.fixture
def folder(crystal_folder: Callable[..., Path]) -> Path:
    """Crystals x00.vasp to x04.vasp, of which the first three are listed, with other files beside them."""
    path = crystal_folder(5, ending=".vasp")
    (path / "id_prop.csv").write_text("x00.vasp,1\nx01, 2\n\nx02.vasp,3\n")
    for other in ("x01.json", "history_train.json", "README.md", "config.json"):
        (path / other).write_text("{}")
    return path


def test_ids_with_and_without_endings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read_listed(folder)
    assert found.ids == ["x00.vasp", "x01", "x02.vasp"]
    assert [file.name for file in found.files] == ["x00.vasp", "x01.vasp", "x02.vasp"]
    assert np.array_equal(found.targets, [1, 2, 3])
    read_listed(folder)
    note = f"note: {folder}: x03.vasp, x04.vasp without a row in id_prop.csv left out\n"
    assert capsys.readouterr().err == note


def test_several_targets(folder: Path) -> None:
    (folder / "id_prop.csv").write_text("x00,1,2\nx01,3,4\n")
    assert np.array_equal(read_listed(folder, several_targets=True).targets, [[1, 2], [3, 4]])
    (folder / "id_prop.csv").write_text("x00,1\nx01,3\n")
    assert np.array_equal(read_listed(folder, several_targets=True).targets, [[1], [3]])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("x00\n", "row 1: has 1 columns instead of id,target"),
        ("x00,1,2\n", "row 1: has 3 columns instead of id,target"),
        ("x00,1\nx09,1\n", "row 2: id 'x09' has no structure file"),
        ("x00,1\nx00.vasp,1\n", "row 2: id 'x00.vasp' appears twice"),
        ("x00,1\nx01,nan\n", "row 2: target of 'x01' is nan; a number is needed"),
        ("id,target\n", "row 1: id 'id' has no structure file"),
        ("\n", "has no rows"),
    ],
)
def test_bad_rows_are_named(rows: str, message: str, folder: Path) -> None:
    (folder / "id_prop.csv").write_text(rows)
    with pytest.raises(InputError) as error:
        read_listed(folder)
    assert f"id_prop.csv: {message}" in str(error.value)


def test_rows_of_different_length(folder: Path) -> None:
    (folder / "id_prop.csv").write_text("x00,1,2\nx01,3\n")
    with pytest.raises(InputError, match="row 2: has 1 targets where the rows before have 2"):
        read_listed(folder, several_targets=True)


def test_an_id_with_two_structures(folder: Path) -> None:
    (folder / "x01.cif").write_text("")
    with pytest.raises(InputError, match=r"x01\.vasp: id 'x01' also has the structure x01\.cif"):
        read_listed(folder)


def test_without_a_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "x01.json").unlink()
    assert read_unlisted(folder).ids == ["x00", "x01", "x02", "x03", "x04"]
    assert "history_train.json without a structure left out" in capsys.readouterr().err
    for file in folder.glob("*.vasp"):
        file.unlink()
    with pytest.raises(InputError, match="holds no structures that can be used"):
        read_unlisted(folder)


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: no such folder"):
        read_listed(tmp_path / "nowhere")
