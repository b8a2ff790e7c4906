"""One measurement of our ALIGNN: alignn_ours.py graphs|step|step-small FOLDER; with -bf16, a step in it."""

import sys
from pathlib import Path

import torch
from alignn_task import BATCH, N_GRAPHS, N_STEPS, SMALL, evenly
from clock import report

from hybrid.data.folder import read_folder
from hybrid.graphs.line_graph import LineGraphs
from hybrid.models.alignn import ALIGNN
from hybrid.models.cgcnn import atom_feature_table
from hybrid.settings import ALIGNNSettings, GraphSettings, ModelSettings

task, folder = sys.argv[1], read_folder(Path(sys.argv[2]))
torch.manual_seed(0)

if task == "graphs":
    structures = list(folder.take(evenly(len(folder), N_GRAPHS)).structures())

    def build(count: int | None = None) -> LineGraphs:
        """Builds the graphs of the first `count` structures."""
        return LineGraphs.from_structures(structures[:count], GraphSettings())

    report(build, warm_up=lambda: build(5))
else:
    structures = list(folder.take(evenly(len(folder), BATCH)).structures())
    graphs = LineGraphs.from_structures(structures, GraphSettings())
    sizes = ALIGNNSettings(hidden=SMALL) if task.startswith("step-small") else ALIGNNSettings()
    model = ALIGNN(
        atom_feature_table(folder.atom_features), GraphSettings(), ModelSettings(name="alignn", alignn=sizes)
    )
    optimiser = torch.optim.AdamW(model.parameters(), 0.001)
    targets = torch.randn(BATCH, 1)

    def train(n_steps: int = N_STEPS) -> None:
        """Trains on the batch, cut anew for every step."""
        for _ in range(n_steps):
            with torch.autocast("cpu", torch.bfloat16, enabled=task.endswith("-bf16")):
                output = model(graphs.batch(torch.arange(BATCH)))
                loss = torch.nn.functional.mse_loss(output, targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    report(train, warm_up=lambda: train(1))
