"""Messages in reciprocal space, as in Ewald message passing (Kosmala et al., ICML 2023).

The structure factor of the atom vectors, S(k) = sum_j a_j exp(i k r_j) / n, is filtered by |k| and goes back
to each atom: m_i = sum_k f(|k|) S(k) exp(-i k r_i). The network is not told the cell.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from hybrid.graphs.reciprocal import CUTOFF, ReciprocalBatch, ReciprocalGraphs, Waves, fading
from hybrid.settings import GraphSettings
from reproduction.remedies.remedy import Remedy

N_GAUSSIANS = 24


class Reciprocal(Remedy):
    """CGCNN with a message in reciprocal space after each convolution."""

    graphs = ReciprocalGraphs

    def __init__(self, atom_features: Tensor, graph: GraphSettings, n_outputs: int):
        super().__init__(atom_features, graph, n_outputs)
        self.filters = nn.ModuleList(nn.Linear(N_GAUSSIANS, self.width, bias=False) for _ in self.convs)
        self.updates = nn.ModuleList(
            nn.Sequential(nn.Linear(self.width, self.width), nn.SiLU(), nn.Linear(self.width, self.width))
            for _ in self.convs
        )

    def atom_vectors(self, batch: ReciprocalBatch) -> Tensor:  # type: ignore[override]
        """The atom vectors after the last convolution and message, (n_atoms, width)."""
        atoms, convolve = self.initial_vectors(batch), self.convolving(batch)
        for layer, filters, update in zip(self.convs, self.filters, self.updates, strict=True):
            atoms = convolve(layer, atoms)
            atoms = atoms + update(messages(atoms, batch.waves, filters))
        return atoms


def messages(atoms: Tensor, waves: Iterable[Waves], filters: nn.Module) -> Tensor:
    """m_i = sum_k f(|k|) S(k) exp(-i k r_i), (n_atoms, width); f goes to zero at the cut-off, smoothly."""
    found = torch.zeros_like(atoms)
    for of in waves:
        shares = fading(of.lengths) / of.n_atoms.unsqueeze(1)
        filtered, there = filters(gaussians(of.lengths)) * shares.unsqueeze(2), of.rows >= 0
        cosines, sines = of.sums(atoms[of.rows])
        parts = of.cosines @ (cosines * filtered) + of.sines @ (sines * filtered)
        found = found.index_add(0, of.rows[there], parts[there])
    return found


def gaussians(lengths: Tensor) -> Tensor:
    """|k| (…) in 1/Å as values of N_GAUSSIANS Gaussians (…, N_GAUSSIANS)."""
    centres = torch.linspace(0, CUTOFF, N_GAUSSIANS, device=lengths.device, dtype=lengths.dtype)
    return torch.exp(-(((lengths.unsqueeze(-1) - centres) / centres[1]) ** 2))
