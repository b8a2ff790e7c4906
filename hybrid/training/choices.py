"""The settings of a run from those that a user gives by name, on the command line or in Python."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from hybrid.errors import InputError, unknown_name
from hybrid.graphs.composition import CompositionGraphs
from hybrid.graphs.crystal import CrystalGraphs
from hybrid.graphs.merged_crystal import MergedCrystalGraphs
from hybrid.settings import (
    ALIGNNSettings,
    GraphSettings,
    ModelSettings,
    RunSettings,
    Settings,
    StartSettings,
    TrainerSettings,
    checked,
)
from hybrid.training.model_registry import Model, get_model, recipe
from hybrid.user_code import digests

BLOCKS: dict[str, type[Settings]] = {
    "run": RunSettings,
    "model": ModelSettings,
    "alignn": ALIGNNSettings,
    "trainer": TrainerSettings,
    "graph": GraphSettings,
    "start": StartSettings,
}
SIZES = ("atom_fea_len", "n_conv", "h_fea_len", "n_h")  # of CGCNN; they have no block of their own
NOT_GIVEN = {*BLOCKS, "roost", "own", "name", "pooling", "code", "vectors"}
FIELDS = {n: block for block, kind in BLOCKS.items() for n in kind.model_fields if n not in NOT_GIVEN}


def chosen_settings(
    model: str,
    pooling: str = "mean",
    trainer: str = "tuned",
    code: Iterable[str] = (),
    own: Mapping[str, Any] = MappingProxyType({}),
    **choices: Any,
) -> RunSettings:
    """The settings of a run: the defaults of a model, and the changes that are given.

    Args:
        model: a name that `hybrid.training.model_registry.get_model` knows.
        pooling: a name that `hybrid.readout.get_pooling` knows.
        trainer: tuned, or as in the `paper`.
        code: names of files of the user's that were run for it, beside those of model and pooling.
        own: settings of a user's network.
        choices: values of `FIELDS`, or further settings of a user's network.

    Raises:
        InputError: a name or value is wrong, or the model does not use it.
    """
    known, values = get_model(model), {block: dict[str, Any]() for block in BLOCKS}
    network, own = known.network, dict(own)
    if network is None and (pooling, trainer) != ("mean", "tuned"):
        raise InputError(f"--{'trainer' if pooling == 'mean' else 'pooling'}: {model} does not use it")
    is_own = network is not None and "own" in network.sizes
    for name, value in choices.items():
        block = FIELDS.get(name)
        if block and _uses(known, block, name):
            values[block][name] = value
        elif is_own and (block in (None, "alignn") or name in SIZES):
            own[name] = value
        elif block:
            raise InputError(f"--{name.replace('_', '-')}: {model} does not use it")
        else:
            raise unknown_name("setting", name, list(FIELDS))
    if values["start"] and "init_from" not in values["start"]:
        raise InputError(f"--{next(iter(values['start']))}: needs --init-from")
    if own and not is_own:
        raise InputError(f"--set {next(iter(own))}: {model} is not a network of your own")
    needed = {name.rpartition(":")[0] for name in (model, pooling)} | set(code)
    with checked():
        alignn = {"alignn": ALIGNNSettings(**values["alignn"])} if values["alignn"] else {}
        settings = ModelSettings(
            name=model,
            pooling=pooling,
            code={name: digest for name, digest in digests().items() if name in needed},
            **alignn,
            own=own,
            **values["model"],
        )
        default = recipe(settings, trainer)
        graph = network.graph if network else GraphSettings()
        return RunSettings(
            model=default.model(settings),
            graph=GraphSettings(**{**graph.model_dump(), **values["graph"]}),
            trainer=TrainerSettings(**{**default.trainer.model_dump(), **values["trainer"]}),
            start=StartSettings(**values["start"]),
            **values["run"],
        )


def _uses(model: Model, block: str, name: str) -> bool:
    """Whether a model uses a setting."""
    sizes = model.network.sizes if model.network else ()
    if block == "alignn":
        return block in sizes
    if name == "ties":
        return model.network is not None and model.network.graphs in (CrystalGraphs, MergedCrystalGraphs)
    if block == "graph" and model.network is not None:
        return model.network.graphs is not CompositionGraphs
    if block in ("trainer", "graph", "start"):
        return model.network is not None
    if name in ("descriptors", "descriptor_limit"):
        return model.takes_descriptors or (name == "descriptors" and model.uses_descriptors)
    return name not in SIZES or name in sizes
