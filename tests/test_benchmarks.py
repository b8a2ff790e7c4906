"""Benchmarks: every row can be measured, the limit counts the right matrix products, rows are written."""

import importlib
import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import random_crystal
from torch.utils.flop_counter import FlopCounterMode

from hybrid.data.folder import read_folder
from hybrid.data.written_folder import CrystalFile
from hybrid.errors import InputError
from hybrid.graphs import line_graph
from hybrid.kernels import products
from hybrid.kernels.edge_gated import EdgeGated
from hybrid.kernels.gated_sum import GatedSum
from hybrid.training.run import train
from reproduction.benchmarks import __main__ as bench
from reproduction.benchmarks import alignn, cgcnn, files, gpu, inputs
from reproduction.benchmarks.measure import Task, measure
from reproduction.benchmarks.rows import ROWS, Row, Run
from reproduction.data.folders import write_folder
from reproduction.figures import scaling


def test_every_row_has_its_tasks_and_its_crystals():
    assert len({row.name for row in ROWS}) == len(ROWS)
    for run in [run for row in ROWS for run in (row.ours, row.theirs) if run]:
        name, *arguments = run.task.split()
        module, function = name.split(".")
        make = getattr(importlib.import_module(f"reproduction.benchmarks.{module}"), function)
        inspect.signature(make).bind(Path(), *arguments)
        assert run.data in inputs.WRITERS


def test_the_committed_rows_are_rows():
    kept = json.loads(bench.KEPT.read_text())["rows"]
    assert {row["name"] for row in kept} <= {row.name for row in ROWS}


@pytest.mark.parametrize("make", [cgcnn.ours_epoch, alignn.ours_step])
def test_the_limit_does_the_work_of_the_networks_linear_layers(
    make: Callable[[Path, str], Task], tmp_path, monkeypatch
):
    """Where nothing is merged; what PyTorch counts has vectors beside the matrices."""
    for kernel in (GatedSum, EdgeGated):
        monkeypatch.setattr(kernel, "get", lambda *_: None)
    monkeypatch.setattr(products, "onednn_is_faster", lambda: False)  # its products are not counted
    merged = line_graph._merged
    monkeypatch.setattr(line_graph, "_merged", lambda species, bonds, _: merged(species, bonds, None))
    monkeypatch.setattr(line_graph, "numbered", lambda values: np.arange(len(values)))
    crystals = (CrystalFile.of(f"x{seed:02d}", random_crystal(seed, 4), 1.0) for seed in range(16))
    write_folder(tmp_path / "crystals", crystals, {})
    task = make(tmp_path / "crystals", "64")
    with FlopCounterMode(display=False) as training:
        task.run()
    with FlopCounterMode(display=False) as alone:
        assert task.limit() > 0
    assert alone.get_total_flops() == pytest.approx(training.get_total_flops(), rel=0.01)


def test_a_measurement():
    done = []
    task = Task(lambda count=10**6: done.append([x**0.5 for x in range(count)]), 1, lambda: 0.25)
    measured = measure(task)
    assert list(map(len, done)) == [1, *[10**6] * 3]
    assert measured.keys() == {"seconds", "peak_memory_mb", "limit"}
    assert 0.01 < measured["seconds"] < 10
    assert measured["limit"] == 0.25
    assert "limit" not in measure(replace(task, limit=None))


def test_processes_that_a_task_starts_are_measured_with_it():
    code = "x = b'x' * 10**9; sum(range(10**7))"
    measured = measure(Task(lambda _=None: subprocess.run([sys.executable, "-c", code], check=True), 1))
    assert measured["seconds"] > 0.05
    assert measured["peak_memory_mb"] > 900


def test_a_folder_is_read_anew(crystal_folder):
    path = crystal_folder(6, ".cif")
    (path / ".hybrid").mkdir()
    (path / ".hybrid" / "structures.jsonl").write_text("")
    for task in (files.ours_read(path), files.pymatgen_read(path)):
        assert len(task.run(2)) == 2
        assert len(task.run()) == 6
    assert (path / ".hybrid" / "structures.jsonl").read_text() == ""


@pytest.fixture
def tiny_rows(crystal_folder, monkeypatch, tmp_path) -> Path:
    """Rows that take seconds, and where they are written."""
    path = crystal_folder(5, ".cif")
    monkeypatch.setattr(bench, "KEPT", tmp_path / "benchmarks.json")
    monkeypatch.setattr(bench, "UPSTREAM", ())
    monkeypatch.setitem(inputs.WRITERS, "long", lambda folder: path.rename(folder))
    run = Run("files.described", "long")
    beside = Row("beside", "with pymatgen", run, Run("files.pymatgen_read", "long"))
    monkeypatch.setattr(bench, "ROWS", (Row("alone", "ours alone", run), beside))
    return bench.KEPT


def test_rows_are_measured_and_written_alone_or_together(tiny_rows, capsys):
    bench.main([])
    first = json.loads(tiny_rows.read_text())["rows"]
    assert [row["name"] for row in first] == ["alone", "beside"]
    assert first[0]["theirs"] is first[0]["ratio"] is first[0]["limit_ratio"] is None
    assert first[0]["ours"] == first[1]["ours"]  # one measurement for both
    assert first[1]["ratio"] == first[1]["theirs"] / first[1]["ours"] > 0
    assert "beside" in capsys.readouterr().out


def test_rows_that_are_not_named_stay(tiny_rows):
    other = {"name": "other"}
    tiny_rows.write_text(json.dumps({**bench._where(), "rows": [other]}))
    bench.main(["alone"])
    assert [row["name"] for row in json.loads(tiny_rows.read_text())["rows"]] == ["other", "alone"]
    tiny_rows.write_text(json.dumps({"machine": "another", "versions": {}, "rows": [other]}))
    with pytest.raises(SystemExit, match="of another machine or of other versions"):
        bench.main(["alone"])
    with pytest.raises(SystemExit, match="no row nothing; there are: alone, beside"):
        bench.main(["nothing"])


def test_the_scaling_figure_tells_what_is_proportional(tmp_path):
    """Graphs take twice as long for twice as many crystals, an epoch four times."""
    times = {"graphs": lambda n: 0.01 * n, "epoch": lambda n: 1e-5 * n**2}
    rows = [
        {"name": f"scaling_{n}_{task}", "ours": time(n), "peak_memory_mb": {"ours": 300.0 + n}}
        for task, time in times.items()
        for n in (2000, 1000)
    ]
    file = tmp_path / "benchmarks.json"
    file.write_text(json.dumps({"rows": [{"name": "descriptors", "ours": 1.0}, *rows]}))
    measured = scaling.measurements(file)
    assert measured["crystals"].tolist() == [1000, 2000] * 2
    slopes = measured.groupby("task").apply(scaling.slope, include_groups=False)
    assert slopes["graphs"] == pytest.approx(1)
    assert slopes["epoch"] == pytest.approx(2)
    times_drawn, memories_drawn = scaling.draw_figure(measured).axes
    assert [line.get_ydata().tolist() for line in times_drawn.lines[::2]] == [[10, 20], [10, 40]]
    assert memories_drawn.lines[0].get_ydata() == pytest.approx(np.array([1300, 2300]) / 1024)
    file.write_text('{"rows": []}')
    with pytest.raises(InputError, match="has no rows scaling"):
        scaling.measurements(file)


# --- on a GPU ---


def test_a_gpu_is_measured_alone_shared_and_beside_a_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crystal_folder: Callable[..., Path]
) -> None:
    """With the processor in its place."""
    folder = read_folder(crystal_folder(12))
    case = gpu.Case("cgcnn", "small", 3, {"batch_size": 4}, shared=True)
    monkeypatch.setattr(gpu, "CASES", (case, replace(case, shared=False)))
    monkeypatch.setattr(gpu, "KEPT", tmp_path / "gpu.json")
    monkeypatch.setattr(gpu, "resolve_device", torch.device)
    monkeypatch.setattr(gpu, "in_parallel", lambda of, items, jobs, order=False: map(of, items))
    monkeypatch.setattr(gpu, "dataset_folder", lambda name: folder)
    monkeypatch.setattr(gpu, "train", lambda *given, device, **more: train(*given, device="cpu", **more))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"the GPU {device}")
    gpu.main()
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert found["gpu"] == "the GPU cuda"
    both, alone = found["rows"]
    assert all(both[where] > 0 for where in ("core", "gpu", "gpu_shared"))
    assert "gpu_shared" not in alone


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU")
def test_without_a_gpu_that_is_said() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "reproduction.benchmarks.gpu"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == "error: --device cuda: this machine has no CUDA GPU that torch can use\n"
