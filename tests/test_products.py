"""Matrix products through oneDNN: exact in fp32, and only where they are faster than torch's own."""

import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import pytest
import torch
from conftest import needs_compiler
from pymatgen.core import Structure
from test_edge_gated import assert_close, batch_of, network, results
from torch import Tensor
from torch.nn import functional as F

from hybrid.kernels import products
from hybrid.kernels.products import linear, onednn_is_faster


@pytest.fixture
def through_onednn() -> Iterator[list[Any]]:
    """Products go through oneDNN, on any processor; gives the arguments of the calls."""
    calls = []

    def product(*arguments: Tensor | None) -> Tensor:
        calls.append(arguments)
        return times_transposed(*arguments)

    times_transposed: Callable[..., Tensor] = products._times_transposed
    with (
        patch.object(products, "onednn_is_faster", return_value=True),
        patch.object(products, "_times_transposed", product),
    ):
        yield calls


def of(rows: Tensor, weight: Tensor, bias: Tensor | None, product: Any) -> list[Tensor]:
    """The product and its gradients, for an uneven gradient."""
    leaves = [t.detach().clone().requires_grad_() for t in (rows, weight, bias) if t is not None]
    made = product(*leaves)
    made.backward(torch.linspace(-1, 2, made.numel(), dtype=made.dtype).view_as(made))
    return [made.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None)]


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize(("n", "n_inputs", "n_outputs"), [(1, 1, 1), (7, 5, 3), (0, 4, 6), (500, 64, 256)])
def test_products_and_gradients_are_those_of_fp64(
    n: int, n_inputs: int, n_outputs: int, biased: bool, through_onednn: list[Any]
) -> None:
    torch.manual_seed(0)
    rows, weight = torch.randn(n, n_inputs), torch.randn(n_outputs, n_inputs)
    bias = torch.randn(n_outputs) if biased else None
    found = of(rows, weight, bias, linear)
    assert len(through_onednn) == (3 if n else 0)
    expected = of(rows.double(), weight.double(), None if bias is None else bias.double(), F.linear)
    for mine, exact in zip(found, expected, strict=True):
        assert mine.dtype == torch.float32
        size = max(1.0, float(exact.abs().max())) if exact.numel() else 1.0
        torch.testing.assert_close(mine.double(), exact, rtol=0, atol=1e-5 * size)


def test_views_and_what_needs_no_gradient(through_onednn: list[Any]) -> None:
    rows, weight = torch.randn(6, 9).T, torch.randn(5, 12)[:, ::2].requires_grad_()
    made = linear(rows, weight)
    torch.testing.assert_close(made, rows @ weight.T)
    made.backward(torch.ones(5, 9).T)
    assert weight.grad is not None
    torch.testing.assert_close(weight.grad, torch.ones(5, 9) @ rows)
    assert len(through_onednn) == 2, "a gradient that nobody needs was computed"


@needs_compiler
@pytest.mark.parametrize("train", [True, False])
def test_alignn_is_that_of_fp64(
    train: bool, Cu: Structure, NaCl: Structure, through_onednn: list[Any]
) -> None:
    found = results(network(64, torch.float32), batch_of(torch.float32, Cu, NaCl), train)
    assert len(through_onednn) > 30
    n_calls = len(through_onednn)
    exact = results(network(64, torch.float32).double(), batch_of(torch.float64, Cu, NaCl), train)
    assert len(through_onednn) == n_calls
    assert_close(found, exact, 1e-5)


def test_other_precisions_and_devices_are_torchs(through_onednn: list[Any]) -> None:
    rows, weight, bias = torch.randn(3, 4), torch.randn(5, 4), torch.randn(5)
    double = linear(rows.double(), weight.double(), bias.double())
    assert torch.equal(double, F.linear(rows.double(), weight.double(), bias.double()))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = linear(rows, weight, bias)
        assert rounded.dtype == torch.bfloat16
        assert torch.equal(rounded, F.linear(rows, weight, bias))
    assert linear(rows.to("meta"), weight.to("meta"), bias.to("meta")).shape == (3, 5)
    assert not through_onednn


def test_where_it_is_no_faster_products_are_torchs_bit_for_bit() -> None:
    rows, weight, bias = torch.randn(300, 40), torch.randn(50, 40), torch.randn(50)
    with patch.object(products, "onednn_is_faster", return_value=False):
        found = of(rows, weight, bias, linear)
    for mine, theirs in zip(found, of(rows, weight, bias, F.linear), strict=True):
        assert torch.equal(mine, theirs)


# --- the choice ---


def choice(amd: bool, slow: str = "") -> bool:
    """Whether oneDNN would be chosen, where one of the two is made slow."""

    def late(product: Any) -> Any:
        def slowly(*arguments: Any) -> Tensor:
            until = time.process_time() + 0.05
            while time.process_time() < until:
                pass
            return product(*arguments)

        return slowly

    mkl = late(F.linear) if slow == "mkl" else F.linear
    onednn = products._times_transposed
    with (
        patch.object(products, "_is_amd_with_avx512", return_value=amd),
        patch.object(products, "_times_transposed", late(onednn) if slow == "onednn" else onednn),
        patch.object(products.F, "linear", mkl),
    ):
        return onednn_is_faster.__wrapped__()


def test_the_faster_one_is_taken() -> None:
    assert choice(amd=True, slow="mkl")
    assert not choice(amd=True, slow="onednn")


def test_only_amd_processors_with_avx512_are_measured() -> None:
    assert not choice(amd=False, slow="mkl")


def test_it_can_be_chosen_where_no_gradients_are_kept() -> None:
    with torch.inference_mode():
        assert choice(amd=True, slow="mkl")
    with torch.no_grad():
        assert choice(amd=True, slow="mkl")


@pytest.mark.parametrize(
    ("capability", "vendor", "expected"),
    [
        ("AVX512", "AuthenticAMD", True),
        ("AVX2", "AuthenticAMD", False),
        ("AVX512", "GenuineIntel", False),
    ],
)
def test_which_processors_are_amds_with_avx512(capability: str, vendor: str, expected: bool) -> None:
    with (
        patch.object(torch.backends.cpu, "get_cpu_capability", return_value=capability),
        patch.object(products, "processor_info", return_value=f"vendor_id\t: {vendor}\n"),
    ):
        assert products._is_amd_with_avx512() == expected
