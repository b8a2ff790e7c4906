"""ALIGNN's edge-gated convolution, and batch normalisation with SiLU, as single operations on the CPU.

Every row represents several equal ones, as in `hybrid.models.alignn_operations`, the same in PyTorch. Rows
may be stored in bfloat16, as under autocast. Gates, sums, statistics and the gradients of what enters a sum
over edges are computed in float32.
"""

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import BatchNorm1d

from hybrid.kernels.compiler import POINTER, Kernel, compiled, structure
from hybrid.kernels.links import Links
from hybrid.kernels.running_statistics import update_running_statistics

SOURCE = Path(__file__).with_suffix(".cpp")
REALS = {  # by the type of the rows: the type of the computation, and of the storage if it differs
    torch.float32: ("REAL=float",),
    torch.float64: ("REAL=double",),
    torch.bfloat16: ("REAL=float", "STORED=BFloat16"),
}
_Links = structure("#n_crystals *first_node #n_edges *first_edge *source *into_one *share")
_Rows = structure("*values *share #n_rows")
_Norm = structure("*scale *shift *constant *slope")


class _Work(ctypes.Structure):
    _fields_ = (("n_features", ctypes.c_int64), ("n_threads", ctypes.c_int))


def _at(tensor: Tensor | None) -> ctypes.c_void_p:
    return POINTER(None if tensor is None else tensor.data_ptr())


def _links(links: Links) -> Any:
    edges = (links.first_of_target, links.source, links.into_one, links.share)
    sizes = len(links.first_node) - 1, links.first_node.data_ptr(), len(links.source)
    return ctypes.byref(_Links(*sizes, *(tensor.data_ptr() for tensor in edges)))


def _work(rows: Tensor) -> Any:
    return ctypes.byref(_Work(rows.shape[1], torch.get_num_threads()))


@dataclass(frozen=True)
class _Normalised:
    """Rows and their batch normalisation, scale * row + shift."""

    rows: Tensor  # (n, n_features)
    share: Tensor  # (n,)
    mean: Tensor  # (n_features,) float64
    inverse_std: Tensor  # (n_features,) float64
    scale: Tensor  # (n_features,)
    shift: Tensor  # (n_features,)
    training: bool

    @classmethod
    def of(
        cls, rows: Tensor, share: Tensor, total: Tensor, norm: BatchNorm1d, totals: Tensor
    ) -> "_Normalised":
        """From the weighted sums (2, n_features) of row - first row and its square.

        Updates the running statistics in training.
        """
        if norm.training:
            mean, variance = totals[0] + rows[0], (totals[1] - totals[0].square()).clamp_min(0)
            update_running_statistics(norm, mean, variance * (total / (total - 1)))
        else:
            assert norm.running_mean is not None
            assert norm.running_var is not None
            mean, variance = norm.running_mean.double(), norm.running_var.double()
        inverse_std = (variance + norm.eps).rsqrt()
        scale = norm.weight * inverse_std
        shift = norm.bias - mean * scale
        return cls(
            rows, share, mean, inverse_std, scale.to(share.dtype), shift.to(share.dtype), norm.training
        )

    def pointers(self) -> tuple[Any, Any]:
        """The rows and the normalisation as the kernels take them."""
        rows = _Rows(self.rows.data_ptr(), self.share.data_ptr(), len(self.rows))
        return ctypes.byref(rows), ctypes.byref(_Norm(self.scale.data_ptr(), self.shift.data_ptr()))

    def activate(self, library: ctypes.CDLL, residual: Tensor | None = None) -> Tensor:
        """silu(scale * row + shift) + residual."""
        activated = torch.empty_like(self.rows)
        library.activate(_work(self.rows), *self.pointers(), _at(residual), _at(activated))
        return activated

    def backward(self, library: ctypes.CDLL, gradient: Tensor) -> "_Gradients":
        """From the gradient of the result of `activate`."""
        totals = torch.empty(2, self.rows.shape[1], dtype=torch.float64)
        library.activate_backward_statistics(_work(self.rows), *self.pointers(), _at(gradient), _at(totals))
        d_gamma = (totals[1] - (self.mean - self.rows[0]) * totals[0]) * self.inverse_std
        slope = self.inverse_std * d_gamma * self.training
        constant = totals[0] * self.training - self.mean * slope
        return _Gradients(
            self, *(tensor.to(self.share.dtype) for tensor in (d_gamma, totals[0], constant, slope))
        )


@dataclass(frozen=True)
class _Gradients:
    """Gradients of a normalisation's weight and bias, and the coefficients for the rows' gradient."""

    of: _Normalised
    d_gamma: Tensor  # (n_features,)
    d_beta: Tensor  # (n_features,)
    constant: Tensor  # (n_features,)
    slope: Tensor  # (n_features,)

    def norm(self) -> Any:
        """The normalisation as the kernels take it."""
        tensors = (self.of.scale, self.of.shift, self.constant, self.slope)
        return ctypes.byref(_Norm(*(tensor.data_ptr() for tensor in tensors)))

    def of_rows(self, library: ctypes.CDLL, gradient: Tensor) -> Tensor:
        """The gradient of the rows."""
        d_rows = torch.empty_like(gradient)
        rows, _ = self.of.pointers()
        library.activate_backward(_work(d_rows), rows, self.norm(), _at(gradient), _at(d_rows))
        return d_rows


class EdgeGated(Kernel):
    """The kernels for one precision."""

    @classmethod
    def get(cls, like: Tensor) -> "EdgeGated | None":
        """The kernels, or None where they do not apply: another device or precision, or no compiler."""
        if like.device.type != "cpu" or like.dtype not in REALS:
            return None
        library = compiled(SOURCE, *REALS[like.dtype])
        return None if library is None else cls(library)

    def normalised_silu(self, rows: Tensor, norm: BatchNorm1d, share: Tensor, total: Tensor) -> Tensor:
        """silu(norm(rows)); see `hybrid.models.alignn_operations.normalised_silu`."""
        activated: Tensor = _NormalisedSiLU.apply(  # type: ignore[no-untyped-call]
            self.library, rows, norm.weight, norm.bias, share, total, norm
        )
        return activated

    def convolve(
        self, layer: Any, projected: Tensor, m: Tensor, nodes: Tensor, edges: Tensor | None, links: Links
    ) -> tuple[Tensor, Tensor | None]:
        """Upstream's edge-gated convolution; see `hybrid.models.alignn`.

        Args:
            layer: holds the normalisations `bn_nodes` and `bn_edges`.
            projected: s, t, v and o of the nodes (n_nodes, 4 n), side by side.
            m: u (n_edges, n), overwritten.
            nodes: (n_nodes, n), what the new node vectors are added to.
            edges: (n_edges, n), likewise; None if the new edge vectors are not needed.
            links: the graph.

        Returns:
            Node vectors (n_nodes, n), and edge vectors (n_edges, n) if they are needed.
        """
        norms = (layer.bn_nodes, layer.bn_edges)
        parameters = [parameter for norm in norms for parameter in (norm.weight, norm.bias)]
        new_nodes, new_edges = _Convolution.apply(  # type: ignore[no-untyped-call]
            self.library, projected, m, nodes, edges, *parameters, norms, links
        )
        return new_nodes, new_edges


def _statistics(library: ctypes.CDLL, rows: Tensor, share: Tensor) -> Tensor:
    totals = torch.empty(2, rows.shape[1], dtype=torch.float64)
    pointers = ctypes.byref(_Rows(rows.data_ptr(), share.data_ptr(), len(rows)))
    library.statistics(_work(rows), pointers, _at(totals))
    return totals


class _NormalisedSiLU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        library: ctypes.CDLL,
        rows: Tensor,
        gamma: Tensor,
        beta: Tensor,
        share: Tensor,
        total: Tensor,
        norm: BatchNorm1d,
    ) -> Tensor:
        rows = rows.contiguous()
        normalised = _Normalised.of(rows, share, total, norm, _statistics(library, rows, share))
        ctx.library, ctx.normalised = library, normalised
        return normalised.activate(library)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        gradient = gradient.contiguous()
        gradients = ctx.normalised.backward(ctx.library, gradient)
        d_rows = gradients.of_rows(ctx.library, gradient)
        return None, d_rows, gradients.d_gamma, gradients.d_beta, None, None, None


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        library: ctypes.CDLL,
        projected: Tensor,
        m: Tensor,
        nodes: Tensor,
        edges: Tensor | None,
        *rest: Any,
    ) -> tuple[Tensor, Tensor | None]:
        (bn_nodes, bn_edges), links = rest[-2:]
        nodes = nodes.contiguous()
        combined = torch.empty_like(nodes)
        weights, means = (torch.empty_like(nodes, dtype=links.share.dtype) for _ in range(2))
        totals = torch.empty(2, m.shape[1], dtype=torch.float64)
        library.gate(_work(m), _links(links), *map(_at, (projected, m, weights, means, combined, totals)))
        of_edges = _Normalised.of(m, links.share, links.total, bn_edges, totals)
        totals = _statistics(library, combined, links.node_share)
        of_nodes = _Normalised.of(combined, links.node_share, links.node_total, bn_nodes, totals)
        ctx.save_for_backward(projected, weights, means)
        ctx.library, ctx.links, ctx.of_nodes, ctx.of_edges = library, links, of_nodes, of_edges
        new_edges = None if edges is None else of_edges.activate(library, edges.contiguous())
        return of_nodes.activate(library, nodes), new_edges

    @staticmethod
    def backward(ctx: Any, d_nodes: Tensor, d_edges: Tensor | None) -> tuple[Tensor | None, ...]:
        projected, weights, means = ctx.saved_tensors
        library, m = ctx.library, ctx.of_edges.rows
        d_nodes = d_nodes.contiguous()
        nodes_norm = ctx.of_nodes.backward(library, d_nodes)
        d_combined = nodes_norm.of_rows(library, d_nodes)
        if d_edges is not None:
            d_edges = d_edges.contiguous()
            edges_norm = ctx.of_edges.backward(library, d_edges)
        d_projected, d_m = torch.zeros_like(projected, dtype=weights.dtype), torch.empty_like(m)
        library.gate_backward(
            _work(m),
            _links(ctx.links),
            *map(_at, (projected, m, weights, means, d_combined)),
            None if d_edges is None else edges_norm.norm(),
            *map(_at, (d_edges, d_projected, d_m)),
        )
        of_rows = (d_projected.to(projected.dtype), d_m, d_nodes, d_edges)
        of_edges = (None, None) if d_edges is None else (edges_norm.d_gamma, edges_norm.d_beta)
        return None, *of_rows, nodes_norm.d_gamma, nodes_norm.d_beta, *of_edges, None, None
