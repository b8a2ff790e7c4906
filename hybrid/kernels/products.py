"""Matrix products in fp32 by oneDNN, on processors where it is faster than torch's default library, MKL.

On AMD processors with AVX-512, MKL uses only AVX2, while oneDNN uses AVX-512. Both are part of torch; their
results differ in the last bits. On other processors and in other precisions the products are torch's own.
"""

import functools
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from hybrid.processor import processor_info


def linear(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Computes rows weightᵀ + bias (n, n_outputs), as `torch.nn.functional.linear` does, with gradients.

    Rows are (n, n_inputs), the weight is (n_outputs, n_inputs), and the bias (n_outputs,).
    """
    single = rows.device.type == "cpu" and rows.dtype == weight.dtype == torch.float32
    empty = rows.numel() == 0  # not supported by oneDNN
    if not single or empty or torch.is_autocast_enabled("cpu") or not onednn_is_faster():
        return F.linear(rows, weight, bias)
    made: Tensor = _Linear.apply(rows, weight, bias)  # type: ignore[no-untyped-call]
    return made


@functools.cache
def onednn_is_faster() -> bool:
    """Whether oneDNN takes less than 70 % of MKL's time for a product and its gradients.

    On Zen 4, whose AVX-512 works on 256 bits at a time, the two are equally fast. This is measured once in
    each process, on one thread, in about 0.1 s, and only on AMD processors with AVX-512.
    """
    if not (_is_amd_with_avx512() and hasattr(torch.ops.mkldnn, "_linear_pointwise")):
        return False

    def seconds(product: Callable[..., Tensor]) -> float:
        started = time.process_time()
        product(rows, weight, None).backward(rows)
        return time.process_time() - started

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.inference_mode(False), torch.enable_grad():
        rows, weight = (torch.ones(n, 128, requires_grad=True) for n in (8192, 128))
        times = [(seconds(_Linear.apply), seconds(F.linear)) for _ in range(4)]
    torch.set_num_threads(threads)
    onednn, mkl = (min(of_one) for of_one in zip(*times, strict=True))
    faster: bool = onednn < 0.7 * mkl
    return faster


def _is_amd_with_avx512() -> bool:
    return torch.backends.cpu.get_cpu_capability() == "AVX512" and "AuthenticAMD" in processor_info()


def _times_transposed(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """Computes left rightᵀ + bias by oneDNN; either may be a transposed view."""
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
