"""The reproduction through upstream's own scripts: the same crystals, folds and settings."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import record_row

from hybrid.atomic import locked
from hybrid.data.folder import CrystalFolder, read_folder
from hybrid.descriptors.table import DescriptorTable
from hybrid.errors import DivergedError, InputError
from hybrid.settings import ALIGNNSettings, GraphSettings, ModelSettings, RunSettings, TrainerSettings
from hybrid.training.run import samples_of
from reproduction import figures
from reproduction.upstream import engine, scripts
from reproduction.workflow.record import _row
from reproduction.workflow.runs import planned

SMALL = ALIGNNSettings(
    alignn_layers=1, gcn_layers=1, hidden=16, embedding=8, bond_features=8, angle_features=8
)
CPU = torch.device("cpu")
ONE_CYCLE = TrainerSettings(
    epochs=2, batch_size=4, optimiser="adamw", loss="l1", schedule="one-cycle", gradient_clip=5.0
)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """An empty folder for a script."""
    path = tmp_path / "scratch"
    path.mkdir()
    return path


@pytest.fixture
def folder(crystal_folder: Callable[..., Path]) -> CrystalFolder:
    """Twelve crystals with two descriptors, one of which is not known of one crystal."""
    path = crystal_folder()
    rows = [f"x{i:02d},{i}.5,{i * i},\n" for i in range(11)]
    (path / "descriptors.csv").write_text("id,a,b,error\n" + "".join(rows) + "x11,,2,none\n")
    return read_folder(path)


def _settings(name: str, pooling: str = "mean", trainer: TrainerSettings = ONE_CYCLE) -> RunSettings:
    model = ModelSettings(name=name, pooling=pooling, alignn=SMALL)
    return RunSettings(model=model, trainer=trainer, split=(0.6, 0.2, 0.2))


@pytest.mark.parametrize(
    ("name", "pooling"),
    [("cgcnn", "mean"), ("de-cgcnn", "sum"), ("de-alignn", "sum")],
)
def test_a_run_folder_of_the_same_test_crystals(
    name: str, pooling: str, folder: CrystalFolder, tmp_path: Path
) -> None:
    settings, out = _settings(name, pooling), tmp_path / "run"
    engine.train(folder, settings, out)
    samples = samples_of(folder, settings)
    with (out / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == samples.ids("test")
    assert {row["fold"] for row in rows} == {"test"}
    targets = dict(zip(folder.ids, samples.targets[:, 0], strict=True))
    assert all(float(row["target"]) == pytest.approx(targets[row["id"]], rel=1e-6) for row in rows)
    metrics = json.loads((out / "metrics.json").read_text())
    error = sum(abs(float(row["target"]) - float(row["prediction"])) for row in rows) / len(rows)
    assert metrics["status"] == "done"
    assert metrics["best_epoch"] in (1, 2)
    assert metrics["train_seconds"] > 0
    if name == "de-alignn":
        assert 0 < metrics["validation"]["mae"] < 10 * max(targets.values())
    assert metrics["test"]["mae"] == pytest.approx(error, rel=1e-4)
    assert RunSettings.model_validate_json((out / "settings.json").read_text()) == settings
    assert not out.with_name("run.partial").exists()


def test_a_run_is_trained_by_one_process(folder: CrystalFolder, tmp_path: Path) -> None:
    with (
        locked(tmp_path / "run.partial" / "lock"),
        pytest.raises(InputError, match="run: is being trained by another process"),
    ):
        engine.train(folder, _settings("cgcnn"), tmp_path / "run")


def test_the_scripts_get_our_folds_targets_and_descriptors(folder: CrystalFolder, scratch: Path) -> None:
    samples = samples_of(folder, _settings("de-cgcnn"))
    engine._prepare(samples, scratch, CPU)
    for fold in ("training", "validation", "test"):
        assert read_folder(scratch / fold).ids == samples.ids(fold)
    parts = [i for fold in ("training", "validation", "test") for i in samples.ids(fold)]
    assert read_folder(scratch / "crystals").ids == parts
    table = DescriptorTable.read(scratch / "descriptors.csv")
    assert table.names == ("a", "b")
    training = [float(i[1:]) + 0.5 for i in samples.ids("training") if i != "x11"]
    median = sorted(training)[(len(training) - 1) // 2]
    assert table.rows(["x03", "x11"])[:, 0].tolist() == [3.5, median]


def _options(monkeypatch: pytest.MonkeyPatch, settings: RunSettings, prepared: scripts.Prepared) -> list[str]:
    """The words with which a script is called."""
    called: list[str] = []

    def call(source: str, command: list[str], prepared: scripts.Prepared) -> str:
        called.extend(command)
        raise InputError("stop here")

    monkeypatch.setattr(scripts, "_call", call)
    with pytest.raises(InputError, match="stop here"):
        scripts.SCRIPTS[settings.model.name.removeprefix("de-")].train(prepared, settings)
    return called


def test_the_papers_trainer_of_cgcnn(
    folder: CrystalFolder, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _settings("cgcnn", trainer=TrainerSettings(epochs=30))
    prepared = engine._prepare(samples_of(folder, settings), scratch, CPU)
    words = " ".join(_options(monkeypatch, settings, prepared))
    for option in (
        "--epoch 30 --batch-size 256 --learning-rate 0.01 --loss mse --optimizer sgd --momentum 0.9",
        "--weight-decay 0.0 --gradient-clip 0 --random-seed 0 --pooling mean",
        f"--milestones {1 / 3}",
    ):
        assert option in words
    assert "--descriptors" not in words
    assert engine._note(scripts.SCRIPTS["cgcnn"], settings).endswith("its best epoch by the loss, not by MAE")


def test_what_the_script_of_alignn_does_otherwise_is_said(
    folder: CrystalFolder, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _settings("alignn")
    _options(monkeypatch, settings, engine._prepare(samples_of(folder, settings), scratch, CPU))
    config = json.loads((scratch / "config.json").read_text())
    assert (config["scheduler"], config["criterion"], config["batch_size"]) == ("onecycle", "l1", 4)
    assert config["keep_data_order"] is True
    assert (config["n_train"], config["n_val"], config["n_test"]) == (8, 2, 2)
    note = engine._note(scripts.SCRIPTS["alignn"], settings)
    assert note.endswith("the script has full batches only, no limit on the gradient")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "classification"}, "support one target"),
        ({"targets": ("a", "b")}, "support one target"),
        ({"graph": GraphSettings(max_neighbours=18)}, "have 12 neighbours within 8 Å"),
        ({"model": ModelSettings(descriptor_limit=5.0)}, "do not clip descriptors"),
    ],
)
def test_what_the_scripts_cannot_do_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        engine.refuse(RunSettings(**changes))


def test_a_script_that_fails_says_why(tmp_path: Path) -> None:
    prepared = scripts.Prepared(tmp_path, {}, None, CPU)
    with pytest.raises(InputError, match="cgcnn2: its training script failed: ValueError: odd"):
        scripts._call("cgcnn2", ["-c", "raise ValueError('odd')"], prepared)
    code = "import sys; sys.exit('error: the training diverged: no epoch has a finite validation loss')"
    with pytest.raises(DivergedError, match=r"^the training diverged"):
        scripts._call("cgcnn2", ["-c", code], prepared)


# --- beside ours ---


def test_a_table_holds_ours_and_upstreams() -> None:
    ours = planned(figures.spec("table2"), "smoke")
    both = planned(figures.spec("table2-upstream"), "smoke")
    twins = [run for run in both if run.variant == "upstream"]
    assert [run for run in both if run.variant != "upstream"] == ours
    assert len(twins) == sum(run.settings.model.name.endswith(("cgcnn", "alignn")) for run in ours)
    for run in twins:
        mine = next(one for one in ours if one.settings == run.settings and one.dataset == run.dataset)
        assert run.name == mine.name.replace(f"-{mine.network}-seed", f"-{mine.network}-upstream-seed")


def test_what_the_cpu_scale_compares() -> None:
    runs = planned(figures.spec("table2-upstream"), "cpu")
    assert [run.network for run in runs if run.variant == "upstream"] == [
        "cgcnn-upstream",
        "de-cgcnn-upstream",
        "cgcnn-sum-upstream",
        "de-cgcnn-sum-upstream",
    ]
    assert {(run.dataset, run.settings.model_seed, run.settings.trainer.epochs) for run in runs} == {
        ("phonon-cv", 0, 300)
    }


def test_a_row_of_upstreams_has_the_papers_number_beside_it() -> None:
    spec = figures.spec("table2-upstream")
    run = next(run for run in planned(spec, "cpu") if run.network == "cgcnn-upstream")
    row = _row(run, spec, {"status": "diverged", "note": ""}, "")
    assert (row["variant"], row["model"], row["paper"]["mae_over_mad"]) == ("upstream", "cgcnn", 0.759)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("figure4-upstream", "figure4 measures networks"),
        ("learning-curve-upstream", "learning-curve compares sizes of the training set"),
        ("figure3g-upstream", "have 12 neighbours within 8 Å"),
        ("probe-force-fields-upstream", "support one target"),
        ("audit-sum-pooling-upstream", "have no pooling sum-of-shifted"),
        ("roost-upstream", "roost has no network of upstream's"),
        ("tabel2-upstream", "did you mean 'table2'"),
    ],
)
def test_experiments_that_upstreams_scripts_cannot_run(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        engine.refuse_experiment(name, "smoke")


def test_tables_can_run() -> None:
    for name in ("table1", "table2", "tableS1"):
        engine.refuse_experiment(f"{name}-upstream", "smoke")


def test_the_note_compares_pair_by_pair() -> None:
    spent = {"best_epoch": 7, "train_seconds": 12.3}
    rows = [
        record_row("cgcnn", 0.7, **spent),
        record_row("cgcnn-upstream", 0.8, **spent, note="trained otherwise"),
        record_row("forest", 0.2),
    ]
    assert engine.notes({"rows": rows}) == [
        "- Cv per cell, cgcnn: ours 0.700 (best epoch 7; 12 s), upstream 0.800 (best epoch 7; 12 s), "
        "trained otherwise."
    ]
