"""Tables of finished runs: what is read back, what a kill leaves, and what is trained anew."""

import csv
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hybrid.errors import InputError
from hybrid.settings import RunSettings
from reproduction.paths import ROOT
from reproduction.workflow import plan, run_table
from reproduction.workflow import runs as workflow_runs
from reproduction.workflow.plan import all_runs, execute, find
from reproduction.workflow.run_table import forget, pack, read
from reproduction.workflow.runs import Run
from reproduction.workflow.runs import pack as pack_runs

N_CRYSTALS = 30


def write_run(folder: Path, seed: int = 0) -> Path:
    """A run folder as training leaves it, in made-up numbers of 7 digits."""
    folder.mkdir(parents=True)
    numbers = np.random.default_rng(seed).normal(0, 10.0 ** np.arange(-9, 21)[:, None], (N_CRYSTALS, 2))
    (folder / "settings.json").write_text(RunSettings(model_seed=seed).model_dump_json(indent=2))
    metrics = {"status": "done", "test": {"mae": numbers[0, 0], "r2": float("nan")}, "note": "a₁ in Å"}
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=2))
    (folder / "log.csv").write_text("epoch,training_loss,validation_mae\n1,1.5353,3e-05\n2,nan,12.7\n")
    rows = [f"mp-{i},{'test' if i % 3 else 'training'},{t:.7g},{p:.7g}" for i, (t, p) in enumerate(numbers)]
    (folder / "predictions.csv").write_text("\n".join(["id,fold,target,prediction", *rows]) + "\n")
    (folder / "model.ckpt").write_bytes(b"a model")
    return folder


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "phonon-cv.parquet"


@pytest.fixture
def folders(table: Path) -> list[Path]:
    return [write_run(table.parent / f"phonon-cv-cgcnn-seed{seed}-{seed:08x}", seed) for seed in range(6)]


def names(table: Path) -> list[str]:
    return pq.read_table(table)["name"].to_pylist()


def test_what_is_read_back_is_what_was_written(table: Path, folders: list[Path]) -> None:
    (folders[0] / "importance.json").write_text('{"forest": [0.25, 1e-05], "n_trees": 100}')
    columns = [name for name in run_table.SCHEMA.names if name != "name"]
    before = {folder: {column: read(table, folder, column) for column in columns} for folder in folders}
    pack(table, folders)
    for folder in folders:
        with (folder / "predictions.csv").open() as file:
            rows = list(csv.DictReader(file))
        shutil.rmtree(folder)
        after = {column: read(table, folder, column) for column in columns}
        assert json.dumps(after) == json.dumps(before[folder])
        kept = after["predictions"]
        assert [row["id"] for row in rows] == kept["id"]
        assert [row["fold"] for row in rows] == kept["fold"]
        for column in ("target", "prediction"):
            assert [row[column] for row in rows] == [f"{value:.7g}" for value in kept[column]]
        assert after["log"]["validation_mae"] == [3e-05, 12.7]
    assert read(table, folders[0], "measurements") == {
        "importance": {"forest": [0.25, 1e-05], "n_trees": 100}
    }


def test_a_diverged_run_has_no_predictions_and_those_of_many_targets_are_not_kept(
    table: Path, folders: list[Path]
) -> None:
    diverged, many = folders[:2]
    (diverged / "predictions.csv").unlink()
    (diverged / "log.csv").unlink()
    (many / "predictions.csv").write_text(
        "id,fold,target a,prediction a,target b,prediction b\nx,test,1,2,3,4\n"
    )
    for _ in range(2):
        assert read(table, diverged, "predictions") == read(table, diverged, "log") == {}
        assert read(table, many, "predictions") == {}
        pack(table, folders)


def test_packing_twice_changes_nothing_and_one_by_one_is_as_all_at_once(
    table: Path, folders: list[Path]
) -> None:
    for folder in folders:
        pack(table, [folder])
    one_by_one, when = table.read_bytes(), table.stat().st_mtime_ns
    pack(table, folders)
    assert table.stat().st_mtime_ns == when
    table.unlink()
    pack(table, folders)
    assert table.read_bytes() == one_by_one
    assert all((folder / "model.ckpt").exists() for folder in folders)


def test_what_is_not_finished_is_not_packed(table: Path, folders: list[Path]) -> None:
    (folders[0] / "metrics.json").unlink()
    pack(table, [*folders[:2], table.parent / "never-begun"])
    assert names(table) == [folders[1].name]


def test_a_measurement_is_added_to_a_packed_run_and_all_else_stays(table: Path, folders: list[Path]) -> None:
    pack(table, folders)
    (folders[0] / "metrics.json").write_text('{"status": "another machine\'s"}')
    (folders[0] / ".supercells.half.json").write_text('{"rows"')
    for what in ("supercells", "selection"):
        (folders[0] / f"{what}.json").write_text(f'{{"{what}": 1}}')
        assert read(table, folders[0], "measurements")[what] == {what: 1}
        pack(table, folders)
    shutil.rmtree(folders[0])
    assert set(read(table, folders[0], "measurements")) == {"supercells", "selection"}
    assert read(table, folders[0], "metrics")["status"] == "done"
    assert len(names(table)) == len(folders)


def test_two_that_pack_at_once_lose_nothing(table: Path, folders: list[Path]) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=pack, args=(table, [folder])) for folder in folders]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * len(folders)
    assert sorted(names(table)) == [folder.name for folder in folders]


def test_a_kill_in_the_middle_loses_nothing(
    table: Path, folders: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(table, folders[:3])
    before, write = table.read_bytes(), pq.write_table

    def half_written(whole: pa.Table, path: Path, **options: object) -> None:
        write(whole, path, **options)
        path.write_bytes(path.read_bytes()[:500])
        os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patch:
        patch.setattr(pq, "write_table", half_written)
        process = multiprocessing.get_context("fork").Process(target=pack, args=(table, folders))
        process.start()
        process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert table.read_bytes() == before
    pack(table, folders)
    assert sorted(names(table)) == [folder.name for folder in folders]


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    at = len(content) // 2
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


def conflicted(content: bytes) -> bytes:
    return b"<<<<<<< HEAD\n" + content


def of_something_else(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"name": ["a"], "energy": [1.0]}), sink)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("damage", [truncated, flipped, conflicted, of_something_else, lambda _: b""])
def test_a_damaged_table_is_named_in_one_sentence(
    damage: Callable[[bytes], bytes], table: Path, folders: list[Path]
) -> None:
    pack(table, folders[:5])
    table.write_bytes(damage(table.read_bytes()))
    damaged = table.read_bytes()
    for use in (
        lambda: [read(table, folders[0], column) for column in run_table.SCHEMA.names[1:]],
        lambda: pack(table, folders),
    ):
        with pytest.raises(InputError, match="is damaged, or not a table of runs") as raised:
            use()
        assert str(raised.value).startswith(f"{table}: ")
        assert "\n" not in str(raised.value)
    assert table.read_bytes() == damaged


# --- runs and their plan ---


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that is done, and in the table alone."""
    monkeypatch.setattr(workflow_runs, "RESULTS", tmp_path / "results")
    run = next(run for run in all_runs("smoke").values() if run.dataset == "chains-short")
    write_run(run.folder)
    pack_runs([run])
    shutil.rmtree(run.folder)
    return run


def test_a_packed_run_is_not_trained_again_unless_it_is_asked_for(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = []

    def train(_crystals: object, _settings: object, out: Path, **_options: object) -> None:
        trained.append(write_run(out, seed=1))

    monkeypatch.setattr(plan, "dataset_folder", lambda name: name)
    monkeypatch.setattr(plan, "subset", lambda crystals, settings: crystals)
    monkeypatch.setattr(plan, "train", train)
    write_run(run.folder)
    (run.folder / "importance.json").write_text('{"forest": [0.25]}')
    pack_runs([run])
    shutil.rmtree(run.folder)
    before = run.tested
    assert run.done
    assert [identity for identity, _, _ in run.tested] == [f"mp-{i}" for i in range(N_CRYSTALS) if i % 3]
    execute(run.name, "smoke")
    assert not trained
    execute(run.name, "smoke", again=True)
    assert trained == [run.folder.with_name(f"{run.name}.again")]
    assert not run.packed
    assert run.tested != before
    assert run.measurements == {"importance": {"forest": [0.25]}}
    pack_runs([run])
    shutil.rmtree(run.folder)
    assert run.tested != before
    assert run.measurements == {"importance": {"forest": [0.25]}}


def test_a_run_that_cannot_be_trained_again_stays(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(*_given: object, **_options: object) -> None:
        raise InputError("the disk is full")

    monkeypatch.setattr(plan, "dataset_folder", lambda name: name)
    monkeypatch.setattr(plan, "subset", lambda crystals, settings: crystals)
    monkeypatch.setattr(plan, "train", train)
    before = run.tested
    with pytest.raises(InputError):
        execute(run.name, "smoke", again=True)
    assert run.tested == before


def test_a_kill_while_results_are_replaced_loses_none(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(*_given: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(plan, "dataset_folder", lambda name: name)
    monkeypatch.setattr(plan, "subset", lambda crystals, settings: crystals)
    monkeypatch.setattr(plan, "train", lambda _crystals, _settings, out, **_options: write_run(out, seed=1))
    before = run.tested
    with monkeypatch.context() as patch:
        patch.setattr(plan.shutil, "rmtree", kill)
        with pytest.raises(KeyboardInterrupt):
            execute(run.name, "smoke", again=True)
    assert run.done
    assert run.tested == before


def test_a_run_whose_table_is_removed_is_to_be_trained(run: Run) -> None:
    run.table.unlink()
    assert not run.done


def test_one_run_is_forgotten_and_the_others_stay(table: Path, folders: list[Path]) -> None:
    pack(table, folders)
    forget(table, folders[2].name)
    forget(table, "unknown")
    assert names(table) == [folder.name for folder in folders if folder != folders[2]]


def test_a_run_is_found_by_its_name(run: Run) -> None:
    assert find(run.name, "smoke") == run
    with pytest.raises(InputError, match=f"unknown run '{run.name}x'; did you mean '{run.name}'"):
        find(f"{run.name}x", "smoke")


@pytest.mark.slow
def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    """The workflow itself, in a checkout of its own: run, run again, without folders, without a table."""
    shutil.copytree(ROOT / "reproduction", tmp_path / "reproduction")
    (tmp_path / "vendor").symlink_to(ROOT / "vendor")
    (tmp_path / "datasets").mkdir()
    results = tmp_path / "results" / "smoke"
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    command = [
        sys.executable,
        "-m",
        "reproduction",
        "reproduce",
        "figureS3",
        "--scale",
        "smoke",
        "--cores",
        "2",
    ]

    def reproduced() -> str:
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "R² of predicted a" in done.stdout
        return done.stderr

    def rows() -> list[dict]:
        recorded = json.loads((results / "figureS3.json").read_text())["rows"]
        return [
            {key: row.get(key) for key in ("dataset", "network", "metrics", "status")} for row in recorded
        ]

    assert "Nothing to be done" not in reproduced()
    first = rows()
    assert [row["status"] for row in first] == ["done"] * 8
    assert len(list((results / "runs").glob("*.parquet"))) == 4
    assert "Nothing to be done" in reproduced()
    for folder in (results / "runs").iterdir():
        if folder.is_dir():
            shutil.rmtree(folder)
    assert "Nothing to be done" in reproduced()
    for ending in (".json", ".png"):
        (results / f"figureS3{ending}").unlink()
    reproduced()
    assert rows() == first
    assert not [path for path in (results / "runs").iterdir() if path.is_dir()]
    (results / "runs" / "chains-short.parquet").unlink()
    reproduced()
    trained = {path.name.split("-cgcnn")[0] for path in (results / "runs").iterdir() if path.is_dir()}
    assert trained == {"chains-short"}
    assert rows() == first
