"""Predictions for supercells: what follows from the pooling alone, with and without descriptors."""

import csv
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import write_structure
from pymatgen.core import Lattice, Structure

from hybrid.data.folder import ATOM_INIT, CrystalFolder, read_atom_features, read_folder
from hybrid.descriptors.of_folder import folder_descriptors
from hybrid.descriptors.table import Standardisation
from hybrid.errors import InputError
from hybrid.models.cgcnn import CGCNN, atom_feature_table
from hybrid.readout import TargetScale
from hybrid.settings import GraphSettings, ModelSettings
from hybrid.supercells import supercell_table, write_supercells
from hybrid.trained.model import TrainedModel
from reproduction.figures import supercells

pytestmark = pytest.mark.skipif(not ATOM_INIT.exists(), reason="upstream has not been fetched")


@pytest.fixture
def folder(crystal_folder: Callable[..., Path]) -> CrystalFolder:
    return read_folder(crystal_folder(6))


def untrained(
    pooling: str, standardisation: Standardisation | None = None, max_neighbours: int = 12, **options: Any
) -> TrainedModel:
    graph = GraphSettings(max_neighbours=max_neighbours)
    torch.manual_seed(0)
    settings = ModelSettings(atom_fea_len=6, n_conv=2, h_fea_len=8, pooling=pooling)
    network = CGCNN(
        atom_feature_table(read_atom_features(ATOM_INIT)),
        graph,
        settings,
        len(standardisation.names) if standardisation else 0,
        **options,
    )
    mean = 0.0 if pooling == "sum" else 3.0
    return TrainedModel(network, settings, graph, TargetScale(mean, 2.0), standardisation=standardisation)


@pytest.mark.parametrize(("pooling", "ratios"), [("mean", [1, 1]), ("sum", [2, 8])])
@pytest.mark.parametrize("hybrid", [False, True])
def test_a_supercell_counts_once_or_as_many_times_as_it_holds_the_cell(
    pooling: str, ratios: list[int], hybrid: bool, folder: CrystalFolder
) -> None:
    """Descriptors are of the reduced cell, so that they change nothing in this."""
    standardisation = None
    if hybrid:
        table = folder_descriptors(folder)
        assert len(table.names) == 29
        standardisation = Standardisation.fit(table, folder.ids)
    rows = supercell_table(untrained(pooling, standardisation), folder)
    assert [row.size for row in rows] == [(2, 1, 1), (2, 2, 2)]
    for row, ratio in zip(rows, ratios, strict=True):
        assert row.expected == ratio
        assert (row.lowest, row.median, row.highest) == pytest.approx((ratio, ratio, ratio), rel=1e-4)
        assert (row.deviating, row.other_neighbours, row.other_descriptors) == (0, 0, 0)
        assert row.n_crystals == 6


def test_a_shifted_sum_counts_the_cells_but_not_its_constant(folder: CrystalFolder) -> None:
    model = untrained("shifted-sum")
    without = replace(model, scale=replace(model.scale, mean=0.0))
    graphs = folder.graphs(model.graph, model.architecture.graphs)
    sums = without.predict_graphs(graphs, torch.device("cpu"))[:, 0]
    for row in supercell_table(model, folder):
        ratios = (3 + np.prod(row.size) * sums) / (3 + sums)
        assert row.expected == pytest.approx(np.median(ratios), rel=1e-4)
        assert (row.lowest, row.median, row.highest) == pytest.approx(
            (ratios.min(), np.median(ratios), ratios.max()), rel=1e-4
        )
        assert row.deviating == 0


def test_own_columns_stay_those_of_the_cell(folder: CrystalFolder) -> None:
    lines = [f"{identity},{i}" for i, identity in enumerate(folder.ids)]
    (folder.path / "descriptors.csv").write_text("\n".join(["id,mine", *lines]) + "\n")
    table = folder_descriptors(folder)
    rows = supercell_table(untrained("mean", Standardisation.fit(table, folder.ids)), folder)
    assert all(row.median == pytest.approx(1, rel=1e-4) and row.other_descriptors == 0 for row in rows)


def test_the_choice_of_crystals_is_the_seeds(folder: CrystalFolder) -> None:
    model = untrained("sum")
    with torch.no_grad():  # so that rounding differs between crystals
        model.network.fc_out.weight.mul_(100)

    def table(seed: int) -> list[dict[str, Any]]:
        rows = supercell_table(model, folder, [(2, 1, 1)], 2, seed)
        assert [row.n_crystals for row in rows] == [2]
        return [asdict(row) for row in rows]

    assert table(0) == table(0)
    chosen = {
        seed: tuple(np.random.default_rng(seed).choice(6, 2, replace=False).tolist()) for seed in range(3)
    }
    assert len(set(chosen.values())) > 1


def test_several_targets_have_a_row_each(folder: CrystalFolder) -> None:
    model = replace(untrained("mean", n_outputs=2), targets=("a", "b"))
    model = replace(model, scale=TargetScale(torch.tensor([3.0, 4.0]), torch.ones(2)))
    rows = supercell_table(model, folder, [(1, 1, 2)])
    assert [(row.target, row.size) for row in rows] == [("a", (1, 1, 2)), ("b", (1, 1, 2))]


def test_a_cut_through_a_mixed_shell_is_noticed(tmp_path: Path) -> None:
    """In CuAu of type L1_0 on an fcc lattice an atom has 4 of its kind and 8 others at the same distance."""
    path = tmp_path / "crystals"
    path.mkdir()
    places = [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    ordered = Structure(Lattice.cubic(4), ["Cu", "Cu", "Au", "Au"], places)
    write_structure(ordered, path / "x.json")
    folder = read_folder(path, targets=False)
    (cut,) = supercell_table(untrained("mean", max_neighbours=6), folder, [(2, 2, 2)])
    (whole,) = supercell_table(untrained("mean", max_neighbours=12), folder, [(2, 2, 2)])
    assert (cut.other_neighbours, whole.other_neighbours) == (1, 0)
    assert whole.median == pytest.approx(1, rel=1e-4)


def test_a_classifier_is_refused(folder: CrystalFolder) -> None:
    with pytest.raises(InputError, match="classifier"):
        supercell_table(untrained("mean", classification=True), folder)


def test_an_element_that_the_model_does_not_know(folder: CrystalFolder) -> None:
    model = untrained("mean")
    model.network.atom_features.zero_()
    with pytest.raises(InputError, match=r"site 1 is .*atom_init"):
        supercell_table(model, folder)


def test_the_table_of_ones_own_model(folder: CrystalFolder, tmp_path: Path) -> None:
    rows = supercell_table(untrained("sum"), folder)
    write_supercells(tmp_path / "table", rows, folder.path.name, "my_run")
    with (tmp_path / "table.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [row["supercell"] for row in written] == ["2x1x1", "2x2x2"]
    assert [row["expected ratio"] for row in written] == ["2", "8"]
    assert [float(row["median"]) for row in written] == pytest.approx([row.median for row in rows], abs=1e-4)
    assert "Prediction of my_run for a supercell" in (tmp_path / "table.md").read_text()
    assert "target" not in written[0]


def test_the_figure_is_drawn_from_a_record(folder: CrystalFolder, tmp_path: Path) -> None:
    found = [asdict(row) for row in supercell_table(untrained("sum"), folder)]
    row = {"dataset": "phonon-cv", "dataset_label": "Cv", "network": "cgcnn-sum", "network_label": "sum"}
    row |= {"panel": "", "target": "Cv", "model": "cgcnn", "pooling": "sum", "variant": "paper", "seed": 0}
    row |= {"status": "done", "epochs": 3, "n_train": 9, "supercells": {"rows": found}}
    supercells.draw(
        tmp_path / "supercells", {"experiment": "supercells", "scale": "cpu", "caption": "", "rows": [row]}
    )
    with (tmp_path / "supercells.csv").open(newline="") as file:
        assert [line["median"] for line in csv.DictReader(file)] == ["2.0000", "8.0000"]
    assert (tmp_path / "supercells.png").exists()
