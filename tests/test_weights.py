"""Checkpoints are read as weights: what upstream keeps beside them passes, what could run code does not."""

import argparse
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import write_malicious
from torch.optim.lr_scheduler import OneCycleLR

from hybrid.errors import InputError
from hybrid.trained.checkpoint import load
from hybrid.weights import load_weights


@pytest.mark.parametrize("zipped", [True, False])
def test_what_upstreams_trainers_keep(zipped: bool, tmp_path: Path) -> None:
    numbers = np.random.RandomState(0)
    content: dict[str, Any] = {
        "model": {"weight": torch.arange(3.0)},
        "best_mae_error": np.float64(0.5),
        "args": argparse.Namespace(n_h=1),
        "trainer": {"rng_states": [random.getstate(), torch.get_rng_state(), numbers.get_state()]},
        "lr_scheduler": {"anneal_func": OneCycleLR._annealing_cos},  # as older versions of torch keep it
    }
    torch.save(content, tmp_path / "checkpoint.pt", _use_new_zipfile_serialization=zipped)
    found = load_weights(tmp_path / "checkpoint.pt", "cpu", "model")
    assert torch.equal(found["model"]["weight"], torch.arange(3.0))
    assert found["args"].n_h == 1
    assert found["best_mae_error"] == 0.5
    assert found["lr_scheduler"] == {"anneal_func": None}


@pytest.mark.parametrize("zipped", [True, False])
def test_no_code_is_run(zipped: bool, tmp_path: Path) -> None:
    path, marker = tmp_path / "checkpoint.pt", tmp_path / "marker"
    write_malicious(path, marker, zipped, model={})
    with pytest.raises(
        InputError, match=r"checkpoint\.pt: contains 'posix\.mkdir', which is not a weight; files"
    ):
        load_weights(path)
    with pytest.raises(InputError, match=r"checkpoint\.pt"):
        load(path)
    assert not marker.exists()


class Reaches:
    """Asks getattr, which older schedules need, for a function of the operating system."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (Path(self.marker), "mkdir")


def test_getattr_gives_nothing(tmp_path: Path) -> None:
    torch.save({"model": {}, "extra": Reaches(tmp_path / "marker")}, tmp_path / "checkpoint.pt")
    with pytest.raises(InputError, match="contains 'pathlib"):
        load_weights(tmp_path / "checkpoint.pt")
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read (No such file"),
        (b"text", "is not a checkpoint"),
        (b"", "is not a checkpoint"),
        (torch.ones(2), "is not a checkpoint with model"),
        ({"state_dict": {}}, "is not a checkpoint with model"),
    ],
)
def test_files_that_are_something_else(content: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(InputError) as error:
        load_weights(path, "cpu", "model")
    assert f"{path}: {message}" in str(error.value)
    assert "\n" not in str(error.value)
