"""The models by name, and what all others must know of them.

A package adds models of its own under the entry-point group `hybrid.models`: names and `Model` objects.
"""

from dataclasses import dataclass
from functools import partial
from importlib.metadata import entry_points
from typing import Any

from hybrid.errors import unknown_name
from hybrid.models.networks import ALIGNN, CGCNN, ROOST, NetworkKind
from hybrid.training import baselines
from hybrid.training.network import fit_network
from hybrid.training.results import Fit


@dataclass(frozen=True)
class Model:
    """A model that can be trained.

    Attributes:
        fit: fits it to samples and predicts all of them.
        network: its network and graphs; None if it is no network.
        takes_descriptors: whether descriptors join its readout.
        needs_descriptors: whether it is made of descriptors alone.
        sees_structure: whether it sees more of a crystal than the formula.
        precisions: that it can be trained in.
    """

    fit: Fit
    network: NetworkKind | None = None
    takes_descriptors: bool = False
    needs_descriptors: bool = False
    sees_structure: bool = True
    precisions: tuple[str, ...] = ("fp32",)


def _network(kind: NetworkKind, **known: Any) -> Model:
    return Model(partial(fit_network, kind), kind, **known)


_BOTH = ("fp32", "bf16")
BUILT_IN = {
    "cgcnn": _network(CGCNN),
    "de-cgcnn": _network(CGCNN, takes_descriptors=True),
    "alignn": _network(ALIGNN, precisions=_BOTH),
    "de-alignn": _network(ALIGNN, takes_descriptors=True, precisions=_BOTH),
    "roost": _network(ROOST, sees_structure=False),
    "mean-baseline": Model(baselines.mean),
    "majority-baseline": Model(baselines.majority),
    "natoms-baseline": Model(baselines.natoms),
    "line-baseline": Model(baselines.line),
    "forest": Model(baselines.forest, needs_descriptors=True),
}


def get_model(name: str) -> Model:
    """The model called `name`: a built-in one, or one of an installed package.

    Raises:
        InputError: no such model; the message suggests the nearest name.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    added = entry_points(group="hybrid.models")
    if name not in added.names:
        raise unknown_name("model", name, {*BUILT_IN, *added.names})
    model: Model = added[name].load()
    return model
