"""Train crystal graph networks, with descriptors in the readout or without, and probe what they know.

import hybrid

model = hybrid.train("my_folder", model="de-cgcnn", pooling="sum", out="my_run")
predictions = hybrid.load("my_run").predict(structures)
table = hybrid.load("cv").predict(structures)
table = hybrid.describe(structures)
known = hybrid.probe(MyNetwork, structures)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from hybrid.api import *  # noqa: F403


def __dir__() -> list[str]:
    """The names of `hybrid.api`, for those who ask what there is."""
    return [*globals(), *import_module("hybrid.api").__all__]


def __getattr__(name: str) -> Any:
    """The names of `hybrid.api`, which is loaded at first use: `hybrid --help` needs none of it."""
    if name.startswith("_"):
        raise AttributeError(name)
    try:
        return getattr(import_module("hybrid.api"), name)
    except AttributeError:
        raise AttributeError(f"hybrid has no {name}") from None
