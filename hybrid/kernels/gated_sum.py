"""CGCNN's convolution as one differentiable operation on the CPU."""

import ctypes
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hybrid.kernels.compiler import POINTER, Kernel, compiled, structure

SOURCE = Path(__file__).with_suffix(".cpp")
_Graph = structure(
    "*first_kind *first_edge *neighbours *times *atoms_of_kind *band_start *gaussians "
    "#n_crystals #n_gaussians #n_threads"
)
_Norm = structure(
    "*gamma *beta *running_mean *running_var *n_batches *statistics =count =eps =momentum #training"
)


class Edges:
    """The edges of a batch with their distances expanded, shared by all layers.

    Args:
        library: the compiled kernel.
        batch: a `hybrid.graphs.merged_crystal.MergedCrystalBatch`.
        step: distance between the centres of the Gaussians, 0, step, 2 step, …, and their width, in Å.
        n_gaussians: their number.
    """

    def __init__(self, library: ctypes.CDLL, batch: Any, step: float, n_gaussians: int):
        atoms_of_kind, times, self.n_edges = batch.crystals.atoms_of_row, batch.times, len(batch.distances)
        self.n_all_atoms = float(atoms_of_kind.sum())
        self.n_all_edges = float(times @ atoms_of_kind.repeat_interleave(batch.edges_of_kind))
        first_edge = F.pad(batch.edges_of_kind.cumsum(0), (1, 0))
        bands = torch.empty(self.n_edges, dtype=torch.int32)
        gaussians = torch.empty(self.n_edges, library.band())
        library.expand(
            ctypes.c_int64(self.n_edges),
            POINTER(batch.distances.data_ptr()),
            ctypes.c_float(step),
            ctypes.c_int64(n_gaussians),
            POINTER(bands.data_ptr()),
            POINTER(gaussians.data_ptr()),
        )
        tensors = (batch.first_kind, first_edge, batch.neighbours, times, atoms_of_kind, bands, gaussians)
        sizes = len(batch.first_kind) - 1, n_gaussians, torch.get_num_threads()
        self.graph = _Graph(*(tensor.data_ptr() for tensor in tensors), *sizes)
        self._alive = tensors


class GatedSum(Kernel):
    """The kernel for one length of atom vector."""

    @classmethod
    def get(cls, atom_fea_len: int, n_gaussians: int, like: Tensor) -> "GatedSum | None":
        """The kernel, or None where it does not apply: another device or precision, or no compiler."""
        if like.device.type != "cpu" or like.dtype != torch.float32:
            return None
        library = compiled(SOURCE, f"ATOM_FEATURES={atom_fea_len}")
        if library is None or n_gaussians < library.band():
            return None
        return cls(library)

    def edges(self, batch: Any, step: float, n_gaussians: int) -> Edges:
        """The edges of a batch; see `Edges`."""
        return Edges(self.library, batch, step, n_gaussians)

    def convolve(self, layer: Any, atoms: Tensor, edges: Edges) -> Tensor:
        """The new atom vectors softplus(a_i + bn2(h_i)), (n_kinds, A).

        h_i = sum_j n_ij sigmoid(u_gate) softplus(u_message), u = bn1(fc_full(a_i ⊕ a_j ⊕ g_ij)).

        Args:
            layer: with fc_full, bn1 and bn2, whose running statistics are updated in training.
            atoms: a (n_kinds, A).
            edges: from `edges`.
        """
        norms = (layer.bn1, layer.bn2)
        parameters = [p for part in (layer.fc_full, *norms) for p in (part.weight, part.bias)]
        given = (self.library, edges, norms, torch.is_grad_enabled(), atoms, *parameters)
        new: Tensor = _Convolution.apply(*given)  # type: ignore[no-untyped-call]
        return new


def _pointers(*tensors: Tensor | None) -> Any:
    """The tensors' addresses, as a structure of pointers."""
    return (POINTER * len(tensors))(*(None if t is None else t.data_ptr() for t in tensors))


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        library: ctypes.CDLL,
        edges: Edges,
        norms: tuple[nn.BatchNorm1d, nn.BatchNorm1d],
        needed: bool,
        atoms: Tensor,
        weight: Tensor,
        bias: Tensor,
        *parameters: Tensor,
    ) -> Tensor:
        atoms = atoms.contiguous()
        n_kinds, width = atoms.shape
        own, neighbour, edge = weight.tensor_split([width, 2 * width], dim=1)
        layer = (atoms, F.linear(atoms, own, bias), F.linear(atoms, neighbour), edge.T.contiguous())
        kept = (
            _buffer(edges.n_edges, 2 * width),
            _buffer(edges.n_edges, 2 * width) if needed else None,
            torch.empty(n_kinds, 4 * width) if needed else None,
            torch.empty(n_kinds, width),
        )
        statistics = [torch.empty(2, len(norm.weight), dtype=torch.float64) for norm in norms]
        counts = edges.n_all_edges, edges.n_all_atoms
        ctx.norms = [_norm(*of) for of in zip(norms, statistics, counts, strict=True)]
        new = torch.empty_like(atoms)
        library.forward(
            ctypes.byref(edges.graph),
            _pointers(*layer),
            *map(ctypes.byref, ctx.norms),
            _pointers(*kept),
            POINTER(new.data_ptr()),
        )
        ctx.save_for_backward(weight, *parameters, *layer, *kept, *statistics)
        ctx.library, ctx.edges = library, edges
        return new

    @staticmethod
    def backward(ctx: Any, d_new: Tensor) -> tuple[Tensor | None, ...]:
        weight, *parameters = ctx.saved_tensors[:5]
        layer, kept = ctx.saved_tensors[5:9], ctx.saved_tensors[9:13]
        atoms, own_part, _, edge_weight = layer
        width, d_new = atoms.shape[1], d_new.contiguous()
        d_atoms, d_own, d_edge_weight, *d_parameters = map(
            torch.empty_like, (atoms, own_part, edge_weight, *parameters)
        )
        d_neighbour = torch.zeros_like(own_part)
        ctx.library.backward(
            ctypes.byref(ctx.edges.graph),
            _pointers(*layer),
            *map(ctypes.byref, ctx.norms),
            _pointers(*kept),
            _pointers(d_new, d_atoms, d_own, d_neighbour, d_edge_weight, *d_parameters),
        )
        d_atoms.addmm_(d_own, weight[:, :width]).addmm_(d_neighbour, weight[:, width : 2 * width])
        d_weight = torch.cat([d_own.T @ atoms, d_neighbour.T @ atoms, d_edge_weight.T], dim=1)
        return None, None, None, None, d_atoms, d_weight, d_own.sum(dim=0), *d_parameters


_unused: list[np.ndarray] = []


def _buffer(rows: int, columns: int) -> Tensor:
    """An empty tensor whose memory is reused when the tensor no longer exists.

    Requesting memory of this size from the system in every step takes longer than the computation.
    """
    memory = _unused.pop() if _unused else np.empty(0, dtype=np.float32)
    if len(memory) < rows * columns:
        memory = np.empty(rows * columns, dtype=np.float32)
    part = memory[: rows * columns]
    weakref.finalize(part, _unused.append, memory)
    return torch.from_numpy(part).view(rows, columns)


def _norm(norm: Any, statistics: Tensor, count: float) -> ctypes.Structure:
    running = (norm.running_mean, norm.running_var, norm.num_batches_tracked)
    pointers = (tensor.data_ptr() for tensor in (norm.weight, norm.bias, *running, statistics))
    return _Norm(*pointers, count, norm.eps, norm.momentum, norm.training)
