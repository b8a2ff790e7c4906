"""CGCNN+descriptors (eq. S5): a head on the frozen vectors of a trained CGCNN and the descriptors.

The convolutions were trained without descriptors and stay as they are; the head, FCN(mean_i a_i ⊕ d), is
trained anew. What it gains over CGCNN is what the descriptors add to a representation that they had no part
in shaping.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hybrid.settings import ModelSettings


@dataclass(frozen=True)
class FrozenVectors:
    """Crystals' learnt vectors in place of their graphs."""

    vectors: Tensor  # (n_crystals, n_features)

    def batch(self, indices: Tensor) -> Tensor:
        """The vectors at `indices`."""
        return self.vectors[indices]

    def __len__(self) -> int:
        return len(self.vectors)

    def to(self, device: torch.device | str) -> "FrozenVectors":
        """The same on `device`."""
        return replace(self, vectors=self.vectors.to(device))


class FrozenHead(nn.Module):
    """CGCNN's head on given vectors and descriptors.

    Args:
        n_features: length of a crystal's learnt vector.
        n_descriptors: length of the descriptor vector.
        model: width and depth of the head.
        n_outputs: numbers a crystal.
    """

    classification = False

    def __init__(self, n_features: int, n_descriptors: int, model: ModelSettings, n_outputs: int = 1):
        super().__init__()
        widths = [n_features + n_descriptors, *[model.h_fea_len] * model.n_h]
        self.hidden = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))
        self.out = nn.Linear(widths[-1], n_outputs)

    def forward(self, vectors: Tensor, descriptors: Tensor) -> Tensor:
        """Outputs (n, n_outputs); the first softplus acts on the learnt part alone, as in CGCNN's head."""
        rows = torch.cat([F.softplus(vectors), descriptors], dim=1)
        for layer in self.hidden:
            rows = F.softplus(layer(rows))
        outputs: Tensor = self.out(rows)
        return outputs
