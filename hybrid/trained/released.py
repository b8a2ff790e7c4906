"""The models that come with the package: ensembles, read from plain data without running code.

Each has a folder in `released/`: `model.json` with everything but the tensors, `weights.safetensors`, and a
card, `card.json` and `card.md`.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from hybrid.atomic import write_bytes, write_text
from hybrid.errors import InputError, one_line
from hybrid.reading import read_bytes, read_json
from hybrid.trained.checkpoint import trained_model
from hybrid.trained.ensemble import Ensemble

FOLDER = Path(__file__).parents[1] / "released"
MODEL, WEIGHTS, CARD = "model.json", "weights.safetensors", "card.json"
TENSOR = "tensor"  # the key of what stands for a tensor in model.json


def released_names() -> list[str]:
    """The names of the released models."""
    return sorted(file.parent.name for file in FOLDER.glob(f"*/{MODEL}"))


def read_card(name: str) -> dict[str, Any]:
    """The card of a released model.

    Raises:
        InputError: there is no such model.
    """
    found: dict[str, Any] = read_json(_folder(name) / CARD)
    return found


def card_text(name: str) -> str:
    """The card as Markdown."""
    return (_folder(name) / "card.md").read_text(encoding="utf-8")


def released_model(name: str) -> Ensemble:
    """The released model of this name.

    Raises:
        InputError: there is none, or a file of it is missing or damaged.
    """
    from safetensors.torch import load

    folder = _folder(name)
    content = read_json(folder / MODEL)
    try:
        weights = read_bytes(folder / WEIGHTS)
        if hashlib.sha256(weights).hexdigest() != content["sha256"]:
            raise InputError(f"{folder / WEIGHTS}: is damaged; its checksum is not that of {MODEL}")
        tensors = load(weights)
        members = tuple(trained_model(_joined(member, tensors)) for member in content["members"])
        return Ensemble.of(members, content)
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{folder}: is not a released model ({one_line(error)})") from error


def write_released(folder: Path, checkpoints: Sequence[Mapping[str, Any]], ensemble: Ensemble) -> None:
    """Writes an ensemble into a folder, from the contents of its members' checkpoints."""
    from safetensors.torch import save

    tensors: dict[str, Tensor] = {}
    members = [_split(content, str(i), tensors) for i, content in enumerate(checkpoints)]
    weights = save(tensors)
    content = {"sha256": hashlib.sha256(weights).hexdigest(), **ensemble.state_dict(), "members": members}
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / WEIGHTS, weights)
    write_text(folder / MODEL, json.dumps(content, indent=1) + "\n")


def _folder(name: str) -> Path:
    if name not in released_names():
        known = ", ".join(released_names()) or "none"
        raise InputError(f"{name}: no such model; those that come with the package: {known}")
    return FOLDER / name


def _split(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """The value with each tensor in it moved to `tensors`, under its place; equal ones are stored once."""
    if isinstance(value, Tensor):
        same = next((k for k, t in tensors.items() if t.dtype == value.dtype and t.equal(value)), name)
        tensors.setdefault(same, value.contiguous())
        return {TENSOR: same}
    return _mapped(value, lambda part, key: _split(part, f"{name}/{key}", tensors))


def _joined(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The inverse of `_split`."""
    if isinstance(value, dict) and value.keys() == {TENSOR}:
        return tensors[value[TENSOR]]
    return _mapped(value, lambda part, _: _joined(part, tensors))


def _mapped(value: Any, change: Callable[[Any, Any], Any]) -> Any:
    """The value with its parts changed, if it has any."""
    if isinstance(value, Mapping):
        return {key: change(part, key) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [change(part, i) for i, part in enumerate(value)]
    return value
