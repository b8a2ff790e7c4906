"""Forces on atoms by pretrained force fields, and relaxation with them.

CHGNet is a later force field of the same kind as the paper's M3GNet; SevenNet and DIEP are newer.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Literal

import numpy as np
from pymatgen.core import Structure

from hybrid.probing.force_fields import silence, weights

Forces = Callable[[Sequence[Structure]], list[np.ndarray]]
"""Forces (n_atoms, 3) in eV/Å on the atoms of each of some structures."""
ForceFieldName = Literal["chgnet", "sevennet-0", "sevennet-l3i5", "diep"]
LABELS: dict[ForceFieldName, str] = {
    "chgnet": "CHGNet",
    "sevennet-0": "SevenNet-0",
    "sevennet-l3i5": "SevenNet-l3i5",
    "diep": "DIEP",
}
RELAXATIONS = "energies, forces and stresses along relaxations of Materials Project crystals"
TRAINED_ON: dict[ForceFieldName, str] = {
    "chgnet": RELAXATIONS,
    "sevennet-0": RELAXATIONS,
    "sevennet-l3i5": RELAXATIONS,
    "diep": "energies, forces and stresses of Materials Project crystals and of their molecular dynamics",
}
BATCH_ATOMS = 128  # in one evaluation: larger batches leave the processor's cache


class CalculatorForces:
    """Forces of an ASE calculator, and relaxation with it."""

    def __init__(self, calculator: Any):
        self.calculator = calculator

    def __call__(self, structures: Sequence[Structure]) -> list[np.ndarray]:
        """Forces (n_atoms, 3) on the atoms of structures, eV/Å."""
        return [self._atoms(structure).get_forces() for structure in structures]

    def relax(self, structure: Structure) -> Structure:
        """The structure with cell and atoms relaxed to 0.005 eV/Å, or as far as 500 steps go."""
        from ase.filters import FrechetCellFilter
        from ase.optimize import FIRE

        atoms = self._atoms(structure)
        FIRE(FrechetCellFilter(atoms), logfile=None).run(fmax=0.005, steps=500)
        return Structure(atoms.cell.array, structure.species, atoms.get_scaled_positions(wrap=False))

    def _atoms(self, structure: Structure) -> Any:
        atoms = structure.to_ase_atoms(msonable=False)
        atoms.calc = self.calculator
        return atoms


class CHGNetForces(CalculatorForces):
    """Forces of CHGNet, several structures at a time, and relaxation with it.

    Raises:
        InputError: CHGNet is not installed, or not with the weights that are tested.
    """

    def __init__(self) -> None:
        weights("chgnet")
        with silence():
            from chgnet.model import CHGNet, CHGNetCalculator

            self.network = CHGNet.load(use_device="cpu", verbose=False).eval()
            super().__init__(CHGNetCalculator(self.network, use_device="cpu"))
        for parameter in self.network.parameters():
            parameter.requires_grad_(False)

    def __call__(self, structures: Sequence[Structure]) -> list[np.ndarray]:
        """Forces (n_atoms, 3) on the atoms of structures of one size, eV/Å."""
        size = max(1, BATCH_ATOMS // len(structures[0]))
        return [
            forces
            for start in range(0, len(structures), size)
            for forces in self._batch(structures[start : start + size])
        ]

    def _batch(self, structures: Sequence[Structure]) -> list[np.ndarray]:
        """The energy's gradient with respect to coordinates only; half the work of CHGNet's own forces."""
        import torch

        graphs = [self.network.graph_converter(structure) for structure in structures]
        counts = torch.tensor([len(structure) for structure in structures])
        energy = (self.network(graphs, task="e")["e"] * counts).sum()  # CHGNet's is per atom
        gradients = torch.autograd.grad(energy, [graph.atom_frac_coord for graph in graphs])
        return [
            -gradient.double().numpy() @ np.linalg.inv(structure.lattice.matrix).T
            for gradient, structure in zip(gradients, structures, strict=True)
        ]


@cache
def load_forces(name: ForceFieldName) -> CalculatorForces:
    """A force field on the CPU, loaded once in each process.

    Raises:
        InputError: its package is not installed, or not with the weights that are tested.
    """
    if name == "chgnet":
        return CHGNetForces()
    path = weights(name)
    with silence():
        if name == "diep":
            from diep.pretrained import make_calculator

            return CalculatorForces(make_calculator(path.parent))
        from sevenn.calculator import SevenNetCalculator

        return CalculatorForces(SevenNetCalculator(path, device="cpu"))
