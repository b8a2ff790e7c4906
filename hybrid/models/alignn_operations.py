"""The operations of ALIGNN's edge-gated convolution in PyTorch, with their gradients, for merged graphs.

Every row represents several equal ones (see `hybrid.graphs.equivalence`). Sums and statistics are weighted by
their number, and the gradient of a row is the sum of their gradients.
"""

import contextlib
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hybrid.kernels.links import Links
from hybrid.kernels.running_statistics import update_running_statistics

SMALL = 1e-6  # as upstream; avoids a division by zero


def gated_mean(sources: Tensor, targets: Tensor, edges: Tensor, messages: Tensor, links: Links) -> Any:
    """Mean of the messages into each node, weighted by gates.

    With m_e = s_source + t_target + u_e and gates sigmoid(m_e), the mean is
    sum_e sigmoid(m_e) v_source / (sum_e sigmoid(m_e) + 1e-6) over the edges e into a node.

    Args:
        sources: s (n_nodes, n).
        targets: t (n_nodes, n).
        edges: u (n_edges, n), overwritten with m.
        messages: v (n_nodes, n).
        links: the graph.

    Returns:
        The means (n_nodes, n), and m (n_edges, n).
    """
    return _GatedMean.apply(sources, targets, edges, messages, links)  # type: ignore[no-untyped-call]


def normalised_silu(rows: Tensor, norm: nn.BatchNorm1d, share: Tensor, total: Tensor) -> Tensor:
    """silu(norm(rows)).

    Args:
        rows: (n, n_features).
        norm: batch normalisation; its running statistics are updated in training.
        share: (n,) share of all rows that each represents.
        total: () number of all rows.
    """
    if not norm.training:
        return F.silu(
            F.batch_norm(rows, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
        )
    activated: Tensor = _NormalisedSiLU.apply(rows, norm.weight, norm.bias, share, total, norm)  # type: ignore[no-untyped-call]
    return activated


def update_statistics(
    rows: Tensor, norm: nn.BatchNorm1d, share: Tensor, total: Tensor
) -> tuple[Tensor, Tensor]:
    """Updates the running statistics; returns the mean and variance of the rows, (n_features,) each."""
    with torch.no_grad(), outside_autocast(rows.device):
        mean = share @ rows
        variance = share @ (rows - mean).square_()
        update_running_statistics(norm, mean, variance * (total / (total - 1)))
    return mean, variance


def outside_autocast(device: torch.device) -> contextlib.AbstractContextManager[None]:
    """A context without autocast, in which matrix products are not rounded to bfloat16."""
    if torch.amp.is_autocast_available(device.type):
        return torch.autocast(device.type, enabled=False)
    return contextlib.nullcontext()


class _NormalisedSiLU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        rows: Tensor,
        gamma: Tensor,
        beta: Tensor,
        share: Tensor,
        total: Tensor,
        norm: nn.BatchNorm1d,
    ) -> Tensor:
        mean, variance = update_statistics(rows, norm, share, total)
        inverse_std = (variance + norm.eps).rsqrt()
        ctx.save_for_backward(rows, gamma, beta, share, mean, inverse_std)
        scale = gamma * inverse_std
        return F.silu(torch.addcmul(beta - mean * scale, rows, scale), inplace=True)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        rows, gamma, beta, share, mean, inverse_std = ctx.saved_tensors
        scale = gamma * inverse_std
        normalised = torch.addcmul(beta - mean * scale, rows, scale)
        grad = torch.ops.aten.silu_backward(grad, normalised)
        d_beta = grad.sum(dim=0)
        d_scale = torch.mul(grad, rows, out=normalised).sum(dim=0)
        d_gamma = (d_scale - mean * d_beta) * inverse_std
        slope = inverse_std * d_gamma
        shared = torch.addcmul(d_beta - mean * slope, rows, slope, out=normalised).mul_(share.unsqueeze(1))
        return grad.sub_(shared).mul_(scale), d_gamma, d_beta, None, None, None


class _GatedMean(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, sources: Tensor, targets: Tensor, edges: Tensor, messages: Tensor, links: Links
    ) -> tuple[Tensor, Tensor]:
        edges.add_(sources.index_select(0, links.source)).add_(targets.index_select(0, links.target))
        gates = edges.sigmoid()
        weights = _sum_into(gates, links).add_(SMALL)
        means = _sum_into(messages.index_select(0, links.source).mul_(gates), links).div_(weights)
        ctx.mark_dirty(edges)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(gates, messages, weights, means)
        ctx.links = links
        return means, edges

    @staticmethod
    def backward(ctx: Any, d_means: Tensor, d_edges: Tensor | None) -> tuple[Tensor | None, ...]:
        gates, messages, weights, means = ctx.saved_tensors
        links: Links = ctx.links
        d_sums = d_means / weights
        d_weights = (d_sums * means).neg_()
        d_messages = d_sums.index_select(0, links.target)
        gradient = messages.index_select(0, links.source).mul_(d_messages)
        gradient.add_(d_weights.index_select(0, links.target))
        gradient.mul_(links.into_one.unsqueeze(1))
        d_messages = _sum_out_of(d_messages.mul_(gates), links, links.into_one)
        gradient = torch.ops.aten.sigmoid_backward(gradient, gates)
        if d_edges is not None:
            gradient.add_(d_edges)
        ones = torch.ones_like(links.into_one)
        d_targets = _bags(gradient, None, links.first_of_target, ones)
        return _sum_out_of(gradient, links, ones), d_targets, gradient, d_messages, None


def _sum_into(rows: Tensor, links: Links) -> Tensor:
    """Sums edge rows over the edges into each node, weighted by the number that each represents."""
    return _bags(rows, None, links.first_of_target, links.into_one)


def _sum_out_of(rows: Tensor, links: Links, weights: Tensor) -> Tensor:
    """Sums weighted edge rows over the edges out of each node."""
    return _bags(rows, links.by_source, links.first_of_source, weights[links.by_source])


def _bags(rows: Tensor, order: Tensor | None, first: Tensor, weights: Tensor) -> Tensor:
    if order is None:
        order = torch.arange(len(rows), device=rows.device)
    return F.embedding_bag(order, rows, first, mode="sum", per_sample_weights=weights)
