"""The gated sum of CGCNN's convolution as one differentiable operation on the CPU."""

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import BatchNorm1d

from hybrid.kernels.compiler import compiled
from hybrid.kernels.normalisation import update_running_statistics

SOURCE = Path(__file__).with_suffix(".cpp")
_POINTER = ctypes.c_void_p


class _Edges(ctypes.Structure):
    _fields_ = (
        ("n_crystals", ctypes.c_int64),
        ("first_atom", _POINTER),
        ("first_edge", _POINTER),
        ("neighbours", _POINTER),
        ("weights", _POINTER),
        ("band_start", _POINTER),
        ("gaussians", _POINTER),
        ("n_gaussians", ctypes.c_int64),
        ("n_threads", ctypes.c_int),
    )


class _Layer(ctypes.Structure):
    _fields_ = (("self_part", _POINTER), ("neighbour_part", _POINTER), ("edge_weight", _POINTER))


class _Norm(ctypes.Structure):
    _fields_ = (("scale", _POINTER), ("shift", _POINTER))


def _at(tensor: Tensor) -> ctypes.c_void_p:
    return _POINTER(tensor.data_ptr())


@dataclass(frozen=True)
class BandedEdges:
    """A batch's edges with their distances expanded, shared by all layers; equal edges are merged."""

    n_edges: int  # before merging
    first_atom: Tensor  # (n_crystals + 1,) int64
    first_edge: Tensor  # (n_atoms + 1,) int64
    neighbours: Tensor  # (n_merged,) int64, with unused room behind
    weights: Tensor  # (n_merged,) float32, how many edges each stands for
    band_start: Tensor  # (n_merged,) int32
    gaussians: Tensor  # (n_merged, band) float32, the only ones that are not negligible
    n_gaussians: int

    def address(self) -> _Edges:
        """The edges as the kernel takes them; valid as long as this object lives."""
        return _Edges(
            len(self.first_atom) - 1,
            self.first_atom.data_ptr(),
            self.first_edge.data_ptr(),
            self.neighbours.data_ptr(),
            self.weights.data_ptr(),
            self.band_start.data_ptr(),
            self.gaussians.data_ptr(),
            self.n_gaussians,
            torch.get_num_threads(),
        )


class GatedSum:
    """The kernel for one length of atom vector."""

    def __init__(self, library: ctypes.CDLL):
        self.library = library
        self.band = library.band()

    @classmethod
    def get(cls, atom_fea_len: int, n_gaussians: int, like: Tensor) -> "GatedSum | None":
        """The kernel, or None where it does not apply: another device or precision, or no compiler."""
        if like.device.type != "cpu" or like.dtype != torch.float32:
            return None
        library = compiled(SOURCE, f"ATOM_FEATURES={atom_fea_len}")
        if library is None or n_gaussians < library.band():
            return None
        return cls(library)

    def expand(
        self, distances: Tensor, neighbours: Tensor, n_atoms: Tensor, step: float, n_gaussians: int
    ) -> BandedEdges:
        """Expands distances (n_atoms, n_neighbours) in Gaussians at 0, step, 2 step, … of width step."""
        distances, neighbours = distances.contiguous(), neighbours.contiguous()
        rows, columns = distances.shape
        edges = BandedEdges(
            n_edges=rows * columns,
            first_atom=torch.nn.functional.pad(n_atoms.cumsum(0), (1, 0)),
            first_edge=torch.empty(rows + 1, dtype=torch.int64),
            neighbours=torch.empty(rows * columns, dtype=torch.int64),
            weights=torch.empty(rows * columns),
            band_start=torch.empty(rows * columns, dtype=torch.int32),
            gaussians=torch.empty(rows * columns, self.band),
            n_gaussians=n_gaussians,
        )
        self.library.expand_distances(
            ctypes.c_int64(rows),
            ctypes.c_int64(columns),
            _at(neighbours),
            _at(distances),
            ctypes.c_float(step),
            ctypes.c_int64(n_gaussians),
            _at(edges.first_edge),
            _at(edges.neighbours),
            _at(edges.weights),
            _at(edges.band_start),
            _at(edges.gaussians),
        )
        return edges

    def __call__(
        self,
        edges: BandedEdges,
        self_part: Tensor,
        neighbour_part: Tensor,
        edge_weight: Tensor,
        norm: BatchNorm1d,
    ) -> Tensor:
        """h_i = sum_j sigmoid(u_gate) softplus(u_message), u = norm(S_i + T_j + g_ij W).

        Args:
            edges: from `expand`.
            self_part: S (n_atoms, 2 A).
            neighbour_part: T (n_atoms, 2 A).
            edge_weight: W (n_gaussians, 2 A).
            norm: batch normalisation over all edges; its running statistics are updated in training.

        Returns:
            h (n_atoms, A).
        """
        h: Tensor = _GatedSum.apply(  # type: ignore[no-untyped-call]
            self.library, edges, self_part, neighbour_part, edge_weight, norm.weight, norm.bias, norm
        )
        return h


class _GatedSum(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        library: ctypes.CDLL,
        edges: BandedEdges,
        self_part: Tensor,
        neighbour_part: Tensor,
        edge_weight: Tensor,
        gamma: Tensor,
        beta: Tensor,
        norm: BatchNorm1d,
    ) -> Tensor:
        self_part, neighbour_part = self_part.contiguous(), neighbour_part.contiguous()
        edge_weight = edge_weight.contiguous()
        layer = _Layer(self_part.data_ptr(), neighbour_part.data_ptr(), edge_weight.data_ptr())
        pointers = ctypes.byref(edges.address()), ctypes.byref(layer)
        if norm.training:
            totals = torch.empty(2, self_part.shape[1], dtype=torch.float64)
            library.statistics(*pointers, _at(totals))
            n_edges = edges.n_edges
            mean, square = totals / n_edges
            variance = (square - mean * mean).clamp_min(0)
            update_running_statistics(norm, mean, variance * n_edges / max(n_edges - 1, 1))
        else:
            assert norm.running_mean is not None
            assert norm.running_var is not None
            mean, variance = norm.running_mean.double(), norm.running_var.double()
        inverse_std = (variance + norm.eps).rsqrt()
        scale = (gamma * inverse_std).float()
        shift = (beta - mean * gamma * inverse_std).float()
        h = torch.empty(len(self_part), self_part.shape[1] // 2)
        library.forward(*pointers, ctypes.byref(_Norm(scale.data_ptr(), shift.data_ptr())), _at(h))
        ctx.save_for_backward(self_part, neighbour_part, edge_weight, scale, shift, mean, inverse_std)
        ctx.library, ctx.edges, ctx.training = library, edges, norm.training
        return h

    @staticmethod
    def backward(ctx: Any, dh: Tensor) -> tuple[Tensor | None, ...]:
        self_part, neighbour_part, edge_weight, scale, shift, mean, inverse_std = ctx.saved_tensors
        edges, dh = ctx.edges, dh.contiguous()
        layer = _Layer(self_part.data_ptr(), neighbour_part.data_ptr(), edge_weight.data_ptr())
        norm = _Norm(scale.data_ptr(), shift.data_ptr())
        pointers = ctypes.byref(edges.address()), ctypes.byref(layer), ctypes.byref(norm)
        totals = torch.empty(2, self_part.shape[1], dtype=torch.float64)
        ctx.library.backward_statistics(*pointers, _at(dh), _at(totals))
        d_beta = totals[0]
        d_gamma = (totals[1] - mean * totals[0]) * inverse_std
        slope = scale * inverse_std * d_gamma / edges.n_edges * ctx.training
        constant = scale * d_beta / edges.n_edges * ctx.training - slope * mean
        slope, constant = slope.float(), constant.float()
        d_self = torch.empty_like(self_part)
        d_neighbour = torch.zeros_like(neighbour_part)
        d_edge_weight = torch.empty_like(edge_weight)
        ctx.library.backward(
            *pointers, _at(dh), _at(constant), _at(slope), _at(d_self), _at(d_neighbour), _at(d_edge_weight)
        )
        return None, None, d_self, d_neighbour, d_edge_weight, d_gamma.float(), d_beta.float(), None
