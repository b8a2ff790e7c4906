"""One measurement of ours: ours.py epoch|graphs|descriptors|table FOLDER."""

import sys
from pathlib import Path

import numpy as np
import torch
from clock import report

from hybrid.data.folder import read_folder
from hybrid.descriptors.compute import describe
from hybrid.descriptors.many import describe_many
from hybrid.graphs.kinds import KindGraphs
from hybrid.models.cgcnn import CGCNN, atom_feature_table
from hybrid.settings import GraphSettings, ModelSettings
from hybrid.structures import read_structure

task, folder = sys.argv[1], read_folder(Path(sys.argv[2]))
torch.manual_seed(0)
structures = [] if task == "table" else list(folder.structures())

if task == "epoch":
    graphs = KindGraphs.from_structures(structures, GraphSettings())
    targets = torch.tensor(np.asarray(folder.targets), dtype=torch.float32)
    model = CGCNN(atom_feature_table(folder.atom_features), GraphSettings(), ModelSettings())
    optimiser = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)

    def train(n_batches: int | None = None) -> None:
        """Trains on the first batches of an epoch, or all."""
        for indices in torch.randperm(len(graphs)).split(256)[:n_batches]:
            output = model(graphs.batch(indices))[:, 0]
            loss = torch.nn.functional.mse_loss(output, targets[indices] / 100)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    report(train, warm_up=lambda: train(1))
elif task == "descriptors":

    def describe_all(count: int | None = None) -> None:
        """The descriptors of the first `count` structures."""
        for structure in structures[:count]:
            describe(structure)

    report(describe_all, warm_up=lambda: describe_all(3))
elif task == "table":
    crystals = dict(zip(folder.ids, folder.files, strict=True))
    report(
        lambda: describe_many(crystals, progress=False),
        warm_up=lambda: describe(read_structure(folder.files[0])),
    )
else:

    def build(count: int | None = None) -> KindGraphs:
        """Builds the graphs of the first `count` structures."""
        return KindGraphs.from_structures(structures[:count], GraphSettings())

    report(build, warm_up=lambda: build(20))
