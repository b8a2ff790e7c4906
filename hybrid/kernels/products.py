"""Matrix products in fp32 through oneDNN where torch's own library, MKL, makes little of the processor.

On AMD processors MKL computes with AVX2 even where there is AVX-512, which oneDNN uses. Both are in torch; the
results differ in the last bits. Elsewhere, and in other precisions, products are torch's own, bit for bit.
"""

import functools
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def linear(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """rows weightᵀ + bias (n, n_outputs), as `torch.nn.functional.linear` has it, with its gradients.

    Args:
        rows: (n, n_inputs).
        weight: (n_outputs, n_inputs).
        bias: (n_outputs,).
    """
    single = rows.device.type == "cpu" and rows.dtype == weight.dtype == torch.float32
    if not single or torch.is_autocast_enabled("cpu") or not onednn_is_faster():
        return F.linear(rows, weight, bias)
    made: Tensor = _Linear.apply(rows, weight, bias)  # type: ignore[no-untyped-call]
    return made


@functools.cache
def onednn_is_faster() -> bool:
    """Whether oneDNN takes less than 0.8 of MKL's time for a product and its gradients.

    Measured once in a process, in some 20 ms, and only on AMD processors with AVX-512.
    """
    if not (_is_amd_with_avx512() and torch.backends.mkldnn.is_available()):
        return False
    rows, weight = torch.ones(2048, 128), torch.ones(128, 128)

    def seconds(product: Any) -> float:
        leaf = rows.clone().requires_grad_()
        started = time.perf_counter()
        product(leaf, weight.requires_grad_(), None).backward(rows)
        return time.perf_counter() - started

    with torch.enable_grad(), torch.inference_mode(False):
        pairs = [(seconds(_Linear.apply), seconds(F.linear)) for _ in range(4)]
    onednn, mkl = map(min, zip(*pairs, strict=True))
    return onednn < 0.8 * mkl


def _is_amd_with_avx512() -> bool:
    processor = Path("/proc/cpuinfo")
    return (
        torch.backends.cpu.get_cpu_capability() == "AVX512"
        and processor.exists()
        and "AuthenticAMD" in processor.read_text()
    )


def _times_transposed(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """left rightᵀ + bias by oneDNN; either may be a transposed view."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(left, right, bias, "none", [], "")
    return product


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(rows, weight)
        ctx.biased = bias is not None
        return _times_transposed(rows, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        rows, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        return (
            _times_transposed(gradient, weight.T) if wanted[0] else None,
            _times_transposed(gradient.T, rows.T) if wanted[1] else None,
            gradient.sum(dim=0) if wanted[2] else None,
        )
