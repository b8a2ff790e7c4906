"""The paper's thinning by space group."""

import csv
import gzip
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid.errors import InputError
from reproduction.data.sampling import keep_probability, thin_by_space_group


def test_the_probability_is_of_the_space_groups_number():
    assert keep_probability([1, 15, 60, 225]).tolist() == [15 / 16, 0.5, 0.2, 0.0625]


def test_the_number_kept_is_as_expected_in_each_space_group():
    n = 20_000
    for number in (1, 2, 14, 15, 62, 166, 225, 230):
        kept = thin_by_space_group([number] * n, seed=number).sum()
        probability = 15 / (number + 15)
        assert abs(kept - n * probability) < 5 * np.sqrt(n * probability * (1 - probability))


@given(st.lists(st.integers(1, 230), max_size=50), st.integers(0, 2**32 - 1), st.integers(0, 50))
def test_the_choice_depends_on_the_seed_and_what_stands_before(space_groups, seed, n_first):
    kept = thin_by_space_group(space_groups, seed)
    assert kept.shape == (len(space_groups),)
    assert kept.dtype == bool
    assert (kept == thin_by_space_group(np.array(space_groups, dtype=int), seed)).all()
    assert (thin_by_space_group(space_groups[:n_first], seed) == kept[:n_first]).all()


@given(st.lists(st.integers(1, 229), min_size=1, max_size=50), st.integers(0, 99))
def test_what_stays_would_stay_with_a_lower_number(space_groups, seed):
    kept = thin_by_space_group([number + 1 for number in space_groups], seed)
    assert thin_by_space_group(space_groups, seed)[kept].all()


def test_another_seed_keeps_others():
    kept = [thin_by_space_group([15] * 1000, seed) for seed in (0, 1)]
    assert 400 < (kept[0] != kept[1]).sum() < 600


@pytest.mark.parametrize(
    ("space_groups", "said"),
    [([1, 0], "row 2: space group 0"), ([231], "row 1: space group 231"), ([1.5], "space group 1.5")],
)
def test_what_is_no_space_group_is_refused(space_groups, said):
    with pytest.raises(InputError, match=said):
        thin_by_space_group(space_groups, 0)


def test_the_authors_set_is_thinned_by_the_same_rule(hybrid_data):
    """Of each crystal system they kept a share between those of its first and its last space group."""
    last = {7: 2, 6: 15, 5: 74, 4: 142, 3: 167, 2: 194, 1: 230}  # by their number of the system
    folder = hybrid_data / "gong2023" / "descriptors"

    def column(name: str) -> dict[str, float]:
        values = {}
        for fold in ("training", "test"):
            with gzip.open(folder / f"{fold}_{name}.csv.gz", "rt") as file:
                values |= {row["cif_id"]: float(row["property"]) for row in csv.DictReader(file)}
        return values

    systems, kept = column("crystal_system_int"), column("a")
    everything = Counter(int(system) for system in systems.values())
    thinned = Counter(int(systems[identity]) for identity in kept)
    first = 1
    for system, number in last.items():
        most, least = keep_probability([first, number])
        assert least < thinned[system] / everything[system] < most
        first = number + 1
