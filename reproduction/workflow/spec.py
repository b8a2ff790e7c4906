"""Experiment specs: what a figure or table trains, on what, and what the paper says of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import Field, ValidationError, model_validator

from hybrid.descriptors.registry import choose, numeric_descriptors
from hybrid.errors import InputError, unknown_name
from hybrid.readout import get_pooling
from hybrid.settings import (
    GraphSettings,
    ModelSettings,
    RunSettings,
    Settings,
    TrainerSettings,
)
from hybrid.training.registry import recipe
from reproduction.data.registry import Dataset, get_dataset
from reproduction.models.descriptor_groups import members
from reproduction.models.force_field import ForceFieldSettings
from reproduction.paths import WORKFLOW

SCALES = ("smoke", "quick", "cpu", "paper")
UPSTREAM = "-upstream"  # ends the names of figures and networks that run through upstream's scripts

T = TypeVar("T", bound=Settings)
Ablation = tuple[tuple[str, ...], ...] | Literal["groups"]  # groups of descriptors; or each in turn


class Size(Settings):
    """How long a run is trained, and on how much."""

    epochs: int = Field(ge=1)
    n_structures: int | None = Field(None, ge=3, description="a random subset of this size; none: all")


class Reduction(Settings):
    """What a scale changes of a network that is too slow for it as it is; nothing, unless told."""

    epochs: int | None = Field(None, ge=1)
    n_structures: int | None = Field(None, ge=3)
    seeds: tuple[int, ...] = ()
    model: dict[str, Any] = Field(default_factory=dict, description="settings of the model")
    variant: str = Field("", description="how records name it, after the network's own variant")

    def network(self, network: "Network") -> "Network":
        """The network with what is changed of it."""
        if not self.model and not self.variant:
            return network
        model = ModelSettings.model_validate({**network.model.model_dump(exclude_unset=True), **self.model})
        variant = ", ".join(filter(None, (network.variant, self.variant)))
        return network.model_copy(update={"model": model, "variant": variant})

    def size(self, size: Size) -> Size:
        """The size of a run with what is changed of it."""
        return size.model_copy(update=self.model_dump(include={"epochs", "n_structures"}, exclude_none=True))


class Scale(Size):
    """How large an experiment is run."""

    seeds: tuple[int, ...] = Field(min_length=1, description="each draws a split and the weights")
    one_by_one: bool = Field(False, description="a network for each target, even if a part has one for all")
    datasets: dict[str, Size] = Field(default_factory=dict, description="other sizes for some datasets")
    networks: dict[str, Reduction] = Field(default_factory=dict, description="smaller runs of some networks")

    def of(self, dataset: str) -> Size:
        """The size of runs on a dataset."""
        return self.datasets.get(dataset, self)

    def reduction(self, network: str) -> Reduction:
        """What is changed of a network."""
        return self.networks.get(network, Reduction())


class Network(Settings):
    """A model under a name of its own; what is left out is the default."""

    label: str = Field(description="what figures and tables call it")
    variant: str = Field(description="how records name the settings")
    model: ModelSettings = ModelSettings()
    graph: GraphSettings = GraphSettings()
    trainer: TrainerSettings | None = Field(None, description="none: what `hybrid train` does")


class Part(Settings):
    """Every network on every dataset.

    The target is id_prop.csv's, or `targets`: columns of descriptors.csv, each learnt by a network of its own
    or, `together`, all by one.
    """

    datasets: tuple[str, ...] = Field(min_length=1)
    networks: tuple[str, ...] = Field(min_length=1)
    targets: tuple[str, ...] | Literal["numeric"] = Field((), description="numeric: all but the symmetry")
    together: bool = False
    show: tuple[str, ...] = Field((), description="the targets that are reported; none: all")
    leave_out: Ablation = Field(
        (), description="groups of descriptors that a network does without; groups: each in turn"
    )
    only: Ablation = Field(
        (), description="groups of descriptors that a network takes alone; groups: each in turn"
    )
    training_shares: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (1.0,), min_length=1, description="of the training crystals"
    )
    grouping: Literal["formula", "prototype"] | None = Field(
        None, description="what the crystals of a fold may not share with those of another"
    )
    seeds: tuple[int, ...] = Field((), description="others than the scale's")
    panel: str = Field("", description="of the figure")
    scales: tuple[str, ...] = Field(SCALES, description="where it is run")

    def learnt(self, one_by_one: bool) -> list[tuple[str, ...]]:
        """The targets of each run; an empty tuple is id_prop.csv's."""
        if not self.targets:
            return [()]
        names = numeric_descriptors() if self.targets == "numeric" else self.targets
        if self.together and not one_by_one:
            return [tuple(names)]
        return [(name,) for name in names if name in self.show or not self.show]


class PaperStatement(Settings):
    """What the paper says of one bar or cell, in numbers or in its words."""

    dataset: str
    network: str
    target: str = Field("", description="a descriptor; otherwise id_prop.csv's target")
    r2: float | None = None
    accuracy: float | None = None
    mae: float | None = None
    mae_over_mad: float | None = None
    says: str = ""
    source: str

    def numbers(self) -> dict[str, Any]:
        """What is said, without what it is said of."""
        return self.model_dump(exclude={"dataset", "network", "target"}, exclude_none=True)


def errors_said(
    source: str, networks: Sequence[str], rows: Mapping[str, Sequence[float | tuple[float, float]]]
) -> tuple[PaperStatement, ...]:
    """What a table of the paper has: for each data set and network MAE/MAD, or MAE and MAE/MAD.

    Args:
        source: the table.
        networks: its columns.
        rows: by data set, a cell a network.
    """
    said = []
    for dataset, cells in rows.items():
        for network, cell in zip(networks, cells, strict=True):
            mae, relative = cell if isinstance(cell, tuple) else (None, cell)
            about = {"dataset": dataset, "network": network, "source": source}
            said.append(PaperStatement(mae=mae, mae_over_mad=relative, **about))
    return tuple(said)


def words_said(
    source: str, dataset: str, network: str, targets: Sequence[str], says: str
) -> tuple[PaperStatement, ...]:
    """The same words of the paper on each of several descriptors."""
    about = {"dataset": dataset, "network": network, "says": says, "source": source}
    return tuple(PaperStatement(target=target, **about) for target in targets)


class NotRun(Settings):
    """A part of the paper's figure that is not run, and why."""

    label: str
    reason: str
    panel: str = ""


class ForceFieldScale(Settings):
    """Which test crystals a force field is asked about at a scale."""

    smallest: int | None = Field(None, ge=1, description="so many of each data set's smallest supercells")
    max_supercell: int | None = Field(None, ge=1, description="atoms; larger ones are skipped and counted")


class ForceFieldStudy(Settings):
    """What a force field calculates beside the networks."""

    sets: dict[str, tuple[str, ...]] = Field(min_length=1, description="data sets of the same crystals")
    settings: ForceFieldSettings = ForceFieldSettings()
    scales: dict[str, ForceFieldScale]


class Spec(Settings):
    """One figure or table."""

    experiment: str
    caption: str
    metric: Literal["r2", "accuracy", "mae_over_mad"] = "r2"
    parts: tuple[Part, ...] = Field(min_length=1)
    paper: tuple[PaperStatement, ...] = ()
    not_run: tuple[NotRun, ...] = ()
    force_field: ForceFieldStudy | None = None
    upstream: dict[str, Part] = Field(
        default_factory=dict, description="what runs through upstream's scripts at a scale; not named: all"
    )
    engine: Literal["ours", "upstream"] = "ours"
    scales: dict[str, dict[str, Any]] = Field(default_factory=dict)
    predictions: bool = Field(False, description="test predictions are kept beside the record")

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        """Finds data sets, networks, descriptors and their groups that are not there.

        Raises:
            InputError: one is not; the message suggests the nearest name.
        """
        networks = load_networks()
        for part in (*self.parts, *self.upstream.values()):
            for dataset in part.datasets:
                get_dataset(dataset)
            for network in part.networks:
                if network not in networks:
                    raise unknown_name("network", network, networks)
            for ablation in (part.leave_out, part.only):
                members(group for groups in ablation for group in groups if ablation != "groups")
            if part.targets != "numeric":
                choose(part.targets)
            choose(part.show)
        return self

    def scale(self, name: str) -> Scale:
        """The scale called `name`, with this spec's own numbers."""
        if name not in SCALES:
            raise unknown_name("scale", name, SCALES)
        shared = _read(WORKFLOW / "scales.yaml")
        return _validate(Scale, {**shared[name], **self.scales.get(name, {})}, WORKFLOW / "scales.yaml")

    def parts_at(self, scale: str) -> list[Part]:
        """The parts that are run at a scale."""
        if self.engine == "upstream" and scale in self.upstream:
            return [self.upstream[scale]]
        return [part for part in self.parts if scale in part.scales]

    def by_upstream(self) -> Self:
        """The same by upstream's scripts beside ours."""
        caption = f"{self.caption}; by upstream's scripts beside ours"
        changes = {"experiment": f"{self.experiment}{UPSTREAM}", "caption": caption, "engine": "upstream"}
        return self.model_copy(update={**changes, "force_field": None})

    def said(self, dataset: str, network: str, target: str) -> PaperStatement | None:
        """The paper's statement on a bar, if it makes one."""
        bar = (dataset, network, target)
        return next((s for s in self.paper if (s.dataset, s.network, s.target) == bar), None)


def load_networks() -> dict[str, Network]:
    """The networks of workflow/networks.yaml."""
    path = WORKFLOW / "networks.yaml"
    networks = {name: _validate(Network, block, path) for name, block in _read(path).items()}
    for network in networks.values():
        get_pooling(network.model.pooling)
    return networks


def run_settings(
    network: Network,
    dataset: Dataset,
    size: Size,
    seed: int,
    targets: tuple[str, ...] = (),
    training_share: float = 1.0,
    grouping: Literal["formula", "prototype"] | None = None,
) -> RunSettings:
    """A run of `network`.

    The seed draws both the split and the weights, so that spreads hold both. On a share of the training
    crystals a network sees as many batches as on all, in more epochs.
    """
    default = recipe(network.model)
    trainer = network.trainer or default.trainer
    return RunSettings(
        task="regression" if targets else dataset.task,
        targets=targets,
        graph=network.graph,
        model=network.model if network.trainer else default.model(network.model),
        trainer=trainer.model_copy(update={"epochs": round(size.epochs / training_share)}),
        split=dataset.split,
        grouping=grouping,
        training_share=training_share,
        n_structures=size.n_structures,
        data_seed=seed,
        model_seed=seed,
    )


def read_settings(kind: type[T], path: Path) -> T:
    """The settings that a YAML file holds.

    Raises:
        InputError: the file names something unknown.
    """
    return _validate(kind, _read(path), path)


def _read(path: Path) -> dict[str, Any]:
    content = yaml.load(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    if not isinstance(content, Mapping):
        raise InputError(f"{path}: is not a mapping")
    return dict(content)


def _validate(kind: type[T], content: dict[str, Any], path: Path) -> T:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{path}: {where}: {first['msg']}") from error
