"""Reads checkpoint files without running code from them.

A checkpoint of torch is a pickle, which can call any function when it is read. `torch.load` with
`weights_only` reads only tensors and plain values. The other types in upstream's checkpoints are listed
below.
"""

import argparse
import importlib
import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hybrid.atomic import write_bytes
from hybrid.errors import InputError
from hybrid.reading import read_bytes


def read_weights(path: str | Path, device: torch.device | str = "cpu") -> Any:
    """The content of a torch file, in the zip or the legacy format, with its tensors on `device`.

    Raises:
        InputError: the file cannot be read, is damaged or something else, or could run code.
    """
    content = io.BytesIO(read_bytes(Path(path)))
    if zipfile.is_zipfile(content):
        with zipfile.ZipFile(content) as parts:
            damaged = parts.testzip()  # torch does not compare the checksums that it writes
        if damaged:
            raise InputError(f"{path}: is damaged; its part {damaged} is not as it was written")
    content.seek(0)
    try:
        with torch.serialization.safe_globals([argparse.Namespace, *_numpy_globals(), *_SCHEDULE]):
            return torch.load(content, map_location=device, weights_only=True)
    except Exception as error:  # whatever a pickle of something else raises
        asked = re.search(r"GLOBAL (\S+)", str(error))
        if asked is None:
            raise InputError(f"{path}: is not a checkpoint") from error
        raise InputError(
            f"{path}: contains '{asked[1]}', which is not a weight; files that could run code are not loaded"
        ) from error


def load_weights(path: str | Path, device: torch.device | str = "cpu", *entries: str) -> dict[str, Any]:
    """The content of a checkpoint, which must have these entries, with its tensors on `device`.

    Raises:
        InputError: the file cannot be read, is something else, or could run code.
    """
    checkpoint = read_weights(path, device)
    if not isinstance(checkpoint, dict) or not checkpoint.keys() >= set(entries):
        raise InputError(f"{path}: is not a checkpoint with {', '.join(entries)}")
    return checkpoint


def refuse_not_finite(weights: Mapping[str, Any], path: str | Path) -> None:
    """Raises an InputError that names the first of these weights with a number that is not finite."""
    for name, value in weights.items():
        if isinstance(value, Mapping):
            refuse_not_finite(value, path)
        elif isinstance(value, Tensor | float) and not torch.as_tensor(value).isfinite().all():
            raise InputError(f"{path}: '{name}' contains NaN or infinity")


def save_weights(path: Path, content: Any) -> None:
    """Writes what torch can hold atomically; torch itself would not say why a file cannot be written."""
    written = io.BytesIO()
    torch.save(content, written)
    write_bytes(path, written.getbuffer())


def _numpy_globals() -> list[Any]:
    """The types of numpy numbers and arrays; upstream stores errors and random states as these."""
    multiarray: Any = importlib.import_module("numpy._core.multiarray")
    kept = [
        (getattr(multiarray, name), f"numpy.{package}.multiarray.{name}")
        for name in ("scalar", "_reconstruct")
        for package in ("core", "_core")
    ]
    return [np.ndarray, np.dtype, np.dtypes.Float64DType, np.dtypes.UInt32DType, *kept]


def _nothing(*_: Any) -> None:
    """Replaces functions that are not needed."""


# Older versions of torch store the function of a one-cycle schedule, getattr(OneCycleLR, "_annealing_cos").
_SCHEDULE = [(_nothing, name) for name in ("builtins.getattr", "torch.optim.lr_scheduler.OneCycleLR")]
