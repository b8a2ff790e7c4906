"""Compares a trained model's predictions for crystals and for their supercells.

A crystal and its supercell have the same atomic environments, and the same descriptors, because these are
computed for the reduced cell. With average pooling the prediction therefore stays the same. With sum pooling
it is multiplied by the number of cells, except for the constant of a shifted sum.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

import numpy as np
import torch
from pymatgen.core import Structure

from hybrid.data.folder import CrystalFolder
from hybrid.descriptors.many import describe_many
from hybrid.descriptors.of_folder import folder_descriptors
from hybrid.descriptors.registry import select_descriptors
from hybrid.descriptors.table import DescriptorTable
from hybrid.errors import InputError
from hybrid.graphs.crystal import CrystalGraphs
from hybrid.graphs.merged_crystal import MergedCrystalGraphs
from hybrid.progress import Progress
from hybrid.readout import get_pooling
from hybrid.report.tables import write_table
from hybrid.trained.model import TrainedModel

Size = tuple[int, int, int]
SIZES: tuple[Size, ...] = ((2, 1, 1), (2, 2, 2))
TOLERANCE = 0.01  # of the ratio
MOST_ATOMS = 1e6  # in all supercells of a size
EXPLAINED = (
    "The expected ratio is 1 with average pooling and the number of cells with sum pooling, also with "
    "descriptors, because these are computed for the reduced cell. The constant of a shifted sum does not "
    "change. Off by over 1 %, other neighbours, other descriptors: shares of the crystals. Neighbours differ "
    "where the last shell of an atom has more atoms than the graph includes, so that the order in which they "
    "are found decides which of them are included."
)


@dataclass(frozen=True)
class SupercellRow:
    """Ratios of the predictions for supercells to those for the cells."""

    target: str  # its name, if the model has several
    size: Size  # repetitions along the lattice vectors
    n_crystals: int
    expected: float  # median of the ratio expected for the pooling
    median: float
    lowest: float
    highest: float
    # shares of the crystals
    deviating: float  # the ratio differs from the expected one by more than 1 %
    other_neighbours: float  # an atom has neighbours of other elements in the supercell
    other_descriptors: float  # a descriptor differs by more than 1e-6 standard deviations

    def cells(self) -> dict[str, str]:
        """The row's texts in the table, by column."""
        return {
            "supercell": "x".join(map(str, self.size)),
            "crystals": str(self.n_crystals),
            "expected ratio": f"{self.expected:g}",
            "median": f"{self.median:.4f}",
            "lowest": f"{self.lowest:.4f}",
            "highest": f"{self.highest:.4f}",
            "off by over 1 %": f"{100 * self.deviating:.0f} %",
            "other neighbours": f"{100 * self.other_neighbours:.0f} %",
            "other descriptors": f"{100 * self.other_descriptors:.0f} %",
        }


def supercell_table(
    model: TrainedModel,
    folder: CrystalFolder,
    sizes: Sequence[Size] = SIZES,
    n_crystals: int = 50,
    seed: int = 0,
    device: torch.device | None = None,
) -> list[SupercellRow]:
    """Compares a model's predictions for crystals and for their supercells: a row for each size and target.

    Crystals with a prediction near zero (less than 1e-6 of the largest one) are left out.

    Args:
        model: a trained CGCNN, de-CGCNN or cgcnn-lattice.
        folder: crystals.
        sizes: of the supercells.
        n_crystals: size of a random subset of the crystals; all if there are fewer.
        seed: of the random subset.
        device: where to compute; None: the CPU.

    Raises:
        InputError: the model is not a CGCNN, is a classifier or predicts 0 for all crystals, `n_crystals`
            is 0, there would be too many atoms, or a structure or descriptor cannot be used.
    """
    kind = model.architecture.graphs
    if not issubclass(kind, MergedCrystalGraphs):
        raise InputError(f"{model.settings.name}: supercells can be compared for a CGCNN only")
    if model.network.classification:
        raise InputError(
            f"{model.settings.name}: is a classifier; supercells can be compared for numbers only"
        )
    if n_crystals < 1:
        raise InputError(f"{n_crystals} crystals: there is nothing to compare")
    device = device or torch.device("cpu")
    n = min(n_crystals, len(folder))
    folder = folder.take(sorted(np.random.default_rng(seed).choice(len(folder), n, replace=False)))
    folder = replace(folder, atom_features=model.atom_features)
    cells = list(folder.structures())
    n_atoms = max(map(prod, sizes)) * sum(map(len, cells))
    if n_atoms > MOST_ATOMS:
        raise InputError(f"{n_atoms:.1e} atoms in supercells are too many; smaller or fewer ones are needed")
    graphs = CrystalGraphs.from_structures(cells, model.graph)
    inputs, standardisation = None, model.standardisation
    if standardisation:
        table = folder_descriptors(folder, standardisation.names)
        inputs = standardisation.filled(table, folder.ids)[0]
    single = model.predict_graphs(kind.from_structures(cells, model.graph), device, inputs)
    rows = []
    for size in sizes:
        name = "x".join(map(str, size))
        supercells = [cell * size for cell in Progress(cells, f"{name} supercells", unit="crystals")]
        repeated = CrystalGraphs.from_structures(supercells, model.graph)
        other_descriptors, repeated_inputs = np.zeros(n, dtype=bool), None
        if standardisation and inputs is not None:
            described = _described(table, folder.ids, supercells)
            repeated_inputs = standardisation.filled(described, folder.ids)[0]
            other_descriptors = ((inputs - repeated_inputs).abs() > 1e-6).any(dim=1).numpy()
        larger = kind.from_structures(supercells, model.graph)
        several = model.predict_graphs(larger, device, repeated_inputs)
        expected = single
        if get_pooling(model.settings.pooling).extensive:
            mean = np.asarray(model.scale.mean)
            expected = mean + prod(size) * (single - mean)
        pairs = zip(_neighbour_elements(graphs, prod(size)), _neighbour_elements(repeated), strict=True)
        other_neighbours = np.array([not np.array_equal(*pair) for pair in pairs])
        for i, target in enumerate(model.targets or ("",)):
            usable = np.abs(single[:, i]) > 1e-6 * np.abs(single[:, i]).max()
            if not usable.any():
                raise InputError("the model predicts 0 for every crystal, so there are no ratios")
            ratios, wanted = (numbers[usable, i] / single[usable, i] for numbers in (several, expected))
            row = SupercellRow(
                target=target,
                size=size,
                n_crystals=int(usable.sum()),
                expected=float(np.median(wanted)),
                median=float(np.median(ratios)),
                lowest=float(ratios.min()),
                highest=float(ratios.max()),
                deviating=float((np.abs(ratios / wanted - 1) > TOLERANCE).mean()),
                other_neighbours=float(other_neighbours[usable].mean()),
                other_descriptors=float(other_descriptors[usable].mean()),
            )
            rows.append(row)
    return rows


def write_supercells(stem: Path, rows: Sequence[SupercellRow], folder: str, model: str) -> None:
    """Writes <stem>.md and <stem>.csv for crystals of a folder and a model of these names."""
    caption = (
        f"Prediction of {model} for a supercell over that for the cell, crystals of {folder}. {EXPLAINED}"
    )
    table = [{**({"target": row.target} if row.target else {}), **row.cells()} for row in rows]
    write_table(stem, caption, list(table[0]), [list(row.values()) for row in table])


def _described(
    table: DescriptorTable, ids: Sequence[str], structures: Sequence[Structure]
) -> DescriptorTable:
    """The descriptors of the supercells; columns that the package cannot compute are taken from the cells."""
    values = table.rows(ids, gaps=True).clone()
    known = [name for name in table.names if name in {d.name for d in select_descriptors()}]
    computed = describe_many(zip(ids, structures, strict=True), known)
    for name in known:
        values[:, table.names.index(name)] = computed.values[:, computed.names.index(name)]
    return replace(table, ids=tuple(ids), values=values)


def _neighbour_elements(graphs: CrystalGraphs, repeat: int = 1) -> list[np.ndarray]:
    """For each crystal, its atoms' neighbours as sorted atomic numbers (repeat * n_atoms, max_neighbours).

    Atoms are repeated in the order of pymatgen's supercells.
    """
    batches = [graphs.batch(torch.tensor([i])) for i in range(len(graphs))]
    elements = [batch.species[batch.neighbours].sort(dim=1).values for batch in batches]
    return [rows.repeat_interleave(repeat, dim=0).numpy() for rows in elements]
