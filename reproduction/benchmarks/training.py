"""Training, the same for every network, and the matrix products that it consists of."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch

from reproduction.benchmarks.measure import Task


@dataclass(frozen=True)
class Linear:
    """A linear layer that takes n rows of n_inputs numbers to n_outputs."""

    n: int
    n_inputs: int
    n_outputs: int
    learnt: bool = True  # the rows have a gradient


def training(
    network: Callable[..., torch.Tensor],
    optimiser: torch.optim.Optimizer,
    batches: Callable[[], Iterable[tuple[Sequence[Any], torch.Tensor]]],
    linears: Sequence[Linear] = (),
    dtype: torch.dtype = torch.float32,
) -> Task:
    """Trains on all batches, or the first; each has what the network takes, and targets."""

    def train(count: int | None = None) -> None:
        for inputs, targets in islice(batches(), count):
            loss = torch.nn.functional.mse_loss(network(*inputs), targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    return Task(train, 1, (lambda: products(linears, dtype)) if linears else None)


def products(linears: Sequence[Linear], dtype: torch.dtype) -> float:
    """Processor time (s) of matrix products alone, forward and backward, in allocated memory."""
    seconds = 0.0
    for layer in linears:
        shapes = (layer.n, layer.n_inputs), (layer.n_inputs, layer.n_outputs), (layer.n, layer.n_outputs)
        rows, weight, outputs = (torch.ones(shape, dtype=dtype) for shape in shapes)
        d_rows, d_weight = torch.ones_like(rows), torch.ones_like(weight)
        started = time.process_time()
        torch.mm(rows, weight, out=outputs)
        torch.mm(rows.T, outputs, out=d_weight)
        if layer.learnt:
            torch.mm(outputs, weight.T, out=d_rows)
        seconds += time.process_time() - started
    return seconds
