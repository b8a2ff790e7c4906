"""What a trained model says of the same crystal in a larger cell.

A crystal and its supercell have the same atoms' surroundings and the same descriptors, which are of the
reduced cell. A mean over the atoms is therefore the same, and a sum n times as large for n cells, with
descriptors or without: what a network predicts per cell is of the cell that it was given. The constant of a
shifted sum stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import torch
from pymatgen.core import Structure
from torch import Tensor
from tqdm import tqdm

from hybrid.checkpoint import TrainedModel
from hybrid.data.folder import CrystalFolder
from hybrid.descriptors.many import describe_many
from hybrid.descriptors.of_folder import folder_descriptors
from hybrid.descriptors.registry import choose
from hybrid.descriptors.table import DescriptorTable
from hybrid.errors import InputError
from hybrid.graphs.crystal import CrystalGraphs
from hybrid.graphs.kinds import KindGraphs

Size = tuple[int, int, int]
SIZES: tuple[Size, ...] = ((2, 1, 1), (2, 2, 2))
N_CRYSTALS = 50
TOLERANCE = 0.01  # of the ratio: what deviates by more is counted


@dataclass(frozen=True)
class SupercellRow:
    """Predictions of supercells over those of the cells.

    Attributes:
        target: its name, if the model has several.
        size: repetitions along the lattice vectors.
        n_crystals: how many were compared.
        expected: the ratio that the pooling gives, the median.
        median: of the ratio.
        lowest: the smallest ratio.
        highest: the largest one.
        deviating: share of the crystals whose ratio is more than 1 % off the expected one.
        other_neighbours: share of them in which an atom has neighbours of other elements in the supercell:
            the last shell holds more atoms than there is room for, and the order in which they are found
            decides.
        other_descriptors: share of them whose descriptors are others by more than 1e-6 standard deviations.
    """

    target: str
    size: Size
    n_crystals: int
    expected: float
    median: float
    lowest: float
    highest: float
    deviating: float
    other_neighbours: float
    other_descriptors: float

    @property
    def n_cells(self) -> int:
        """Cells in the supercell."""
        return prod(self.size)


def supercell_table(
    model: TrainedModel,
    folder: CrystalFolder,
    sizes: Sequence[Size] = SIZES,
    n_crystals: int = N_CRYSTALS,
    seed: int = 0,
    device: torch.device | None = None,
    progress: bool = True,
) -> list[SupercellRow]:
    """Compares a model's predictions of crystals and of their supercells.

    Crystals of which the model predicts nothing (less than 1e-6 of the largest prediction) are left out.

    Args:
        model: what predicts.
        folder: crystals.
        sizes: of the supercells.
        n_crystals: a random choice of so many; all if there are fewer.
        seed: draws them.
        device: where to compute; the CPU if none.
        progress: show progress bars.

    Returns:
        A row for each size and target.

    Raises:
        InputError: the model takes other graphs than CGCNN's, is a classifier or predicts 0 throughout, no
            crystal is asked for, or a structure or descriptor cannot be used.
    """
    if model.kind.graphs is not KindGraphs:
        raise InputError(f"{model.name}: supercells are compared for CGCNN and de-CGCNN alone")
    if n_crystals < 1:
        raise InputError(f"{n_crystals} crystals: there is nothing to compare")
    if model.network.classification:
        raise InputError("a classifier predicts no number that a supercell could multiply")
    at = device or torch.device("cpu")
    n = min(n_crystals, len(folder))
    chosen = folder.take(sorted(np.random.default_rng(seed).choice(len(folder), n, replace=False)))
    features = model.network.atom_features.tolist()
    chosen = replace(chosen, atom_features={z: row for z, row in enumerate(features) if any(row)})
    cells = list(chosen.structures())
    table = None
    if model.standardisation is not None:
        table = folder_descriptors(chosen, model.standardisation.names)
    graphs = CrystalGraphs.from_structures(cells, model.graph)
    single, own = _predict(model, graphs, table, chosen.ids, at)
    rows = []
    for size in sizes:
        name = "x".join(map(str, size))
        larger = [cell * size for cell in tqdm(cells, desc=f"{name} supercells", disable=not progress)]
        repeated = CrystalGraphs.from_structures(larger, model.graph)
        described = None if table is None else _described(table, chosen.ids, larger, progress)
        several, theirs = _predict(model, repeated, described, chosen.ids, at)
        moved = np.zeros(n, dtype=bool)
        if own is not None and theirs is not None:
            moved = ((own - theirs).abs() > 1e-6).any(dim=1).numpy()
        pairs = zip(_neighbour_elements(graphs, prod(size)), _neighbour_elements(repeated), strict=True)
        other = np.array([not np.array_equal(*pair) for pair in pairs])
        expected = single
        if model.network.readout.extensive:
            mean = np.asarray(model.scale.mean)
            expected = mean + prod(size) * (single - mean)
        for column, target in enumerate(model.targets or ("",)):
            compared = (single[:, column], expected[:, column], several[:, column])
            rows.append(_row(target, size, *compared, other, moved))
    return rows


def _row(
    target: str,
    size: Size,
    single: np.ndarray,
    expected: np.ndarray,
    several: np.ndarray,
    other: np.ndarray,
    moved: np.ndarray,
) -> SupercellRow:
    usable = np.abs(single) > 1e-6 * np.abs(single).max()
    if not usable.any():
        raise InputError("the model predicts 0 for every crystal, so there are no ratios")
    ratios, wanted = several[usable] / single[usable], expected[usable] / single[usable]
    return SupercellRow(
        target,
        size,
        int(usable.sum()),
        float(np.median(wanted)),
        float(np.median(ratios)),
        float(ratios.min()),
        float(ratios.max()),
        float((np.abs(ratios / wanted - 1) > TOLERANCE).mean()),
        float(other[usable].mean()),
        float(moved[usable].mean()),
    )


def _predict(
    model: TrainedModel,
    graphs: CrystalGraphs,
    table: DescriptorTable | None,
    ids: Sequence[str],
    device: torch.device,
) -> tuple[np.ndarray, Tensor | None]:
    """Predictions (n_crystals, n_targets), and the standardised descriptors that went into them."""
    descriptors = None
    if table is not None and model.standardisation is not None:
        descriptors, _ = model.standardisation.filled(table, ids)
    return model.predict(KindGraphs.of(graphs), device, descriptors, batch_size=16), descriptors


def _described(
    table: DescriptorTable, ids: Sequence[str], structures: Sequence[Structure], progress: bool
) -> DescriptorTable:
    """The supercells' own descriptors; columns that only their author can compute are the cells'."""
    values = table.rows(ids, gaps=True).clone()
    known = [name for name in table.names if name in {d.name for d in choose()}]
    computed = describe_many(zip(ids, structures, strict=True), known, progress=progress)
    for name in known:
        values[:, table.names.index(name)] = computed.values[:, computed.names.index(name)]
    return replace(table, ids=tuple(ids), values=values)


def _neighbour_elements(graphs: CrystalGraphs, repeat: int = 1) -> list[np.ndarray]:
    """Elements of each atom's neighbours in order of Z, (n_atoms, max_neighbours), of every crystal.

    Args:
        graphs: of the crystals.
        repeat: give every atom's so often, as pymatgen repeats the atoms of a supercell.
    """
    batches = [graphs.batch(torch.tensor([i])) for i in range(len(graphs))]
    elements = [batch.species[batch.neighbours].sort(dim=1).values for batch in batches]
    return [rows.repeat_interleave(repeat, dim=0).numpy() for rows in elements]
