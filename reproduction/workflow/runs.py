"""The training runs of an experiment, and where their results are.

A run's name contains a hash of everything that determines its result. Figures that need the same run share
it, and a run with a changed setting is another run, so that an old result is never taken for a new one.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from hybrid.settings import RunSettings
from hybrid.training.model_registry import get_model
from reproduction.data.registry import get_dataset, versioned
from reproduction.models.descriptor_groups import members, without
from reproduction.models.frozen import base_of
from reproduction.paths import RESULTS
from reproduction.upstream.scripts import SCRIPTS
from reproduction.workflow import run_table
from reproduction.workflow.availability import why_missing
from reproduction.workflow.spec import UPSTREAM, Network, Part, Spec, load_networks, run_settings


@dataclass(frozen=True)
class Run:
    """One training job.

    Attributes:
        dataset: name.
        network: name.
        label: the network's name in figures.
        variant: the name of its settings in records.
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
        """A readable name, with a hash of the settings that differ from the defaults.

        Without the defaults in it, the names of finished runs do not change when a new setting is introduced.
        """
        settings = self.settings.model_dump_json(exclude_defaults=True)
        digest = hashlib.sha256(f"{versioned(self.dataset)} {settings}".encode()).hexdigest()
        targets = self.settings.targets
        learnt = f"-{targets[0]}" if len(targets) == 1 else f"-{len(targets)}-targets" if targets else ""
        return f"{self.dataset}{learnt}-{self.network}-seed{self.settings.model_seed}-{digest[:8]}"

    @property
    def base(self) -> "Run | None":
        """The run of the network whose frozen embeddings this one uses."""
        if self.settings.model.name != "cgcnn+descriptors":
            return None
        return replace(self, network="cgcnn", settings=base_of(self.settings))

    @property
    def twin(self) -> "Run | None":
        """The same run by upstream's script, if upstream has this network."""
        if self.settings.model.name.removeprefix("de-") not in SCRIPTS:
            return None
        label = f"{self.label}, upstream's script"
        trainer = self.settings.trainer.model_copy(update={"precision": "fp32"})  # it has no other
        settings = self.settings.model_copy(update={"trainer": trainer})
        name = f"{self.network}{UPSTREAM}"
        return replace(self, network=name, label=label, variant="upstream", settings=settings)

    @property
    def needs_descriptors(self) -> bool:
        """Whether it uses or learns descriptors."""
        model = get_model(self.settings.model.name)
        return bool(self.settings.targets) or model.uses_descriptors

    @property
    def done(self) -> bool:
        """Whether it is finished."""
        return self.packed or (self.folder / "metrics.json").exists()

    @property
    def packed(self) -> bool:
        """Whether its results are in the table."""
        return run_table.is_packed(self.table, self.name)

    @property
    def folder(self) -> Path:
        """The folder in which it is trained, with its model."""
        return RESULTS / self.scale / "runs" / self.name

    @property
    def table(self) -> Path:
        """The table of its results, with those of other runs on the data set."""
        return RESULTS / self.scale / "runs" / f"{self.dataset}.parquet"

    @property
    def metrics(self) -> dict[str, Any]:
        """Its metrics, once it is done."""
        metrics: dict[str, Any] = run_table.read(self.table, self.folder, "metrics")
        return metrics

    @property
    def measurements(self) -> dict[str, dict[str, Any]]:
        """The measurements of its model, by name."""
        found: dict[str, dict[str, Any]] = run_table.read(self.table, self.folder, "measurements")
        return found

    @property
    def tested(self) -> list[tuple[str, float, float]]:
        """Id, target and prediction of each test crystal; none if training diverged."""
        columns = run_table.read(self.table, self.folder, "predictions")
        rows = zip(*(columns.get(name, ()) for name in ("id", "fold", "target", "prediction")), strict=True)
        return [(identity, target, value) for identity, fold, target, value in rows if fold == "test"]


def runs_of(spec: Spec, scale: str) -> list[Run]:
    """The runs of an experiment at a scale, without those whose data are not available."""
    return [run for run in planned(spec, scale) if run.done or not why_missing(run.dataset)]


def planned(spec: Spec, scale: str) -> list[Run]:
    """All runs of an experiment at a scale."""
    size, networks = spec.scale(scale), load_networks()
    runs = []
    for part in spec.parts_at(scale):
        for dataset, of_part in product(part.datasets, part.networks):
            run_size, reduction = size.of(dataset, of_part)
            full = reduction.network(networks[of_part])
            learnt, seeds = part.targets_of_runs(size.one_by_one), part.seeds or reduction.seeds or size.seeds
            for (name, network), share, targets, seed in product(
                ablated(of_part, full, part), part.training_shares, learnt, seeds
            ):
                settings = run_settings(
                    network,
                    get_dataset(dataset),
                    run_size,
                    seed,
                    targets,
                    share,
                    part.grouping,
                    part.split,
                    part.same_batches,
                )
                variant = network.variant + (f", {len(targets)} targets" if len(targets) > 1 else "")
                shown = tuple(t for t in targets if not part.show or t in part.show) or ("",)
                runs.append(Run(dataset, name, network.label, variant, scale, settings, shown, part.panel))
    return runs if spec.engine == "ours" else [one for run in runs for one in (run, run.twin) if one]


def ablated(name: str, network: Network, part: Part) -> list[tuple[str, Network]]:
    """A network, or its variants by the `leave_out` and `only` of a part, with their names."""
    found = [] if part.leave_out or part.only else [(name, network)]
    for word, chosen, descriptors in (("without", part.leave_out, without), ("only", part.only, members)):
        for groups in chosen:
            model = network.model.model_copy(update={"descriptors": descriptors(groups)})
            label = f"{network.label}, {word} {', '.join(groups)}"
            slug = "-".join(groups).replace(" ", "-")
            restricted = network.model_copy(update={"label": label, "model": model})
            found.append((f"{name}-{word}-{slug}", restricted))
    return found


def pack(runs: Iterable[Run]) -> None:
    """Copies the runs that are done into their tables.

    Raises:
        InputError: a table is damaged.
    """
    folders: dict[Path, list[Path]] = {}
    for run in runs:
        folders.setdefault(run.table, []).append(run.folder)
    for table, of_dataset in folders.items():
        run_table.pack(table, of_dataset)
