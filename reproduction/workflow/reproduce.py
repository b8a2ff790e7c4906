"""Reproduces figures and tables: the workflow's single steps, and the call that runs it."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from hybrid.errors import InputError, unknown_name
from hybrid.report.records import read_record
from reproduction import figures
from reproduction.drawing.recorded import draw_errors
from reproduction.paths import RESULTS, ROOT, WORKFLOW
from reproduction.upstream import compared as upstream
from reproduction.workflow import force_field
from reproduction.workflow.availability import build
from reproduction.workflow.plan import write_plan
from reproduction.workflow.record import record_path, write_record
from reproduction.workflow.runs import pack, planned, runs_of
from reproduction.workflow.spec import SCALES, UPSTREAM


def reproduce(targets: list[str], scale: str, cores: int, profile: str, engine: str = "ours") -> int:
    """Runs the workflow for some figures and tables; whatever is done already is not done again.

    Only one workflow runs in a checkout at a time. The lock goes with the process that holds it, so a
    killed one leaves nothing to clean up.

    Returns:
        The workflow's exit code.
    """
    for target in targets:
        figures.figure(target)  # says at once if there is none
    if engine == "upstream":
        targets = [f"{target}{UPSTREAM}" for target in targets]
        for target in targets:
            upstream.refuse_experiment(target, scale)
    if scale not in SCALES:
        raise unknown_name("scale", scale, SCALES)
    if not (WORKFLOW / "profiles" / profile).is_dir():
        raise unknown_name("profile", profile, [path.name for path in (WORKFLOW / "profiles").iterdir()])
    RESULTS.mkdir(exist_ok=True)
    lock = os.open(RESULTS / ".lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(f"{ROOT}: another reproduction is running here; wait for it") from None
    build(_datasets_of(targets, scale))
    pack(write_plan(scale).values())  # what a killed workflow finished
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        str(WORKFLOW / "Snakefile"),
        "--directory",
        str(ROOT),
    ]
    command += ["--workflow-profile", str(WORKFLOW / "profiles" / profile), "--cores", str(cores), "--nolock"]
    if unfinished := _unfinished(targets, scale):
        command += ["--forcerun", *unfinished]  # or Snakemake is content with a record that is there
    command += [
        "--config",
        f"scale={scale}",
        "--",
        *(str(result(target, scale).relative_to(ROOT)) for target in targets),
    ]
    done = subprocess.run(command, pass_fds=[lock], cwd=ROOT)
    if done.returncode == 0:
        for target in targets:
            _announce(target, scale)
    return done.returncode


def _unfinished(targets: list[str], scale: str) -> list[str]:
    """The records of experiments that have runs to train."""
    return [
        str(record_path(name, scale).relative_to(ROOT))
        for name in targets
        if name.removesuffix(UPSTREAM) in figures.specs()
        and not all(run.done for run in runs_of(figures.spec(name), scale))
    ]


def _datasets_of(targets: list[str], scale: str) -> list[str]:
    """The datasets of runs that are not done yet."""
    trained = [name for name in targets if name.removesuffix(UPSTREAM) in figures.specs()]
    runs = [run for name in trained for run in planned(figures.spec(name), scale)]
    needed = [run.dataset for run in runs if not run.done]
    needed += [dataset for name in trained for dataset in _calculated(name, scale)]
    return list(dict.fromkeys(needed))


def _calculated(name: str, scale: str) -> list[str]:
    """The datasets of a force field's calculations that are not done yet."""
    found = force_field.calculations(figures.spec(name), scale)
    return [dataset for one in found if not one.table.exists() for dataset in one.runs]


def record(name: str, scale: str) -> None:
    """Collects an experiment's runs into its record."""
    write_record(figures.spec(name), scale)


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
    """The file that is there when a figure or table is done."""
    return RESULTS / scale / f"{name}.{'png' if has_picture(name) else 'md'}"


def has_picture(name: str) -> bool:
    """Whether a figure is more than a table."""
    return getattr(figures.figure(name), "PICTURE", True)


def _announce(target: str, scale: str) -> None:
    done = result(target, scale)
    table = done.with_suffix(".md")
    if table.exists():
        print(f"\n{table.read_text()}")
    print(done.relative_to(ROOT))
