"""Reproduces figures and tables: the workflow's single steps, and the call that runs it."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from hybrid.errors import InputError, unknown_name
from hybrid.report import bars
from hybrid.report.records import read_record
from hybrid.report.style import save
from hybrid.report.tables import write_record_table
from reproduction.drawing import (
    errors,
    force_field_tables,
    generated,
    learnt,
    parity,
    questions,
    statements,
    structural,
)
from reproduction.drawing.improvements import write_improvements
from reproduction.paths import RESULTS, ROOT, WORKFLOW
from reproduction.workflow import force_field
from reproduction.workflow.availability import build
from reproduction.workflow.plan import pack, planned, runs_of, write_plan
from reproduction.workflow.record import predictions_path, record_path, write_record
from reproduction.workflow.spec import SCALES, load_spec, spec_names

GENERATED: dict[str, Callable[[Path], None]] = {
    "figure3b": generated.figure3b,
    "figure3c": generated.figure3c,
    "figure3d": generated.figure3d,
    "figureS1": structural.figureS1,
    "figureS5": structural.figureS5,
    "distortion": structural.distortion,
    "table3": structural.table3,
}
TABLES = ("table3",)  # without a picture


def names() -> list[str]:
    """Everything that can be reproduced."""
    return sorted({*GENERATED, *spec_names()})


def reproduce(targets: list[str], scale: str, cores: int, profile: str) -> int:
    """Runs the workflow for some figures and tables; whatever is done already is not done again.

    Only one workflow runs in a checkout at a time. The lock goes with the process that holds it, so a
    killed one leaves nothing to clean up.

    Returns:
        The workflow's exit code.
    """
    for target in targets:
        if target not in names():
            raise unknown_name("figure or table", target, names())
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
        if name in spec_names() and not all(run.done for run in runs_of(load_spec(name), scale))
    ]


def _datasets_of(targets: list[str], scale: str) -> list[str]:
    """The datasets of runs that are not done yet."""
    runs = [run for name in targets if name in spec_names() for run in planned(load_spec(name), scale)]
    needed = [run.dataset for run in runs if not run.done]
    needed += [dataset for name in targets if name in spec_names() for dataset in _calculated(name, scale)]
    return list(dict.fromkeys(needed))


def _calculated(name: str, scale: str) -> list[str]:
    """The datasets of a force field's calculations that are not done yet."""
    found = force_field.calculations(load_spec(name), scale)
    return [dataset for one in found if not one.table.exists() for dataset in one.runs]


def record(name: str, scale: str) -> None:
    """Collects an experiment's runs into its record."""
    write_record(load_spec(name), scale)


def draw(name: str, scale: str) -> None:
    """Draws a figure and writes its tables, from its record if it has one."""
    stem = RESULTS / scale / name
    if name in GENERATED:
        GENERATED[name](stem)
        return
    recorded = read_record(record_path(name, scale))
    drawing = load_spec(name).drawing
    drawings = {**learnt.DRAWINGS, **questions.DRAWINGS, **force_field_tables.DRAWINGS}
    if drawing in drawings:
        drawings[drawing](stem, recorded)
        return
    if drawing == "parity":
        figure = parity.draw(recorded, predictions_path(name, scale))
    else:
        figure = {"bars": bars, "errors": errors}[drawing].draw(recorded)
    notes = statements.NOTES[name](recorded) if name in statements.NOTES else ()
    write_record_table(recorded, stem, notes)
    if drawing == "errors":
        write_improvements(recorded, stem)
    save(figure, stem)


def result(target: str, scale: str) -> Path:
    """The file that is there when a figure or table is done."""
    return RESULTS / scale / f"{target}.{'md' if target in TABLES else 'png'}"


def _announce(target: str, scale: str) -> None:
    done = result(target, scale)
    table = done.with_suffix(".md")
    if table.exists():
        print(f"\n{table.read_text()}")
    print(done.relative_to(ROOT))
