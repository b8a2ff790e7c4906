"""The remedies: what every one of them must keep, and whether it is told the cell."""

import copy
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from conftest import random_crystal, record_row
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from scipy.spatial.transform import Rotation
from torch import Tensor

from hybrid.data.folder import ATOM_INIT, read_atom_features
from hybrid.graphs import reciprocal
from hybrid.models.cgcnn import atom_feature_table
from hybrid.models.network_registry import get_network
from hybrid.settings import GraphSettings
from reproduction.data.chains import chain_of_set, zigzag_chain
from reproduction.data.registry import get_dataset
from reproduction.figures import remedies
from reproduction.remedies import depth, implicit
from reproduction.remedies.reciprocal import N_GAUSSIANS, messages
from reproduction.workflow import spec

GRAPH, DOUBLE = GraphSettings(), torch.float64
NETWORKS = spec.load_networks()
every = pytest.mark.parametrize("name", remedies.TESTED)
few = settings(max_examples=3, deadline=None, derandomize=True)


def built(name: str, double: bool = True) -> Any:
    """An untrained network, whose batch normalisation has seen some crystals."""
    model = NETWORKS[name].model
    torch.manual_seed(1)
    features = atom_feature_table(read_atom_features(ATOM_INIT))
    network = get_network(model.name).build(features, GRAPH, model, 0, 1, False)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.momentum = 1.0
    outputs(network, name, [random_crystal(seed) for seed in range(8)])
    return network.eval().to(DOUBLE if double else torch.float32)


def outputs(network: Any, name: str, structures: Sequence[Structure], **options: Any) -> Tensor:
    graphs = get_network(NETWORKS[name].model.name).graphs.from_structures(structures, GRAPH, **options)
    kind = next(network.parameters()).dtype
    result: Tensor = network(graphs.to("cpu", kind).batch(torch.arange(len(structures))))
    return result.squeeze(1)


def same(one: Tensor, other: Tensor) -> bool:
    return bool(torch.allclose(one, other, rtol=1e-5, atol=1e-5))


@every
@few
@given(seed=st.integers(0, 999))
def test_neither_orientation_nor_order_nor_origin_counts(name: str, seed: int) -> None:
    network, crystal = built(name), random_crystal(seed)
    rng = np.random.default_rng(seed)
    turned = Lattice(Rotation.random(random_state=seed).apply(crystal.lattice.matrix.copy()))
    order, shift = rng.permutation(len(crystal)), rng.random(3)
    moved = Structure(turned, [crystal[i].specie for i in order], (crystal.frac_coords + shift)[order])
    found = outputs(network, name, [crystal, moved])
    assert same(found[:1], found[1:])
    assert same(found, outputs(network, name, [crystal, moved], tolerance=None))  # merged or not


@every
def test_who_is_told_the_cell_sees_a_supercell(name: str, NaCl: Structure, NaCl_primitive: Structure) -> None:
    network = built(name)
    told = remedies.is_told(name)
    chain, sheared = zigzag_chain(1.5, 120), random_crystal(3)
    pairs = [(NaCl, NaCl_primitive), (sheared, sheared * (1, 3, 1)), (chain, chain * (2, 1, 1))]
    for pair in pairs:
        one, other = outputs(network, name, pair)
        change = float(((other - one) / one).detach().abs())
        assert (change > 1e-4) == told, change
    if not told:
        found = outputs(network, name, [sheared, sheared * [[1, 1, 0], [0, 1, 2], [0, 0, 1]]])
        assert same(found[:1], found[1:])


def test_only_a_basis_for_long_lengths_sees_them() -> None:
    chain = chain_of_set("single", 5, 0)
    assert chain.lattice.a > 9
    for name, seen in (("lattice-edges", True), ("lattice-edges-short", False)):
        one, other = outputs(built(name), name, [chain, chain * (2, 1, 1)])
        assert bool((one - other).abs() > 1e-4) == seen


@every
def test_predictions_change_smoothly_with_the_volume(name: str, NaCl_primitive: Structure) -> None:
    """Also where a reciprocal lattice vector crosses the cut-off."""
    network, volumes = built(name), np.linspace(20, 60, 81)
    found = outputs(network, name, [NaCl_primitive.copy().scale_lattice(volume) for volume in volumes])
    largest, of_half_steps = (found[::step].diff().abs().max() for step in (2, 1))
    assert of_half_steps < 0.75 * largest


@every
def test_every_weight_learns(name: str) -> None:
    network = built(name, double=False).train()
    outputs(network, name, [random_crystal(seed) for seed in range(8)]).square().sum().backward()
    for parameter, weight in network.named_parameters():
        assert weight.grad is not None, parameter
        assert weight.grad.isfinite().all(), parameter
        assert weight.grad.any(), parameter


@every
def test_crystals_of_a_batch_do_not_see_each_other(name: str, Cu: Structure, C_long: Structure) -> None:
    network = built(name)
    crystals = [random_crystal(1), C_long, Cu, random_crystal(2), C_long * (1, 2, 1)]
    alone = [outputs(network, name, [crystal]) for crystal in crystals]
    assert same(outputs(network, name, crystals), torch.cat(alone))


@pytest.mark.parametrize("seed", [0, 5])
def test_messages_in_reciprocal_space_are_the_sums_over_waves(seed: int) -> None:
    crystal = random_crystal(seed, 4)
    graphs = reciprocal.ReciprocalGraphs.from_structures([crystal], GRAPH).to("cpu", DOUBLE)
    vectors = torch.randn(4, 3, dtype=DOUBLE)
    filters = torch.nn.Linear(N_GAUSSIANS, 3, bias=False, dtype=DOUBLE)
    found = messages(vectors, graphs.batch(torch.tensor([0])).waves, filters)
    expected = torch.zeros(4, 3, dtype=torch.complex128)
    at, turns = torch.from_numpy(crystal.cart_coords), crystal.lattice.reciprocal_lattice
    for k in turns.get_points_in_sphere([[0, 0, 0]], [0, 0, 0], reciprocal.CUTOFF, zip_results=True):
        length = float(k[1])
        if length < 1e-6:
            continue
        wave = torch.exp(1j * (at @ torch.from_numpy(turns.get_cartesian_coords(k[3] + k[0] * 0))))
        centres = torch.linspace(0, reciprocal.CUTOFF, N_GAUSSIANS, dtype=DOUBLE)
        gaussians = torch.exp(-(((length - centres) / centres[1]) ** 2))
        fading = 0.5 + 0.5 * np.cos(np.pi * length / reciprocal.CUTOFF)
        factor = (wave[:, None] * vectors).sum(0) / 4
        expected += wave.conj()[:, None] * factor * filters(gaussians) * fading
    assert torch.allclose(2 * found, expected.real, atol=1e-5)
    assert expected.imag.abs().max() < 1e-9


def test_waves_fade_before_the_cutoff(NaCl_primitive: Structure) -> None:
    """The eight shortest vectors, |k| = 2π√3/a, are at 80 % of the cut-off and just inside it."""
    filters, sizes = torch.nn.Linear(N_GAUSSIANS, 3, bias=False, dtype=DOUBLE), []
    for share in (0.8, 0.999):
        a = 2 * np.pi * 3**0.5 / (share * reciprocal.CUTOFF)
        crystal = NaCl_primitive.copy().scale_lattice(a**3 / 4)
        graphs = reciprocal.ReciprocalGraphs.from_structures([crystal], GRAPH).to("cpu", DOUBLE)
        waves = graphs.batch(torch.tensor([0])).waves
        sizes.append(messages(torch.eye(2, 3, dtype=DOUBLE), waves, filters).abs().max())
    assert sizes[1] < 1e-3 * sizes[0]


def test_vacuum_adds_no_vectors() -> None:
    chain = chain_of_set("single", 40, 0)
    _, _, multiples, lengths = reciprocal.waves_of(chain, 8.0)
    a = chain.lattice.a
    assert not multiples[:, 1:].any()
    assert lengths == pytest.approx(2 * np.pi / a * np.arange(1, len(lengths) + 1))
    assert len(lengths) == int(reciprocal.CUTOFF * a / (2 * np.pi))


def test_the_gradient_of_a_fixed_point_is_that_of_its_steps() -> None:
    torch.manual_seed(0)
    weight = (torch.randn(4, 4, dtype=DOUBLE) / 5).requires_grad_()
    source = torch.randn(3, 4, dtype=DOUBLE, requires_grad=True)

    def step(z: Tensor) -> Tensor:
        return torch.tanh(z @ weight + source)

    unrolled = torch.zeros(3, 4, dtype=DOUBLE)
    for _ in range(100):
        unrolled = step(unrolled)
    found = implicit.fixed_point(step, torch.zeros(3, 4, dtype=DOUBLE))
    assert torch.allclose(found, unrolled, atol=1e-6)
    gradients = [torch.autograd.grad(z.square().sum(), (weight, source)) for z in (found, unrolled)]
    for one, other in zip(*gradients, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_group_normalisation_is_batch_normalisation_of_each_group(training: bool) -> None:
    torch.manual_seed(0)
    norm = depth.GroupNormalisation(6, n_groups=3).double()
    rows, counts = torch.randn(5, 6, dtype=DOUBLE), torch.tensor([1.0, 2, 1, 3, 1], dtype=DOUBLE)
    plain = copy.deepcopy(norm.norm).train(training)
    norm.norm.load_state_dict(plain.state_dict())
    every_row = rows.repeat_interleave(counts.long(), dim=0)
    shares = norm.groups(every_row).softmax(dim=1)
    grouped = plain((shares[:, :, None] * every_row[:, None]).flatten(1)).view(len(every_row), 3, 6)
    found = norm.train(training)(rows, counts).repeat_interleave(counts.long(), dim=0)
    assert torch.allclose(found, every_row + norm.scale * grouped.sum(dim=1))
    for name, statistic in plain.named_buffers():
        assert torch.allclose(statistic, norm.norm.get_buffer(name)), name


def test_the_table_says_who_is_told_the_cell(tmp_path: Path) -> None:
    of = {"dataset": "chains-long", "dataset_label": "1D long", "target": "a", "epochs": 4}
    rows = [
        record_row("cgcnn-one-cycle", 0.5, seed, **of, train_seconds=2.0, metrics={"r2": 0.25 * seed})
        for seed in (1, 2)
    ]
    rows += [
        record_row("class-token", 0.5, **of, metrics={"r2": 0.9}),
        record_row("cgcnn-sum", 0.125),
        record_row("reciprocal", 0.5, status="diverged", metrics={}),
    ]
    remedies.draw(tmp_path / "remedies", {"rows": rows, "scale": "cpu", "caption": "Remedies"})
    with (tmp_path / "remedies.csv").open(newline="") as file:
        found = [list(row.values()) for row in csv.DictReader(file)]
    assert found == [
        ["cgcnn-one-cycle", "no", "0.375 (0.250 to 0.500), 0.5 s", ""],
        ["class-token", "yes", "0.900", ""],
        ["cgcnn-sum", "yes", "", "0.125"],
        ["reciprocal", "no", "", "diverged"],
    ]


def test_a_new_remedy_is_a_file_and_an_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "largest.py").write_text(
        "from reproduction.remedies.cumulants import Cumulants\n\n\nclass Largest(Cumulants):\n    pass\n"
    )
    network = {"label": "largest", "variant": "mine", "model": {"name": "largest.py:Largest"}}
    (tmp_path / "networks.yaml").write_text(yaml.safe_dump({"largest": network}))
    monkeypatch.setattr(spec, "WORKFLOW", tmp_path)
    monkeypatch.setattr(spec, "REMEDIES", tmp_path)
    assert remedies.remedies() == ("largest",)
    assert not remedies.is_told("largest")
    size = spec.Size(epochs=1)
    chosen = spec.run_settings(spec.load_networks()["largest"], get_dataset("chains-long"), size, 0)
    assert chosen.model.name == "largest.py:Largest"
    assert chosen.trainer.schedule == "one-cycle"
