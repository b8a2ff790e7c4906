"""Packed composition graphs: the elements of a formula, with an edge between all of them and to themselves.

These are the graphs of Roost (Goodall and Lee, Nature Communications 11, 6280, 2020). Elements are sorted by
atomic number, so that crystals of one reduced formula have exactly the same graph.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
import torch
from pymatgen.core import Element, Structure
from torch import Tensor

from hybrid.graphs.packed import Packed, Rows, begins, bounded
from hybrid.settings import GraphSettings

N_NUMBERS = 128  # more than there are atomic numbers


@dataclass(frozen=True)
class CompositionBatch:
    """Some crystals' compositions side by side, as Roost takes them."""

    species: Tensor  # (n_elements,) atomic numbers
    weights: Tensor  # (n_elements, 1) each element's share of its crystal's atoms
    target: Tensor  # (n_edges,) the element that receives the message, ascending
    source: Tensor  # (n_edges,) the element that sends it
    of_element: Tensor  # (n_elements,) the crystal of each element, ascending


@dataclass(frozen=True)
class CompositionGraphs(Packed):
    """All compositions of a data set, one after the other; edges are made with each batch."""

    species: Tensor  # (n_elements,) atomic numbers, ascending within a crystal
    weights: Tensor  # (n_elements,) each element's share of its crystal's atoms
    n_elements: Tensor  # (n_crystals,)

    on_host = ("n_elements",)

    @classmethod
    def from_structures(
        cls, structures: Iterable[Structure], _: GraphSettings | None = None
    ) -> "CompositionGraphs":
        """The composition of every structure; the settings of a crystal graph are not used."""
        return cls.from_atoms([np.array(structure.atomic_numbers) for structure in structures])

    @classmethod
    def from_atoms(cls, atoms: list[np.ndarray], dtype: torch.dtype = torch.float32) -> "CompositionGraphs":
        """The compositions of crystals from the atomic numbers (n_atoms,) of each one's atoms."""
        crystal = np.repeat(np.arange(len(atoms)), [len(numbers) for numbers in atoms])
        found, counts = np.unique(crystal * N_NUMBERS + np.concatenate(atoms), return_counts=True)
        of_element, species = np.divmod(found, N_NUMBERS)
        n_elements = torch.from_numpy(np.bincount(of_element, minlength=len(atoms)))
        weights = counts / np.bincount(crystal, minlength=len(atoms))[of_element]
        return cls(torch.from_numpy(species), torch.from_numpy(weights).to(dtype), n_elements)

    def __len__(self) -> int:
        return len(self.n_elements)

    @cached_property
    def first_element(self) -> Tensor:
        """(n_crystals,) position of each crystal's first element."""
        return begins(self.n_elements)

    @property
    def n_atoms(self) -> Tensor:
        """(n_crystals,) numbers of nodes, which are elements here."""
        return self.n_elements

    @bounded
    def batch(self, indices: Tensor) -> CompositionBatch:
        """The graphs at `indices` (n_crystals,) of the host, on the device where the graphs are."""
        n_elements, device = self.n_elements[indices], self.species.device
        elements = Rows.of(self.first_element[indices], n_elements, device)
        n_edges = n_elements.repeat_interleave(n_elements)  # out of and into each element
        edges = Rows.of(begins(n_elements).repeat_interleave(n_elements), n_edges, device)
        species, weights = self.species[elements.at], self.weights[elements.at].unsqueeze(1)
        return CompositionBatch(species, weights, edges.crystal, edges.at, elements.crystal)

    def formulas(self) -> list[str]:
        """The fractional formula of each crystal, such as Na0.5 Cl0.5; equal for equal reduced formulas."""
        parts = (
            f"{Element.from_Z(number).symbol}{weight:.6g}"
            for number, weight in zip(self.species.tolist(), self.weights.tolist(), strict=True)
        )
        return [" ".join(islice(parts, n)) for n in self.n_elements.tolist()]
