"""Pooling, descriptors and target scales against loops written out by hand."""

import numpy as np
import pytest
import torch
from conftest import random_crystal
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid import readout
from hybrid.errors import InputError
from hybrid.graphs.merged_crystal import MergedCrystalGraphs
from hybrid.metrics import regression_metrics
from hybrid.models.cgcnn import CGCNN
from hybrid.readout import (
    Crystals,
    Pooling,
    TargetScale,
    crystal_mean,
    crystal_sum,
    get_pooling,
    register_pooling,
)
from hybrid.settings import GraphSettings, ModelSettings

BUILT_IN = ("mean", "sum", "shifted-sum")
counts = st.lists(st.integers(1, 6), min_size=1, max_size=6)


@pytest.fixture(autouse=True)
def _no_other_poolings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests may have registered some."""
    monkeypatch.setattr(readout, "POOLINGS", {name: readout.POOLINGS[name] for name in BUILT_IN})


@settings(max_examples=25, deadline=None)
@given(n_atoms=counts, width=st.integers(1, 4))
def test_mean_and_sum_are_loops(n_atoms: list[int], width: int) -> None:
    rows = torch.randn(sum(n_atoms), width, dtype=torch.float64)
    crystals = Crystals.from_counts(torch.tensor(n_atoms))
    first = 0
    for crystal, n in enumerate(n_atoms):
        total = sum((rows[first + i] for i in range(n)), torch.zeros(width, dtype=torch.float64))
        torch.testing.assert_close(crystal_sum(rows, crystals)[crystal], total)
        torch.testing.assert_close(crystal_mean(rows, crystals)[crystal], total / n)
        first += n
    assert crystal_sum(rows, crystals).shape == (len(n_atoms), width)


@settings(max_examples=25, deadline=None)
@given(counts=st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=4), min_size=1, max_size=4))
def test_a_row_that_stands_for_several_atoms_counts_as_often(counts: list[list[int]]) -> None:
    """Pooling, descriptors and what the head sees, for rows of kinds and for rows of atoms."""
    of_row = torch.tensor([i for i, kinds in enumerate(counts) for _ in kinds])
    atoms_of_row = torch.tensor([n for kinds in counts for n in kinds])
    kinds = Crystals(of_row, atoms_of_row.double(), torch.tensor([sum(n) for n in counts]))
    atoms = Crystals.from_counts(kinds.n_atoms)
    rows, descriptors = torch.randn(len(of_row), 3).double(), torch.randn(len(counts), 2).double()
    for pooling in map(get_pooling, BUILT_IN):
        found, expected = (
            pooling.pool_outputs(
                pooling.join(pooling.pool_atoms(given, crystals), descriptors, crystals).square(), crystals
            )
            for given, crystals in ((rows, kinds), (rows.repeat_interleave(atoms_of_row, dim=0), atoms))
        )
        torch.testing.assert_close(found, expected)
        assert pooling.counts(kinds).sum() == pooling.counts(atoms).sum()


def test_gradients_flow_back_to_every_atom() -> None:
    rows = torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    crystals = Crystals.from_counts(torch.tensor([2, 3]))
    assert torch.autograd.gradcheck(lambda r: crystal_mean(r, crystals), rows)
    assert torch.autograd.gradcheck(lambda r: crystal_sum(r, crystals), rows)


@settings(max_examples=10, deadline=None)
@given(n_atoms=counts)
def test_upstreams_lists_of_indices_say_the_same(n_atoms: list[int]) -> None:
    lists = list(torch.arange(sum(n_atoms)).split(n_atoms))
    crystals = Crystals.of(lists)
    assert crystals.n_atoms.tolist() == n_atoms
    assert crystals.of_row.tolist() == [i for i, n in enumerate(n_atoms) for _ in range(n)]
    assert Crystals.of(crystals) is crystals


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_three_steps_are_the_papers_equations(name: str) -> None:
    """Mean: FCN(mean a ⊕ d), eq. 14. Sum: sum FCN(a ⊕ d), eq. 13 with descriptors."""
    n_atoms = [2, 1, 4]
    crystals = Crystals.from_counts(torch.tensor(n_atoms))
    atoms = torch.randn(7, 3, dtype=torch.float64)
    descriptors = torch.randn(3, 2)
    weight = torch.randn(5, 1, dtype=torch.float64)

    def head(rows: torch.Tensor) -> torch.Tensor:
        return torch.tanh(rows @ weight)

    pooling = get_pooling(name)
    rows = pooling.join(pooling.pool_atoms(atoms, crystals), descriptors, crystals)
    output = pooling.pool_outputs(head(rows), crystals)
    first = 0
    for crystal, n in enumerate(n_atoms):
        own, d = atoms[first : first + n], descriptors[crystal].double()
        if name == "mean":
            expected = head(torch.cat([sum(own) / n, d]))
        else:
            expected = sum(head(torch.cat([a, d])) for a in own)
        torch.testing.assert_close(output[crystal], expected)
        first += n
    assert output.shape == (3, 1)
    assert rows.dtype == torch.float64  # descriptors take the atoms' precision


def test_without_descriptors_nothing_is_joined() -> None:
    rows = torch.randn(3, 4)
    for name in BUILT_IN:
        assert get_pooling(name).join(rows, None, Crystals.from_counts(torch.tensor([1, 2]))) is rows


@pytest.fixture
def largest() -> str:
    """A pooling of the user's own: the element-wise largest atom vector."""

    def pool(rows: torch.Tensor, crystals: Crystals) -> torch.Tensor:
        return torch.stack([rows[crystals.of_row == i].amax(0) for i in range(len(crystals.n_atoms))])

    register_pooling(Pooling("largest", atoms=pool, outputs=None, extensive=False))
    return "largest"


def test_a_pooling_of_ones_own_works_in_the_network(largest: str) -> None:
    torch.manual_seed(0)
    model = ModelSettings(pooling=largest, atom_fea_len=8, h_fea_len=8)
    network = CGCNN(torch.rand(60, 4), GraphSettings(), model).eval()
    graphs = MergedCrystalGraphs.from_structures(map(random_crystal, range(4)), GraphSettings())
    batch = graphs.batch(torch.arange(4))
    output = network(batch)
    assert output.shape == (4, 1)
    vectors = network.atom_vectors(batch).split(graphs.n_kinds[:, 0].tolist())
    pooled = torch.stack([part.max(dim=0).values for part in vectors])
    softplus = torch.nn.functional.softplus
    expected = network.fc_out(softplus(network.conv_to_fc(softplus(pooled))))
    torch.testing.assert_close(output, expected)
    output.sum().backward()
    assert network.embedding.weight.grad is not None


@pytest.mark.parametrize(("typed", "meant"), [("summ", "sum"), ("average mean", "mean"), ("Mean", "mean")])
def test_an_unknown_pooling_suggests_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(InputError, match=f"unknown pooling '{typed}'; did you mean '{meant}'"):
        get_pooling(typed)


def test_a_pooling_like_no_other_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match="unknown pooling 'xyz'; known: mean, shifted-sum, sum"):
        get_pooling("xyz")


N_ATOMS = torch.tensor([2, 3, 4, 7])


def test_target_scale_of_mean_pooling() -> None:
    scale = TargetScale.fit(torch.tensor([1.0, 2.0, 3.0, 6.0]), N_ATOMS, get_pooling("mean"))
    assert scale.mean == 3
    assert scale.std == pytest.approx((14 / 3) ** 0.5)
    assert scale.normalise(torch.tensor([3.0])).item() == 0


def test_target_scale_of_sum_pooling_has_no_shift() -> None:
    scale = TargetScale.fit(torch.tensor([1.0, 2.0, 3.0, 6.0]), N_ATOMS, get_pooling("sum"))
    assert scale.mean == 0
    assert scale.std == pytest.approx((14 / 3) ** 0.5)
    assert scale.normalise(torch.tensor([0.0])).item() == 0


@pytest.mark.parametrize("noise", [[0, 0, 0, 0], [1, -1, -1, 1]])
def test_a_shifted_sum_begins_where_the_line_through_the_targets_does(noise: list[int]) -> None:
    targets = 5.0 + 0.25 * N_ATOMS + 0.1 * torch.tensor(noise)
    scale = TargetScale.fit(targets, N_ATOMS, get_pooling("shifted-sum"))
    assert scale.mean == pytest.approx(np.polyfit(N_ATOMS, targets, 1)[1], rel=1e-5)
    several = TargetScale.fit(
        torch.stack([targets, 3.0 * N_ATOMS, torch.full((4,), 90.0)], dim=1),
        N_ATOMS,
        get_pooling("shifted-sum"),
    )
    torch.testing.assert_close(several.mean, torch.tensor([scale.mean, 0, 90]), atol=1e-5, rtol=1e-5)


def test_a_shifted_sum_of_cells_of_one_size_begins_at_the_mean() -> None:
    scale = TargetScale.fit(
        torch.tensor([1.0, 2.0, 6.0]), torch.tensor([4, 4, 4]), get_pooling("shifted-sum")
    )
    assert scale.mean == 3


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("targets", [[4.0, 4.0, 4.0], [4.0]])
def test_constant_targets_are_not_divided_by_zero(name: str, targets: list[float]) -> None:
    scale = TargetScale.fit(torch.tensor(targets), N_ATOMS[: len(targets)], get_pooling(name))
    assert scale.std == 1
    assert torch.isfinite(scale.normalise(torch.tensor(targets))).all()


@settings(max_examples=25, deadline=None)
@given(values=st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=9), name=st.sampled_from(BUILT_IN))
def test_restore_undoes_normalise(values: list[float], name: str) -> None:
    targets = torch.tensor(values, dtype=torch.float64)
    scale = TargetScale.fit(targets, torch.arange(1, len(targets) + 1), get_pooling(name))
    torch.testing.assert_close(scale.restore(scale.normalise(targets)), targets, rtol=1e-9, atol=1e-6)


def test_equal_targets_that_binary_numbers_round_are_not_divided() -> None:
    targets = np.full(7, 0.1)
    assert targets.std() > 0
    scale = TargetScale.fit(torch.from_numpy(targets), torch.ones(7), get_pooling("sum"))
    assert scale.std == 1
    metrics = regression_metrics(targets, targets + 0.02)
    assert np.isnan([metrics["mae_over_mad"], metrics["r2"]]).all()
