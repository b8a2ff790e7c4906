"""The C++ kernels of ALIGNN's convolution against PyTorch's operations: values, gradients, statistics."""

import copy
from unittest.mock import patch

import pytest
import torch
from conftest import needs_compiler, random_crystal
from pymatgen.core import Structure
from torch import Tensor

from hybrid.graphs.line_graph import LineBatch, LineGraphs
from hybrid.kernels.edge_gated import EdgeGated
from hybrid.models.alignn import ALIGNN
from hybrid.settings import ALIGNNSettings, GraphSettings, ModelSettings


def batch_of(dtype: torch.dtype, Cu: Structure, NaCl: Structure) -> LineBatch:
    """Self images (Cu), merged atoms (NaCl), and crystals in which nothing is merged."""
    crystals = [Cu, NaCl, *map(random_crystal, range(3))]
    graphs = LineGraphs.from_structures(crystals, GraphSettings(), dtype=dtype)
    return graphs.batch(torch.arange(len(graphs)))


def network(hidden: int, dtype: torch.dtype) -> ALIGNN:
    """A small network whose normalisations are not the initial ones."""
    torch.manual_seed(1)
    sizes = ALIGNNSettings(
        alignn_layers=2, gcn_layers=2, hidden=hidden, embedding=9, bond_features=10, angle_features=9
    )
    made = ALIGNN(torch.rand(101, 6), GraphSettings(), ModelSettings(name="alignn", alignn=sizes)).to(dtype)
    for part in made.modules():
        if isinstance(part, torch.nn.BatchNorm1d):
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
            torch.nn.init.normal_(part.bias, std=0.3)
            torch.nn.init.normal_(part.running_mean, std=0.3)
            torch.nn.init.uniform_(part.running_var, 0.5, 2)
    return made


def results(made: ALIGNN, batch: LineBatch, train: bool) -> dict[str, Tensor]:
    """Atom vectors, gradients of a loss that weighs them unevenly, and buffers after the step."""
    made = copy.deepcopy(made).train(train)
    vectors = made.atom_vectors(batch)
    weights = torch.linspace(-1, 2, vectors.numel(), dtype=vectors.dtype).view_as(vectors)
    (vectors * weights).sum().backward()
    found = {"vectors": vectors.detach()}
    found |= {f"gradient {n}": p.grad for n, p in made.named_parameters() if p.grad is not None}
    return found | {f"buffer {n}": b for n, b in made.named_buffers()}


def assert_close(found: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float) -> None:
    """Equal relative to the largest gradient of all, and to the largest entry of other tensors."""
    assert found.keys() == expected.keys()
    steepest = max(float(v.abs().max()) for k, v in expected.items() if k.startswith("gradient"))
    for key, value in expected.items():
        size = steepest if key.startswith("gradient") else max(1.0, float(value.abs().max()))
        error = float((found[key].double() - value.double()).abs().max()) / size
        assert error <= tolerance, f"{key}: {error:.1e}"


@needs_compiler
@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("hidden", [7, 64])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_kernel_is_pytorch(
    dtype: torch.dtype, tolerance: float, hidden: int, train: bool, Cu: Structure, NaCl: Structure
) -> None:
    made, batch = network(hidden, dtype), batch_of(dtype, Cu, NaCl)
    assert EdgeGated.get(batch.lengths) is not None
    found = results(made, batch, train)
    with patch.object(EdgeGated, "get", return_value=None):
        expected = results(made, batch, train)
    assert_close(found, expected, tolerance)


@needs_compiler
@pytest.mark.parametrize("train", [True, False])
def test_threads_agree_and_each_number_repeats_its_bits(train: bool, Cu: Structure, NaCl: Structure) -> None:
    batch, by_threads = batch_of(torch.float32, Cu, NaCl), {}
    for threads in (1, 2, 7):
        torch.set_num_threads(threads)
        one, two = (results(network(24, torch.float32), batch, train) for _ in range(2))
        for key, value in one.items():
            assert torch.equal(value, two[key]), f"{threads} threads: {key}"
        by_threads[threads] = one
    for threads in (2, 7):
        assert_close(by_threads[threads], by_threads[1], 1e-5)


@needs_compiler
def test_extreme_gates_stay_finite(Cu: Structure, NaCl: Structure) -> None:
    """Pre-activations of thousands, where the exponential overflows."""
    made, batch = network(24, torch.float32), batch_of(torch.float32, Cu, NaCl)
    with torch.no_grad():
        made.alignn_layers[0].node_update.src_gate.weight.mul_(1e4)
    found = results(made, batch, True)
    assert all(value.isfinite().all() for value in found.values())


def test_other_devices_and_precisions_have_no_kernel() -> None:
    assert EdgeGated.get(torch.zeros(1, dtype=torch.float16)) is None
    assert EdgeGated.get(torch.zeros(1, device="meta")) is None
