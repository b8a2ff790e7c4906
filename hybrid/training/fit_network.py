"""Trains a network, with or without descriptors in its readout, and saves it."""

import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hybrid.descriptors.table import Standardisation
from hybrid.models.cgcnn import atom_feature_table
from hybrid.models.network import Architecture
from hybrid.settings import RunSettings
from hybrid.trained.checkpoint import MODEL_FILE
from hybrid.trained.domain import TrainingDomain
from hybrid.trained.learnt_from import folds_in_training
from hybrid.trained.model import TrainedModel
from hybrid.training.loop import Training
from hybrid.training.objective import RegressionObjective, objective_of
from hybrid.training.results import Fitted, Job
from hybrid.training.samples import Samples
from hybrid.training.start import start


def fit_network(architecture: Architecture, samples: Samples, settings: RunSettings, job: Job) -> Fitted:
    """Trains a network, saves it with its best weights, and predicts all samples.

    Raises:
        InputError: the targets of a classification are not classes, or training diverged.
    """
    graphs = samples.graphs or samples.folder.graphs(settings.graph, architecture.graphs)
    objective = objective_of(samples, settings, graphs.n_atoms)
    descriptors = StandardisedDescriptors(samples, settings, job.progress)
    torch.manual_seed(settings.model_seed)
    network = architecture.build(
        atom_feature_table(samples.folder.atom_features),
        settings.graph,
        settings.model,
        0 if descriptors.rows is None else descriptors.rows.shape[1],
        objective.n_outputs,
        bool(objective.classes),
    )
    target = "" if samples.names else samples.folder.target
    source = start(network, settings, target, samples.names, objective.classes, descriptors.names)
    if source and source.standardisation:
        descriptors.standardise(samples, source.standardisation)
    if source and isinstance(objective, RegressionObjective):
        objective = RegressionObjective(objective.targets, source.scale, settings.trainer.loss)
    log = Training(network, graphs, descriptors.rows, objective, samples, settings, job).run()
    model = TrainedModel(
        network,
        settings.model,
        settings.graph,
        objective.scale,
        samples.names,
        objective.classes,
        descriptors.standardisation,
        descriptors.domain(graphs, samples),
        target,
    )
    epoch, error = log.best()
    model.save(job.folder / MODEL_FILE, epoch=epoch, best_mae_error=error)
    predictions = model.predict_graphs(graphs, job.device, descriptors.rows)
    notes, n_targets = {**log.notes(job.device), **descriptors.notes}, samples.targets.shape[1]
    if settings.start.init_from:
        notes["head"] = "the trained one" if source else "a new one"
        known = folds_in_training(Path(settings.start.init_from), samples.folder)
        n_known = sum(known[i] == "training" for i in samples.at("test")) if known else 0
        notes["n_test_known"] = None if known is None else n_known
    return Fitted(predictions[:, :n_targets], notes, predictions[:, 1:] if objective.classes else None)


class StandardisedDescriptors:
    """The standardised descriptors of the samples, if there are any.

    Attributes:
        rows: (n_crystals, n_descriptors), or None; the training median replaces missing values.
        standardisation: of the descriptors, or None.
        notes: for metrics.json: the number of crystals that lack a descriptor.
    """

    def __init__(self, samples: Samples, settings: RunSettings, progress: bool):
        self.rows: Tensor | None = None
        self.standardisation: Standardisation | None = None
        self.notes: dict[str, int] = {}
        if samples.descriptors is None:
            return
        limit = settings.model.descriptor_limit
        n_filled = self.standardise(
            samples, Standardisation.fit(samples.descriptors, samples.ids("training"), gaps=True, limit=limit)
        )
        if n_filled and progress:
            print(f"{n_filled} crystals lack a descriptor; the training median is used", file=sys.stderr)

    @property
    def names(self) -> tuple[str, ...]:
        """Their names in order."""
        return self.standardisation.names if self.standardisation else ()

    def standardise(self, samples: Samples, by: Standardisation) -> int:
        """Standardises the rows; returns the number of crystals that lack a descriptor."""
        assert samples.descriptors is not None
        self.standardisation = by
        self.rows, n_filled = by.filled(samples.descriptors, samples.folder.ids)
        self.notes["n_filled"] = n_filled
        return n_filled

    def domain(self, graphs: Any, samples: Samples) -> TrainingDomain:
        """The range of the training crystals."""
        training = samples.at("training")
        if self.standardisation is None or samples.descriptors is None:
            return TrainingDomain.of(graphs, training)
        names = self.standardisation.names
        described = samples.descriptors.select(names).rows(samples.folder.ids, gaps=True)
        return TrainingDomain.of(graphs, training, names, described)
