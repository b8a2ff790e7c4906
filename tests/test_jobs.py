"""What a call of the workflow has to do, packed into jobs."""

import json
import os
import stat
from pathlib import Path

import pytest

from hybrid.errors import InputError
from reproduction import figures
from reproduction.paths import ROOT
from reproduction.workflow import cluster, jobs, reproduce
from reproduction.workflow import runs as workflow_runs

EXPERIMENTS = ("figure3h", "figureS3", "supercells", "figureS6")


@pytest.fixture
def nothing_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for module in (jobs, workflow_runs):
        monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(jobs, "ROOT", tmp_path)
    jobs._known.cache_clear()
    yield tmp_path
    jobs._known.cache_clear()


@pytest.mark.parametrize("minutes", [0, 3, 1e6])
def test_each_step_is_in_one_job_after_those_it_needs(nothing_done: Path, minutes: float) -> None:
    specs = {name: figures.spec(name) for name in EXPERIMENTS}
    jobs.write_plan(specs, "smoke", minutes)
    plan = json.loads(jobs.plan_file("smoke").read_text())
    steps = [command for job in plan["jobs"].values() for command in job["commands"]]
    wanted = {run.name: run for spec in specs.values() for run in workflow_runs.runs_of(spec, "smoke")}
    bases = {run.base.name for run in wanted.values() if run.base}
    assert len(steps) == len(set(steps))
    assert {step.split()[1] for step in steps if step.startswith("run ")} == wanted.keys() | bases
    assert bases
    for step in steps:
        kind, name = step.split()[:2]
        needed = name if kind == "measure" else wanted[name].base and wanted[name].base.name
        if needed:
            assert steps.index(f"run {needed} --scale smoke") < steps.index(step)
    assert sum(step.startswith("measure ") for step in steps) >= 4 + len(bases)
    for job in plan["jobs"].values():
        n = len(job["commands"])
        assert n == 1 if minutes == 0 else n > 1 or minutes == 3
        assert all(Path(mark).stem in plan["jobs"] for mark in job["needs"])
    marks = {mark for of_experiment in plan["experiments"].values() for mark in of_experiment}
    assert marks | {need for job in plan["jobs"].values() for need in job["needs"]} == {
        jobs.mark_of(name, "smoke") for name in plan["jobs"]
    }
    assert (len(plan["jobs"]) == 1) == (minutes == 1e6)


def test_a_plan_removes_marks_of_earlier_calls(nothing_done: Path) -> None:
    mark = nothing_done / jobs.mark_of("earlier", "smoke")
    mark.parent.mkdir(parents=True)
    mark.touch()
    jobs.write_plan({}, "smoke", 60)
    assert not mark.exists()


def test_a_runs_time_is_that_of_recorded_ones() -> None:
    runs = [run for run in workflow_runs.planned(figures.spec("figureS3"), "cpu") if run.network == "cgcnn"]
    for run in runs:
        of_network = [other for other in runs if other.dataset == run.dataset and other.done]
        recorded = [other.metrics["train_seconds"] for other in of_network]
        if recorded:
            assert min(recorded) / 3 < jobs.Step(run).seconds - jobs.START < 3 * max(recorded)
    assert any(run.done for run in runs)


def test_a_baseline_takes_minutes_whatever_the_epochs() -> None:
    runs = workflow_runs.planned(figures.spec("table1"), "cpu")
    assert all(jobs.Step(run).seconds < 300 for run in runs if run.network == "mean-baseline")


# --- Slurm's commands, without Slurm ---


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of commands: a queue in a file, from which jobs are cancelled."""
    scripts = {
        "squeue": 'cat "$0.txt"',
        "scancel": 'for job; do sed -i "/^$job /d" "${0%/*}/squeue.txt"; done; echo "$@" >> "$0.txt"',
    }
    for name, script in scripts.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return tmp_path


def test_only_the_checkouts_own_jobs_are_cancelled(commands: Path) -> None:
    own = f"{cluster.prefix()}_5a"
    (commands / "squeue.txt").write_text(f"7 {own}\n8 hybrid-00000000_5a\n9 other\n12 {own}\n")
    cluster.cancel_jobs()
    assert (commands / "scancel.txt").read_text() == "7 12\n"
    assert (commands / "squeue.txt").read_text() == "8 hybrid-00000000_5a\n9 other\n"


def test_what_slurm_says_is_passed_on(
    commands: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (commands / "squeue").write_text("#!/bin/sh\necho 'Unable to contact slurm controller' >&2; exit 1\n")
    with pytest.raises(InputError, match="squeue: Unable to contact slurm controller"):
        cluster.cancel_jobs()
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="squeue: is not found"):
        cluster.cancel_jobs()


def test_profiles_are_ours_or_a_users(tmp_path: Path) -> None:
    ours = ROOT / "reproduction" / "workflow" / "profiles"
    assert cluster.is_used_by(ours / "slurm")
    assert not cluster.is_used_by(ours / "local")
    with pytest.raises(InputError, match="is no profile of Snakemake"):
        cluster.is_used_by(tmp_path)
    with pytest.raises(InputError, match="unknown profile 'slrum'; did you mean 'slurm'"):
        reproduce.reproduce(["figureS3"], "smoke", None, "slrum")
