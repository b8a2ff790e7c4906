"""cgcnn-reflections: counts by hand, and the same predictions for a crystal and its supercells."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from pymatgen.core import Lattice, Structure

import hybrid
from hybrid.data.folder import ATOM_INIT, read_atom_features, read_folder
from hybrid.graphs.reciprocal import CUTOFF, ReciprocalGraphs
from hybrid.models.cgcnn import atom_feature_table
from hybrid.models.cgcnn_reflections import N_COUNTS, CGCNNReflections
from hybrid.settings import GraphSettings, ModelSettings
from hybrid.supercells import supercell_table

A, GRAPH = 3.35, GraphSettings()


def counted(structure: Structure, scatterers: list[float]) -> float:
    """The counts for given b of the atoms, with filters of 1 and weak reflections of the power 1e-3."""
    features = atom_feature_table(read_atom_features(ATOM_INIT))
    network = CGCNNReflections(features, GRAPH, ModelSettings()).double()
    torch.nn.init.zeros_(network.filters.weight)
    torch.nn.init.constant_(network.filters.bias, np.log(np.e - 1))
    graphs = ReciprocalGraphs.from_structures([structure], GRAPH).to("cpu", torch.float64)
    b = torch.tensor(scatterers, dtype=torch.float64).unsqueeze(1).expand(-1, N_COUNTS)
    counts = network.counts(b, graphs.batch(torch.tensor([0])))
    assert torch.allclose(counts, counts[:, :1].expand(-1, N_COUNTS))
    return float(counts[0, 0].detach())


def shells(squares: dict[int, int], power: float = 1.0) -> float:
    """Half as many vectors as there are with h² + k² + l², times what each counts."""
    lengths = {square: 2 * np.pi * square**0.5 / A for square in squares}
    fading = {square: 0.5 + 0.5 * np.cos(np.pi * length / CUTOFF) for square, length in lengths.items()}
    return sum(n / 2 * fading[square] for square, n in squares.items()) * power / (power + 1e-3)


def test_counts_of_textbook_crystals() -> None:
    simple = Structure(Lattice.cubic(A), ["Po"], [[0, 0, 0]])
    assert counted(simple, [0.7]) == pytest.approx(shells({1: 6, 2: 12, 3: 8}), rel=1e-5)
    two = Structure(Lattice.cubic(A), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    body_centred = shells({2: 12})  # of 1 and 3 the sum of indices is odd
    assert counted(two, [0.7, 0.7]) == pytest.approx(body_centred, rel=1e-5)
    weak = (0.9 - 0.5) ** 2 / 4 / ((0.9**2 + 0.5**2) / 2)
    strong = (0.9 + 0.5) ** 2 / 4 / ((0.9**2 + 0.5**2) / 2)
    expected = shells({1: 6, 3: 8}, weak) + shells({2: 12}, strong)
    assert counted(two, [0.9, 0.5]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_a_trained_network_is_the_same_for_supercells_unless_it_sums(
    pooling: str, crystal_folder: Callable[..., Path], tmp_path: Path
) -> None:
    folder = crystal_folder(20)
    model = hybrid.train(folder, model="cgcnn-reflections", pooling=pooling, epochs=3, out=tmp_path / "run")
    crystals = list(read_folder(folder).structures())[:5]
    one = model.predict(crystals)
    larger = model.predict([crystal * (2, 1, 1) for crystal in crystals])
    assert np.allclose(one, larger, rtol=1e-3) == (pooling == "mean")
    assert np.array_equal(one, hybrid.load(tmp_path / "run").predict(crystals))
    (row,) = supercell_table(model, read_folder(folder), [(2, 1, 1)])
    assert (row.lowest == pytest.approx(1, rel=1e-3)) == (pooling == "mean")
    vectors = model.network.crystal_embeddings(
        ReciprocalGraphs.from_structures(crystals, GRAPH).batch(torch.arange(5))
    )
    assert vectors.shape == (5, 64 + 2 * N_COUNTS + 64)
