"""CGCNN with a readout that finds the crystal's lattice, however the cell is chosen.

A translation belongs to the lattice if it maps the crystal onto itself. The Patterson function tells which
do: it is as high there as at 0. So the number of translations among the atoms of a cell tells how many times
the cell repeats, and what is left is the number of atoms in the primitive cell.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from hybrid.graphs.reciprocal import ReciprocalBatch, ReciprocalGraphs, Waves, fading
from hybrid.models.cgcnn import ARCHITECTURES as OTHERS
from hybrid.models.cgcnn import CGCNN
from hybrid.readout import crystal_mean
from hybrid.settings import GraphSettings, ModelSettings, Recipe

N_SCATTERING = 16  # scattering factors of each element
UNLIKE = 5e-3  # relative loss of the Patterson function at which a translation counts 1/e
UNLIKE_HEIGHT = 0.05  # Å, the difference at which it does across vacuum
ACROSS = torch.linspace(0, 3, N_SCATTERING)  # 1/Å, wave number of each scattering factor across vacuum
NOISE = 1e-6  # relative power of what is only rounding
RADII = torch.linspace(2, 26, 49)  # Å
USUAL_SIZE = 16  # atoms, so that both outputs of the head are of one order
WEIGHT = 0.3  # of the lattice beside the mean of the atom vectors, before training


@dataclass(frozen=True)
class Lattices:
    """What is found of the lattices of some crystals; the same for a crystal and its supercells.

    They differ only if a slab or a chain is repeated across its vacuum.
    """

    n_atoms: Tensor  # (n_crystals,) in the primitive cell
    radial: Tensor  # (n_crystals, len(RADII)) radial distribution function of the lattice

    def features(self) -> Tensor:
        """What joins the pooled vector, (n_crystals, 1 + len(RADII))."""
        return torch.cat([self.n_atoms.log().unsqueeze(1), self.radial], dim=1)


class CGCNNLattice(CGCNN):
    """CGCNN that joins the lattice to the pooled vector, where de-CGCNN joins descriptors.

    The head has two outputs for each target: y = y_1 + n y_2, with n atoms in the primitive cell. So it
    learns what grows with the cell and what does not, and which of these a target is.

    With numbers b that are learnt for each element, S(k) = sum_j b_j exp(i k r_j) and the Patterson function
    P(t) = sum_k f(|k|) |S(k)|^2 cos(k t), the translation t = r_j - r_i counts
    g_ij = exp((P(t) / P(0) - 1) / w), with the mean of P(t) / P(0) over several b. Then n = N^2 / sum_ij g_ij
    for a cell with N atoms. The mean of cos(k t) over the translations is 1 for vectors k of the lattice's
    own reciprocal lattice and 0 for others. Its sum over k with f(|k|) sin(|k| r) / (|k| r) is the lattice's
    radial distribution function, smoothed by the cut-off in k. Across vacuum k has no component; there atoms
    of different heights scatter differently, and no translation maps them onto each other.
    """

    graphs: ClassVar[Any] = ReciprocalGraphs
    across: Tensor
    radii: Tensor

    def __init__(
        self,
        atom_features: Tensor,
        graph: GraphSettings,
        model: ModelSettings,
        n_descriptors: int = 0,
        n_outputs: int | None = None,
        classification: bool = False,
    ):
        n_joined = 1 + len(RADII)
        n_outputs = n_outputs if classification else 2 * (n_outputs or 1)
        super().__init__(atom_features, graph, model, n_joined + n_descriptors, n_outputs, classification)
        self.scattering = nn.Linear(model.atom_fea_len, N_SCATTERING, bias=False)
        self.standardised = nn.BatchNorm1d(n_joined, affine=False)
        self.register_buffer("across", ACROSS.to(atom_features.dtype), persistent=False)
        self.register_buffer("radii", RADII.to(atom_features.dtype), persistent=False)

    def forward(self, batch: ReciprocalBatch, descriptors: Tensor | None = None) -> Tensor:
        """Outputs, or log-probabilities of classes, (n_crystals, n_outputs)."""
        atoms = self.atom_vectors(batch)
        lattices = self.lattices(batch)
        joined = WEIGHT * self.standardised(lattices.features())
        joined = joined if descriptors is None else torch.cat([joined, descriptors], dim=1)
        outputs = self.read_out(atoms, batch.crystals, joined)
        if self.classification:
            return outputs
        of_crystal, of_atom = outputs.chunk(2, dim=1)
        return of_crystal + of_atom * (lattices.n_atoms / USUAL_SIZE).unsqueeze(1)

    def crystal_embeddings(self, batch: ReciprocalBatch) -> Tensor:
        """The mean of the atom vectors and what joins it, (n_crystals, n_features)."""
        atoms = self.atom_vectors(batch)
        return torch.cat([crystal_mean(atoms, batch.crystals), self.lattices(batch).features()], dim=1)

    def lattices(self, batch: ReciprocalBatch) -> Lattices:
        """The lattices, from elements and places of the atoms."""
        scattering = self.scattering(self.initial_vectors(batch))
        n_atoms = scattering.new_empty(len(batch.crystals.n_atoms))
        radial = scattering.new_empty(len(n_atoms), len(RADII))
        for waves in batch.waves:
            crystals = batch.crystals.of_row[waves.rows[:, 0]]
            across = torch.cos(waves.heights.unsqueeze(3) * self.across).prod(dim=2)
            alike = translations(waves, scattering[waves.rows] * across)
            n_alike = alike.sum(dim=(1, 2))
            n_atoms = n_atoms.index_copy(0, crystals, waves.n_atoms**2 / n_alike)
            along = waves.cosines * (alike @ waves.cosines) + waves.sines * (alike @ waves.sines)
            weights = fading(waves.lengths) * along.sum(dim=1) / n_alike.unsqueeze(1)
            filters = torch.sinc(waves.lengths.unsqueeze(2) * self.radii / math.pi)
            found = 1 + 2 * (weights.unsqueeze(1) @ filters).squeeze(1)  # k = 0, and k and -k
            radial = radial.index_copy(0, crystals, found)
        return Lattices(n_atoms, radial)


def translations(waves: Waves, scattering: Tensor) -> Tensor:
    """How far the translation from each atom to each other maps the crystal onto itself.

    Args:
        waves: of the crystals.
        scattering: (n_crystals, most_atoms, N_SCATTERING), b of each atom.

    Returns:
        g (n_crystals, most_atoms, most_atoms), from 0 to 1; 0 where there is no atom.
    """
    there = (waves.rows >= 0).to(scattering.dtype)
    scattering = scattering * there.unsqueeze(2)
    cosines, sines = waves.sums(scattering)
    power = (cosines**2 + sines**2) * fading(waves.lengths).unsqueeze(2)
    whole = power.sum(dim=1) + NOISE * waves.n_atoms.unsqueeze(1) * (scattering**2).sum(dim=1)
    share = (power / whole.unsqueeze(1)).mean(dim=2).unsqueeze(1)
    patterson = (waves.cosines * share) @ waves.cosines.mT + (waves.sines * share) @ waves.sines.mT
    loss = share.sum(dim=2, keepdim=True) - patterson
    apart = torch.cdist(waves.heights, waves.heights) / UNLIKE_HEIGHT
    return torch.exp(-loss / UNLIKE - apart**2) * there.unsqueeze(1) * there.unsqueeze(2)


ARCHITECTURES = {
    "cgcnn-lattice": replace(
        OTHERS["cgcnn"],
        name="cgcnn-lattice",
        build=CGCNNLattice,
        graphs=ReciprocalGraphs,
        at_once=32,
        normalises_crystals=True,
        poolings=("mean",),
        tuned={"mean": Recipe(trainer=CGCNNLattice.trainer)},
    )
}
