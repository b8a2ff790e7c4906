"""The networks by name. A module is imported when its network is used, because Roost's takes seconds."""

from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from torch import nn

from hybrid.errors import unknown_name
from hybrid.models.network import Architecture, user_architecture
from hybrid.user_code import UserCode, is_user_code, user_code

BUILT_IN = {
    "cgcnn": "hybrid.models.cgcnn",
    "de-cgcnn": "hybrid.models.cgcnn",
    "cgcnn-lattice": "hybrid.models.cgcnn_lattice",
    "alignn": "hybrid.models.alignn",
    "de-alignn": "hybrid.models.alignn",
    "roost": "hybrid.models.roost",
}
"""The modules with these networks in their `ARCHITECTURES`."""


@cache
def installed() -> dict[str, EntryPoint]:
    """The entry points of installed packages in the group `hybrid.models`, which are not imported yet."""
    return {point.name: point for point in entry_points(group="hybrid.models")}


def get_network(name: str) -> Architecture:
    """The network called `name`: built-in, a class in a package's entry points, or FILE.py:CLASS.

    Raises:
        InputError: no such network; the message suggests the nearest name.
    """
    if is_user_code(name):
        return user_architecture(user_code(name))
    if name in BUILT_IN:
        kind: Architecture = import_module(BUILT_IN[name]).ARCHITECTURES[name]
        return kind
    points = installed()
    found = points[name].load() if name in points else None
    if isinstance(found, type) and issubclass(found, nn.Module):
        return user_architecture(UserCode(name, None, "", found))
    raise unknown_name("network", name, BUILT_IN)
