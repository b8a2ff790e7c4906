"""E3NN and de-E3NN: the equivariant message passing of the package e3nn on this project's data.

The layers are `MessagePassing` of e3nn (Geiger and Smidt, arXiv 2207.09453), unchanged. Features of atoms are
scalars and vectors, which turn with the crystal. What the package leaves to its users is here: graphs with
the bonds to all atoms within a cut-off, and the readout (eqs. 4, 13 and 14). Equivalent atoms are not merged,
because their bonds point in different directions.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Self, cast

import numpy as np
import torch
from pymatgen.core import Structure
from torch import Tensor, nn

from hybrid.errors import InputError
from hybrid.graphs.packed import Packed, Rows, begins, bounded, to_device
from hybrid.models.network import CrystalNetwork
from hybrid.readout import Crystals, Pooling
from hybrid.settings import GraphSettings, TrainerSettings, annealed

try:
    from e3nn.math import soft_one_hot_linspace
    from e3nn.nn.models.v2106.gate_points_message_passing import MessagePassing
    from e3nn.o3 import spherical_harmonics
except ModuleNotFoundError as error:
    raise InputError(
        f"E3NN needs the package e3nn, and {error.name} is not installed; "
        "pip install '.[e3nn]' in the checkout"
    ) from error

HARMONICS = "0e + 1o"  # of a bond's direction: 1 and the unit vector
N_LAYERS = 2  # with gates; one more gives the scalars
N_RADIAL = 10  # functions of the bond length
HIDDEN = 64  # width of the network that makes weights of them
N_NEIGHBOURS = 27.0  # usual within 5 Å; e3nn divides sums over neighbours by its root


@dataclass(frozen=True)
class BondBatch:
    """The bonds of a batch of crystals."""

    species: Tensor  # (n_atoms,) atomic numbers
    source: Tensor  # (n_bonds,) atom in this batch that a message comes from
    target: Tensor  # (n_bonds,) atom that gets it
    vectors: Tensor  # (n_bonds, 3) Å, from target to source
    crystals: Crystals


@dataclass(frozen=True)
class BondGraphs(Packed):
    """The bonds of each atom to all atoms within the settings' radius, of which it is the only one used."""

    species: Tensor  # (n_atoms,) atomic numbers
    source: Tensor  # (n_bonds,) index within its crystal
    target: Tensor  # (n_bonds,) likewise
    vectors: Tensor  # (n_bonds, 3) Å
    n_atoms: Tensor  # (n_crystals,)
    n_bonds: Tensor  # (n_crystals,)

    on_host = ("n_atoms", "n_bonds")

    @classmethod
    def from_structures(cls, structures: Iterable[Structure], settings: GraphSettings) -> Self:
        """Builds the graph of every structure."""
        columns = []
        for structure in structures:
            target, source, images, _ = structure.get_neighbor_list(settings.radius)
            places = structure.frac_coords
            vectors = (places[source] + images - places[target]) @ structure.lattice.matrix
            numbers = (np.array(of, dtype=np.int32) for of in (structure.atomic_numbers, source, target))
            columns.append((*numbers, vectors.astype(np.float32)))
        packed = [torch.from_numpy(np.concatenate(column)) for column in zip(*columns, strict=True)]
        counts = [torch.tensor([len(column[k]) for column in columns]) for k in (0, 1)]
        return cls(*packed, *counts)

    def __len__(self) -> int:
        return len(self.n_atoms)

    @bounded
    def batch(self, indices: Tensor) -> BondBatch:
        """The graphs at `indices` (n_crystals,) of the host, on the device where the graphs are."""
        counts, device = (self.n_atoms, self.n_bonds), self.species.device
        atoms, bonds = (Rows.of(begins(n)[indices], n[indices], device) for n in counts)
        source, target = (bonds.shifted(of, atoms) for of in (self.source, self.target))
        n_atoms = to_device(self.n_atoms[indices], device)
        crystals = Crystals(atoms.crystal, torch.ones_like(atoms.crystal), n_atoms)
        return BondBatch(self.species[atoms.at], source, target, self.vectors[bonds.at], crystals)


class DeE3NN(CrystalNetwork):
    """The network with descriptors joined to the pooled vector or, before a sum, to each atom's.

    Args:
        n_outputs: number of targets or classes.
        pooling: of the atom vectors.
        n_descriptors: number of descriptors.
        atom_features: (n_elements + 1, n_features), row Z holds the features of the element Z.
        graph: the graph's settings; at its radius messages have faded to zero.
        width: number of an atom's scalars, and of its vectors, of each parity.
    """

    graphs: ClassVar[type] = BondGraphs
    graph: ClassVar[GraphSettings] = GraphSettings(radius=5.0)
    trainer: ClassVar[TrainerSettings] = annealed(learning_rate=0.005)

    def __init__(
        self,
        n_outputs: int,
        pooling: Pooling,
        n_descriptors: int,
        atom_features: Tensor,
        graph: GraphSettings,
        width: int = 32,
    ):
        super().__init__()
        self.pooling, self.radius = pooling, graph.radius
        self.register_buffer("atom_features", atom_features, persistent=False)
        self.embedding = nn.Linear(atom_features.shape[1], width)
        scalars = f"{width}x0e"
        features = [scalars, *[f"{scalars} + {width}x0o + {width}x1e + {width}x1o"] * N_LAYERS, scalars]
        self.layers = MessagePassing(features, "0e", HARMONICS, [N_RADIAL, HIDDEN], N_NEIGHBOURS)
        self.output = nn.Sequential(
            nn.Linear(width + n_descriptors, 128), nn.SiLU(), nn.Linear(128, n_outputs)
        )

    def atom_vectors(self, batch: BondBatch) -> Tensor:
        """The scalars of each atom, which no rotation changes, (n_atoms, width)."""
        atoms = self.embedding(self.atom_features[batch.species])
        harmonics = spherical_harmonics(HARMONICS, batch.vectors, True, normalization="component")
        lengths = batch.vectors.norm(dim=1)
        radial = soft_one_hot_linspace(lengths, 0.0, self.radius, N_RADIAL, "smooth_finite", cutoff=True)
        bonds = (batch.source, batch.target, harmonics, radial * N_RADIAL**0.5)
        return cast(Tensor, self.layers(atoms, atoms.new_ones(len(atoms), 1), *bonds))

    def head(self, rows: Tensor) -> Tensor:
        """Outputs (n, n_outputs) from atom vectors, pooled or not, with descriptors."""
        return cast(Tensor, self.output(rows))


class E3NN(DeE3NN):
    """The same without descriptors."""

    def __init__(
        self,
        n_outputs: int,
        pooling: Pooling,
        atom_features: Tensor,
        graph: GraphSettings,
        width: int = 32,
    ):
        super().__init__(n_outputs, pooling, 0, atom_features, graph, width)
