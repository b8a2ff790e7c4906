"""Experiment specs: the networks and data of a figure or table, and what the paper says about them."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import Field, ValidationError, model_validator

from hybrid.descriptors.registry import select_descriptors
from hybrid.errors import InputError, unknown_name
from hybrid.readout import get_pooling
from hybrid.settings import (
    GraphSettings,
    ModelSettings,
    RunSettings,
    Settings,
    Split,
    StartSettings,
    TrainerSettings,
)
from hybrid.training.model_registry import recipe
from hybrid.user_code import names_a_file, run_user_file
from reproduction.data.registry import Dataset, get_dataset
from reproduction.models import poolings  # noqa: F401  registers those that networks.yaml names
from reproduction.models.descriptor_groups import members
from reproduction.models.force_field import ForceFieldSettings
from reproduction.paper import PaperStatement
from reproduction.paths import REMEDIES, WORKFLOW

SCALES = ("smoke", "quick", "cpu", "paper")
UPSTREAM = "-upstream"  # ends the names of figures and networks that run through upstream's scripts

T = TypeVar("T", bound=Settings)
Grouping = Literal["formula", "prototype"] | None
Groups = tuple[str, ...]  # of descriptors


class Size(Settings):
    """How long a run is trained, and on how much."""

    epochs: int = Field(ge=1)
    n_structures: int | None = Field(None, ge=3, description="a random subset of this size; none: all")


class Reduction(Settings):
    """The changes by a scale for a network that is too slow for it."""

    epochs: int | None = Field(None, ge=1)
    n_structures: int | None = Field(None, ge=3)
    seeds: tuple[int, ...] = ()
    model: dict[str, Any] = Field(default_factory=dict, description="settings of the model")
    variant: str = Field("", description="its name in records, after the network's own variant")
    datasets: dict[str, "Reduction"] = Field(default_factory=dict, description="others for some datasets")

    def of(self, dataset: str) -> "Reduction":
        """What is changed on a dataset."""
        return self.datasets.get(dataset, self)

    def network(self, network: "Network") -> "Network":
        """The network with these changes."""
        if not self.model and not self.variant:
            return network
        model = ModelSettings.model_validate({**network.model.model_dump(exclude_unset=True), **self.model})
        variant = ", ".join(filter(None, (network.variant, self.variant)))
        return network.model_copy(update={"model": model, "variant": variant})


class Scale(Size):
    """How large an experiment is run."""

    seeds: tuple[int, ...] = Field(min_length=1, description="each draws a split and the weights")
    one_by_one: bool = Field(False, description="a network for each target, even if a part has one for all")
    datasets: dict[str, Size] = Field(default_factory=dict, description="other sizes for some datasets")
    networks: dict[str, Reduction] = Field(default_factory=dict, description="smaller runs of some networks")

    def of(self, dataset: str, network: str) -> tuple[Size, Reduction]:
        """The size of a network's runs on a dataset, and the other changes of the network."""
        reduction = self.networks.get(network, Reduction()).of(dataset)
        changes = reduction.model_dump(include={"epochs", "n_structures"}, exclude_none=True)
        return self.datasets.get(dataset, self).model_copy(update=changes), reduction


class Network(Settings):
    """A model with settings, under a name of its own; settings that are not given are the defaults."""

    label: str = Field(description="what figures and tables call it")
    variant: str = Field(description="how records name the settings")
    model: ModelSettings = ModelSettings()
    graph: GraphSettings = GraphSettings()
    trainer: TrainerSettings | None = Field(None, description="none: what `hybrid train` does")
    start: StartSettings = StartSettings()


class Part(Settings):
    """Every network is trained on every dataset.

    The target is that in id_prop.csv, or `targets`: columns of descriptors.csv, each learnt by its own
    network or, with `together`, all by one network.
    """

    datasets: tuple[str, ...] = Field(min_length=1)
    networks: tuple[str, ...] = Field(min_length=1)
    targets: tuple[str, ...] = ()
    together: bool = False
    show: tuple[str, ...] = Field((), description="the targets that are reported; none: all")
    leave_out: tuple[Groups, ...] = Field((), description="a network without each of these groups")
    only: tuple[Groups, ...] = Field((), description="a network with each of these groups alone")
    training_shares: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (1.0,), min_length=1, description="of the training crystals"
    )
    same_batches: bool = Field(True, description="a share sees as many batches as all, in more epochs")
    split: Split | None = Field(None, description="fractions, instead of the data set's own split")
    grouping: Grouping = Field(None, description="what crystals in different folds may not share")
    seeds: tuple[int, ...] = Field((), description="instead of the scale's")
    panel: str = Field("", description="of the figure")
    scales: tuple[str, ...] = Field(SCALES, description="where it is run")

    def targets_of_runs(self, one_by_one: bool) -> list[tuple[str, ...]]:
        """The targets of each run; an empty tuple is the target in id_prop.csv."""
        if not self.targets:
            return [()]
        if self.together and not one_by_one:
            return [self.targets]
        return [(name,) for name in self.targets if name in self.show or not self.show]


class ForceFieldScale(Settings):
    """The test crystals for which a force field is run at a scale."""

    smallest: int | None = Field(None, ge=1, description="so many of each data set's smallest supercells")
    max_supercell: int | None = Field(None, ge=1, description="atoms; larger ones are skipped and counted")


class ForceFieldStudy(Settings):
    """The calculations by force fields, to compare with the networks."""

    sets: dict[str, tuple[str, ...]] = Field(min_length=1, description="data sets of the same crystals")
    settings: tuple[ForceFieldSettings, ...] = (ForceFieldSettings(),)
    scales: dict[str, ForceFieldScale]


class Spec(Settings):
    """One figure or table."""

    caption: str
    metric: Literal["r2", "accuracy", "mae_over_mad"] = "r2"
    parts: tuple[Part, ...] = Field(min_length=1)
    paper: tuple[PaperStatement, ...] = ()
    force_field: ForceFieldStudy | None = None
    upstream: dict[str, Part] = Field(
        default_factory=dict, description="what runs through upstream's scripts at a scale; not named: all"
    )
    engine: Literal["ours", "upstream"] = "ours"
    scales: dict[str, dict[str, Any]] = Field(default_factory=dict, description="instead of scales.yaml's")
    predictions: bool = Field(False, description="test predictions are kept beside the record")
    paired: bool = Field(False, description="rows hold a comparison with the authors' own predictions")

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        """Finds names of data sets, networks, descriptors and their groups that do not exist.

        Raises:
            InputError: with the nearest name that does.
        """
        networks = load_networks()
        for part in (*self.parts, *self.upstream.values()):
            for dataset in part.datasets:
                get_dataset(dataset)
            for network in part.networks:
                if network not in networks:
                    raise unknown_name("network", network, networks)
            for groups in (*part.leave_out, *part.only):
                members(groups)
            select_descriptors(part.targets)
            select_descriptors(part.show)
        return self

    def scale(self, name: str) -> Scale:
        """The scale called `name`, with this spec's own numbers.

        Raises:
            InputError: no such scale.
        """
        if name not in SCALES:
            raise unknown_name("scale", name, SCALES)
        path = WORKFLOW / "scales.yaml"
        return _validate(Scale, {**_read(path)[name], **self.scales.get(name, {})}, path)

    def parts_at(self, scale: str) -> list[Part]:
        """The parts that are run at a scale."""
        if self.engine == "upstream" and scale in self.upstream:
            return [self.upstream[scale]]
        return [part for part in self.parts if scale in part.scales]

    def by_upstream(self) -> Self:
        """The same networks trained by upstream's scripts beside ours."""
        caption = f"{self.caption}; by upstream's scripts beside ours"
        return self.model_copy(update={"caption": caption, "engine": "upstream", "force_field": None})

    def said(self, dataset: str, network: str, target: str) -> PaperStatement | None:
        """The paper's statement about a network on a data set and target, if there is one."""
        about = (dataset, network, target)
        return next((s for s in self.paper if (s.dataset, s.network, s.target) == about), None)


def load_networks() -> dict[str, Network]:
    """The networks in workflow/networks.yaml by name; the files of remedies are run.

    Raises:
        InputError: the file has an unknown setting or pooling, or names a remedy that cannot be run.
    """
    return _networks(WORKFLOW / "networks.yaml")


@cache
def _networks(path: Path) -> dict[str, Network]:
    networks = {name: _validate(Network, block, path) for name, block in _read(path).items()}
    for network in networks.values():
        if not network.model.vectors:
            get_pooling(network.model.pooling)
        if names_a_file(network.model.name):
            run_user_file(REMEDIES / network.model.name.rpartition(":")[0])
    return networks


def run_settings(
    network: Network,
    dataset: Dataset,
    size: Size,
    seed: int,
    targets: tuple[str, ...] = (),
    training_share: float = 1.0,
    grouping: Grouping = None,
    split: Split | None = None,
    same_batches: bool = True,
) -> RunSettings:
    """The settings of one run of a network.

    The seed determines both the split and the weights, so the spread over seeds includes both. On a share of
    the training crystals a network is trained with as many batches as on all of them, in more epochs, if
    `same_batches`.
    """
    model, trainer = network.model, network.trainer
    if trainer is None:
        default = recipe(network.model)  # which imports the network
        model, trainer = default.model(network.model), default.trainer
    return RunSettings(
        task="regression" if targets else dataset.task,
        targets=targets,
        graph=network.graph,
        model=model,
        trainer=trainer.model_copy(
            update={"epochs": round(size.epochs / (training_share if same_batches else 1))}
        ),
        start=network.start,
        split=split or dataset.split,
        grouping=grouping,
        training_share=training_share,
        n_structures=size.n_structures,
        data_seed=seed,
        model_seed=seed,
    )


def read_settings(kind: type[T], path: Path) -> T:
    """The settings in a YAML file.

    Raises:
        InputError: the file has an unknown or impossible setting.
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
