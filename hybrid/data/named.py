"""Datasets that are known by name."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points

from hybrid.data.folder import CrystalFolder


@dataclass(frozen=True)
class NamedDataset:
    """A dataset that can be built.

    Attributes:
        description: one line for people.
        folder: gives its folder, built if it is not there.
    """

    description: str
    folder: Callable[[], CrystalFolder]


def named_datasets() -> dict[str, NamedDataset]:
    """The datasets that installed packages add: mappings in the entry-point group `hybrid.datasets`."""
    found: dict[str, NamedDataset] = {}
    for point in entry_points(group="hybrid.datasets"):
        found |= point.load()
    return found
