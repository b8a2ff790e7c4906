"""Matrix products in fp32 through oneDNN where torch's own library, MKL, makes little of the processor.

On AMD processors MKL computes with AVX2 even where there is AVX-512, which oneDNN uses. Both are in torch;
their results differ in the last bits. Elsewhere, and in other precisions, products are torch's, bit for bit.
"""

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def linear(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Gives rows weightᵀ + bias (n, n_outputs), as `torch.nn.functional.linear` has it, with its gradients.

    Args:
        rows: (n, n_inputs).
        weight: (n_outputs, n_inputs).
        bias: (n_outputs,).
    """
    single = rows.device.type == "cpu" and rows.dtype == weight.dtype == torch.float32
    empty = rows.numel() == 0  # which oneDNN refuses
    if not single or empty or torch.is_autocast_enabled("cpu") or not onednn_is_faster():
        return F.linear(rows, weight, bias)
    made: Tensor = _Linear.apply(rows, weight, bias)  # type: ignore[no-untyped-call]
    return made


@functools.cache
def onednn_is_faster() -> bool:
    """Whether oneDNN takes less than 0.8 of MKL's time for a product and its gradients.

    Measured once in a process, in some 20 ms, and only on AMD processors with AVX-512.
    """
    if not (_is_amd_with_avx512() and hasattr(torch.ops.mkldnn, "_linear_pointwise")):
        return False

    def seconds(product: Callable[..., Tensor]) -> float:
        started = time.perf_counter()
        product(rows, weight, None).backward(rows)
        return time.perf_counter() - started

    with torch.inference_mode(False), torch.enable_grad():
        rows, weight = (torch.ones(n, 128, requires_grad=True) for n in (2048, 128))
        times = [(seconds(_Linear.apply), seconds(F.linear)) for _ in range(4)]
    onednn, mkl = (min(of_one) for of_one in zip(*times, strict=True))
    faster: bool = onednn < 0.8 * mkl
    return faster


def _is_amd_with_avx512() -> bool:
    processor = Path("/proc/cpuinfo")
    return (
        torch.backends.cpu.get_cpu_capability() == "AVX512"
        and processor.exists()
        and "AuthenticAMD" in processor.read_text(encoding="utf-8")
    )


def _times_transposed(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """By oneDNN, left rightᵀ + bias; either may be a transposed view."""
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
