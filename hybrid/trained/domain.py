"""What crystals a model was trained on, in outline, and in words why another crystal is not like them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from pymatgen.core import Element
from torch import Tensor

from hybrid.graphs.composition import CompositionBatch, CompositionGraphs
from hybrid.graphs.crystal import CrystalBatch
from hybrid.graphs.merged_crystal import MergedCrystalBatch

AT_ONCE = 512  # crystals that are looked at together; limited by memory


@dataclass(frozen=True)
class TrainingDomain:
    """The range of a model's training crystals."""

    elements: tuple[int, ...]  # atomic numbers that occur in them
    n_atoms: int  # the most atoms in a cell; 0 for a model that sees formulas only
    descriptors: tuple[str, ...] = ()  # names of those that the model takes
    lower: tuple[float, ...] = ()  # the least value of each, in its unit
    upper: tuple[float, ...] = ()  # the greatest

    @classmethod
    def of(
        cls, graphs: Any, training: np.ndarray, names: Sequence[str] = (), described: Tensor | None = None
    ) -> "TrainingDomain":
        """The range of training crystals.

        Args:
            graphs: packed, of all crystals.
            training: positions of the training crystals.
            names: of the descriptors that the model takes.
            described: their values (n_crystals, n_descriptors), NaN where one is missing.
        """
        at = torch.from_numpy(training)
        found = {int(z) for part in at.split(AT_ONCE) for z in graphs.batch(part).species.unique()}
        n_atoms = 0 if isinstance(graphs, CompositionGraphs) else int(graphs.n_atoms[at].max())
        if described is None:
            return cls(tuple(sorted(found)), n_atoms)
        rows = described[at].double().numpy()
        lower, upper = (tuple(limit(rows, axis=0).tolist()) for limit in (np.nanmin, np.nanmax))
        return cls(tuple(sorted(found)), n_atoms, tuple(names), lower, upper)

    @classmethod
    def joined(cls, domains: Sequence["TrainingDomain"]) -> "TrainingDomain":
        """The range of the training crystals of several models with the same descriptors."""
        return cls(
            tuple(sorted({z for domain in domains for z in domain.elements})),
            max(domain.n_atoms for domain in domains),
            domains[0].descriptors,
            tuple(map(min, zip(*(domain.lower for domain in domains), strict=True))),
            tuple(map(max, zip(*(domain.upper for domain in domains), strict=True))),
        )

    def outside(self, graphs: Any, radius: float, described: Tensor | None = None) -> list[str]:
        """For each crystal, why it is not like the training crystals; empty if it is.

        The packed graphs, with neighbours within `radius` Å, are on the CPU; `described` is as in `of`.
        """
        reasons: list[list[str]] = []
        for part in torch.arange(len(graphs)).split(AT_ONCE):
            batch = graphs.batch(part)
            of_row = batch.of_element if isinstance(batch, CompositionBatch) else batch.crystals.of_row
            unseen = torch.from_numpy(np.isin(batch.species, self.elements, invert=True))
            lonely = _nearest(batch) > radius
            for i, crystal in enumerate(part.tolist()):
                mine = of_row == i
                new = sorted(set(batch.species[mine & unseen].tolist()))
                reasons.append([f"{Element.from_Z(z).symbol} was not in the training data" for z in new])
                n_atoms = int(graphs.n_atoms[crystal])
                if self.n_atoms and n_atoms > self.n_atoms:
                    reasons[-1].append(f"{n_atoms} atoms, more than {self.n_atoms} in training")
                if lonely[mine].any():
                    reasons[-1].append(f"an atom has no neighbour within {radius:g} Å")
        if described is not None:
            for said, row in zip(reasons, described.tolist(), strict=True):
                said.extend(self._beyond(row))
        return ["; ".join(said) for said in reasons]

    def _beyond(self, row: Sequence[float]) -> list[str]:
        """The descriptors that are beyond their range."""
        found = []
        for name, value, lower, upper in zip(self.descriptors, row, self.lower, self.upper, strict=True):
            slack = 1e-6 * max(abs(lower), abs(upper)) + 1e-9  # of rounding, also of zero
            if value < lower - slack:
                found.append(f"{name} {value:.4g}, below {lower:.4g} in training")
            elif value > upper + slack:
                found.append(f"{name} {value:.4g}, above {upper:.4g} in training")
        return found

    def state_dict(self) -> dict[str, Any]:
        """The entry for a checkpoint."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in vars(self).items()}

    @classmethod
    def from_state_dict(cls, state: dict[str, Any]) -> "TrainingDomain":
        """The domain from a checkpoint's entry."""
        names, lower, upper = (tuple(state[name]) for name in ("descriptors", "lower", "upper"))
        return cls(tuple(state["elements"]), state["n_atoms"], names, lower, upper)


def _nearest(batch: Any) -> Tensor:
    """The distance of each row's nearest neighbour (n_rows,) in Å; 0 in graphs that always have one."""
    if isinstance(batch, CrystalBatch):
        return batch.distances[:, 0]
    if isinstance(batch, MergedCrystalBatch):
        owner = torch.repeat_interleave(batch.edges_of_kind.long())
        far = torch.full((len(batch.species),), torch.inf)
        return far.scatter_reduce(0, owner, batch.distances, "amin")
    return torch.zeros(len(batch.species))
