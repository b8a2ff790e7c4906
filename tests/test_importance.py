"""Feature importance and regressions from learnt vectors: by hand, of runs, and drawn from records."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from conftest import random_crystal, tables_in

from hybrid.data.folder import ATOM_INIT, read_atom_features, read_folder
from hybrid.descriptors.table import DescriptorTable, Standardisation
from hybrid.errors import InputError
from hybrid.graphs.merged_crystal import MergedCrystalGraphs
from hybrid.models.cgcnn import CGCNN, atom_feature_table
from hybrid.readout import TargetScale
from hybrid.settings import GraphSettings, ModelSettings, RunSettings, TrainerSettings
from hybrid.trained.model import TrainedModel
from hybrid.training.run import train
from hybrid.training.samples import Samples
from reproduction import figures
from reproduction.__main__ import main as paper
from reproduction.analysis.importance import (
    activated,
    head_inputs,
    head_predictions,
    importance,
    permutation_importance,
)
from reproduction.analysis.linear import linear_r2
from reproduction.drawing.importance import spectra
from reproduction.figures import figure4, figureS6, supercells
from reproduction.workflow import measurements
from reproduction.workflow import runs as workflow_runs
from reproduction.workflow.runs import Run

CPU = torch.device("cpu")
IDS = [f"x{i:02d}" for i in range(40)]
FOLDS = np.array(["training"] * 24 + ["validation"] * 8 + ["test"] * 8)

needs_elements = pytest.mark.skipif(not ATOM_INIT.exists(), reason="upstream has not been fetched")


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


# --- by hand ---


def test_shuffling_costs_what_it_does_to_the_predictions():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(50, 3))
    targets = rows[:, 0]
    rises = permutation_importance(lambda x: x[:, 0] + 0 * x[:, 1], rows, targets, [[0], [1], [0, 1]], 3, 7)
    orders = np.random.default_rng(7)
    errors = [np.abs(rows[orders.permutation(50), 0] - targets).mean() for _ in range(3)]
    expected = np.mean(errors) / np.abs(targets - targets.mean()).mean()
    assert rises == pytest.approx([expected, 0, expected])


def test_columns_that_only_tell_together_are_worth_nothing_apart_and_all_together():
    x = np.random.default_rng(1).normal(size=(200, 1))
    rows = np.concatenate([x, x], axis=1)  # a copy makes up for what is shuffled

    def either(seen: np.ndarray) -> np.ndarray:
        same = seen[:, 0] == seen[:, 1]
        return np.where(same, seen[:, 0], x[np.arange(len(seen)) % 200, 0])

    rises = permutation_importance(either, rows, x[:, 0], [[0], [1], [0, 1]], 2, 0)
    assert rises[:2] == pytest.approx([0, 0], abs=1e-12)
    assert rises[2] > 0.5


def test_a_linear_map_of_the_vector_is_found():
    rng = np.random.default_rng(0)
    vectors = rng.normal(3, 2, (40, 5))
    assert linear_r2(vectors, vectors @ rng.normal(size=5) + 4, FOLDS) == pytest.approx(1, abs=1e-8)
    descriptor = rng.normal(10, 3, 40)
    learnt_from_it = np.outer(descriptor, [1, -2, 0.5]) + 7
    assert linear_r2(learnt_from_it, descriptor, FOLDS) == pytest.approx(1, abs=1e-8)
    assert linear_r2(vectors, rng.normal(size=40), FOLDS) < 0.5


def test_collinear_vectors_do_not_ruin_the_regression():
    rng = np.random.default_rng(2)
    folds = np.repeat(["training", "validation", "test"], [70, 30, 200])
    signal = rng.normal(size=300)
    vectors = signal[:, None] * rng.normal(size=64) + rng.normal(0, 0.3, (300, 64))
    noisy = signal + rng.normal(0, 0.5, 300)
    assert linear_r2(vectors, noisy, folds) > 0.7
    assert linear_r2(vectors, noisy, np.where(folds == "validation", "training", folds)) < 0.7


def test_crystals_without_the_descriptor_are_left_out_and_one_without_variation_has_no_r2():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(40, 3))
    values = vectors[:, 0].copy()
    values[[0, 30, 39]] = np.nan
    assert linear_r2(vectors, values, FOLDS) == pytest.approx(1, abs=1e-8)
    assert np.isnan(linear_r2(vectors, np.ones(40), FOLDS))
    assert np.isnan(linear_r2(vectors, np.where(FOLDS == "test", 2.0, values), FOLDS))


# --- a network ---


@pytest.fixture
def table() -> DescriptorTable:
    values = torch.from_numpy(np.random.default_rng(3).normal(4, 2, (40, 3)))
    return DescriptorTable(tuple(IDS), ("x", "y", "z"), values, {}, Path("descriptors.csv"))


def untrained(table: DescriptorTable | None, pooling: str = "mean") -> TrainedModel:
    settings = ModelSettings(atom_fea_len=6, n_conv=1, h_fea_len=8, pooling=pooling)
    torch.manual_seed(0)
    network = CGCNN(
        atom_feature_table(read_atom_features(ATOM_INIT)),
        GraphSettings(),
        settings,
        0 if table is None else len(table.names),
    )
    standardisation = None if table is None else Standardisation.fit(table, IDS[:24])
    return TrainedModel(network, settings, scale=TargetScale(5.0, 2.0), standardisation=standardisation)


@pytest.fixture(scope="module")
def graphs() -> MergedCrystalGraphs:
    return MergedCrystalGraphs.from_structures([random_crystal(i) for i in range(40)], GraphSettings())


def samples_of(table: DescriptorTable, graphs: MergedCrystalGraphs, targets: np.ndarray) -> Samples:
    folder: Any = SimpleNamespace(ids=IDS, graphs=lambda *_: graphs)
    return Samples(folder, targets[:, None], (), table, FOLDS)


@needs_elements
def test_what_enters_the_head_gives_the_networks_predictions(
    table: DescriptorTable, graphs: MergedCrystalGraphs
) -> None:
    model = untrained(table)
    inputs, n_learnt, names = head_inputs(model, samples_of(table, graphs, np.ones(40)), CPU)
    assert (n_learnt, names) == (6, ("x", "y", "z"))
    assert model.standardisation is not None
    rows, _ = model.standardisation.filled(table, IDS)
    assert inputs[:, 6:] == pytest.approx(rows.numpy())
    predicted = head_predictions(model, torch.from_numpy(inputs), n_learnt)
    assert predicted == pytest.approx(model.predict_graphs(graphs, CPU, rows)[:, 0], rel=1e-5)
    entering = activated(inputs, n_learnt)
    assert entering[:, :6] == pytest.approx(np.log1p(np.exp(inputs[:, :6])), rel=1e-4)
    assert (entering[:, 6:] == inputs[:, 6:]).all()


@needs_elements
def test_the_descriptor_that_tells_is_the_most_important_and_one_without_weight_is_none(
    table: DescriptorTable, graphs: MergedCrystalGraphs
) -> None:
    model = untrained(table)
    with torch.no_grad():
        model.network.conv_to_fc.weight[:, 7] = 0  # of y
    targets = 3 * table.values[:, 1].numpy()
    found = importance(model, samples_of(table, graphs, targets), 0, CPU)
    assert found["descriptors"] == ["x", "y", "z"]
    assert sum(found["impurity"]) == pytest.approx(1, abs=1e-5)
    for values in (found["impurity"], found["forest"][:-2]):
        assert np.argmax(values) == 7  # y
    assert found["forest"][-1] == pytest.approx(found["forest"][7], rel=0.3)  # all descriptors: y alone
    assert found["network"][7] == pytest.approx(0, abs=1e-6)  # the network does not look at it
    assert abs(found["network"][6]) > 1e-4
    again = importance(model, samples_of(table, graphs, targets), 0, CPU)
    other = importance(model, samples_of(table, graphs, targets), 1, CPU)
    for name in ("impurity", "forest", "network"):
        assert found[name] == again[name]
        assert found[name] != other[name]
    unseen = samples_of(table, graphs, np.where(FOLDS == "training", targets, -targets))
    assert importance(model, unseen, 0, CPU)["impurity"] == found["impurity"]


@needs_elements
def test_networks_that_have_no_such_vector_are_refused(
    table: DescriptorTable, graphs: MergedCrystalGraphs
) -> None:
    samples = samples_of(table, graphs, np.ones(40))
    with pytest.raises(InputError, match="takes descriptors"):
        importance(untrained(None), samples, 0, CPU)
    with pytest.raises(InputError, match="average pooling"):
        importance(untrained(table, "sum"), samples, 0, CPU)
    with pytest.raises(InputError, match="different targets"):
        importance(untrained(table), samples, 0, CPU)


# --- runs ---


@pytest.fixture
def runs(
    crystal_folder: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Run]:
    """A run of each network, not trained yet, on a folder of 20 crystals."""
    path = crystal_folder(20)
    monkeypatch.setattr(workflow_runs, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(measurements, "dataset_folder", lambda name: read_folder(path))
    made = {}
    for name in ("cgcnn", "de-cgcnn"):
        settings = RunSettings(
            model=ModelSettings(name=name, atom_fea_len=6, n_conv=1, h_fea_len=8),
            trainer=TrainerSettings(epochs=2, batch_size=4, optimiser="adam"),
            split=(0.6, 0.2, 0.2),
        )
        made[name] = Run("phonon-cv", name, name, "paper", "cpu", settings)
    return made


def trained(run: Run) -> Run:
    train(measurements.dataset_folder(run.dataset), run.settings, run.folder, device="cpu", progress=False)
    return run


@needs_elements
def test_a_run_is_measured_once_and_the_model_may_go(
    runs: dict[str, Run], capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained(runs["de-cgcnn"])
    first = measurements.measure(run, figures.measurements()["importance"], "cpu")
    assert len(first["impurity"]) == 6 + 29
    assert len(first["forest"]) == len(first["network"]) == 6 + 29 + 2
    assert first["descriptors"][-1] == "space_group_number"
    told = json.loads((run.folder / "metrics.json").read_text())["test"]["mae_over_mad"]
    assert first["network_error"] == pytest.approx(told, rel=1e-4)
    (run.folder / "model.ckpt").unlink()
    assert measurements.measure(run, figures.measurements()["importance"], "cpu") == first
    with pytest.raises(InputError, match=f"again: python -m reproduction run {run.name} --scale cpu --again"):
        measurements.measure(run, figures.measurements()["representation"], "cpu")
    assert not (run.folder / "representation.json").exists()
    assert paper(["measure", run.name, "importanc", "--scale", "cpu"]) == 2
    assert "unknown measurement 'importanc'; did you mean 'importance'" in capsys.readouterr().err


@needs_elements
def test_a_descriptor_that_was_learnt_is_in_the_vector(runs: dict[str, Run]) -> None:
    r2 = measurements.measure(trained(runs["cgcnn"]), figures.measurements()["representation"], "cpu")["r2"]
    assert len(r2) == 29
    assert all(value is None or value <= 1 for value in r2.values())


def test_a_diverged_run_has_nothing_to_measure(runs: dict[str, Run]) -> None:
    run = runs["de-cgcnn"]
    run.folder.mkdir(parents=True)
    (run.folder / "metrics.json").write_text('{"status": "diverged", "note": "nan"}')
    assert measurements.measure(run, figures.measurements()["importance"]) == {}
    assert "representation" not in run.measurements


def test_what_is_measured_of_which_run(runs: dict[str, Run]) -> None:
    hybrid, plain = runs["de-cgcnn"], runs["cgcnn"]
    assert figures.measurements()["importance"].applies_to(hybrid)
    assert not figures.measurements()["importance"].applies_to(plain)
    assert figures.measurements()["representation"].applies_to(plain)


# --- drawn from records ---


def record_of(rows: list[dict[str, Any]], experiment: str) -> dict[str, Any]:
    common = {"panel": "", "target": "Cv", "unit": "J", "pooling": "mean", "variant": "paper", "paper": None}
    common |= {
        "status": "done",
        "epochs": 3,
        "n_train": 9,
        "training_r2": 0.5,
        "descriptor": None,
        "note": "",
    }
    common |= {"metrics": {"mae": 1.0, "mae_over_mad": 0.5, "r2": 0.1}}
    return {
        "experiment": experiment,
        "scale": "cpu",
        "caption": experiment,
        "metric": "mae_over_mad",
        "hardware": {"processor": "?", "cores": 1},
        "environment": {"torch": "?"},
        "rows": [{**common, **row} for row in rows],
    }


def row_of(dataset: str, model: str, seed: int, **measured: Any) -> dict[str, Any]:
    names = {"dataset": dataset, "dataset_label": dataset.upper(), "network": model, "network_label": model}
    return {**names, "model": model, "seed": seed, **measured}


def importance_of(impurity: list[float], forest: list[float], network: list[float]) -> dict[str, Any]:
    return {
        "n_learnt": 2,
        "descriptors": ["a", "natoms"],
        "impurity": impurity,
        "forest": forest,
        "network": network,
        "forest_error": 0.2,
        "network_error": 0.1,
    }


@pytest.fixture
def figure4_record() -> dict[str, Any]:
    first = importance_of([0.1, 0.2, 0.0, 0.7], [0, 0.1, 0, 0.5, 0.1, 0.3], [0.3, 0.4, 0, 0.6, 0.7, 0.7])
    second = importance_of([0.3, 0.1, 0.1, 0.5], [0.2, 0, 0, 0.7, 0.1, 0.3], [0.1, 0.0, 0, 0.4, 0.1, -0.3])
    rows = [
        row_of("phonon-cv", "de-cgcnn", 0, importance=first),
        row_of("phonon-cv", "de-cgcnn", 1, importance=second),
        row_of("elastic-k", "de-cgcnn", 0, importance=first),
        row_of("elastic-k", "cgcnn", 0),
        {**row_of("band-gap", "de-cgcnn", 0), "status": "diverged", "metrics": {}},
    ]
    return record_of(rows, "figure4")


def test_learnt_features_are_ranked_within_each_network(figure4_record: dict[str, Any]) -> None:
    spectrum, other = spectra(figure4_record)
    names = [feature.name for feature in spectrum.features]
    assert names == ["natoms", "learnt, no. 1", "learnt, no. 2", "a"]
    first = spectrum.features[1]
    assert first.impurity.tolist() == [0.2, 0.3]  # the second feature of seed 0, the first of seed 1
    assert first.network.tolist() == [0.4, 0.1]
    assert spectrum.share("impurity") == pytest.approx([0.7, 0.6])
    assert spectrum.share("forest") == pytest.approx([0.75, 0.75])
    assert spectrum.share("network") == pytest.approx([0.5, 0])  # a fall is no rise
    assert other.dataset == "elastic-k"


def test_figure_4_says_what_was_measured(figure4_record: dict[str, Any], tmp_path: Path) -> None:
    figure4.draw(tmp_path / "figure4", figure4_record)
    rows = read_csv(tmp_path / "figure4.csv")
    assert [rows[0][key] for key in ("property", "rank", "feature")] == ["PHONON-CV", "1", "natoms"]
    assert rows[0]["impurity"] == "0.600 (0.500 to 0.700)"
    assert rows[0]["shuffled, network"] == "0.500 (0.400 to 0.600)"
    shares = tables_in(tmp_path / "figure4.md")[1]
    assert [row["property"] for row in shares] == ["PHONON-CV", "ELASTIC-K"]
    assert shares[1]["share by impurity"] == "0.700"
    assert (tmp_path / "figure4.png").exists()
    assert (tmp_path / "figure4.pdf").exists()


def test_figure_s6_says_what_was_measured(tmp_path: Path) -> None:
    rows = [
        row_of("phonon-cv", "cgcnn", 0, representation={"r2": {"a": 0.4, "b": 0.8, "c": 0.9}}),
        row_of("phonon-cv", "cgcnn", 1, representation={"r2": {"a": 0.6, "b": 0.8, "c": None}}),
        row_of("phonon-cv", "de-cgcnn", 0, representation={"r2": {"a": 0.2, "b": 0.5, "c": 0.9}}),
        row_of("phonon-cv", "de-cgcnn", 1, representation={"r2": {"a": 0.2, "b": 0.7, "c": 0.9}}),
        row_of("phonon-cv", "forest", 0),
        row_of("elastic-k", "cgcnn", 0, representation={"r2": {"a": 0.1}}),
    ]
    figureS6.draw(tmp_path / "figureS6", record_of(rows, "figureS6"))
    table = tables_in(tmp_path / "figureS6.md")[1]
    assert [row["descriptor"] for row in table] == ["mean of all", "a", "b"]
    assert table[1]["CGCNN"] == "0.500 (0.400 to 0.600)"
    assert [row["difference"] for row in table] == ["-0.250", "-0.300", "-0.200"]
    assert "0.500" in (tmp_path / "figureS6.md").read_text()
    assert (tmp_path / "figureS6.png").exists()


def test_nothing_measured_is_said(tmp_path: Path) -> None:
    record = record_of([row_of("phonon-cv", "de-cgcnn", 0)], "figure4")
    for draw in (figure4.draw, figureS6.draw, supercells.draw):
        with pytest.raises(InputError, match="figure4: no model has been measured at scale cpu"):
            draw(tmp_path / "figure4", record)
