"""Training and prediction on another device: nothing is left on the host, and no step waits for the device.

The meta device stands for it. Its tensors have no contents, so that whatever reads one (`item`, `tolist`,
`nonzero`, a mask as an index, `repeat_interleave` without its size) is an error, as are a tensor of the host
among them and a kernel that is written for the processor.
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

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
from hybrid.training.samples import Samples

META = torch.device("meta")


@pytest.fixture
def training(crystal_folder: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes the training of a model on the meta device."""

    def make(model: str, pooling: str, **changes: object) -> Training:
        settings = chosen_settings(model, pooling, "tuned", epochs=1, batch_size=4, **changes)
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
            network, graphs, described, objective, samples, settings, Job(tmp_path / "run", META, False)
        )

    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # which meta has not
    adam = lambda *how, fused, **more: torch.optim.AdamW(*how, **more)  # noqa: E731
    monkeypatch.setattr(loop, "OPTIMISERS", {"sgd": adam, "adam": adam, "adamw": adam})
    return make


@pytest.mark.parametrize(
    ("model", "pooling", "changes"),
    [
        ("cgcnn", "mean", {}),
        ("cgcnn", "sum", {}),
        ("cgcnn", "shifted-sum", {}),
        ("cgcnn", "mean", {"task": "classification"}),
        ("de-cgcnn", "sum", {"descriptors": ("a", "b", "c")}),
        ("alignn", "mean", {"hidden": 16}),
        ("alignn", "sum", {"hidden": 16}),
    ],
)
def test_no_step_waits_for_the_device(
    model: str, pooling: str, changes: dict[str, object], training: Callable[..., Training]
) -> None:
    """Two steps and a validation; only the sum of the losses at the end is read."""
    run = training(model, pooling, **changes)
    steps = []
    run.optimiser.register_step_post_hook(lambda *_: steps.append(1))
    for part, *arguments in ((run._train, 0), (run._validate,)):
        with pytest.raises(RuntimeError, match="cannot be called on meta tensors") as caught:
            part(*arguments)
        ours = [entry.name for entry in caught.traceback if "hybrid" in entry.path.parts]
        assert ours[-1] == part.__name__
    assert len(steps) == 2


@pytest.mark.parametrize(("model", "changes"), [("de-cgcnn", {}), ("alignn", {"hidden": 16})])
def test_predictions_are_read_once(
    model: str, changes: dict[str, object], training: Callable[..., Training]
) -> None:
    run = training(model, "mean", **changes)
    trained = TrainedModel(run.network, ModelSettings(name=model))
    with pytest.raises(NotImplementedError, match="out of meta tensor") as caught:
        trained.predict_graphs(run.graphs, META, run.descriptors, batch_size=4)
    ours = [entry.name for entry in caught.traceback if "hybrid" in entry.path.parts]
    assert ours[-1] == "predict_graphs"
