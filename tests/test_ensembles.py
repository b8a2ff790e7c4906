"""Ensembles, cross-validation, intervals, what is outside the training data, and fine-tuning."""

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import random_crystal, target_of
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

import hybrid
from hybrid import user_code
from hybrid.cli import main
from hybrid.data.folder import ATOM_INIT, read_folder
from hybrid.data.splits import cross_validation_folds
from hybrid.errors import InputError
from hybrid.metrics import in_digits
from hybrid.processes import in_parallel
from hybrid.trained import released
from hybrid.trained.calibration import LEVELS, Calibration
from hybrid.trained.checkpoint import MODEL_FILE
from hybrid.trained.domain import TrainingDomain
from hybrid.trained.ensemble import Ensemble
from hybrid.trained.loading import load, load_one
from hybrid.weights import read_weights

SMALL = ["--epochs", "2", "--atom-fea-len", "8", "--h-fea-len", "8", "--n-conv", "1", "--device", "cpu"]


@pytest.fixture(autouse=True)
def _work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def rows(path: str) -> list[dict[str, str]]:
    with Path(path).open() as file:
        return list(csv.DictReader(file))


def numbers(path: str, column: str) -> np.ndarray:
    return np.array([float(row[column]) for row in rows(path)])


def trained(folder: Path, *options: str) -> int:
    return main(["train", str(folder), *SMALL, *options])


# --- intervals ---


def test_intervals_keep_their_promise() -> None:
    """On errors of the kind that they were calibrated on, a level is what it says (binomial 4 sigma)."""
    rng = np.random.default_rng(0)
    spread = rng.uniform(0.5, 3, 4000)
    errors = rng.standard_t(3, 4000) * spread
    calibration = Calibration.fit(errors[:2000], spread[:2000])
    for level, share in calibration.coverage(errors[2000:], spread[2000:]).items():
        expected = float(level)
        assert abs(share - expected) < 4 * np.sqrt(2 * expected * (1 - expected) / 2000)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.integers(0, 2**32 - 1))
def test_intervals_contain_at_least_their_share_of_what_they_were_made_of(
    errors: list[float], seed: int
) -> None:
    spread = np.random.default_rng(seed).random(len(errors))
    calibration = Calibration.fit(np.array(errors), spread)
    for level in LEVELS:
        inside = np.abs(errors) <= calibration.half_width(spread, level) * (1 + 1e-9)
        assert inside.mean() >= min(level, 1 - 1 / len(errors)) - 1e-9
    assert np.all(np.diff(calibration.quantiles) >= 0)


# --- an ensemble ---


def test_an_ensemble_is_the_mean_of_its_members(
    crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(30)
    assert trained(path, "--seeds", "3", "--out", "run") == 0
    assert "intervals of 90 % contain" in capsys.readouterr().out
    members = np.stack([numbers(f"run/seed-{i}/predictions.csv", "prediction") for i in range(3)])
    assert numbers("run/predictions.csv", "prediction") == pytest.approx(members.mean(axis=0), rel=1e-5)
    spread = members.std(axis=0, ddof=1)
    assert numbers("run/predictions.csv", "std") == pytest.approx(spread, rel=1e-3, abs=1e-3)
    assert main(["predict", "run", str(path), "--out", "again.csv", "--device", "cpu"]) == 0
    for column in ("prediction", "std", "lower", "upper"):
        again, first = (numbers(file, column) for file in ("again.csv", "run/predictions.csv"))
        assert again == pytest.approx(first, rel=1e-4, abs=1e-2)
    assert [row["fold"] for row in rows("again.csv")] == [row["fold"] for row in rows("run/predictions.csv")]
    assert main(["predict", "run", str(path), "--out", "half.csv", "--level", "0.5"]) == 0
    wide, narrow = (numbers(f, "upper") - numbers(f, "lower") for f in ("again.csv", "half.csv"))
    assert (narrow <= wide).all()
    table = hybrid.load("run").predict(path)
    assert list(table.columns) == ["prediction", "std", "lower", "upper", "outside"]
    assert load_one("run").crystal_embeddings is not None


def test_an_ensemble_goes_on_and_is_not_taken_for_another_run(
    crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(20)
    assert trained(path, "--seeds", "2", "--out", "whole") == 0
    assert trained(path, "--seeds", "2", "--out", "run") == 0
    Path("run/metrics.json").unlink()
    shutil.rmtree("run/seed-1")
    assert main(["predict", "run", str(path)]) == 2
    assert "run: is not finished" in capsys.readouterr().err
    first = Path("run/seed-0", MODEL_FILE).stat().st_mtime_ns
    assert trained(path, "--seeds", "2", "--out", "run") == 0
    assert Path("run/seed-0", MODEL_FILE).stat().st_mtime_ns == first
    for file in ("metrics.json", "predictions.csv", "ensemble.json"):
        assert Path("run", file).read_text() == Path("whole", file).read_text()
    capsys.readouterr()
    for other in ([], ["--seeds", "3"], ["--folds", "2"]):
        assert trained(path, *other, "--out", "run") == 2
        assert "choose another --out" in capsys.readouterr().err
    whole = {"floor": 1.0, "quantiles": [1.0] * len(LEVELS)}
    for damaged in (
        "[]",
        "{}",
        '{"members": [1]}',
        '{"members": ["seed-0"], "calibrations": 3, "scaled": 1}',
        '{"members": ["seed-0"], "calibrations": [{"floor": 1, "quantiles": [1, 2]}], "scaled": 1}',
        json.dumps({"members": ["seed-0"], "calibrations": [whole, whole], "scaled": 1}),
    ):
        Path("whole/ensemble.json").write_text(damaged)
        assert main(["predict", "whole", str(path)]) == 2
        assert "is damaged" in capsys.readouterr().err
    assert trained(path, "--out", "one") == 0
    assert trained(path, "--seeds", "2", "--out", "one") == 2
    assert main(["predict", "one", str(path), "--level", "0.8"]) == 2
    assert "single network" in capsys.readouterr().err


@pytest.mark.parametrize("several", [("--seeds", "3"), ("--folds", "3")])
def test_processes_train_the_same_networks(
    crystal_folder: Callable[..., Path], several: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, jobs = crystal_folder(20), []
    for known in ("_FILES", "_OBJECTS"):  # what other tests have run
        monkeypatch.setattr(user_code, known, {})

    def noted(function: Any, networks: Any, n: int, order: bool) -> Any:
        jobs.append(n)
        return in_parallel(function, networks, n, order)

    monkeypatch.setattr("hybrid.training.several.in_parallel", noted)
    assert trained(path, *several, "--out", "alone") == 0
    assert trained(path, *several, "--jobs", "2", "--out", "together") == 0
    assert jobs == [1, 2]
    tables = [pd.read_csv(Path(run, "predictions.csv"), index_col="id") for run in ("alone", "together")]
    pd.testing.assert_frame_equal(*tables, rtol=1e-4)
    alone, together = (sorted(file.name for file in Path(run).iterdir()) for run in ("alone", "together"))
    assert alone == together


def test_an_ensemble_of_classifiers_votes(crystal_folder: Callable[..., Path]) -> None:
    path = crystal_folder(20)
    lines = [f"x{i:02d},{i % 2}\n" for i in range(20)]
    (path / "id_prop.csv").write_text("".join(lines))
    assert trained(path, "--task", "classification", "--seeds", "2", "--out", "run") == 0
    members = np.stack([numbers(f"run/seed-{i}/predictions.csv", "probability of 1") for i in range(2)])
    mean = members.mean(axis=0)
    assert numbers("run/predictions.csv", "probability of 1") == pytest.approx(mean, abs=1e-6)
    assert numbers("run/predictions.csv", "prediction") == pytest.approx((mean > 0.5).astype(float))


def test_each_target_has_its_intervals(crystal_folder: Callable[..., Path]) -> None:
    path = crystal_folder(20)
    text = "".join(f"x{i:02d},{i},{i**2}\n" for i in range(20))
    (path / "id_prop.csv").write_text(f"id,a,b\n{text}")
    assert trained(path, "--seeds", "2", "--out", "run") == 0
    words = ("target", "prediction", "std", "lower", "upper")
    assert list(rows("run/predictions.csv")[0]) == ["id", "fold", *(f"{w} {t}" for t in "ab" for w in words)]
    assert set(json.loads(Path("run/metrics.json").read_text())["coverage"]) == {"a", "b"}
    assert main(["predict", "run", str(path), "--device", "cpu"]) == 0


# --- cross-validation ---


@given(st.lists(st.integers(0, 30), min_size=8, max_size=60), st.integers(3, 5), st.integers(0, 9))
def test_every_crystal_is_unseen_once_with_its_group(groups: list[int], k: int, seed: int) -> None:
    names = list(map(str, groups))
    if len(set(names)) <= k:
        with pytest.raises(InputError):
            cross_validation_folds(names, k, seed)
        return
    parts, folds = cross_validation_folds(names, k, seed)
    assert len(folds) == k
    for number, fold in enumerate(folds):
        assert ((fold == "test") == (parts == number)).all()
        assert {"training", "validation", "test"} == set(fold)
        for name in set(names):
            assert len({fold[i] for i in range(len(names)) if names[i] == name}) == 1


def test_cross_validation_predicts_what_a_network_has_not_seen(crystal_folder: Callable[..., Path]) -> None:
    path = crystal_folder(20)
    assert trained(path, "--folds", "3", "--out", "run") == 0
    for row in rows("run/predictions.csv"):
        own = {r["id"]: r for r in rows(f"run/fold-{row['fold']}/predictions.csv")}[row["id"]]
        assert own["fold"] == "test"
        assert float(own["prediction"]) == pytest.approx(float(row["prediction"]), rel=5e-7)  # seven digits
    metrics = json.loads(Path("run/metrics.json").read_text())
    assert metrics["n_test"] == 20
    assert len(metrics["single"]) == 3
    assert main(["predict", "run", str(path), "--device", "cpu"]) == 0
    found = rows("crystals-run-predictions.csv")
    assert {row["fold"] for row in found} == {"training"}
    assert not any("was not in the training data" in row["outside"] for row in found)
    assert trained(path, "--folds", "30", "--out", "too-many") == 2
    assert trained(path, "--folds", "2", "--split", "0.8", "0.1", "0.1") == 2
    with pytest.raises(InputError, match="of one group"):
        cross_validation_folds(["a"] * 6 + ["b", "c"], 2, 0)


# --- what is outside the training data ---


def test_the_training_crystals_of_an_ensemble_are_those_of_all_its_networks() -> None:
    one = TrainingDomain((1, 8), 4, ("a",), (1.0,), (2.0,))
    two = TrainingDomain((8, 11), 9, ("a",), (1.5,), (3.0,))
    assert TrainingDomain.joined([one, two]) == TrainingDomain((1, 8, 11), 9, ("a",), (1.0,), (3.0,))


def test_what_is_not_like_the_training_crystals_is_said(tmp_path: Path) -> None:
    crystals = {f"x{i}": random_crystal(i) for i in range(12)}
    targets = {name: target_of(crystal) for name, crystal in crystals.items()}
    model = hybrid.train(crystals, targets, model="de-cgcnn", epochs=1, descriptors=("density", "natoms"))
    assert not isinstance(model, Ensemble)
    largest = max(map(len, crystals.values()))
    new = {
        "seen": crystals["x0"],
        "osmium": Structure(Lattice.cubic(2.2), ["Os"], [[0, 0, 0]]),
        "large": crystals["x0"] * (3, 2, 2),
        "alone": Structure(Lattice.cubic(30), ["Li"], [[0, 0, 0]]),
    }
    inputs = model.inputs(hybrid.api.as_folder(new))
    said = dict(zip(new, model.outside(inputs), strict=True))
    domain = model.domain
    assert domain is not None
    assert said["seen"] == "" or "density" in said["seen"]  # x0 may be in the test set
    assert "Os was not in the training data" in said["osmium"]
    assert "density" in said["osmium"]
    assert f"{12 * len(crystals['x0'])} atoms, more than {domain.n_atoms} in training" in said["large"]
    assert domain.n_atoms <= largest
    assert "an atom has no neighbour within 8 Å" in said["alone"]
    knows_osmium = replace(domain, elements=(*domain.elements, 76))
    assert "Os" not in Ensemble((model, replace(model, domain=knows_osmium))).outside(inputs)[1]


# --- fine-tuning ---


@pytest.fixture
def start(crystal_folder: Callable[..., Path]) -> Path:
    """A trained network, and the folder that it was trained on."""
    path = crystal_folder(20)
    (path / "manifest.json").write_text('{"target": "volume", "unit": "Å3"}')
    assert trained(path, "--out", "first") == 0
    return path


def weights(run: str) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = read_weights(Path(run, MODEL_FILE))["state_dict"]
    return found


def test_frozen_layers_stay_and_the_head_learns(start: Path) -> None:
    assert main(["train", str(start), "--init-from", "first", "--freeze", "--epochs", "2", "--out", "r"]) == 0
    before, after = weights("first"), weights("r")
    for name in before:
        same = torch.equal(before[name], after[name])
        assert same == (not name.startswith(("conv_to_fc", "fcs", "fc_out"))), name


def test_frozen_statistics_without_weights_stay(start: Path) -> None:
    assert trained(start, "--model", "cgcnn-lattice", "--out", "lattice") == 0
    for name, freeze in (("frozen", ["--freeze"]), ("free", [])):
        options = ["--init-from", "lattice", *freeze, "--data-seed", "1", "--epochs", "1", "--out", name]
        assert main(["train", str(start), *options]) == 0
        before, after = (weights(run)["standardised.running_mean"] for run in ("lattice", name))
        assert torch.equal(before, after) == bool(freeze)


def test_each_network_starts_from_one_of_an_ensemble(start: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert trained(start, "--seeds", "2", "--out", "two") == 0
    for seed, number in (("0", "1"), ("3", "2")):
        options = ["--init-from", "two", "--model-seed", seed, "--epochs", "1", "--out", f"r{seed}"]
        assert main(["train", str(start), *options]) == 0
        said = capsys.readouterr().err
        assert f"two: is of 2 networks; training starts from number {number}" in said
        assert "the first is taken" not in said


def test_few_validation_crystals_are_noted(start: Path, capsys: pytest.CaptureFixture[str]) -> None:
    split = ["--split", "0.5", "0.35", "0.15"]
    assert trained(start, "--seeds", "2", *split, "--out", "few") == 0
    assert "7 validation crystals are too few for intervals of 90 %; 9 are needed" in capsys.readouterr().err


def test_the_head_is_kept_for_the_same_target_only(start: Path) -> None:
    """With a learning rate of almost nothing, a kept head predicts as before."""
    still = ["--learning-rate", "1e-12", "--epochs", "1", "--device", "cpu"]
    before = numbers("first/predictions.csv", "prediction")
    assert main(["train", str(start), "--init-from", "first", *still, "--out", "kept"]) == 0
    assert numbers("kept/predictions.csv", "prediction") == pytest.approx(before, rel=1e-2)
    assert torch.equal(weights("first")["fc_out.bias"], weights("kept")["fc_out.bias"])
    (start / "manifest.json").unlink()
    rows = (start / "id_prop.csv").read_text()
    (start / "id_prop.csv").write_text(f"id,volume\n{rows}")
    assert main(["train", str(start), "--init-from", "first", *still, "--out", "named"]) == 0
    assert torch.equal(weights("first")["fc_out.bias"], weights("named")["fc_out.bias"])
    (start / "manifest.json").write_text('{"target": "density"}')
    for options, kept in (([], False), (["--head", "keep"], True)):
        out = f"run-{len(options)}"
        assert main(["train", str(start), "--init-from", "first", *still, *options, "--out", out]) == 0
        assert torch.equal(weights("first")["fc_out.bias"], weights(out)["fc_out.bias"]) == kept
        assert torch.allclose(weights("first")["embedding.weight"], weights(out)["embedding.weight"])
        metrics = json.loads(Path(out, "metrics.json").read_text())
        assert metrics["head"] == ("the trained one" if kept else "a new one")
        assert metrics["n_test_known"] == 0


def test_it_is_said_that_the_test_crystals_were_in_the_first_training(
    start: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(start), "--init-from", "first", "--data-seed", "1", "--epochs", "1"]) == 0
    before = {row["id"]: row["fold"] for row in rows("first/predictions.csv")}
    (now,) = Path().glob("crystals-*/predictions.csv")
    n = sum(row["fold"] == "test" and before[row["id"]] == "training" for row in rows(str(now)))
    assert n
    assert f"first was trained on {n} of the test crystals" in capsys.readouterr().err
    for several in (["--seeds", "2"], ["--folds", "2"]):
        options = ["--data-seed", "1", "--epochs", "1", *several, "--out", "several"]
        assert main(["train", str(start), "--init-from", "first", *options]) == 0
        tested = [
            r["id"] for r in rows("several/predictions.csv") if r["fold"] == "test" or "--folds" in several
        ]
        known = json.loads(Path("several/metrics.json").read_text())["n_test_known"]
        assert known == sum(before[name] == "training" for name in tested) > 0
        shutil.rmtree("several")
    shutil.copy(Path("first", MODEL_FILE), "alone.ckpt")
    assert main(["train", str(start), "--init-from", "alone.ckpt", "--epochs", "1", "--out", "r"]) == 0
    assert "alone.ckpt does not say what it was trained on" in capsys.readouterr().err


def test_descriptors_may_be_added(start: Path) -> None:
    options = ["--model", "de-cgcnn", "--descriptors", "density", "--epochs", "1", "--out", "r"]
    assert main(["train", str(start), "--init-from", "first", *options]) == 0
    assert load_one("r").settings.atom_fea_len == 8


def test_a_head_is_kept_for_the_same_descriptors_in_their_order(start: Path) -> None:
    """And with their standardisation: with a learning rate of almost nothing it predicts as before."""
    still = ["--learning-rate", "1e-12", "--epochs", "1", "--device", "cpu", "--freeze"]
    joined = ["--model", "de-cgcnn", "--descriptors"]
    assert trained(start, *joined, "a", "natoms", "--out", "joined") == 0
    for names, kept in ((["a", "natoms"], True), (["natoms", "a"], False), (["density", "b"], False)):
        options = ["--init-from", "joined", *still, *joined[2:], *names, "--out", "-".join(names)]
        part = ["--data-seed", "3", "--n-structures", "12"]
        assert main(["train", str(start), *options, *part]) == 0
        metrics = json.loads(Path("-".join(names), "metrics.json").read_text())
        assert metrics["head"] == ("the trained one" if kept else "a new one")
    before = {row["id"]: float(row["prediction"]) for row in rows("joined/predictions.csv")}
    after = {row["id"]: float(row["prediction"]) for row in rows("a-natoms/predictions.csv")}
    assert after == pytest.approx({name: before[name] for name in after}, rel=1e-4)


def test_a_head_of_other_classes_or_of_targets_without_names_is_new(start: Path) -> None:
    lines = [row.split(",") for row in (start / "id_prop.csv").read_text().split()]
    for first, out in ((0, "low"), (1, "high")):
        table = "".join(f"{name},{i % 2 + first}\n" for i, (name, _) in enumerate(lines))
        (start / "id_prop.csv").write_text(table)
        more = ["--init-from", "low"] if first else []
        command = ["train", str(start), *(SMALL if not first else ["--epochs", "1"]), *more, "--out", out]
        assert main([*command, "--task", "classification"]) == 0
    assert json.loads(Path("high/metrics.json").read_text())["head"] == "a new one"
    table = "".join(f"{name},{value},{i}\n" for i, (name, value) in enumerate(lines))
    (start / "id_prop.csv").write_text(table)
    both = ["--targets", "target_1", "target_2"]
    assert trained(start, *both, "--out", "two") == 0
    (start / "manifest.json").unlink(missing_ok=True)
    assert main(["train", str(start), *both, "--init-from", "two", "--epochs", "1", "--out", "again"]) == 0
    assert json.loads(Path("again/metrics.json").read_text())["head"] == "a new one"


def test_the_element_features_are_those_of_the_trained_model(start: Path) -> None:
    features = json.loads(ATOM_INIT.read_text())
    (start / "atom_init.json").write_text(json.dumps({z: row[::-1] for z, row in features.items()}))
    assert trained(start, "--out", "turned") == 0
    (start / "atom_init.json").unlink()
    still = ["--learning-rate", "1e-12", "--epochs", "1", "--device", "cpu", "--freeze", "--head", "keep"]
    assert main(["train", str(start), "--init-from", "turned", *still, "--out", "after"]) == 0
    before = numbers("turned/predictions.csv", "prediction")
    assert numbers("after/predictions.csv", "prediction") == pytest.approx(before, rel=1e-4)


def test_what_does_not_fit_is_refused(start: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options, said in (
        (["--init-from", "nowhere"], "no such model"),
        (["--init-from", "first", "--model", "alignn"], "is cgcnn, not alignn"),
        (["--init-from", "first", "--n-conv", "2"], "was trained with 1"),
        (["--init-from", "first", "--max-neighbours", "20"], "was trained with 12"),
        (["--init-from", "first", "--pooling", "sum"], "was trained with mean"),
        (["--freeze"], "needs --init-from"),
        (["--radius", "1e200"], "--radius 1e+200: Input should be less than or equal to 1000"),
    ):
        assert main(["train", str(start), *options, "--out", "r"]) == 2
        assert said in capsys.readouterr().err
    assert not Path("r").exists()


def test_a_run_knows_the_model_that_it_started_from(start: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", str(start), "--init-from", "first", "--epochs", "1", "--out", "r"]
    assert main(command) == 0
    assert main(command) == 0
    Path("first").rename("kept")
    assert trained(start, "--model-seed", "1", "--out", "first") == 0
    assert main(command) == 2
    assert "holds another run" in capsys.readouterr().err


# --- released models ---


def test_a_released_model_is_what_was_trained(
    crystal_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = crystal_folder(20)
    options = ["--model", "de-cgcnn", "--descriptors", "density", "natoms", "--seeds", "2", "--out", "run"]
    assert trained(path, *options) == 0
    ensemble = load("run")
    assert isinstance(ensemble, Ensemble)
    contents = [read_weights(Path("run", f"seed-{i}", MODEL_FILE)) for i in range(2)]
    released.write_released(tmp_path / "models" / "mine", contents, ensemble)
    monkeypatch.setattr(released, "FOLDER", tmp_path / "models")
    assert main(["predict", "mine", str(path), "--out", "a.csv", "--device", "cpu"]) == 0
    assert main(["predict", "run", str(path), "--out", "b.csv", "--device", "cpu"]) == 0
    Path("mine").mkdir()  # a folder of something else
    assert isinstance(load("mine"), Ensemble)
    drop = [{k: v for k, v in row.items() if k != "fold"} for row in rows("b.csv")]
    assert rows("a.csv") == drop
    assert hybrid.load("mine").predict(list(read_folder(path).files.values())).shape == (20, 5)
    assert main(["train", str(path), "--init-from", "mine", "--epochs", "1", "--out", "tuned"]) == 0
    weights = tmp_path / "models" / "mine" / released.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    with pytest.raises(InputError, match="is damaged"):
        load("mine")
    with pytest.raises(InputError, match="those that come with the package: mine"):
        load("yours")


# --- several features at once ---


def test_a_forest_learns_from_the_validation_crystals_and_has_no_intervals_from_them(
    crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(20)
    assert main(["train", str(path), "--model", "forest", "--seeds", "2"]) == 2
    assert "use --folds" in capsys.readouterr().err
    assert main(["train", str(path), "--model", "forest", "--out", "run"]) == 0
    assert "validation" not in capsys.readouterr().out
    metrics = json.loads(Path("run/metrics.json").read_text())
    assert (metrics["n_training"], metrics["n_validation"], metrics["n_test"]) == (18, 0, 2)
    assert {row["fold"] for row in rows("run/predictions.csv")} == {"training", "test"}


@pytest.mark.parametrize("several", [["--seeds", "2"], ["--folds", "2"]])
def test_classifiers_without_probabilities_have_votes(
    several: list[str], crystal_folder: Callable[..., Path]
) -> None:
    path = crystal_folder(20)
    table = "".join(f"x{i:02d},{i % 3 == 0:d}\n" for i in range(20))
    (path / "id_prop.csv").write_text(table)
    options = ["--model", "majority-baseline", "--task", "classification", *several, "--out", "run"]
    assert main(["train", str(path), *options]) == 0
    assert {row["prediction"] for row in rows("run/predictions.csv")} == {"0"}


def test_numbers_have_the_digits_that_tell_them_apart() -> None:
    assert in_digits(np.array([3.7274591234, 0.602, 1.0663624])) == ["3.727459", "0.602", "1.066362"]
    told = in_digits(np.array([-1234567.104371, -1234566.981234, -1234560.0]))
    assert told == ["-1234567.10437", "-1234566.98123", "-1234560"]
    told = in_digits(np.array([0, *(-1234567.104371 - i for i in range(20))]))
    assert told[1] == "-1234567.10437"
    assert in_digits(np.array([-1234567.104371, np.nan])) == ["-1234567.104", ""]


def test_large_targets_keep_their_small_differences(crystal_folder: Callable[..., Path]) -> None:
    path = crystal_folder(20)
    lines = (path / "id_prop.csv").read_text().split()
    table = "".join(f"{name},{-1234567 - float(value)!r}\n" for name, value in (x.split(",") for x in lines))
    (path / "id_prop.csv").write_text(table)
    assert trained(path, "--seeds", "2", "--out", "run") == 0
    assert main(["predict", "run", str(path), "--out", "p.csv"]) == 0
    written, again = (numbers(file, "std") for file in ("run/predictions.csv", "p.csv"))
    assert written == pytest.approx(again, abs=1e-3)
    assert (written > 0).all()


def test_one_network_does_not_go_into_a_stopped_run_of_several(
    crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(20)
    assert trained(path, "--seeds", "2", "--out", "run") == 0
    Path("run/metrics.json").unlink()
    assert trained(path, "--out", "run") == 2
    assert "holds a run of several networks" in capsys.readouterr().err
    assert not Path("run.partial").exists()


def test_classes_of_many_digits_have_their_own_columns(crystal_folder: Callable[..., Path]) -> None:
    path = crystal_folder(20)
    table = "".join(f"x{i:02d},{1234567 + i % 2}\n" for i in range(20))
    (path / "id_prop.csv").write_text(table)
    assert trained(path, "--task", "classification", "--seeds", "2", "--out", "run") == 0
    both = [numbers("run/predictions.csv", f"probability of {label}") for label in (1234567, 1234568)]
    assert sum(both) == pytest.approx(np.ones(20), abs=1e-6)


def test_settings_that_are_refused_leave_no_run(
    crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(20)
    assert trained(path, "--seeds", "2", "--precision", "bf16", "--out", "run") == 2
    assert "cannot be trained in it" in capsys.readouterr().err
    assert trained(path, "--seeds", "3", "--out", "run") == 0


def test_a_structure_under_two_ids_is_a_training_crystal_if_one_of_them_is(
    crystal_folder: Callable[..., Path],
) -> None:
    path = crystal_folder(20)
    split = "".join(
        f"x{i:02d},{'training' if i < 15 else 'validation' if i < 17 else 'test'}\n" for i in range(20)
    )
    Path("split.csv").write_text(f"id,fold\n{split}")
    shutil.copy(path / "x00.json", path / "x19.json")
    assert trained(path, "--split-file", "split.csv", "--out", "fold-test") == 0
    assert main(["predict", "fold-test", str(path), "--out", "p.csv"]) == 0
    folds = {row["id"]: row["fold"] for row in rows("p.csv")}
    assert (folds["x00"], folds["x19"], folds["x18"]) == ("training", "training", "test")
