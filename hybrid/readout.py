"""The readout: pooling of atom vectors, descriptors, and the scale of targets.

With a_i the atom vectors after the last convolution, d the standardised descriptors of the crystal and
FCN the network's head, the readouts of the paper are

- mean: FCN(mean_i a_i), eq. 4, and FCN(mean_i a_i ⊕ d), eq. 14;
- sum: sum_i FCN(a_i), eq. 13, and sum_i FCN(a_i ⊕ d).

A third one is ours, for targets that grow with the cell but not in proportion to it:

- shifted-sum: c + sum_i FCN(a_i).

A pooling therefore acts at one of two places: on the atom vectors before the head (mean), or on the
head's outputs (sum). Summing the atom vectors before the head is not eq. 13.

The patched upstream networks and ours have the same three steps:

    rows = pooling.pool_atoms(atoms, crystals)
    rows = pooling.join(rows, descriptors, crystals)
    output = pooling.pool_outputs(head(rows), crystals)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hybrid.errors import InputError, unknown_name
from hybrid.metrics import ROUNDING
from hybrid.user_code import names_a_file, user_code


@dataclass(frozen=True)
class Crystals:
    """The crystal that each row of a batch belongs to; the rows of a crystal are contiguous.

    A row belongs to an atom or, in graphs with equivalent atoms merged, to all atoms of one kind.
    """

    of_row: Tensor  # (n_rows,) int64, ascending
    atoms_of_row: Tensor  # (n_rows,) number of atoms that the row represents
    n_atoms: Tensor  # (n_crystals,) int64

    @classmethod
    def from_counts(cls, n_atoms: Tensor, total: int | None = None) -> "Crystals":
        """With a row for each atom, from numbers (n_crystals,); `total` avoids a GPU synchronisation."""
        of_row = torch.repeat_interleave(n_atoms, output_size=total)
        return cls(of_row, torch.ones_like(of_row), n_atoms)

    @classmethod
    def of(cls, atoms: "Crystals | Sequence[Tensor]") -> "Crystals":
        """From the format of upstream CGCNN: the indices of each crystal's atoms, in order."""
        if isinstance(atoms, Crystals):
            return atoms
        n_atoms = torch.tensor([len(a) for a in atoms], device=atoms[0].device)
        return cls.from_counts(n_atoms, total=sum(map(len, atoms)))


Pool = Callable[[Tensor, Crystals], Tensor]
Shift = Callable[[Tensor, Tensor], Tensor]


def crystal_sum(rows: Tensor, crystals: Crystals) -> Tensor:
    """Sums rows (n_rows, n) over the atoms of each crystal: (n_crystals, n)."""
    sums = rows.new_zeros(len(crystals.n_atoms), rows.shape[1])
    return sums.index_add(0, crystals.of_row, rows * crystals.atoms_of_row.unsqueeze(1))


def crystal_mean(rows: Tensor, crystals: Crystals) -> Tensor:
    """Averages rows (n_rows, n) over the atoms of each crystal: (n_crystals, n)."""
    return crystal_sum(rows, crystals) / crystals.n_atoms.unsqueeze(1)


def mean_target(targets: Tensor, n_atoms: Tensor) -> Tensor:
    """The mean of targets (n,) or (n, n_targets)."""
    return targets.mean(dim=0)


def no_shift(targets: Tensor, n_atoms: Tensor) -> Tensor:
    """0, for targets in proportion to the cell."""
    return torch.zeros_like(targets[0])


def intercept(targets: Tensor, n_atoms: Tensor) -> Tensor:
    """The intercepts of least-squares lines of the targets against the numbers of atoms (n,).

    After this shift the targets are as nearly proportional to the number of atoms as possible. If all cells
    have the same number, it is the mean.
    """
    sizes, exact = n_atoms.double(), targets.double()
    centred = sizes - sizes.mean()
    slope = centred @ exact / (centred @ centred).clamp(min=1e-12)
    return (exact.mean(dim=0) - slope * sizes.mean()).to(targets.dtype)


@dataclass(frozen=True)
class Pooling:
    """A registered pooling.

    Attributes:
        name: for users.
        atoms: pools the atom vectors before the head; None: the head acts on each atom.
        outputs: pools the head's outputs; None: these are already one for each crystal.
        extensive: whether the pooled output grows with the cell.
        shift: the constant that is added to it, a function of the training targets (n,) or (n, n_targets) and
            their numbers of atoms (n,).
    """

    name: str
    atoms: Pool | None
    outputs: Pool | None
    extensive: bool
    shift: Shift = mean_target

    def pool_atoms(self, atoms: Tensor, crystals: Crystals) -> Tensor:
        """The rows for the head from atom vectors (n_rows, n): one for each crystal, or unchanged."""
        return self.atoms(atoms, crystals) if self.atoms else atoms

    def join(self, rows: Tensor, descriptors: Tensor | None, crystals: Crystals) -> Tensor:
        """Appends each crystal's descriptors (n_crystals, n_descriptors) to its rows (⊕ of eq. 14)."""
        if descriptors is None:
            return rows
        if not self.atoms:
            descriptors = descriptors[crystals.of_row]
        return torch.cat([rows, descriptors.to(rows.dtype)], dim=1)

    def counts(self, crystals: Crystals) -> Tensor:
        """(n_rows,) the number of crystals or atoms that each row of the head's input represents."""
        return torch.ones_like(crystals.n_atoms) if self.atoms else crystals.atoms_of_row

    def pool_outputs(self, outputs: Tensor, crystals: Crystals) -> Tensor:
        """One row for each crystal, from the head's outputs."""
        return self.outputs(outputs, crystals) if self.outputs else outputs


POOLINGS: dict[str, Pooling] = {}


def register_pooling(pooling: Pooling) -> Pooling:
    """Makes a pooling available by its name."""
    POOLINGS[pooling.name] = pooling
    return pooling


register_pooling(Pooling("mean", atoms=crystal_mean, outputs=None, extensive=False))
register_pooling(Pooling("sum", atoms=None, outputs=crystal_sum, extensive=True, shift=no_shift))
register_pooling(Pooling("shifted-sum", atoms=None, outputs=crystal_sum, extensive=True, shift=intercept))


def get_pooling(name: str) -> Pooling:
    """The pooling registered as `name`, or FILE.py:NAME of a file that was run.

    Raises:
        InputError: no such pooling; the message suggests the nearest name.
    """
    if names_a_file(name):
        pooling = user_code(name).value
        if not isinstance(pooling, Pooling):
            raise InputError(f"{name}: is not a hybrid.readout.Pooling")
        return pooling
    if name not in POOLINGS:
        raise unknown_name("pooling", name, POOLINGS)
    return POOLINGS[name]


@dataclass(frozen=True)
class TargetScale:
    """The affine map between a target's unit and what the network learns: y = network * std + mean."""

    mean: float | Tensor  # the shift of the targets; a number, or (n_targets,) for several targets
    std: float | Tensor  # their standard deviation; likewise

    @classmethod
    def fit(cls, training_targets: Tensor, n_atoms: Tensor, pooling: Pooling) -> "TargetScale":
        """The pooling's shift and the standard deviation of training targets (n,) or (n, n_targets).

        Targets that do not vary are not divided. `n_atoms` (n,) are those of the same crystals.
        """
        varied = len(training_targets) > 1
        std = training_targets.std(dim=0) if varied else torch.zeros_like(training_targets[0])
        largest = training_targets.abs().amax(dim=0)
        std = torch.where(std > ROUNDING * largest, std, torch.ones_like(std))
        mean = pooling.shift(training_targets, n_atoms)
        return cls(mean, std) if training_targets.dim() > 1 else cls(float(mean), float(std))

    def to(self, device: torch.device | str) -> "TargetScale":
        """The same on `device`."""
        mean, std = (v.to(device) if isinstance(v, Tensor) else v for v in (self.mean, self.std))
        return TargetScale(mean, std)

    def normalise(self, targets: Tensor) -> Tensor:
        """From the target's unit to the network's scale."""
        return (targets - self.mean) / self.std

    def restore(self, outputs: Tensor) -> Tensor:
        """From the network's scale to the target's unit."""
        return outputs * self.std + self.mean
