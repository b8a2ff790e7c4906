"""One measurement of unpatched upstream ALIGNN: alignn_upstream.py graphs|step|step-small FOLDER.

The names that pydantic 2 moved are given back to it, so that it imports; nothing else of it is touched.
"""

import csv
import sys
import types
import typing
import warnings
from pathlib import Path
from typing import Any

import pydantic
import pydantic_settings

warnings.simplefilter("ignore")
_root_validator = pydantic.root_validator
pydantic.root_validator = lambda: _root_validator(skip_on_failure=True)
pydantic.BaseSettings = pydantic_settings.BaseSettings
sys.modules["pydantic.typing"] = types.SimpleNamespace(Literal=typing.Literal)

import dgl  # noqa: E402
import torch  # noqa: E402
from alignn.graphs import Graph  # noqa: E402
from alignn.models.alignn import ALIGNN, ALIGNNConfig  # noqa: E402
from alignn_task import BATCH, N_GRAPHS, N_STEPS, SMALL, evenly  # noqa: E402
from clock import report  # noqa: E402
from jarvis.core.atoms import Atoms  # noqa: E402
from pymatgen.core import Structure  # noqa: E402

task, folder = sys.argv[1], Path(sys.argv[2])
torch.manual_seed(0)
with (folder / "id_prop.csv").open() as file:
    ids = [row[0] for row in csv.reader(file)]


def read(identity: str) -> Atoms:
    """The crystal in upstream's class."""
    structure = Structure.from_file(folder / f"{identity}.cif")
    elements = [site.specie.symbol for site in structure]
    return Atoms(lattice_mat=structure.lattice.matrix, coords=structure.frac_coords, elements=elements)


def graphs_of(crystals: list[Atoms]) -> list[Any]:
    """Graph and line graph of each crystal."""
    return [Graph.atom_dgl_multigraph(atoms, use_canonize=True) for atoms in crystals]


if task == "graphs":
    chosen = [read(ids[i]) for i in evenly(len(ids), N_GRAPHS)]
    report(lambda: graphs_of(chosen), warm_up=lambda: graphs_of(chosen[:5]))
else:
    pairs = graphs_of([read(ids[i]) for i in evenly(len(ids), BATCH)])
    model = ALIGNN(ALIGNNConfig(name="alignn", hidden_features=SMALL if task == "step-small" else 256))
    optimiser = torch.optim.AdamW(model.parameters(), 0.001)
    targets = torch.randn(BATCH)

    def train(n_steps: int = N_STEPS) -> None:
        """Trains on the batch, put together anew for every step."""
        for _ in range(n_steps):
            graph, line_graph = (dgl.batch(list(graphs)) for graphs in zip(*pairs, strict=True))
            loss = torch.nn.functional.mse_loss(model((graph, line_graph)), targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    report(train, warm_up=lambda: train(1))
