"""CGCNN+descriptors (eq. S5): a head on the frozen embeddings of a trained CGCNN and the descriptors.

The convolutions were trained without descriptors and stay as they are; the head, FCN(mean_i a_i ⊕ d), is
trained again. Its gain over CGCNN is what the descriptors add to embeddings that were learnt without them.
"""

import shutil
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hybrid.graphs.packed import to_device
from hybrid.models.cgcnn import ARCHITECTURES
from hybrid.settings import ModelSettings, RunSettings
from hybrid.trained.checkpoint import MODEL_FILE, load
from hybrid.training.fit_network import StandardisedDescriptors
from hybrid.training.loop import Training
from hybrid.training.model_registry import Model
from hybrid.training.objective import objective_of
from hybrid.training.results import Fitted, Job
from hybrid.training.run import train
from hybrid.training.samples import Samples


@dataclass(frozen=True)
class FrozenVectors:
    """The crystals' embeddings in place of their graphs."""

    vectors: Tensor  # (n_crystals, n_features)

    def batch(self, indices: Tensor) -> Tensor:
        """The embeddings at `indices` of the host."""
        return self.vectors[to_device(indices, self.vectors.device)]

    def __len__(self) -> int:
        return len(self.vectors)

    def to(self, device: torch.device | str) -> "FrozenVectors":
        """The same on `device`."""
        return replace(self, vectors=self.vectors.to(device))


class FrozenHead(nn.Module):
    """CGCNN's head on given embeddings and descriptors.

    Args:
        n_features: length of a crystal's embedding.
        n_descriptors: number of descriptors.
        model: width and depth of the head.
        n_outputs: number of outputs for each crystal.
    """

    classification = False

    def __init__(self, n_features: int, n_descriptors: int, model: ModelSettings, n_outputs: int = 1):
        super().__init__()
        widths = [n_features + n_descriptors, *[model.h_fea_len] * model.n_h]
        self.hidden = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))
        self.out = nn.Linear(widths[-1], n_outputs)

    def forward(self, vectors: Tensor, descriptors: Tensor) -> Tensor:
        """Outputs (n, n_outputs); the first softplus acts on the embeddings only, as in CGCNN's head."""
        rows = torch.cat([F.softplus(vectors), descriptors], dim=1)
        for layer in self.hidden:
            rows = F.softplus(layer(rows))
        outputs: Tensor = self.out(rows)
        return outputs


def base_of(settings: RunSettings) -> RunSettings:
    """The settings of the network from which CGCNN+descriptors takes its embeddings."""
    model = settings.model.model_copy(update={"name": "cgcnn", "descriptors": ()})
    return settings.model_copy(update={"model": model})


def fit_frozen(samples: Samples, settings: RunSettings, job: Job, base: Path | None = None) -> Fitted:
    """Trains a head on a trained network's frozen embeddings and the descriptors (eq. S5).

    Args:
        samples: graphs, targets, descriptors and folds.
        settings: all settings of the run.
        job: folder, device and progress bar.
        base: the run folder of the network, which was trained on the same samples without descriptors; it is
            trained here if the folder has no model.
    """
    assert samples.graphs is not None
    own = job.folder / "base"
    if base is None or not (base / MODEL_FILE).exists():  # run folders are kept without their models
        train(samples.folder, base_of(settings), own, samples.folds, job.device.type, job.progress)
        base = own
    vectors = FrozenVectors(torch.from_numpy(load(base).crystal_embeddings(samples.graphs, job.device)))
    descriptors = StandardisedDescriptors(samples, settings, job.progress)
    objective = objective_of(samples, settings, samples.graphs.n_atoms)
    assert descriptors.rows is not None
    torch.manual_seed(settings.model_seed)
    head = FrozenHead(
        vectors.vectors.shape[1], descriptors.rows.shape[1], settings.model, objective.n_outputs
    )
    log = Training(head, vectors, descriptors.rows, objective, samples, settings, job).run()
    with torch.inference_mode():
        head.to("cpu").eval()
        outputs: Tensor = head(vectors.vectors, descriptors.rows)
        predictions = objective.scale.restore(outputs.double()).numpy()
    shutil.rmtree(own, ignore_errors=True)
    return Fitted(predictions, {**log.notes(job.device), **descriptors.notes})


MODEL = Model(fit_frozen, replace(ARCHITECTURES["cgcnn"], name="cgcnn+descriptors", takes_descriptors=True))
