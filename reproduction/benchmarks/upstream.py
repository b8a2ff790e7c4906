"""One measurement of unpatched upstream CGCNN: upstream.py epoch|graphs-fast|graphs-original FOLDER."""

import sys
import warnings
from itertools import islice
from pathlib import Path

import cgcnn2.data
import torch
from cgcnn2.data import CIFData, collate_pool
from cgcnn2.model import CrystalGraphConvNet
from clock import report
from pymatgen.core import Structure
from torch.utils.data import DataLoader

warnings.simplefilter("ignore")
task, folder = sys.argv[1], Path(sys.argv[2])
torch.manual_seed(0)
dataset = CIFData(str(folder))

if task == "epoch":
    items = [dataset[i] for i in range(len(dataset))]
    (atoms, neighbours, _), _, _ = items[0]
    model = CrystalGraphConvNet(atoms.shape[-1], neighbours.shape[-1])
    optimiser = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    loader = DataLoader(items, batch_size=256, shuffle=True, collate_fn=collate_pool)

    def train(n_batches: int | None = None) -> None:
        """Trains on the first batches of an epoch, or all."""
        for graphs, targets, _ in islice(loader, n_batches):
            loss = torch.nn.functional.mse_loss(model(*graphs)[0], targets / 100)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    report(train, warm_up=lambda: train(1))
else:
    structures = {row[0]: Structure.from_file(folder / f"{row[0]}.cif") for row in dataset.id_prop_data}

    class InMemory:
        """Stands in for pymatgen's Structure, so that parsing is not measured."""

        @staticmethod
        def from_file(path: str) -> Structure:
            """The structure read before."""
            return structures[Path(path).stem]

    cgcnn2.data.Structure = InMemory
    load = dataset._load_item if task == "graphs-original" else dataset._load_item_fast

    def build(count: int) -> list[object]:
        """Builds the graphs of the first `count` structures."""
        return [load(i) for i in range(count)]

    report(lambda: build(len(dataset)), warm_up=lambda: build(20))
