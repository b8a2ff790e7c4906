"""Which training runs an experiment needs, and where they leave their results.

A run's name carries a hash of everything that decides its result. Figures that need the same run share
it, and a changed setting is another run, so that no stale result is ever taken for a new one. The workflow
keeps its plan of all runs in a file, in which each job looks its run up.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from hybrid.atomic import atomic_folder, write_text
from hybrid.errors import DivergedError, unknown_name
from hybrid.settings import RunSettings
from hybrid.training.registry import get_model
from hybrid.training.run import subset, train
from reproduction.data.registry import dataset_folder, get_dataset
from reproduction.models.frozen import base_of, fit_frozen
from reproduction.paths import RESULTS
from reproduction.workflow import run_table
from reproduction.workflow.ablation import ablated
from reproduction.workflow.availability import why_missing
from reproduction.workflow.spec import Spec, load_networks, load_spec, run_settings, spec_names


@dataclass(frozen=True)
class Run:
    """One training job.

    Attributes:
        dataset: name.
        network: name.
        label: what figures call the network.
        variant: how records name its settings.
        scale: name.
        settings: all of them.
        shown: the targets that the experiment reports; an empty name is id_prop.csv's.
        panel: of the figure.
    """

    dataset: str
    network: str
    label: str
    variant: str
    scale: str
    settings: RunSettings
    shown: tuple[str, ...] = ("",)
    panel: str = ""

    @property
    def name(self) -> str:
        """For people, with a hash of the settings that are not the defaults.

        Leaving out the defaults keeps the names of finished runs when a new setting is introduced.
        """
        settings = self.settings.model_dump_json(exclude_defaults=True)
        digest = hashlib.sha256(f"{self.dataset} {settings}".encode()).hexdigest()
        targets = self.settings.targets
        learnt = f"-{targets[0]}" if len(targets) == 1 else f"-{len(targets)}-targets" if targets else ""
        return f"{self.dataset}{learnt}-{self.network}-seed{self.settings.model_seed}-{digest[:8]}"

    @property
    def base(self) -> "Run | None":
        """The run whose network this one takes its frozen vectors from."""
        if self.settings.model.name != "cgcnn+descriptors":
            return None
        return replace(self, network="cgcnn", settings=base_of(self.settings))

    @property
    def needs_descriptors(self) -> bool:
        """Whether it takes or learns any."""
        model = get_model(self.settings.model.name)
        return bool(self.settings.targets) or model.takes_descriptors or model.needs_descriptors

    @property
    def done(self) -> bool:
        """Whether its results are there."""
        return self.packed or (self.folder / "metrics.json").exists()

    @property
    def packed(self) -> bool:
        """Whether its results are in the table."""
        return run_table.is_packed(self.table, self.name)

    @property
    def folder(self) -> Path:
        """Where it is trained, and its model is."""
        return RESULTS / self.scale / "runs" / self.name

    @property
    def table(self) -> Path:
        """Where its results are kept, with those of the other runs on the data set."""
        return RESULTS / self.scale / "runs" / f"{self.dataset}.parquet"

    @property
    def metrics(self) -> dict[str, Any]:
        """What it reports, once it is done."""
        metrics: dict[str, Any] = run_table.read(self.table, self.folder, "metrics")
        return metrics

    @property
    def measurements(self) -> dict[str, dict[str, Any]]:
        """What has been measured of its model, by name."""
        found: dict[str, dict[str, Any]] = run_table.read(self.table, self.folder, "measurements")
        return found

    @property
    def tested(self) -> list[tuple[str, float, float]]:
        """Id, target and prediction of each test crystal; none if training diverged."""
        columns = run_table.read(self.table, self.folder, "predictions")
        rows = zip(*(columns.get(name, ()) for name in ("id", "fold", "target", "prediction")), strict=True)
        return [(identity, target, value) for identity, fold, target, value in rows if fold == "test"]


def runs_of(spec: Spec, scale: str) -> list[Run]:
    """The runs of an experiment at a scale, without those whose data cannot be had."""
    return [run for run in planned(spec, scale) if run.done or not why_missing(run.dataset)]


def planned(spec: Spec, scale: str) -> list[Run]:
    """All runs of an experiment at a scale."""
    size, networks = spec.scale(scale), load_networks()
    runs = []
    for part in spec.parts_at(scale):
        for dataset, of_part in product(part.datasets, part.networks):
            reduction = size.reduction(of_part)
            run_size, named = reduction.size(size.of(dataset)), reduction.network(networks[of_part])
            learnt, seeds = part.learnt(size.one_by_one), part.seeds or reduction.seeds or size.seeds
            for (name, network), share, targets, seed in product(
                ablated(of_part, named, part), part.training_shares, learnt, seeds
            ):
                settings = run_settings(
                    network, get_dataset(dataset), run_size, seed, targets, share, part.grouping
                )
                variant = network.variant + (", multi-target" if len(targets) > 1 else "")
                shown = tuple(t for t in targets if not part.show or t in part.show) or ("",)
                runs.append(Run(dataset, name, network.label, variant, scale, settings, shown, part.panel))
    return runs


def all_runs(scale: str) -> dict[str, Run]:
    """The runs of all experiments at a scale, and those that they build on, by name."""
    runs = [run for name in spec_names() for run in runs_of(load_spec(name), scale)]
    return {run.name: run for run in [*runs, *(run.base for run in runs if run.base)]}


def pack(runs: Iterable[Run]) -> None:
    """Takes those runs that are done into their tables.

    Raises:
        InputError: a table is damaged.
    """
    folders: dict[Path, list[Path]] = {}
    for run in runs:
        folders.setdefault(run.table, []).append(run.folder)
    for table, of_dataset in folders.items():
        run_table.pack(table, of_dataset)


def write_plan(scale: str) -> dict[str, Run]:
    """Plans all runs at a scale, and keeps the plan for the jobs to come."""
    runs = all_runs(scale)
    write_text(_plan_path(scale), PLAN.dump_json(runs).decode())
    return runs


def find(name: str, scale: str) -> Run:
    """The run called `name`, as it was planned; planned anew if it was not.

    Raises:
        InputError: no experiment has such a run.
    """
    return _as_planned(name, scale) or _of_all(name, scale)


def _of_all(name: str, scale: str) -> Run:
    runs = all_runs(scale)
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
