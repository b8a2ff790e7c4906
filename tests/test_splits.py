"""Splits: sizes, no crystal in two folds, the same from the same seed, and split files."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid.data.splits import (
    FOLDS,
    cross_validation_folds,
    grouped_split,
    random_split,
    read_split,
    write_split,
)
from hybrid.errors import InputError

IDS = [f"x{i}" for i in range(20)]


def sizes(folds: np.ndarray) -> list[int]:
    return [int((folds == fold).sum()) for fold in FOLDS]


@pytest.mark.parametrize(
    ("n", "fractions", "expected"),
    [
        (100, (0.8, 0.1, 0.1), [80, 10, 10]),
        (1400, (0.8, 0.1, 0.1), [1120, 140, 140]),
        (10, (0.6, 0.2, 0.2), [6, 2, 2]),
        (3, (0.8, 0.1, 0.1), [1, 1, 1]),
        (4, (0.05, 0.05, 0.9), [2, 1, 1]),
        (12, (0.8, 0.1, 0.1), [10, 1, 1]),
    ],
)
def test_sizes(n: int, fractions: tuple[float, float, float], expected: list[int]) -> None:
    assert sizes(random_split(n, fractions, seed=0)) == expected


@settings(max_examples=40, deadline=None)
@given(n=st.integers(3, 200), a=st.floats(0.05, 0.9), b=st.floats(0.05, 0.9), seed=st.integers(0, 2**32))
def test_every_crystal_is_in_one_fold_and_no_fold_is_empty(n: int, a: float, b: float, seed: int) -> None:
    fractions = (a, (1 - a) * b, (1 - a) * (1 - b))
    folds = random_split(n, fractions, seed)
    assert folds.shape == (n,)
    assert sum(sizes(folds)) == n
    assert min(sizes(folds)) >= 1
    assert (folds == random_split(n, fractions, seed)).all()


def test_another_seed_is_another_split() -> None:
    one, two = (random_split(200, (0.8, 0.1, 0.1), seed) for seed in (0, 1))
    assert (one != two).any()
    assert sizes(one) == sizes(two)


def test_folds_do_not_depend_on_the_order_of_crystals_in_sequence() -> None:
    """The test set is no run of neighbours: sorted ids are often sorted by chemistry."""
    at = np.flatnonzero(random_split(1000, (0.8, 0.1, 0.1), 0) == "test")
    assert at.min() < 100
    assert at.max() > 900


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_crystals(n: int) -> None:
    with pytest.raises(InputError, match=f"{n} crystals cannot be split"):
        random_split(n, (0.8, 0.1, 0.1), 0)


@pytest.mark.parametrize("fractions", [(0.8, 0.1, 0.2), (0.9, 0.1, 0.0), (1.2, -0.1, -0.1)])
def test_fractions_that_are_none(fractions: tuple[float, float, float]) -> None:
    with pytest.raises(InputError, match="three positive fractions that add up to 1"):
        random_split(50, fractions, 0)


def test_a_split_file_is_read_back_for_ids_in_any_order(tmp_path: Path) -> None:
    folds = random_split(20, (0.6, 0.2, 0.2), 3)
    write_split(tmp_path / "splits" / "a.csv", IDS, folds)
    order = np.random.default_rng(0).permutation(20)
    read = read_split(tmp_path / "splits" / "a.csv", [IDS[i] for i in order], seed=0)
    assert (read == folds[order]).all()


def test_a_quarter_of_training_becomes_validation_where_there_is_none(tmp_path: Path) -> None:
    folds = np.array(["training"] * 16 + ["test"] * 4, dtype=object)
    write_split(tmp_path / "a.csv", IDS, folds)
    one, again, other = (read_split(tmp_path / "a.csv", IDS, seed) for seed in (0, 0, 1))
    assert sizes(one) == [12, 4, 4]  # 60/20/20
    assert (one[16:] == "test").all()
    assert (one == again).all()
    assert (one != other).any()


def test_a_split_file_may_know_more_ids(tmp_path: Path) -> None:
    write_split(tmp_path / "a.csv", IDS, ["training", "validation"] * 9 + ["test"] * 2)
    assert sizes(read_split(tmp_path / "a.csv", ["x0", "x1", "x19"], 0)) == [1, 1, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no column 'id'"),
        ("id,part\nx0,test\n", "has no column 'fold'; its columns are id, part"),
        ("id,fold,fold\nx0,test,test\n", "column 'fold' appears twice"),
        ("id,fold\nx0,training\nx1,test\n", "fold of 'x2' is missing"),
        ("id,fold\nx0,training\nx1,test\nx2,train\n", "fold of 'x2' is train; known: training, validation"),
        ("id,fold\nx0,training\nx1,test\nx2\n", "row 4 has 1 columns instead of 2"),
        ("id,fold\nx0,training\nx1,test\nx2,test\nx0,test\n", "row 5: id 'x0' appears twice"),
        ("id,fold\nx0,training\nx1,test\nx0.cif,test\n", r"row 4: id 'x0\.cif' appears twice"),
        ("id;fold\nx0;training\n", "its columns are separated by semicolons"),
        ("id,fold\nx0,training\nx1,validation\nx2,training\n", "no crystal of the data is in the test fold"),
        ("id,fold\nx0,test\nx1,validation\nx2,test\n", "no crystal of the data is in the training fold"),
        ("id,fold\nx0,test\nx1,training\nx2,test\n", "no crystal of the data is in the validation fold"),
    ],
)
def test_split_files_that_cannot_be_used(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match=f"a.csv: {message}"):
        read_split(tmp_path / "a.csv", ["x0", "x1", "x2"], 0)


def test_no_split_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.csv: no such split file"):
        read_split(tmp_path / "a.csv", IDS, 0)


# --- splits that keep groups together ---

GROUPS = [f"g{i // 2}" for i in range(40)]  # twenty pairs


@settings(max_examples=60, deadline=None)
@given(
    group_sizes=st.lists(st.integers(1, 5), min_size=25, max_size=120),
    fractions=st.sampled_from([(0.6, 0.2, 0.2), (0.5, 0.25, 0.25), (0.4, 0.2, 0.4)]),
    seed=st.integers(0, 2**32),
)
def test_no_group_is_in_two_folds_and_sizes_are_near_the_fractions(
    group_sizes: list[int], fractions: tuple[float, float, float], seed: int
) -> None:
    groups = [f"g{i}" for i, size in enumerate(group_sizes) for _ in range(size)]
    shuffled = np.random.default_rng(seed).permutation(groups).tolist()
    folds = grouped_split(shuffled, fractions, seed)
    of_group: dict[str, set[str]] = {}
    for group, fold in zip(shuffled, folds, strict=True):
        of_group.setdefault(group, set()).add(fold)
    assert {len(found) for found in of_group.values()} == {1}
    assert sum(sizes(folds)) == len(groups)
    for size, fraction in zip(sizes(folds)[1:], fractions[1:], strict=True):
        wanted = fraction * len(groups)
        assert wanted - max(group_sizes) < size <= wanted + 0.5
    assert (folds == grouped_split(shuffled, fractions, seed)).all()


def test_groups_of_one_split_as_crystals_do() -> None:
    folds = grouped_split(IDS, (0.6, 0.2, 0.2), 0)
    assert sizes(folds) == [12, 4, 4]


def test_another_seed_is_another_grouped_split() -> None:
    one, two = (grouped_split(GROUPS, (0.6, 0.2, 0.2), seed) for seed in (0, 1))
    assert (one != two).any()
    assert sizes(one) == sizes(two) == [24, 8, 8]


def test_a_group_too_large_for_a_fold_trains() -> None:
    groups = ["oxide"] * 60 + [f"g{i}" for i in range(40)]
    for seed in range(5):
        folds = grouped_split(groups, (0.6, 0.2, 0.2), seed)
        assert set(folds[:60]) == {"training"}
        assert sizes(folds) == [60, 20, 20]


@pytest.mark.parametrize("groups", [[], ["a"] * 10, ["a"] * 5 + ["b"] * 5])
def test_too_few_groups(groups: list[str]) -> None:
    with pytest.raises(InputError, match=f"{len(set(groups))} groups cannot be split"):
        grouped_split(groups, (0.6, 0.2, 0.2), 0)


def test_groups_too_large_to_split() -> None:
    with pytest.raises(InputError, match="the groups are too large for a validation fold"):
        grouped_split(["a"] * 10 + ["b"] * 10 + ["c"] * 10, (0.3, 0.1, 0.6), 0)


def test_fractions_of_a_grouped_split_that_are_none() -> None:
    with pytest.raises(InputError, match="three positive fractions that add up to 1"):
        grouped_split(GROUPS, (0.8, 0.1, 0.2), 0)


@pytest.mark.parametrize("k", [3, 5, 10])
def test_every_crystal_is_learnt_by_a_network_of_a_cross_validation(k: int) -> None:
    _, folds = cross_validation_folds([f"c{i}" for i in range(200)], k, 0)
    assert (np.array(folds) == "training").any(axis=0).all()
