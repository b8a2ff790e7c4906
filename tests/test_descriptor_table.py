"""Reading and standardising descriptor tables."""

from pathlib import Path

import pytest
import torch

from hybrid.descriptors.table import DescriptorTable, Standardisation, batch_rows, of_checkpoint
from hybrid.errors import InputError

TABLE = (
    "id,natoms,a,flat,error\n001,2,3.0,0.1,\nb,4,5.0,0.1,\nc,100,7.0,0.1,\nd,,,,Voronoi cell did not close\n"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "descriptors.csv"
    file.write_text(TABLE)
    return file


def test_read(path: Path) -> None:
    table = DescriptorTable.read(path)
    assert table.ids == ("001", "b", "c", "d")
    assert table.names == ("natoms", "a", "flat")
    assert table.rows(["b", "001", "b"]).tolist() == [[4, 5, 0.1], [2, 3, 0.1], [4, 5, 0.1]]
    assert table.select(["a", "natoms"]).rows(["c"]).tolist() == [[7, 100]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("natoms,a\n1,2\n", "has no column 'id'; its columns are natoms, a"),
        ("", "has no column 'id'"),
        ("id,error\nx,\n", "has no descriptor column beside 'id'"),
        ("id,a,a\nx,1,2\n", "column 'a' appears twice"),
        ("id,a\nx,1\nx,2\n", "row 3: id 'x' appears twice"),
        ("id,a\nx,1\ny,1,2\n", "row 3 has 3 columns instead of 2"),
        ("id,a,b\nx,1,2\ny,1,big\n", r"row 3 \('y'\), column 'b': 'big' is not a number"),
        ("id,a\nx,nan\n", r"row 2 \('x'\), column 'a': 'nan' is not a number"),
        ("id,a\nx,\n", r"row 2 \('x'\), column 'a': '' is not a number"),
        ("id,a\nx,inf\n", "'inf' is not a number"),
    ],
)
def test_what_cannot_be_used_is_named(path: Path, text: str, message: str) -> None:
    path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        DescriptorTable.read(path)
    assert str(path) in str(error.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv: cannot be read"):
        DescriptorTable.read(tmp_path / "none.csv")


def test_a_table_is_found_beside_the_crystals(path: Path) -> None:
    assert DescriptorTable.read(Path("descriptors.csv"), path.parent).path == path
    with pytest.raises(InputError, match=r"^none\.csv: cannot be read"):
        DescriptorTable.read(Path("none.csv"), path.parent)


def test_missing_rows_and_columns(path: Path) -> None:
    table = DescriptorTable.read(path)
    with pytest.raises(InputError, match=r"descriptors\.csv: has no row for id '1'"):
        table.rows(["001", "1"])
    with pytest.raises(InputError, match=r"id 'd' lacks descriptors \(Voronoi cell did not close\)"):
        table.rows(["d"])
    with pytest.raises(InputError, match=r"lacks the descriptors density, vpa"):
        table.select(["density", "a", "vpa"])


def test_statistics_are_the_training_sets(path: Path) -> None:
    table = DescriptorTable.read(path)
    standardised = Standardisation.fit(table, ["001", "b"]).apply(table)
    rows = standardised.rows(["001", "b", "c"])
    assert rows.dtype == torch.float32
    # natoms 2 and 4: mean 3, standard deviation 1; a 3 and 5: mean 4, standard deviation 1
    torch.testing.assert_close(rows[:, :2], torch.tensor([[-1.0, -1.0], [1.0, 1.0], [97.0, 3.0]]))
    torch.testing.assert_close(rows[:, 2], torch.zeros(3), atol=1e-6, rtol=0)


def test_training_crystals_must_have_descriptors(path: Path) -> None:
    table = DescriptorTable.read(path)
    with pytest.raises(InputError, match="id 'd' lacks descriptors"):
        Standardisation.fit(table, ["001", "d"])


def test_checkpoint_round_trip(path: Path) -> None:
    table = DescriptorTable.read(path)
    fitted = Standardisation.fit(table.select(["a", "natoms"]), ["001", "b", "c"])
    again = of_checkpoint({"descriptors": fitted.state_dict()}, path)
    assert again is not None
    assert again.names == ("a", "natoms")
    assert torch.equal(again.rows(["b"]), fitted.apply(table).rows(["b"]))


def test_checkpoint_and_table_must_agree(path: Path) -> None:
    state = Standardisation.fit(DescriptorTable.read(path), ["001", "b"]).state_dict()
    with pytest.raises(InputError, match=r"trained with descriptors \(natoms, a, flat\)"):
        of_checkpoint({"descriptors": state}, None)
    with pytest.raises(InputError, match="trained without descriptors"):
        of_checkpoint({}, path)
    assert of_checkpoint({"descriptors": None}, None) is None
    path.write_text("id,a\n001,1\n")
    with pytest.raises(InputError, match="lacks the descriptors natoms, flat"):
        of_checkpoint({"descriptors": state}, path)


def test_batch_rows(path: Path) -> None:
    table = DescriptorTable.read(path)
    assert batch_rows(None, ["b"], "cpu") is None
    rows = batch_rows(table, ["b"], "cpu")
    assert rows is not None
    assert rows.shape == (1, 3)


def test_rounding_of_what_is_zero_for_all_is_not_divided_by(tmp_path: Path) -> None:
    """As of std_avg_bond_len of crystals with one bond length; a column of one's own may be that small."""
    file = tmp_path / "descriptors.csv"
    file.write_text("id,std_avg_bond_len,energy\na,0,1e-19\nb,1e-16,2e-19\nc,0.001,2e-19\n")
    table = DescriptorTable.read(file)
    values = Standardisation.fit(table, ["a", "b"]).apply(table).values
    assert values[2, 0] == pytest.approx(0.001)
    assert values[1, 1] - values[0, 1] > 1
