"""Which training runs an experiment needs, and where they leave their results.

A run's name carries a hash of everything that decides its result. Figures that need the same run share
it, and a changed setting is another run, so that no stale result is ever taken for a new one.
"""

import hashlib
import json
import shutil
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path

from hybrid.atomic import atomic_folder
from hybrid.errors import DivergedError, unknown_name
from hybrid.models.registry import get_model
from hybrid.settings import RunSettings
from hybrid.training.run import subset, train
from reproduction.data.registry import dataset_folder, get_dataset
from reproduction.models.frozen import base_of, fit_frozen
from reproduction.paths import RESULTS
from reproduction.upstream import engine
from reproduction.workflow.ablation import ablated
from reproduction.workflow.availability import why_missing
from reproduction.workflow.spec import UPSTREAM, Spec, load_networks, load_spec, run_settings, spec_names


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
        return (self.folder / "metrics.json").exists()

    @property
    def folder(self) -> Path:
        """The run folder."""
        return RESULTS / self.scale / "runs" / self.name


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
    return runs if spec.engine == "ours" else [one for run in runs for one in (run, engine.twin(run)) if one]


def all_runs(scale: str) -> dict[str, Run]:
    """The runs of all experiments at a scale, and those that they build on, by name."""
    runs = [run for name in spec_names() for run in runs_of(load_spec(name), scale)]
    return {run.name: run for run in [*runs, *(run.base for run in runs if run.base)]}


def with_twins(scale: str) -> dict[str, Run]:
    """All runs, and those through upstream's scripts that can be asked for beside them, by name."""
    runs = all_runs(scale)
    return {**runs, **{twin.name: twin for run in runs.values() if (twin := engine.twin(run))}}


def find(name: str, scale: str) -> Run:
    """The run called `name`.

    Raises:
        InputError: no experiment has such a run.
    """
    runs = with_twins(scale)
    if name not in runs:
        raise unknown_name("run", name, runs)
    return runs[name]


def execute(name: str, scale: str, device: str = "auto") -> None:
    """Does the run called `name`, unless it is done; that training diverges is a result too.

    Raises:
        InputError: no experiment has such a run.
    """
    run = find(name, scale)
    try:
        crystals = subset(dataset_folder(run.dataset), run.settings)
        if run.network.endswith(UPSTREAM):
            if not run.done:
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
