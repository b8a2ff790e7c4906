"""The edges of a graph as kernels and networks sum over them."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Links:
    """Directed edges of a graph, sorted by target; each stands for several, and so does each node."""

    source: Tensor  # (n_edges,) int64 node
    target: Tensor  # (n_edges,) int64 node, ascending
    by_source: Tensor  # (n_edges,) the edges' positions in the order of their sources
    first_of_target: Tensor  # (n_nodes,) position of the first edge into a node
    first_of_source: Tensor  # (n_nodes,) position in `by_source` of the first edge out of a node
    into_one: Tensor  # (n_edges,) floating point: how many edges into one target it stands for
    share: Tensor  # (n_edges,) floating point: how much of all edges it stands for
    node_share: Tensor  # (n_nodes,) floating point: how much of all nodes each stands for
    total: Tensor  # () floating point: how many edges there are
    node_total: Tensor  # () floating point: how many nodes there are
    first_node: Tensor  # (n_crystals + 1,) position of the first node of each crystal, and how many there are

    @classmethod
    def of(
        cls, source: Tensor, target: Tensor, edges_of_kind: Tensor, nodes_of_kind: Tensor, n_nodes: Tensor
    ) -> "Links":
        """Links from indices, from how many edges and nodes each stands for, and from crystals' sizes."""
        total, node_total = edges_of_kind.sum(), nodes_of_kind.sum()
        return cls(
            source,
            target,
            source.argsort(stable=True),
            _first_of(target, len(nodes_of_kind)),
            _first_of(source, len(nodes_of_kind)),
            edges_of_kind / nodes_of_kind[target],
            edges_of_kind / total,
            nodes_of_kind / node_total,
            total,
            node_total,
            F.pad(n_nodes.cumsum(0), (1, 0)),
        )


def _first_of(nodes: Tensor, n_nodes: int) -> Tensor:
    counts = nodes.new_zeros(n_nodes).index_add(0, nodes, torch.ones_like(nodes))
    return counts.cumsum(0) - counts
