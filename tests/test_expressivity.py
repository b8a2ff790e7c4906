"""Which chains a distance-only network can tell apart."""

import dataclasses
from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest
import torch
from pymatgen.core import Structure

from hybrid.errors import InputError
from reproduction.analysis.expressivity import (
    SHELLS,
    Chain,
    Pair,
    Row,
    distinguishability,
    figure_3c_pairs,
)
from reproduction.data.chains import armchair_chain, zigzag_chain

ONE_SHELL, TWO_SHELLS = {"1-2": 2}, {"1-2 and 1-3": 4}


def distance_network(
    structures: Sequence[Structure],
    max_neighbours: int,
    radius: float,
    seed: int,
    relative_error: float = 0.0,
) -> np.ndarray:
    """Three gated convolutions over expanded distances and a mean over atoms, with random weights."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.arange(0, 8.01, 0.2, dtype=torch.float64)
    width = 16

    def weights(rows: int, columns: int) -> torch.Tensor:
        return torch.randn(rows, columns, generator=generator, dtype=torch.float64) / rows**0.5

    layers = [weights(2 * width + len(centres), 2 * width) for _ in range(3)]
    first, last = weights(1, width), weights(width, 1)
    noise = np.random.default_rng(seed)
    outputs = []
    for structure in structures:
        i, j, _, distances = structure.get_neighbor_list(radius)
        near = [np.flatnonzero(i == atom) for atom in range(len(structure))]
        edges = np.concatenate([e[np.argsort(distances[e], kind="stable")][:max_neighbours] for e in near])
        centre, neighbour = torch.from_numpy(i[edges]), torch.from_numpy(j[edges])
        length = torch.from_numpy(distances[edges] * (1 + relative_error * noise.uniform(-1, 1, len(edges))))
        gaussians = torch.exp(-(((length[:, None] - centres) / 0.2) ** 2))
        atoms = first.expand(len(structure), width)
        for layer in layers:
            gate, message = (torch.cat([atoms[centre], atoms[neighbour], gaussians], 1) @ layer).chunk(2, 1)
            sums = torch.zeros_like(atoms).index_add(0, centre, torch.sigmoid(gate) * torch.tanh(message))
            atoms = torch.tanh(atoms + sums)
        outputs.append(float(atoms.mean(0) @ last))
    return np.array(outputs)


@pytest.fixture(scope="module")
def rows() -> dict[tuple[str, str], Row]:
    table = distinguishability(figure_3c_pairs(), SHELLS, range(3), distance_network)
    return {(row.shells, row.pair): row for row in table}


def test_every_pair_is_seen_with_every_shell(rows: dict[tuple[str, str], Row]) -> None:
    assert len(rows) == 3 * 6
    assert ("1-2", "zigzag 120° / armchair 120°") in rows


def test_the_papers_claims_hold(rows: dict[tuple[str, str], Row]) -> None:
    claimed = [row for row in rows.values() if row.paper is not None]
    assert len(claimed) == 12
    assert all(row.distinguishable == row.paper for row in claimed)


def test_one_shell_tells_nothing_apart(rows: dict[tuple[str, str], Row]) -> None:
    assert not any(row.distinguishable for row in rows.values() if row.shells == "1-2")


@pytest.mark.parametrize(
    ("pair", "distinguishable"),
    [
        ("zigzag 120° / zigzag 130°", True),
        ("armchair 120° / armchair 130°", True),
        ("zigzag 120° / armchair 130°", True),
        ("zigzag 120° / armchair 120°", False),
        ("zigzag 130° / armchair 130°", False),
    ],
)
def test_two_shells_tell_angles_apart_but_not_shapes(
    rows: dict[tuple[str, str], Row], pair: str, distinguishable: bool
) -> None:
    row = rows["1-2 and 1-3", pair]
    assert row.distinguishable is distinguishable
    assert row.paper is distinguishable


def test_twelve_neighbours_tell_everything_apart(rows: dict[tuple[str, str], Row]) -> None:
    seen = [row for row in rows.values() if row.shells == "12 within 8 Å"]
    assert all(row.distinguishable for row in seen)
    assert all(row.paper is None for row in seen)


def test_nothing_lies_near_the_threshold(rows: dict[tuple[str, str], Row]) -> None:
    differences = np.array([row.max_difference for row in rows.values()])
    assert ((differences < 1e-12) | (differences > 1e-4)).all()


def test_distances_in_single_precision_change_no_verdict() -> None:
    rounded = partial(distance_network, relative_error=2.0**-24)
    table = distinguishability(figure_3c_pairs(), SHELLS, range(3), rounded)
    assert all(row.distinguishable == row.paper for row in table if row.paper is not None)
    assert max(row.max_difference for row in table if not row.distinguishable) > 1e-9  # it was felt


def test_one_telling_seed_is_enough() -> None:
    def predict(structures: Sequence[Structure], max_neighbours: int, radius: float, seed: int) -> np.ndarray:
        return np.array([1.0 + seed * structure.lattice.a for structure in structures])

    pairs = figure_3c_pairs()
    assert not any(row.distinguishable for row in distinguishability(pairs, ONE_SHELL, [0], predict))
    assert all(row.distinguishable for row in distinguishability(pairs, ONE_SHELL, [0, 1], predict))


def test_the_difference_is_relative_to_the_outputs() -> None:
    small, large = (
        distinguishability(
            figure_3c_pairs(),
            TWO_SHELLS,
            [0],
            lambda *given, factor=factor: factor * distance_network(*given),
        )
        for factor in (1e-9, 1e9)
    )
    for one, other in zip(small, large, strict=True):
        assert one.max_difference == pytest.approx(other.max_difference)
        assert dataclasses.replace(one, max_difference=other.max_difference) == other


@pytest.mark.parametrize("constant", [0.0, np.nan])
def test_dead_networks_are_refused(constant: float) -> None:
    with pytest.raises(InputError, match="zero or not numbers"):
        distinguishability(
            figure_3c_pairs(), ONE_SHELL, [0], lambda structures, *_: np.full(len(structures), constant)
        )


def pair_of(angle: float) -> list[Pair]:
    return [
        (
            Chain("zigzag", angle, zigzag_chain(1.5, angle)),
            Chain("armchair", angle, armchair_chain(1.5, angle)),
        )
    ]


def test_a_shell_is_never_cut() -> None:
    # below 108° the armchair's cis 1-4 neighbour comes before its 1-3 pair, of which one would be dropped
    with pytest.raises(InputError, match="armchair 100°: 4 neighbours end within a shell"):
        distinguishability(pair_of(100), TWO_SHELLS, [0], distance_network)
    with pytest.raises(InputError, match=r"zigzag 120°: 3 neighbours end within a shell at 2\.598 Å"):
        distinguishability(pair_of(120), {"odd": 3}, [0], distance_network)
    with pytest.raises(InputError, match="end within a shell"):
        distinguishability(pair_of(108), TWO_SHELLS, [0], distance_network)


@pytest.mark.parametrize("angle", [109, 115, 120, 150])
def test_from_109_degrees_the_shells_are_whole(angle: float) -> None:
    assert len(distinguishability(pair_of(angle), SHELLS, [0], distance_network)) == 3


def test_two_angles_are_needed() -> None:
    with pytest.raises(InputError, match="both are 120°"):
        figure_3c_pairs(angles=(120, 120))
