"""Which training runs an experiment needs, and where they leave their results.

A run's name carries a hash of everything that decides its result. Figures that need the same run share
it, and a changed setting is another run, so that no stale result is ever taken for a new one.
"""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from hybrid.atomic import atomic_folder
from hybrid.data.registry import dataset_folder
from hybrid.errors import DivergedError, unknown_name
from hybrid.experiments.spec import Spec, load_networks, load_spec, run_settings, spec_names
from hybrid.paths import RESULTS
from hybrid.settings import RunSettings
from hybrid.training.run import subset, train


@dataclass(frozen=True)
class Run:
    """One training job."""

    dataset: str
    network: str
    label: str
    variant: str
    scale: str
    settings: RunSettings

    @property
    def name(self) -> str:
        """For people, with a hash of the settings that are not the defaults.

        Leaving out the defaults keeps the names of finished runs when a new setting is introduced.
        """
        settings = self.settings.model_dump_json(exclude_defaults=True)
        digest = hashlib.sha256(f"{self.dataset} {settings}".encode()).hexdigest()
        return f"{self.dataset}-{self.network}-seed{self.settings.model_seed}-{digest[:8]}"

    @property
    def folder(self) -> Path:
        """The run folder."""
        return RESULTS / self.scale / "runs" / self.name


def runs_of(spec: Spec, scale: str) -> list[Run]:
    """The runs of an experiment at a scale."""
    size, networks = spec.scale(scale), load_networks()
    return [
        Run(
            dataset,
            name,
            networks[name].label,
            networks[name].variant,
            scale,
            run_settings(networks[name], size, seed),
        )
        for dataset in spec.datasets
        for name in spec.networks
        for seed in size.seeds
    ]


def all_runs(scale: str) -> dict[str, Run]:
    """The runs of all experiments at a scale, by name."""
    return {run.name: run for name in spec_names() for run in runs_of(load_spec(name), scale)}


def execute(name: str, scale: str, device: str = "auto") -> None:
    """Does the run called `name`, unless it is done; that training diverges is a result too.

    Raises:
        InputError: no experiment has such a run.
    """
    runs = all_runs(scale)
    if name not in runs:
        raise unknown_name("run", name, runs)
    run = runs[name]
    try:
        train(subset(dataset_folder(run.dataset), run.settings), run.settings, run.folder, device=device)
    except DivergedError as error:
        with atomic_folder(run.folder) as folder:
            (folder / "settings.json").write_text(run.settings.model_dump_json(indent=2) + "\n")
            (folder / "metrics.json").write_text(
                json.dumps({"status": "diverged", "note": str(error)}) + "\n"
            )
        shutil.rmtree(run.folder.with_name(run.folder.name + ".partial"))
