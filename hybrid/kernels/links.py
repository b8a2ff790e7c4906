"""The edges of a graph, sorted for fast sums over neighbours, and groups of rows that are equal."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Links:
    """The directed edges of a graph, sorted by target. Edges and nodes represent several equivalent ones."""

    source: Tensor  # (n_edges,) int64 node
    target: Tensor  # (n_edges,) int64 node, ascending
    by_source: Tensor  # (n_edges,) the edges' positions in the order of their sources
    first_of_target: Tensor  # (n_nodes,) position of the first edge into a node
    first_of_source: Tensor  # (n_nodes,) position in `by_source` of the first edge out of a node
    into_one: Tensor  # (n_edges,) floating point: number of edges into one target that it represents
    share: Tensor  # (n_edges,) floating point: share of all edges that it represents
    node_share: Tensor  # (n_nodes,) floating point: share of all nodes that it represents
    total: Tensor  # () floating point: number of all edges
    node_total: Tensor  # () floating point: number of all nodes
    first_node: Tensor  # (n_crystals + 1,) position of the first node of each crystal; last, their number

    @classmethod
    def of(
        cls, source: Tensor, target: Tensor, edges_of_kind: Tensor, nodes_of_kind: Tensor, n_nodes: Tensor
    ) -> "Links":
        """From indices, the numbers of edges and nodes that each represents, and the crystals' sizes."""
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


@dataclass(frozen=True)
class EqualRows:
    """Groups of equal rows, such as those of equally long bonds, so that one of each group is computed."""

    group: Tensor  # (n_rows,) int64 number of its group
    by_group: Tensor  # (n_rows,) the rows' positions in the order of their groups
    first: Tensor  # (n_groups,) position in `by_group` of the first row of a group
    share: Tensor  # (n_groups,) floating point: share of all rows

    @classmethod
    def of(cls, group: Tensor, n_groups: int, counts: Tensor) -> "EqualRows":
        """From the rows' groups (n_rows,) and the number that each row represents (n_rows,)."""
        totals = counts.new_zeros(n_groups).index_add(0, group, counts)
        return cls(group, group.argsort(stable=True), _first_of(group, n_groups), totals / counts.sum())

    def once(self, rows: Tensor) -> Tensor:
        """One row of each group (n_groups, ...) from all rows (n_rows, ...)."""
        return rows[self.by_group[self.first]]

    def repeated(self, rows: Tensor) -> Tensor:
        """All rows (n_rows, n) from one of each group (n_groups, n)."""
        every: Tensor = _Repeat.apply(rows, self)  # type: ignore[no-untyped-call]
        return every


class _Repeat(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, alike: EqualRows) -> Tensor:
        ctx.alike = alike
        return rows.index_select(0, alike.group)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        alike: EqualRows = ctx.alike
        return F.embedding_bag(alike.by_group, gradient, alike.first, mode="sum"), None


def _first_of(nodes: Tensor, n_nodes: int) -> Tensor:
    counts = nodes.new_zeros(n_nodes).index_add(0, nodes, torch.ones_like(nodes))
    return counts.cumsum(0) - counts
