"""Experiment specs: what a figure or table trains, on what, and what the paper says of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import Field, ValidationError

from hybrid.data.registry import get_dataset
from hybrid.errors import InputError, unknown_name
from hybrid.paths import EXPERIMENTS
from hybrid.readout import get_pooling
from hybrid.settings import (
    GraphSettings,
    ModelSettings,
    RunSettings,
    Settings,
    TrainerSettings,
    default_trainer,
)

SCALES = ("smoke", "quick", "cpu", "paper")
T = TypeVar("T", bound=Settings)
SHARED = ("networks", "scales")  # the files in experiments/ that are not specs


class Scale(Settings):
    """How large an experiment is run."""

    epochs: int = Field(ge=1)
    seeds: tuple[int, ...] = Field(min_length=1, description="each draws a split and the weights")
    n_structures: int | None = Field(None, ge=3, description="a random subset of this size; none: all")


class Network(Settings):
    """A network under a name of its own; what is left out is the default."""

    label: str = Field(description="what figures and tables call it")
    variant: str = Field(description="how records name the settings")
    model: ModelSettings = ModelSettings()
    graph: GraphSettings = GraphSettings()
    trainer: TrainerSettings | None = Field(None, description="none: the default for the pooling")


class PaperStatement(Settings):
    """What the paper says of one bar, in a number or in its words."""

    dataset: str
    network: str
    r2: float | None = None
    says: str
    source: str


class NotRun(Settings):
    """A part of the paper's figure that is not run, and why."""

    label: str
    reason: str


class Spec(Settings):
    """One figure or table."""

    experiment: str
    caption: str
    drawing: Literal["bars", "parity"]
    datasets: tuple[str, ...] = Field(min_length=1)
    networks: tuple[str, ...] = Field(min_length=1)
    paper: tuple[PaperStatement, ...] = ()
    not_run: tuple[NotRun, ...] = ()
    scales: dict[str, dict[str, Any]] = Field(default_factory=dict)

    def scale(self, name: str) -> Scale:
        """The scale called `name`, with this spec's own numbers."""
        if name not in SCALES:
            raise unknown_name("scale", name, SCALES)
        shared = _read(EXPERIMENTS / "scales.yaml")
        return _validate(Scale, {**shared[name], **self.scales.get(name, {})}, EXPERIMENTS / "scales.yaml")

    def said(self, dataset: str, network: str) -> PaperStatement | None:
        """The paper's statement on a bar, if it makes one."""
        return next((s for s in self.paper if (s.dataset, s.network) == (dataset, network)), None)


def load_spec(name: str) -> Spec:
    """The spec in experiments/<name>.yaml.

    Raises:
        InputError: no such experiment, or the file names something unknown.
    """
    if name not in spec_names():
        raise unknown_name("experiment", name, spec_names())
    path = EXPERIMENTS / f"{name}.yaml"
    spec = _validate(Spec, _read(path), path)
    networks = load_networks()
    for dataset in spec.datasets:
        get_dataset(dataset)
    for network in spec.networks:
        if network not in networks:
            raise unknown_name("network", network, networks)
    return spec


def spec_names() -> list[str]:
    """All experiments that train networks."""
    return sorted(path.stem for path in EXPERIMENTS.glob("*.yaml") if path.stem not in SHARED)


def load_networks() -> dict[str, Network]:
    """The networks of experiments/networks.yaml."""
    path = EXPERIMENTS / "networks.yaml"
    networks = {name: _validate(Network, block, path) for name, block in _read(path).items()}
    for network in networks.values():
        get_pooling(network.model.pooling)
    return networks


def run_settings(network: Network, scale: Scale, seed: int) -> RunSettings:
    """A run of `network` at `scale`; the seed draws both the split and the weights, so spreads hold both."""
    trainer = network.trainer or default_trainer(network.model.pooling)
    return RunSettings(
        graph=network.graph,
        model=network.model,
        trainer=trainer.model_copy(update={"epochs": scale.epochs}),
        n_structures=scale.n_structures,
        data_seed=seed,
        model_seed=seed,
    )


def _read(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text())
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
