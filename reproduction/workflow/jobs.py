"""The jobs of a call of the workflow: training runs and measurements, one or more in a job.

A cluster's queue dislikes jobs of two minutes. Consecutive steps, such as the seeds of a setting, are
therefore packed into jobs of so many minutes. Their times are taken from recorded runs; they decide how steps
are packed and how long a job may run, but no result.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from hybrid.atomic import write_text
from hybrid.training.model_registry import get_model
from reproduction import figures
from reproduction.paths import RESULTS, ROOT
from reproduction.workflow import run_table
from reproduction.workflow.runs import Run, runs_of
from reproduction.workflow.spec import Spec

START = 30.0  # s: to start Python, load a data set and build its graphs
WITHOUT_EPOCHS = 120.0  # s: a measurement, or a model that is not a network
UNKNOWN = 2e-3  # s an epoch and crystal: of a network that no record knows
MARGIN = 3  # a cluster's processor may be slower than the one that is recorded
LEAST = 10  # minutes


@dataclass(frozen=True)
class Step:
    """A training run or, with a measurement's name, a measurement of its model."""

    run: Run
    measurement: str = ""

    @property
    def command(self) -> str:
        """What `python -m reproduction` is to do."""
        if self.measurement:
            return f"measure {self.run.name} {self.measurement} --scale {self.run.scale}"
        return f"run {self.run.name} --scale {self.run.scale}"

    @property
    def seconds(self) -> float:
        """How long it takes, as far as is known."""
        return START + (WITHOUT_EPOCHS if self.measurement else _training_time(self.run))

    @property
    def needed(self) -> Iterator["Step"]:
        """The training runs, not done yet, that come before it."""
        before = self.run if self.measurement else self.run.base
        if before and not before.done:
            yield Step(before)

    @property
    def files(self) -> Iterator[str]:
        """What its data set must have; a measurement that is left over from a finished run has it."""
        if not self.run.done:
            yield f"datasets/{self.run.dataset}/manifest.json"
            if self.run.needs_descriptors and self.run.settings.n_structures is None:  # otherwise of a part
                yield f"datasets/{self.run.dataset}/descriptors.csv"


@dataclass
class Job:
    """Steps that are done one after the other.

    Attributes:
        steps: of which each may need earlier ones.
        needs: names of other jobs that must be done before.
    """

    steps: list[Step]
    needs: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """Its first step's, and how many more there are."""
        first = "-".join(filter(None, (self.steps[0].run.name, self.steps[0].measurement)))
        return first if len(self.steps) == 1 else f"{first}-and-{len(self.steps) - 1}-more"

    @property
    def seconds(self) -> float:
        """How long it takes, as far as is known."""
        return sum(step.seconds for step in self.steps)


def write_plan(specs: Mapping[str, Spec], scale: str, minutes: float) -> None:
    """Writes what the Snakefile reads: the jobs that are left to do for some experiments.

    Marks of the jobs of earlier calls are removed; whether a step is done is decided by its results.

    Args:
        specs: the experiments by name.
        scale: name.
        minutes: how much to pack into a job; 0: each step is one.
    """
    jobs: list[Job] = []
    job_of: dict[str, Job] = {}  # by command: experiments share runs
    wanted = {name: list(_steps(name, spec, scale)) for name, spec in specs.items()}
    for step in (step for steps in wanted.values() for step in steps):
        _add(step, jobs, job_of, 60 * minutes)
    for job in jobs:
        needed = {job_of[other.command].name for step in job.steps for other in step.needed}
        job.needs |= needed - {job.name}
    folder = plan_file(scale).parent
    for mark in folder.glob("*.done"):
        mark.unlink()
    plan = {
        "jobs": {
            job.name: {
                "commands": [step.command for step in job.steps],
                "files": sorted({file for step in job.steps for file in step.files}),
                "needs": [mark_of(name, scale) for name in sorted(job.needs)],
                "minutes": LEAST + round(MARGIN * job.seconds / 60),
            }
            for job in jobs
        },
        "experiments": {
            name: sorted({mark_of(job_of[step.command].name, scale) for step in steps})
            for name, steps in wanted.items()
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_text(plan_file(scale), json.dumps(plan, indent=1) + "\n")


def plan_file(scale: str) -> Path:
    """Where a call's plan is, with the marks of the jobs that are done."""
    return RESULTS / scale / ".jobs" / "plan.json"


def mark_of(name: str, scale: str) -> str:
    """The file, relative to the checkout, that exists when the job called `name` is done."""
    return str((plan_file(scale).parent / f"{name}.done").relative_to(ROOT))


def _steps(experiment: str, spec: Spec, scale: str) -> Iterator[Step]:
    """What is left to do for an experiment."""
    measurement = figures.measurement(experiment)
    for run in runs_of(spec, scale):
        if not run.done:
            yield Step(run)
        if measurement and measurement.missing_for(run):
            yield Step(run, measurement.name)


def _add(step: Step, jobs: list[Job], job_of: dict[str, Job], seconds: float) -> None:
    """Adds a step, after those it needs, to the last job if it has time left, otherwise to a new one."""
    if step.command in job_of:
        return
    for needed in step.needed:
        _add(needed, jobs, job_of, seconds)
    if not jobs or jobs[-1].seconds + step.seconds > seconds:
        jobs.append(Job([]))
    jobs[-1].steps.append(step)
    job_of[step.command] = jobs[-1]


def _training_time(run: Run) -> float:
    """Seconds: the epochs and crystals of a run times what the records say of its model."""
    model, dataset = run.settings.model.name, run.dataset
    if get_model(model).network is None:
        return WITHOUT_EPOCHS
    rates, sizes = _known(run.scale)
    rate = rates.get((model, dataset)) or rates.get((model, "")) or UNKNOWN
    crystals = run.settings.n_structures or sizes.get(dataset, 10_000)
    return rate * crystals * run.settings.trainer.epochs


@cache
def _known(scale: str) -> tuple[dict[tuple[str, str], float], dict[str, int]]:
    """Seconds an epoch and crystal, by model and data set and by model alone; and the sizes of data sets.

    Those of this scale stand over the committed ones.
    """
    rates: dict[tuple[str, str], float] = {}
    sizes: dict[str, int] = {}
    for folder in dict.fromkeys((RESULTS / "cpu" / "runs", RESULTS / scale / "runs")):
        found: dict[tuple[str, str], list[float]] = defaultdict(list)
        for table in sorted(folder.glob("*.parquet")):
            for settings, metrics in _finished(table):
                crystals = sum(metrics.get(f"n_{fold}", 0) for fold in ("training", "validation", "test"))
                if crystals and "train_seconds" in metrics:
                    rate = metrics["train_seconds"] / (crystals * settings["trainer"]["epochs"])
                    found[settings["model"]["name"], table.stem].append(rate)
                    found[settings["model"]["name"], ""].append(rate)
                    sizes[table.stem] = max(crystals, sizes.get(table.stem, 0))
        rates |= {which: median(of_runs) for which, of_runs in found.items()}
    return rates, sizes


def _finished(table: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Settings and metrics of the runs in a table."""
    settings, metrics = run_table.column_of(table, "settings"), run_table.column_of(table, "metrics")
    return ((json.loads(settings[name]), json.loads(metrics[name])) for name in metrics)
