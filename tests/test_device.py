"""Training and prediction on another device: nothing is left on the host, and no step waits for the device.

The meta device stands for it. Its tensors have no contents, so that whatever reads one (`item`, `tolist`,
`nonzero`, a mask as an index, `repeat_interleave` without its size) is an error, as are a tensor of the host
among them and a kernel that is written for the processor. Where there is a GPU, PyTorch is asked to refuse to
wait for it, and the results are compared with those of the processor.
"""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import hybrid
from hybrid.data.folder import read_folder
from hybrid.data.splits import FOLDS
from hybrid.models.cgcnn import atom_feature_table
from hybrid.models.network_registry import get_network
from hybrid.settings import ModelSettings
from hybrid.trained.model import TrainedModel
from hybrid.training import loop
from hybrid.training.choices import chosen_settings
from hybrid.training.loop import Training
from hybrid.training.objective import objective_of
from hybrid.training.results import Job
from hybrid.training.run import train
from hybrid.training.samples import Samples

META = torch.device("meta")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
DEVICES = (META, pytest.param(torch.device("cuda"), marks=needs_gpu))
WAITED = {
    "meta": "cannot be called on meta tensors|out of meta tensor",
    "cuda": "synchronizing CUDA operation",
}
CASES = [
    ("cgcnn", "mean", {}),
    ("cgcnn", "sum", {}),
    ("cgcnn", "shifted-sum", {}),
    ("cgcnn", "mean", {"task": "classification"}),
    ("de-cgcnn", "sum", {"descriptors": ("a", "b", "c")}),
    ("cgcnn-lattice", "mean", {}),
    ("alignn", "mean", {"hidden": 16}),
    ("alignn", "sum", {"hidden": 16}),
]


@pytest.fixture
def training(crystal_folder: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes the training of a model on a device."""

    def make(device: torch.device, model: str, pooling: str, **changes: object) -> Training:
        if device == META:
            no_autocast = lambda *_, **__: contextlib.nullcontext()  # noqa: E731
            monkeypatch.setattr(torch, "autocast", no_autocast)  # which meta has not
            adam = lambda *how, fused, **more: torch.optim.AdamW(*how, **more)  # noqa: E731
            monkeypatch.setattr(loop, "OPTIMISERS", {"sgd": adam, "adam": adam, "adamw": adam})
        settings = chosen_settings(model, pooling, "tuned", epochs=2, batch_size=4, **changes)
        kind, folder = get_network(model), read_folder(crystal_folder(12))
        if settings.task == "classification":
            folder = replace(folder, targets=np.arange(12.0) % 2)
        folds = np.repeat(FOLDS, (8, 2, 2))
        samples = Samples.of(folder, settings, folds)
        graphs = folder.graphs(settings.graph, kind.graphs)
        described = torch.zeros(12, 3) if model.startswith("de-") else None
        network = kind.build(
            atom_feature_table(folder.atom_features),
            settings.graph,
            settings.model,
            0 if described is None else 3,
            2 if settings.task == "classification" else 1,
            settings.task == "classification",
        )
        objective = objective_of(samples, settings, graphs.n_atoms)
        return Training(
            network, graphs, described, objective, samples, settings, Job(tmp_path / "run", device, False)
        )

    return make


def where_it_waited(device: torch.device, call: Callable[[], object]) -> str:
    """The function of ours in which a call first waits for a device."""
    refused = contextlib.nullcontext()
    if device != META:
        call()  # the first time, memory is allocated and libraries are loaded
        refused = waiting_refused()
    errors = (RuntimeError, NotImplementedError)
    with pytest.raises(errors, match=WAITED[device.type]) as caught, refused:
        call()
    return [entry.name for entry in caught.traceback if "hybrid" in entry.path.parts][-1]


@contextlib.contextmanager
def waiting_refused():
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("model", "pooling", "changes"), CASES)
def test_no_step_waits_for_the_device(
    device: torch.device,
    model: str,
    pooling: str,
    changes: dict[str, object],
    training: Callable[..., Training],
) -> None:
    """All steps and a validation; only the sum of the losses at the end is read."""
    run = training(device, model, pooling, **changes)
    steps: list[int] = []
    run.optimiser.register_step_post_hook(lambda *_: steps.append(1))
    assert where_it_waited(device, lambda: run._train(0)) == "_train"
    assert len(steps) == (2 if device == META else 4)
    assert where_it_waited(device, run._validate) == "_validate"


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("model", "changes"), [("de-cgcnn", {}), ("alignn", {"hidden": 16})])
def test_predictions_are_read_once(
    device: torch.device, model: str, changes: dict[str, object], training: Callable[..., Training]
) -> None:
    run = training(device, model, "mean", **changes)
    trained = TrainedModel(run.network, ModelSettings(name=model))

    def predict() -> object:
        return trained.predict_graphs(run.graphs, device, run.descriptors, batch_size=4)

    assert where_it_waited(device, predict) == "predict_graphs"


@needs_gpu
@pytest.mark.parametrize(
    ("model", "pooling", "changes"),
    [case for case in CASES if "task" not in case[2]],  # a classifier's dropout is another on a GPU
)
def test_a_gpu_gives_the_numbers_of_the_processor(
    model: str, pooling: str, changes: dict[str, object], crystal_folder: Callable[..., Path], tmp_path: Path
) -> None:
    folder, folds = read_folder(crystal_folder(12)), np.repeat(FOLDS, (8, 2, 2))
    settings = chosen_settings(model, pooling, "tuned", epochs=3, batch_size=4, **changes)
    losses = {}
    for device in ("cpu", "cuda"):
        metrics = train(folder, settings, tmp_path / device, folds, device, progress=False)
        losses[device] = pd.read_csv(tmp_path / device / "log.csv")["training_loss"]
    assert metrics["device"] == f"cuda, {torch.cuda.get_device_name()}"
    np.testing.assert_allclose(losses["cuda"], losses["cpu"], rtol=1e-3)
    found = pd.read_csv(tmp_path / "cuda" / "predictions.csv", index_col="id")["prediction"]
    again = pd.DataFrame(hybrid.load(tmp_path / "cuda").predict(folder.path, device="cpu")).iloc[:, 0]
    np.testing.assert_allclose(again[found.index], found, rtol=1e-3, atol=1e-3 * found.abs().max())


@needs_gpu
def test_bfloat16_on_a_gpu_stays_close(crystal_folder: Callable[..., Path], tmp_path: Path) -> None:
    folder, folds = read_folder(crystal_folder(12)), np.repeat(FOLDS, (8, 2, 2))
    errors = {}
    for precision in ("fp32", "bf16"):
        settings = chosen_settings(
            "alignn", "mean", "tuned", epochs=20, batch_size=4, hidden=16, precision=precision
        )
        metrics = train(folder, settings, tmp_path / precision, folds, "cuda", progress=False)
        errors[precision] = metrics["training"]["mae"]
    assert errors["bf16"] == pytest.approx(errors["fp32"], rel=0.2)
