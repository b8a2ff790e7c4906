"""Datasets that can be built by name."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points

from hybrid.data.folder import CrystalFolder


@dataclass(frozen=True)
class NamedDataset:
    """A dataset that can be built."""

    description: str  # one line
    folder: Callable[[int], CrystalFolder]  # returns it; builds it first, by so many processes, if it must


def named_datasets() -> dict[str, NamedDataset]:
    """The datasets of installed packages: mappings in the entry-point group `hybrid.datasets`."""
    found: dict[str, NamedDataset] = {}
    for point in entry_points(group="hybrid.datasets"):
        found |= point.load()
    return found
