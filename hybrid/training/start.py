"""Training that starts from a trained model instead of from random weights (fine-tuning)."""

import hashlib
import re
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hybrid.data.folder import same_target
from hybrid.errors import InputError, note
from hybrid.settings import RunSettings, StartSettings
from hybrid.trained.loading import load_members
from hybrid.trained.model import TrainedModel


def start_choices(
    place: str | Path, model: str | None, pooling: str | None, choices: dict[str, Any]
) -> tuple[str, str, dict[str, Any]]:
    """The arguments of `chosen_settings` for a run that starts from a trained model, a folder, file or name.

    Network, pooling, sizes and graph are those of the trained model; descriptors may be added or left out,
    and settings of a user's network may differ.

    Raises:
        InputError: the trained model cannot be read, or something else is asked for.
    """
    source, *_ = members = load_members(place)
    name, sizes = source.settings.name, set(source.architecture.sizes)
    model = model or name
    if model.removeprefix("de-") != name.removeprefix("de-"):
        raise InputError(f"--init-from {place}: is {name}, not {model}")
    graph, default = source.graph.model_dump(), source.architecture.graph.model_dump()
    kept = source.settings.model_dump(include=sizes - {"roost", "own"})
    kept |= kept.pop("alignn", {})
    asked = {**choices, **({"pooling": pooling} if pooling else {})}
    for option, value in {**graph, **kept, "pooling": source.settings.pooling}.items():
        if asked.get(option, value) != value:
            raise InputError(
                f"--{option.replace('_', '-')} {asked[option]}: {place} was trained with {value}"
            )
    kept |= {option: value for option, value in graph.items() if value != default[option]}
    kept["own"] = {**source.settings.own, **choices.get("own", {})}
    kept |= {"init_from": str(place), "init_sha256": _digest(members)}
    return model, source.settings.pooling, {**choices, **kept}


def start(
    network: nn.Module,
    settings: RunSettings,
    target: str,
    names: tuple[str, ...],
    classes: tuple[int, ...] = (),
    descriptors: tuple[str, ...] = (),
) -> TrainedModel | None:
    """Copies the weights of the model that a run starts from into its network.

    Args:
        network: with random weights.
        settings: of the run; its model seed decides which network of an ensemble it starts from.
        target: name and unit of the target, as far as they are known.
        names: of the targets, if there are several.
        classes: that are learnt, if any.
        descriptors: in the order in which the network takes them.

    Returns:
        The trained model if its head is kept, as its scale and its standardisation of the descriptors go with
        it; otherwise None.

    Raises:
        InputError: the trained model has changed, or does not fit.
    """
    chosen = settings.start
    if not chosen.init_from:
        return None
    members = load_members(chosen.init_from)
    if _digest(members) != chosen.init_sha256:
        raise InputError(f"{chosen.init_from}: has changed since this run began")
    number = settings.model_seed % len(members)
    source = members[number]
    if len(members) > 1:
        note(f"{chosen.init_from}: is of {len(members)} networks; training starts from number {number + 1}")
    weights, wanted = source.network.state_dict(), network.state_dict()

    def of_head(name: str) -> bool:
        return name.split(".")[0] in source.architecture.head

    unlike = [
        name for name, tensor in wanted.items() if weights.get(name, torch.empty(0)).shape != tensor.shape
    ]
    if not all(map(of_head, unlike)):
        raise InputError(f"{chosen.init_from}: its '{unlike[0]}' does not fit this network")
    taught = source.standardisation.names if source.standardisation else ()
    other = bool(unlike) or taught != descriptors or source.classes != classes
    if _head_is_kept(chosen, source, target, names, other):
        taken, kept = weights, source
    else:
        taken, kept = {n: w for n, w in weights.items() if not of_head(n)}, None
    network.load_state_dict({**wanted, **taken})
    if chosen.freeze:
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(of_head(name))
    return kept


def _head_is_kept(
    chosen: StartSettings, source: TrainedModel, target: str, names: tuple[str, ...], unlike: bool
) -> bool:
    """Whether training begins with the trained head: if the target is the same, unless the user decides."""
    if not source.architecture.head and chosen.model_fields_set & {"freeze", "head"}:
        raise InputError(f"--init-from {chosen.init_from}: which layers of it are the head is not known")
    if chosen.head == "keep" and unlike:
        raise InputError(
            "--head keep: the head does not fit, as descriptors, classes or the number of outputs differ"
        )
    told = bool(target) or any(not re.fullmatch(r"target_\d+", name) for name in names)  # not by default
    same = source.targets == names and same_target(source.target, target) and told
    return not unlike and (chosen.head == "keep" or (chosen.head == "auto" and same))


def _digest(members: tuple[TrainedModel, ...]) -> str:
    """A hash of the weights."""
    digest = hashlib.sha256()
    for member in members:
        for name, tensor in member.network.state_dict().items():
            digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
