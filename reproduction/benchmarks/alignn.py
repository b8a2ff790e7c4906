"""ALIGNN: training steps and graphs; ours, and unpatched upstream's on DGL."""

import sys
import types
import typing
from pathlib import Path
from typing import Any

import torch

from hybrid.data.folder import CrystalFolder, read_folder
from hybrid.graphs.line_graph import LineGraphs
from hybrid.settings import ALIGNNSettings, GraphSettings, ModelSettings
from reproduction.benchmarks.measure import Task
from reproduction.benchmarks.training import Linear, training

N_GRAPHS, BATCH, N_STEPS = 300, 16, 3  # crystals whose graphs are built, and in a training step
torch.manual_seed(0)


def _some(path: Path, count: int) -> CrystalFolder:
    """`count` of a folder's crystals, evenly spaced."""
    folder = read_folder(path)
    return folder.take(list(range(0, len(folder), len(folder) // count))[:count])


def ours_step(path: Path, hidden: str, dtype: str = "float32") -> Task:
    """Trains ours; its limit is of the graphs with equivalent atoms apart."""
    from hybrid.models.alignn import ALIGNN
    from hybrid.models.cgcnn import atom_feature_table

    folder, sizes = _some(path, BATCH), ALIGNNSettings(hidden=int(hidden))
    graphs = LineGraphs.from_structures(folder.structures(), GraphSettings())
    features = atom_feature_table(folder.atom_features)
    model = ALIGNN(features, GraphSettings(), ModelSettings(name="alignn", alignn=sizes))
    precision = getattr(torch, dtype)

    def network(indices: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", precision, enabled=dtype != "float32"):
            return model(graphs.batch(indices))[:, 0]

    counts = (graphs.atoms_of_kind, graphs.bonds_of_kind, graphs.angles_of_kind)
    linears = _linears(*(int(count.sum()) for count in counts), features.shape[1], sizes)
    batch = (torch.arange(BATCH),), torch.randn(BATCH)
    return training(network, _optimiser(model), lambda: [batch] * N_STEPS, linears * N_STEPS, precision)


def _linears(atoms: int, bonds: int, angles: int, n_features: int, sizes: ALIGNNSettings) -> list[Linear]:
    """Of a step, but for the last one, which is tiny."""
    inner, hidden = sizes.embedding, sizes.hidden
    embeddings = [Linear(atoms, n_features, hidden, learnt=False)]
    for n, n_gaussians in ((bonds, sizes.bond_features), (angles, sizes.angle_features)):
        embeddings += [Linear(n, n_gaussians, inner, learnt=False), Linear(n, inner, hidden)]
    on_graph = [Linear(atoms, hidden, 4 * hidden), Linear(bonds, hidden, hidden)]
    on_line_graph = [Linear(bonds, hidden, 4 * hidden), Linear(angles, hidden, hidden)]
    n_line, n_plain = sizes.alignn_layers, sizes.gcn_layers
    return embeddings + on_graph * (n_line + n_plain) + on_line_graph * n_line


def _optimiser(model: torch.nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), 0.001)


def ours_graphs(path: Path) -> Task:
    """Builds ours."""
    structures = list(_some(path, N_GRAPHS).structures())
    return Task(lambda count=None: LineGraphs.from_structures(structures[:count], GraphSettings()), 5)


def upstream_graphs(path: Path, count: int = N_GRAPHS) -> Task:
    """Builds upstream's.

    It imports once pydantic has the names again that version 2 has moved; nothing else of it is touched.
    """
    import pydantic
    import pydantic_settings

    validator: Any = pydantic.root_validator
    pydantic.root_validator = lambda: validator(skip_on_failure=True)
    pydantic.BaseSettings = pydantic_settings.BaseSettings
    sys.modules["pydantic.typing"] = types.SimpleNamespace(Literal=typing.Literal)
    from alignn.graphs import Graph
    from jarvis.core.atoms import Atoms

    crystals = [
        Atoms(lattice_mat=s.lattice.matrix, coords=s.frac_coords, elements=[e.symbol for e in s.species])
        for s in _some(path, count).structures()
    ]

    def build(count: int | None = None) -> list[Any]:
        return [Graph.atom_dgl_multigraph(crystal, use_canonize=True) for crystal in crystals[:count]]

    return Task(build, 5)


def upstream_step(path: Path, hidden: str) -> Task:
    """Trains upstream's network."""
    pairs: Any = upstream_graphs(path, BATCH).run()
    import dgl
    from alignn.models.alignn import ALIGNN, ALIGNNConfig

    model = ALIGNN(ALIGNNConfig(name="alignn", hidden_features=int(hidden)))

    def network() -> torch.Tensor:
        return model([dgl.batch(list(graphs)) for graphs in zip(*pairs, strict=True)])

    batch = (), torch.randn(BATCH)
    return training(network, _optimiser(model), lambda: [batch] * N_STEPS)
