"""Crystal graphs packed into a few tensors, from which batches are cut without a loop over crystals."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from pymatgen.core import Structure
from torch import Tensor

from hybrid.graphs.nearest_neighbours import n_tied, nearest_by_element, nearest_neighbours
from hybrid.graphs.packed import Packed, Rows, begins, bounded, to_device
from hybrid.readout import Crystals
from hybrid.settings import GraphSettings


@dataclass(frozen=True)
class CrystalBatch:
    """The graphs of a batch of crystals."""

    species: Tensor  # (n_atoms,) atomic numbers
    neighbours: Tensor  # (n_atoms, max_neighbours) index of the neighbour in this batch
    distances: Tensor  # (n_atoms, max_neighbours) Å
    crystals: Crystals


@dataclass(frozen=True)
class CrystalGraphs(Packed):
    """The graphs of a data set, one after the other; distances are expanded in Gaussians when used."""

    species: Tensor  # (n_atoms,) atomic numbers
    neighbours: Tensor  # (n_atoms, max_neighbours) index of the neighbour within its crystal
    distances: Tensor  # (n_atoms, max_neighbours) Å
    n_atoms: Tensor  # (n_crystals,)
    n_tied: Tensor  # (n_crystals,) atoms with a further neighbour as far away as the last that counts

    on_host = ("n_atoms", "n_tied")

    @classmethod
    def from_structures(cls, structures: Iterable[Structure], settings: GraphSettings) -> "CrystalGraphs":
        """Builds the graph of every structure."""
        choose = nearest_neighbours if settings.ties == "found" else nearest_by_element
        species, neighbours, distances, tied = [], [], [], []
        for structure in structures:
            nearest, lengths = choose(structure, settings.max_neighbours + 1, settings.radius)
            species.append(np.array(structure.atomic_numbers, dtype=np.int32))
            neighbours.append(nearest[:, :-1].astype(np.int32))
            distances.append(lengths[:, :-1].astype(np.float32))
            tied.append(n_tied(lengths, settings.radius))
        return cls(
            torch.from_numpy(np.concatenate(species)),
            torch.from_numpy(np.concatenate(neighbours)),
            torch.from_numpy(np.concatenate(distances)),
            torch.tensor([len(numbers) for numbers in species]),
            torch.tensor(tied),
        )

    def __len__(self) -> int:
        return len(self.n_atoms)

    @cached_property
    def first_atom(self) -> Tensor:
        """(n_crystals,) position of each crystal's first atom."""
        return begins(self.n_atoms)

    @bounded
    def batch(self, indices: Tensor) -> CrystalBatch:
        """The graphs at `indices` (n_crystals,) of the host, on the device where the graphs are."""
        n_atoms, device = self.n_atoms[indices], self.species.device
        atoms = Rows.of(self.first_atom[indices], n_atoms, device)
        neighbours = self.neighbours[atoms.at] + atoms.first[atoms.crystal].unsqueeze(1)
        crystals = Crystals(atoms.crystal, torch.ones_like(atoms.crystal), to_device(n_atoms, device))
        return CrystalBatch(self.species[atoms.at].long(), neighbours, self.distances[atoms.at], crystals)
