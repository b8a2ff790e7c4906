"""A fixed point: as many steps of message passing as the crystal needs, as in implicit graph networks.

Gu et al., NeurIPS 2020. The last vectors satisfy z_i = tanh(W mean_j z_j + B a_i), with a_i those of CGCNN's
convolutions and a learnt mean over the neighbours. W is bounded, so that there is exactly one solution.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hybrid.graphs.merged_crystal import MergedCrystalBatch
from hybrid.graphs.packed import begins
from hybrid.settings import GraphSettings
from reproduction.remedies.remedy import Remedy

BOUND = 0.9  # of the spectral norm of W: how much of a difference is left after a step
TOLERANCE = 1e-6  # largest change in the last step
MOST_STEPS = 200


class FixedPoint(Remedy):
    """CGCNN, with the fixed point added to its atom vectors."""

    def __init__(self, atom_features: Tensor, graph: GraphSettings, n_outputs: int):
        super().__init__(atom_features, graph, n_outputs)
        self.step_weight = nn.Parameter(torch.randn(self.width, self.width) / self.width**0.5)
        self.source = nn.Linear(self.width, self.width)
        self.nearness = nn.Linear(len(self.centres), 1)
        self.result = nn.Linear(self.width, self.width)

    def atom_vectors(self, batch: MergedCrystalBatch) -> Tensor:
        """The atom vectors after the convolutions and the fixed point, (n_kinds, width)."""
        atoms = super().atom_vectors(batch)
        size = torch.linalg.matrix_norm(self.step_weight, ord=2)
        weight, source = self.step_weight * (BOUND / size.clamp(min=BOUND)), self.source(atoms)
        owner = torch.repeat_interleave(batch.edges_of_kind, output_size=len(batch.distances))
        gaussians = torch.exp(-(((batch.distances.unsqueeze(1) - self.centres) / self.step) ** 2))
        near = self.nearness(gaussians).sigmoid() * batch.times.unsqueeze(1)
        shares = (near / torch.zeros_like(atoms[:, :1]).index_add(0, owner, near)[owner]).squeeze(1)
        first_edges = begins(batch.edges_of_kind)

        def step(z: Tensor) -> Tensor:
            around = F.embedding_bag(batch.neighbours, z, first_edges, mode="sum", per_sample_weights=shares)
            new: Tensor = torch.tanh(around @ weight.T + source)
            return new

        new: Tensor = atoms + self.result(fixed_point(step, torch.zeros_like(atoms)))
        return new


def fixed_point(step: Callable[[Tensor], Tensor], start: Tensor) -> Tensor:
    """The solution of z = step(z), a contraction; its gradient is not that of the steps to it but its own."""
    with torch.no_grad():
        found = _repeated(step, start)
    result = step(found)
    if result.requires_grad:
        argument = found.detach().requires_grad_()
        once = step(argument)

        def of_solution(gradient: Tensor) -> Tensor:
            def back(g: Tensor) -> Tensor:
                (through,) = torch.autograd.grad(once, argument, g, retain_graph=True)
                return through + gradient

            return _repeated(back, gradient)

        result.register_hook(of_solution)
    return result


def _repeated(step: Callable[[Tensor], Tensor], value: Tensor) -> Tensor:
    """The value after steps that no longer change it, by more than a part of its largest number."""
    for _ in range(MOST_STEPS):
        before, value = value, step(value)
        if (value - before).abs().max() <= TOLERANCE * value.abs().max():
            break
    return value
