"""Learning curves: nested training sets, the runs shared with the tables, and drawings from records."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import record_row, tables_in
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hybrid.data.folder import ATOM_INIT, read_folder
from hybrid.data.splits import thinned
from hybrid.errors import InputError
from hybrid.settings import ModelSettings, RunSettings, TrainerSettings
from hybrid.training.run import train
from hybrid.training.samples import Samples
from reproduction import figures
from reproduction.data.registry import get_dataset
from reproduction.figures import learning_curve, learning_curve_descriptors
from reproduction.figures.learning_curve import curves
from reproduction.workflow import spec
from reproduction.workflow.runs import Run, planned
from reproduction.workflow.spec import Part, load_networks, run_settings

SHARES = (0.1, 0.2, 0.4, 0.7, 1.0)

needs_elements = pytest.mark.skipif(not ATOM_INIT.exists(), reason="upstream has not been fetched")


# --- the crystals that stay ---


@given(st.integers(1, 60), st.integers(0, 1000))
def test_smaller_training_sets_are_parts_of_larger_ones(n_training: int, seed: int) -> None:
    folds = np.repeat(np.array(["validation", "training", "test"], dtype=object), [5, n_training, 7])
    kept = [set(thinned(folds, share, seed).tolist()) for share in SHARES]
    others = set(np.flatnonzero(folds != "training").tolist())
    for share, smaller, larger in zip(SHARES, kept, [*kept[1:], kept[-1]], strict=True):
        assert others <= smaller <= larger
        assert len(smaller - others) == max(1, round(share * n_training))


def test_the_whole_training_set_is_left_as_it_is_and_in_order() -> None:
    folds = np.array(["test", "training", "validation", "training"])
    assert thinned(folds, 1.0, 3).tolist() == [0, 1, 2, 3]


def test_the_data_seed_draws_the_share() -> None:
    folds = np.array(["training"] * 40 + ["validation"] * 5 + ["test"] * 5)
    assert thinned(folds, 0.4, 0).tolist() == thinned(folds, 0.4, 0).tolist()
    assert thinned(folds, 0.4, 0).tolist() != thinned(folds, 0.4, 1).tolist()


@needs_elements
def test_validation_and_test_crystals_stay_the_same(crystal_folder: Callable[..., Path]) -> None:
    folder = read_folder(crystal_folder(40))
    whole, half, little = (
        Samples.of(folder, RunSettings(split=(0.6, 0.2, 0.2), training_share=share, data_seed=2))
        for share in (1.0, 0.5, 0.1)
    )
    for samples in (half, little):
        assert samples.ids("validation") == whole.ids("validation")
        assert samples.ids("test") == whole.ids("test")
    assert set(little.ids("training")) < set(half.ids("training")) < set(whole.ids("training"))
    assert [len(samples.ids("training")) for samples in (whole, half, little)] == [24, 12, 2]
    by_id = dict(zip(folder.ids, folder.targets, strict=True))
    assert half.targets[:, 0].tolist() == [by_id[identity] for identity in half.folder.ids]


@needs_elements
def test_what_is_left_out_is_not_learnt_from(crystal_folder: Callable[..., Path], tmp_path: Path) -> None:
    folder = read_folder(crystal_folder(20))
    settings = RunSettings(
        model=ModelSettings(name="mean-baseline"), split=(0.6, 0.2, 0.2), training_share=0.25
    )
    metrics = train(folder, settings, tmp_path / "run", progress=False)
    assert (metrics["n_training"], metrics["n_validation"], metrics["n_test"]) == (3, 4, 4)
    samples = Samples.of(folder, settings)
    with (tmp_path / "run" / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == samples.folder.ids
    assert float(rows[0]["prediction"]) == pytest.approx(samples.targets[samples.at("training")].mean())


# --- runs ---


def names_of(experiment: str) -> set[str]:
    return {run.name for run in planned(figures.spec(experiment), "cpu")}


def test_finished_runs_keep_their_names() -> None:
    """Names of runs whose results are committed, or that tables share."""
    assert names_of("figure3e") == {
        "chains-short-cgcnn-seed0-2ac24b00",
        "chains-short-cgcnn-seed1-6be2fbd3",
        "chains-short-cgcnn-seed2-eeae8ada",
    }
    assert {
        "phonon-cv-cgcnn-seed0-3896b3e0",
        "phonon-cv-de-cgcnn-sum-seed0-6b05a5d2",
        "phonon-cv-forest-seed0-072fefaf",
    } <= names_of("table2")


def test_on_all_training_crystals_the_runs_are_those_of_the_tables() -> None:
    runs = planned(figures.spec("learning-curve"), "cpu")
    shared = {run.name for run in runs if run.settings.training_share == 1}
    assert len(shared) == 2 * (5 + 3)
    assert shared <= names_of("table1") | names_of("table2")
    others = {run.name for run in runs} - shared
    assert len(others) <= 60
    assert not others & (names_of("table1") | names_of("table2"))


def test_another_share_is_another_run() -> None:
    network, dataset, size = load_networks()["cgcnn"], get_dataset("elastic-k"), spec.Size(epochs=3)
    settings = [run_settings(network, dataset, size, 0, training_share=share) for share in SHARES]
    runs = [Run("elastic-k", "cgcnn", "", "paper", "cpu", chosen) for chosen in settings]
    assert len({run.name for run in runs}) == len(SHARES)


def test_smaller_training_sets_see_as_many_batches() -> None:
    network, dataset, size = load_networks()["cgcnn"], get_dataset("elastic-k"), spec.Size(epochs=70)
    settings = [run_settings(network, dataset, size, 0, training_share=share) for share in SHARES]
    assert [chosen.trainer.epochs for chosen in settings] == [700, 350, 175, 100, 70]


def test_frozen_vectors_come_from_a_network_that_saw_the_same_crystals() -> None:
    model = ModelSettings(name="cgcnn+descriptors")
    settings = RunSettings(model=model, trainer=TrainerSettings(epochs=3), training_share=0.2)
    base = Run("phonon-cv", "cgcnn+descriptors", "", "paper", "cpu", settings).base
    assert base is not None
    assert base.settings.training_share == 0.2


@pytest.mark.parametrize("share", [0, 1.5, -0.1])
def test_shares_that_are_none(share: float) -> None:
    with pytest.raises(ValidationError, match=r"training_shares\.0\n +Input should"):
        Part(datasets=("phonon-cv",), networks=("cgcnn",), training_shares=(share,))


# --- drawn from records ---


def row(network: str, share: float, seed: int, error: float, **changes: Any) -> dict[str, Any]:
    kind = {"model": "forest", "pooling": None} if network == "forest" else {}
    size = {"training_share": share, "n_train": round(1000 * share)}
    return record_row(network, error, seed, network_label=network.upper(), **{**kind, **size, **changes})


@pytest.fixture
def record() -> dict[str, Any]:
    rows = []
    for share in (1.0, 0.1, 0.4):  # in no order
        for seed in (0, 1):
            wobble = 0.01 * (2 * seed - 1)
            rows += [
                row("cgcnn", share, seed, 0.4 * share**-0.25 + wobble),
                row("de-cgcnn", share, seed, 0.1 * share**-0.5 + wobble),
                row("forest", share, seed, 0.2 + wobble),
            ]
    rows[0] |= {"status": "diverged", "metrics": {}}
    del rows[0]["n_train"]
    return {
        "experiment": "learning-curve",
        "scale": "cpu",
        "caption": "Errors",
        "metric": "mae_over_mad",
        "rows": rows,
    }


def test_curves_go_from_few_crystals_to_many(record: dict[str, Any]) -> None:
    plain, hybrid, _ = curves(record)
    assert hybrid.sizes.tolist() == [100, 400, 1000]
    assert hybrid.errors == pytest.approx([0.1 * share**-0.5 for share in (0.1, 0.4, 1)])
    assert hybrid.exponent == pytest.approx(0.5)
    assert plain.errors[-1] == pytest.approx(0.41)  # the seed that diverged is left out


def test_the_gain_is_against_the_same_network_without_descriptors(record: dict[str, Any]) -> None:
    plain, hybrid, forest = curves(record)
    assert hybrid.gains[0.1] == pytest.approx(1 - 0.1 * 0.1**-0.5 / (0.4 * 0.1**-0.25))
    assert plain.gains == forest.gains == {}


def test_one_size_has_no_exponent(record: dict[str, Any]) -> None:
    record["rows"] = [r for r in record["rows"] if r["training_share"] == 1]
    assert np.isnan(curves(record)[1].exponent)


def test_table_and_figure_come_from_the_record(record: dict[str, Any], tmp_path: Path) -> None:
    learning_curve.draw(tmp_path / "learning-curve", record)
    with (tmp_path / "learning-curve.csv").open() as file:
        table = list(csv.DictReader(file))
    assert len(table) == 9
    first = next(line for line in table if line["network"] == "DE-CGCNN")
    assert (first["share of training"], first["training crystals"]) == ("10 %", "100")
    assert first["MAE/MAD (seeds)"] == "0.306, 0.326"
    assert first["gain by descriptors"] == "56 %"
    diverged = next(
        line for line in table if line["network"] == "CGCNN" and line["share of training"] == "100 %"
    )
    assert diverged["MAE/MAD (seeds)"] == "0.410, diverged"
    assert tables_in(tmp_path / "learning-curve.md")[1][1]["exponent"] == "0.50"
    assert (tmp_path / "learning-curve.png").read_bytes().startswith(b"\x89PNG")


def test_a_record_without_results_says_what_to_run(record: dict[str, Any], tmp_path: Path) -> None:
    record["rows"] = [{**r, "status": "diverged", "metrics": {}} for r in record["rows"]]
    with pytest.raises(InputError, match="`make learning-curve SCALE=cpu` trains the networks"):
        learning_curve.draw(tmp_path / "learning-curve", record)


def test_descriptors_against_the_number_of_crystals(tmp_path: Path) -> None:
    rows = []
    for share, r2, accuracy in ((1.0, 0.4, 0.6), (0.1, 0.1, 0.3)):
        about = {"training_share": share, "n_train": round(1000 * share)}
        metrics = {"mae": 1.0, "mad": 2.0, "mae_over_mad": 0.5, "r2": r2}
        rows += [
            record_row("cgcnn-tuned", 0.5, seed, target="natoms", metrics=metrics, **about) for seed in (0, 1)
        ]
        about |= {"dataset": "mp-crystal-system", "metrics": {"accuracy": accuracy}}
        rows.append(record_row("cgcnn-tuned", 0.5, target="crystal system", **about))
    made = {"experiment": "x", "scale": "cpu", "caption": "R²", "metric": "r2", "rows": rows}
    learning_curve_descriptors.draw(tmp_path / "curve", made)
    with (tmp_path / "curve.csv").open() as file:
        table = [
            (row["target"], row["training crystals"], row["measure"], row["mean"])
            for row in csv.DictReader(file)
        ]
    assert table == [
        ("natoms", "100", "R²", "0.100"),
        ("natoms", "1000", "R²", "0.400"),
        ("crystal system", "100", "accuracy", "0.300"),
        ("crystal system", "1000", "accuracy", "0.600"),
    ]
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
