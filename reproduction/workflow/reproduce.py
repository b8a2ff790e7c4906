"""Reproduces figures and tables: the call that runs the workflow, and its last step, drawing."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from hybrid.atomic import locked
from hybrid.errors import InputError, unknown_name
from hybrid.processes import end_when
from hybrid.report.records import read_record
from reproduction import figures
from reproduction.drawing.recorded import draw_errors
from reproduction.paths import DATASETS, RESULTS, ROOT, WORKFLOW
from reproduction.upstream import engine as upstream
from reproduction.workflow import cluster, force_field_calculations
from reproduction.workflow.availability import build
from reproduction.workflow.jobs import write_plan
from reproduction.workflow.plan import all_runs
from reproduction.workflow.record import record_path, recorded_runs
from reproduction.workflow.runs import pack, planned, runs_of
from reproduction.workflow.spec import SCALES, UPSTREAM, Spec

ALIVE = "HYBRID_WORKFLOW_ALIVE"  # the environment variable with the lock file of a workflow's call


def reproduce(
    targets: list[str],
    scale: str,
    cores: int | None,
    profile: str,
    engine: str = "ours",
    minutes: float | None = None,
) -> int:
    """Runs the workflow for some figures and tables; finished parts are not repeated.

    Only one workflow runs in a checkout at a time. The lock ends with its process, so a killed workflow
    leaves nothing to clean up but jobs on a cluster, which the next call cancels.

    Args:
        targets: names of figures and tables.
        scale: name.
        cores: jobs at a time; None: what the profile says.
        profile: a folder of workflow/profiles, or the path of another one.
        engine: ours, or upstream to train by upstream's scripts, too.
        minutes: runs are packed into jobs of this length; None: an hour on a cluster, otherwise not at all.

    Returns:
        The workflow's exit code.
    """
    for target in targets:
        figures.figure(target)  # raises an error if there is none
    if cores is not None and cores < 1:
        raise InputError(f"--cores {cores}: at least one is needed")
    if engine == "upstream":
        targets = [f"{target}{UPSTREAM}" for target in targets]
        for target in targets:
            upstream.refuse_experiment(target, scale)
    if scale not in SCALES:
        raise unknown_name("scale", scale, SCALES)
    profiles = WORKFLOW / "profiles"
    chosen = (profiles / profile).resolve()
    if not chosen.is_dir():
        raise unknown_name("profile", profile, [path.name for path in profiles.iterdir()])
    on_cluster = cluster.is_used_by(chosen)
    RESULTS.mkdir(exist_ok=True)
    lock = os.open(RESULTS / ".lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(f"{ROOT}: another reproduction is running here; wait until it ends") from None
    specs = {name: figures.spec(name) for name in targets if name.removesuffix(UPSTREAM) in figures.specs()}
    datasets = dict.fromkeys(dataset for spec in specs.values() for dataset in _datasets_of(spec, scale))
    results = [result(target, scale) for target in targets]
    alive = RESULTS / ".alive"
    environment = dict(os.environ) if on_cluster else os.environ | {ALIVE: str(alive)}
    if cores != 1:
        environment.setdefault("HYBRID_PROGRESS", "lines")  # bars would overlap
    command = [sys.executable, "-m", "snakemake", "--nolock", "--directory", str(ROOT)]
    command += ["--workflow-profile", str(chosen), *(["--cores", str(cores)] if cores else [])]
    if on_cluster:
        command += ["--slurm-jobname-prefix", cluster.prefix()]
    with locked(alive):  # which this process alone holds: when it is free, jobs on this machine end
        try:
            if on_cluster:
                cluster.cancel_jobs()  # those of a killed workflow
                if missing := [name for name in datasets if not (DATASETS / name / "manifest.json").exists()]:
                    _run(command + _building(missing), lock, environment)
            build(datasets, cores or (1 if on_cluster else -1))  # a login node is not to be filled unasked
            pack(all_runs(scale).values())  # those that a killed workflow finished
            write_plan(specs, scale, (60 if on_cluster else 0) if minutes is None else minutes)
            code = _run(command + _reproducing(specs, scale, results), lock, environment)
        finally:
            if on_cluster:
                cluster.cancel_jobs()
    if code == 0:
        for path in results:
            table = path.with_suffix(".md")
            if table.exists():
                print(f"\n{table.read_text()}")
            print(path.relative_to(ROOT))
    return code


def _building(datasets: Iterable[str]) -> list[str]:
    """The rest of a command that tries to build data sets on a cluster."""
    marks = RESULTS / ".built"
    shutil.rmtree(marks, ignore_errors=True)
    targets = [str((marks / name).relative_to(ROOT)) for name in datasets]
    return ["--snakefile", str(WORKFLOW / "datasets.smk"), "--", *targets]


def _reproducing(specs: Mapping[str, Spec], scale: str, results: list[Path]) -> list[str]:
    """The rest of a command that makes results."""
    outdated = []
    for name, spec in specs.items():
        runs = runs_of(spec, scale)
        if not all(run.done for run in runs) or {run.name for run in runs} != recorded_runs(name, scale):
            outdated.append(str(record_path(name, scale).relative_to(ROOT)))
    words = ["--snakefile", str(WORKFLOW / "Snakefile")]
    if outdated:
        words += ["--forcerun", *outdated]  # otherwise Snakemake would accept an existing record
    return [*words, "--config", f"scale={scale}", "--", *(str(path.relative_to(ROOT)) for path in results)]


def _run(command: list[str], lock: int, environment: dict[str, str]) -> int:
    """Runs the workflow; if this call is stopped or killed politely, its jobs stop at once, without a word.

    A killed job goes on from its last checkpoint, so that there is nothing to wait for.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    workflow = subprocess.Popen(command, pass_fds=[lock], cwd=ROOT, env=environment, start_new_session=True)
    try:
        return workflow.wait()
    finally:
        if workflow.poll() is None:
            os.killpg(workflow.pid, signal.SIGKILL)
            workflow.wait()


def end_with_workflow() -> None:
    """Lets a job of a workflow end when the call that started the workflow has, even by a kill."""
    if not (name := os.environ.get(ALIVE)):
        return

    def gone() -> bool:
        try:
            with locked(Path(name), "held"):
                return True
        except (InputError, OSError):
            return False

    end_when(gone)


def _datasets_of(spec: Spec, scale: str) -> list[str]:
    """The datasets of an experiment's runs and force-field calculations that are not done yet."""
    needed = [run.dataset for run in planned(spec, scale) if not run.done]
    calculations = force_field_calculations.calculations(spec, scale)
    return needed + [dataset for one in calculations if not one.table.exists() for dataset in one.runs]


def draw(name: str, scale: str) -> None:
    """Draws a figure and writes its tables, from its record if it has one."""
    module, stem = figures.figure(name), RESULTS / scale / name
    if name.endswith(UPSTREAM):
        record = read_record(record_path(name, scale))
        draw_errors(stem, record, upstream.notes(record))
    elif hasattr(module, "SPEC"):
        module.draw(stem, read_record(record_path(name, scale)))
    else:
        module.draw(stem)


def result(name: str, scale: str) -> Path:
    """The file that exists when a figure or table is done."""
    return RESULTS / scale / f"{name}{endings(name)[0]}"


def endings(name: str) -> list[str]:
    """The endings of the files of a figure or table."""
    module = figures.figure(name)
    picture = [".png", ".pdf"] if getattr(module, "PICTURE", True) else []
    table = [".md", ".csv"] if hasattr(module, "SPEC") or not picture else []
    return picture + table
