"""All runs at a scale by name, and the execution of one run."""

import json
import shutil
from functools import cache, partial
from pathlib import Path

from hybrid.atomic import atomic_folder
from hybrid.errors import DivergedError, unknown_name
from hybrid.training.run import subset, train
from reproduction import figures
from reproduction.data.registry import dataset_folder
from reproduction.models.frozen import fit_frozen
from reproduction.upstream import engine
from reproduction.workflow import run_table
from reproduction.workflow.measurements import keep
from reproduction.workflow.runs import Run, planned
from reproduction.workflow.spec import UPSTREAM


@cache
def all_runs(scale: str) -> dict[str, Run]:
    """The runs of all experiments at a scale by name.

    They include the runs whose models others need, and those by upstream's scripts.
    """
    runs = [run for spec in figures.specs().values() for run in planned(spec, scale)]
    runs += [run.base for run in runs if run.base]
    runs += [run.twin for run in runs if run.twin]
    return {run.name: run for run in runs}


def find(name: str, scale: str) -> Run:
    """The run called `name`.

    Raises:
        InputError: no experiment has such a run.
    """
    runs = all_runs(scale)
    if name not in runs:
        raise unknown_name("run", name, runs)
    return runs[name]


def execute(name: str, scale: str, device: str = "auto", again: bool = False) -> None:
    """Does the run called `name`, unless it is done. Divergence is a result too.

    Args:
        name: of the run.
        scale: name.
        device: auto, cpu or cuda.
        again: repeat a finished run, for example because its model is needed, which is not committed; its
            results are replaced when that is done, and its measurements stay.

    Raises:
        InputError: no experiment has such a run.
    """
    run = find(name, scale)
    if run.done and not again:
        return
    out = run.folder.with_name(f"{run.name}.again") if run.done else run.folder
    _train(run, out, device)
    if out != run.folder:
        for measured, result in run.measurements.items():
            keep(out, measured, result)
        shutil.rmtree(run.folder, ignore_errors=True)
        out.replace(run.folder)
        run_table.forget(run.table, run.name)  # last, so that a kill leaves the old results or the new ones


def _train(run: Run, out: Path, device: str) -> None:
    """Trains into a folder, or says there that training diverged."""
    try:
        crystals = subset(dataset_folder(run.dataset), run.settings)
        if run.network.endswith(UPSTREAM):
            engine.train(crystals, run.settings, out, device)
        else:
            fit = partial(fit_frozen, base=run.base.folder) if run.base else None
            train(crystals, run.settings, out, device=device, fit=fit)
    except DivergedError as error:
        with atomic_folder(out) as folder:
            (folder / "settings.json").write_text(run.settings.model_dump_json(indent=2) + "\n")
            metrics = {"status": "diverged", "note": str(error)}
            (folder / "metrics.json").write_text(json.dumps(metrics) + "\n")
        shutil.rmtree(out.with_name(f"{out.name}.partial"))
