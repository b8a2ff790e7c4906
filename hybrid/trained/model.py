"""A trained network, with everything that it needs for predictions from structures."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from hybrid.data.folder import CrystalFolder
from hybrid.data.from_python import Structures, as_folder
from hybrid.data.graphs_of_folder import PackedGraphs
from hybrid.descriptors.of_folder import folder_descriptors
from hybrid.descriptors.table import DescriptorTable, Standardisation
from hybrid.device import resolve_device
from hybrid.errors import InputError
from hybrid.graphs.packed import to_device
from hybrid.models.network import Architecture, CrystalNetwork
from hybrid.models.network_registry import get_network
from hybrid.progress import Progress
from hybrid.readout import TargetScale
from hybrid.settings import GraphSettings, ModelSettings
from hybrid.trained.domain import TrainingDomain
from hybrid.weights import save_weights

if TYPE_CHECKING:
    import pandas as pd


PROBABILITY = "probability of "


@dataclass(frozen=True)
class ModelInputs:
    """What a model takes of a folder's crystals."""

    folder: CrystalFolder  # the crystals
    graphs: PackedGraphs  # of the model's kind
    described: DescriptorTable | None  # the folder's descriptors, or None if the model takes none


@dataclass(frozen=True)
class TrainedModel:
    """A trained network with its settings and scales.

    Attributes:
        network: the network with its weights.
        settings: settings of the network.
        graph: settings of its graphs.
        scale: converts its outputs to the targets' units.
        targets: names of the targets, if it was trained on several.
        classes: class labels of a classifier.
        standardisation: how the descriptors in its readout are standardised, or None.
        domain: the range of its training crystals, if it is known.
        target: name and unit of its single target, as far as they are known.
    """

    network: CrystalNetwork
    settings: ModelSettings = field(default_factory=ModelSettings)
    graph: GraphSettings = field(default_factory=GraphSettings)
    scale: TargetScale = field(default_factory=lambda: TargetScale(0.0, 1.0))
    targets: tuple[str, ...] = ()
    classes: tuple[int, ...] = ()
    standardisation: Standardisation | None = None
    domain: TrainingDomain | None = None
    target: str = ""

    def __repr__(self) -> str:
        about = self.settings.name, self.settings.pooling, *(self.targets or filter(None, [self.target]))
        return f"TrainedModel({', '.join(about)})"

    @property
    def architecture(self) -> Architecture:
        """Its architecture, with the class of its graphs."""
        return get_network(self.settings.name)

    @property
    def atom_features(self) -> dict[int, list[float]]:
        """The features of the elements that the network knows, by atomic number."""
        return {z: row for z, row in enumerate(self.network.atom_features.tolist()) if any(row)}

    @property
    def columns(self) -> list[str]:
        """The names of the columns of its predictions: after a class, the probabilities of all classes."""
        if self.classes:
            return ["prediction", *probability_columns(self.classes)]
        return [f"prediction {name}" for name in self.targets] or ["prediction"]

    def predict(self, structures: Structures, device: str = "auto") -> "pd.Series[float] | pd.DataFrame":
        """Predictions by id, in the targets' units; a table of `columns` if there are several.

        Args:
            structures: pymatgen or ASE structures or structure files, in a list or by id; or a folder.
            device: auto, cpu or cuda.

        Raises:
            InputError: see `predict_folder`.
        """
        import pandas as pd

        folder = as_folder(structures, every=True)
        predictions = self.predict_folder(folder, resolve_device(device), progress=False)
        table = pd.DataFrame(predictions, index=pd.Index(folder.ids, name="id"), columns=self.columns)
        return table if len(self.columns) > 1 else table[self.columns[0]]

    def predict_folder(
        self, folder: CrystalFolder, device: torch.device, progress: bool = True
    ) -> np.ndarray:
        """Predictions (n_crystals, n_columns); see `inputs` and `predict_inputs`."""
        return self.predict_inputs(self.inputs(folder), device, progress)

    def inputs(self, folder: CrystalFolder) -> ModelInputs:
        """What the model takes; descriptors are read from the folder's descriptors.csv, or computed.

        Raises:
            InputError: a structure cannot be read, the model has no features for an element, or it needs a
                descriptor that is not in the folder and cannot be computed.
        """
        described = None
        if self.standardisation is not None:
            described = folder_descriptors(folder, self.standardisation.names)
        known = replace(folder, atom_features=self.atom_features)
        return ModelInputs(folder, known.graphs(self.graph, self.architecture.graphs), described)

    def predict_inputs(self, inputs: ModelInputs, device: torch.device, progress: bool = True) -> np.ndarray:
        """Predictions (n_crystals, n_columns); see `predict_graphs`.

        A missing descriptor is replaced by the median of the training set.

        Raises:
            InputError: a prediction is not finite.
        """
        rows, folder = None, inputs.folder
        if self.standardisation is not None and inputs.described is not None:
            rows, n_filled = self.standardisation.filled(inputs.described, folder.ids)
            if n_filled and progress:
                print(f"{n_filled} crystals lack a descriptor; the training median is used", file=sys.stderr)
        predictions = self.predict_graphs(inputs.graphs, device, rows, progress=progress)
        wrong = np.flatnonzero(~np.isfinite(predictions).all(axis=1))
        if len(wrong):
            raise InputError(
                f"{folder.path}: the prediction for '{folder.ids[wrong[0]]}' is not a finite number"
            )
        return predictions

    def outside(self, inputs: ModelInputs) -> list[str]:
        """For each crystal, in words why it is not like the training crystals; empty if it is, or unknown."""
        if self.domain is None:
            return [""] * len(inputs.folder)
        described = None
        if inputs.described is not None:
            described = inputs.described.select(self.domain.descriptors).rows(inputs.folder.ids, gaps=True)
        return self.domain.outside(inputs.graphs, self.graph.radius, described)

    @torch.inference_mode()
    def predict_graphs(
        self,
        graphs: PackedGraphs,
        device: torch.device,
        descriptors: Tensor | None = None,
        batch_size: int | None = None,
        progress: bool = False,
    ) -> np.ndarray:
        """Predictions (n_crystals, n_columns) in the targets' units, or classes and their probabilities.

        The descriptors (n_crystals, n_descriptors) are standardised. `batch_size` crystals are predicted at a
        time; None: the network's default.
        """
        network, graphs = self.network.to(device).eval(), graphs.to(device)
        descriptors = None if descriptors is None else descriptors.to(device)
        batches = torch.arange(len(graphs)).split(batch_size or self.architecture.at_once)
        outputs = [
            network(graphs.batch(at), None if descriptors is None else descriptors[to_device(at, device)])
            for at in Progress(batches, "predicting", unit="batches", shown=progress)
        ]
        output = torch.cat(outputs)
        if self.classes:
            labels = torch.tensor(self.classes, device=device)[output.argmax(dim=1, keepdim=True)]
            numbers = torch.cat([labels, output.double().exp()], dim=1)
        else:
            numbers = self.scale.to(device).restore(output.double())
        return np.asarray(numbers.cpu())

    @torch.inference_mode()
    def crystal_embeddings(self, graphs: PackedGraphs, device: torch.device) -> np.ndarray:
        """The crystals' embeddings mean_i a_i, (n_crystals, n_features)."""
        network, graphs = self.network.to(device).eval(), graphs.to(device)
        batches = torch.arange(len(graphs)).split(self.architecture.at_once)
        return np.asarray(torch.cat([network.crystal_embeddings(graphs.batch(at)) for at in batches]).cpu())

    def save(self, path: Path | str, **provenance: Any) -> None:
        """Writes the model atomically, in upstream CGCNN's format with a few more entries.

        Among them is the provenance: plain values, such as the epoch.
        """
        mean, std = torch.as_tensor(self.scale.mean), torch.as_tensor(self.scale.std)
        settings = self.settings.model_dump(include={"pooling", "code", *self.architecture.sizes})
        checkpoint = {
            "state_dict": {name: tensor.cpu() for name, tensor in self.network.state_dict().items()},
            "normalizer": {"mean": mean, "std": std},
            "args": {
                "network": self.settings.name,
                **settings,
                "task": "classification" if self.network.classification else "regression",
                "graph": self.graph.model_dump(),
            },
            "atom_features": self.network.atom_features.cpu(),
            "targets": list(self.targets),
            "classes": list(self.classes),
            "descriptors": self.standardisation and self.standardisation.state_dict(),
            "domain": self.domain and self.domain.state_dict(),
            "target": self.target,
            **provenance,
        }
        save_weights(Path(path), checkpoint)


def probability_columns(classes: Iterable[float]) -> list[str]:
    """The names of the columns of the classes' probabilities."""
    return [f"{PROBABILITY}{label:.15g}" for label in classes]
