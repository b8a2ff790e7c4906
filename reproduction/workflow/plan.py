"""The plan of all runs at a scale, in which each job looks its run up; and a job itself.

The workflow keeps its plan in a file, so that hundreds of jobs do not plan anew.
"""

import json
import shutil
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from hybrid.atomic import atomic_folder, write_text
from hybrid.errors import DivergedError, unknown_name
from hybrid.training.run import subset, train
from reproduction import figures
from reproduction.data.registry import dataset_folder
from reproduction.models.frozen import fit_frozen
from reproduction.paths import RESULTS
from reproduction.upstream import engine
from reproduction.workflow import run_table
from reproduction.workflow.runs import Run, runs_of
from reproduction.workflow.spec import UPSTREAM


def all_runs(scale: str) -> dict[str, Run]:
    """The runs of all experiments at a scale, and those that they build on, by name."""
    runs = [run for spec in figures.specs().values() for run in runs_of(spec, scale)]
    return {run.name: run for run in [*runs, *(run.base for run in runs if run.base)]}


def with_twins(scale: str) -> dict[str, Run]:
    """All runs, and those through upstream's scripts that can be asked for beside them, by name."""
    runs = all_runs(scale)
    return {**runs, **{twin.name: twin for run in runs.values() if (twin := run.twin)}}


def write_plan(scale: str) -> dict[str, Run]:
    """Plans all runs at a scale, and keeps the plan for the jobs to come."""
    runs = with_twins(scale)
    write_text(_plan_path(scale), PLAN.dump_json(runs).decode())
    return runs


def find(name: str, scale: str) -> Run:
    """The run called `name`, as it was planned; planned anew if it was not.

    Raises:
        InputError: no experiment has such a run.
    """
    return _as_planned(name, scale) or _of_all(name, scale)


def _of_all(name: str, scale: str) -> Run:
    runs = with_twins(scale)
    if name not in runs:
        raise unknown_name("run", name, runs)
    return runs[name]


def _as_planned(name: str, scale: str) -> Run | None:
    """The run in the plan; none if there is none or it is of older code, as its name tells."""
    try:
        path = _plan_path(scale)
        run = ENTRY.validate_python(_entries(path, path.stat().st_mtime_ns)[name])
    except (OSError, KeyError, ValueError):
        return None
    return run if run.name == name else None


@lru_cache(maxsize=1)
def _entries(path: Path, _when: int) -> dict[str, Any]:
    entries: dict[str, Any] = json.loads(path.read_text())
    return entries


def _plan_path(scale: str) -> Path:
    return RESULTS / scale / ".plan.json"


def execute(name: str, scale: str, device: str = "auto", again: bool = False) -> None:
    """Does the run called `name`, unless it is done; that training diverges is a result too.

    Args:
        name: of the run.
        scale: name.
        device: auto, cpu or cuda.
        again: do it again if it is done, as where its model is wanted, which is not committed.

    Raises:
        InputError: no experiment has such a run.
    """
    run = find(name, scale)
    if again:
        run_table.forget(run.table, run.name)
        shutil.rmtree(run.folder, ignore_errors=True)
    if run.done:
        return
    try:
        crystals = subset(dataset_folder(run.dataset), run.settings)
        if run.network.endswith(UPSTREAM):
            engine.train(crystals, run.settings, run.folder, device)
            return
        fit = partial(fit_frozen, base=run.base.folder) if run.base else None
        train(crystals, run.settings, run.folder, device=device, fit=fit)
    except DivergedError as error:
        with atomic_folder(run.folder) as folder:
            (folder / "settings.json").write_text(run.settings.model_dump_json(indent=2) + "\n")
            (folder / "metrics.json").write_text(
                json.dumps({"status": "diverged", "note": str(error)}) + "\n"
            )
        shutil.rmtree(run.folder.with_name(run.folder.name + ".partial"))


ENTRY, PLAN = TypeAdapter(Run), TypeAdapter(dict[str, Run])
