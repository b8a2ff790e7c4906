"""Which features a hybrid network's head lives on: learnt ones or descriptors (eq. 14, Figure 4).

A crystal enters the head of a network with average pooling as one vector, softplus(mean_i a_i) ⊕ d. The paper
trains a random forest on these vectors and shows its impurity importance. That measure prefers features with
many values, is of the training set and of the forest, not of the network. Beside it therefore stands what a
feature is worth on the test set: by how much the error rises when the feature's values are shuffled among the
crystals, for the forest and for the network itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.ensemble import RandomForestRegressor
from torch import Tensor
from torch.nn import functional as F

from hybrid.descriptors.table import DescriptorTable
from hybrid.errors import InputError
from hybrid.metrics import regression_metrics
from hybrid.models.network import PackedGraphs
from hybrid.readout import Crystals
from hybrid.trained_model import TrainedModel

N_TREES = 100
N_REPEATS = 10
Predict = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Features:
    """What the head of a hybrid network sees of crystals.

    Attributes:
        names: (n_features,) the learnt features, then the descriptors.
        n_learnt: how many are learnt.
        rows: (n_crystals, n_features) mean_i a_i ⊕ d, before the softplus that the learnt part passes.
    """

    names: tuple[str, ...]
    n_learnt: int
    rows: np.ndarray

    @classmethod
    def of(
        cls,
        model: TrainedModel,
        graphs: PackedGraphs,
        table: DescriptorTable,
        ids: Sequence[str],
        device: torch.device,
    ) -> "Features":
        """The features of some crystals.

        Args:
            model: a hybrid network with average pooling.
            graphs: of the crystals.
            table: their descriptors.
            ids: the crystals, in the order of the graphs.
            device: where to compute.

        Raises:
            InputError: the model's readout takes no descriptors, or not one vector a crystal.
        """
        if model.standardisation is None:
            raise InputError("feature importance is of a model that takes descriptors, such as de-cgcnn")
        if model.settings.pooling != "mean" or model.classes or len(model.targets) > 1:
            raise InputError("feature importance is of a model of one number with average pooling")
        learnt = model.represent(graphs, device)
        descriptors, _ = model.standardisation.filled(table, ids)
        names = (*(f"learnt {i + 1}" for i in range(learnt.shape[1])), *model.standardisation.names)
        return cls(names, learnt.shape[1], np.concatenate([learnt, descriptors.numpy()], axis=1))

    @property
    def groups(self) -> list[list[int]]:
        """What is shuffled: each feature, all learnt features together, all descriptors together."""
        columns = list(range(len(self.names)))
        return [*([column] for column in columns), columns[: self.n_learnt], columns[self.n_learnt :]]

    def entering(self, rows: np.ndarray) -> np.ndarray:
        """The rows as they enter the head: softplus on the learnt part, descriptors as they are."""
        learnt = F.softplus(torch.from_numpy(rows[:, : self.n_learnt])).numpy()
        return np.concatenate([learnt, rows[:, self.n_learnt :]], axis=1)


@dataclass(frozen=True)
class Importance:
    """How much each feature matters.

    Attributes:
        names: (n_features,) the learnt features, then the descriptors.
        n_learnt: how many are learnt.
        impurity: (n_features,) the forest's, which sum to 1.
        forest: (n_features + 2,) rise of the forest's MAE/MAD on the test set when a feature is shuffled; the
            last two are of all learnt features and of all descriptors together.
        network: (n_features + 2,) the same of the network.
        forest_error: MAE/MAD of the forest on the test set.
        network_error: that of the network.
    """

    names: tuple[str, ...]
    n_learnt: int
    impurity: np.ndarray
    forest: np.ndarray
    network: np.ndarray
    forest_error: float
    network_error: float


def importance(
    model: TrainedModel,
    features: Features,
    targets: np.ndarray,
    folds: np.ndarray,
    seed: int,
    n_repeats: int = N_REPEATS,
) -> Importance:
    """The importance of a network's features: of a forest trained on them, and of the network itself.

    Args:
        model: the network.
        features: of all crystals.
        targets: (n_crystals,) in the target's unit.
        folds: (n_crystals,) the forest sees the training crystals, shuffling is among the test crystals.
        seed: draws the forest and the shuffling.
        n_repeats: how often each feature is shuffled.

    Raises:
        InputError: there are fewer than two test crystals, or their targets do not vary.
    """
    training, test = folds == "training", folds == "test"
    seen, y = features.rows[test], targets[test]
    if test.sum() < 2 or not np.ptp(y):
        raise InputError("feature importance takes test crystals of different targets")
    forest = RandomForestRegressor(N_TREES, random_state=seed)
    forest.fit(features.entering(features.rows[training]), targets[training])

    def by_forest(rows: np.ndarray) -> np.ndarray:
        return np.asarray(forest.predict(features.entering(rows)))

    def by_network(rows: np.ndarray) -> np.ndarray:
        return head_predictions(model, torch.from_numpy(rows), features.n_learnt)

    def rise(predict: Predict) -> np.ndarray:
        return permutation_importance(predict, seen, y, features.groups, n_repeats, seed)

    return Importance(
        features.names,
        features.n_learnt,
        forest.feature_importances_,
        rise(by_forest),
        rise(by_network),
        regression_metrics(y, by_forest(seen))["mae_over_mad"],
        regression_metrics(y, by_network(seen))["mae_over_mad"],
    )


@torch.inference_mode()
def head_predictions(model: TrainedModel, rows: Tensor, n_learnt: int) -> np.ndarray:
    """What the head makes of rows mean_i a_i ⊕ d (n, n_features): (n,) in the target's unit."""
    network = model.network.to("cpu").eval()
    alone = Crystals.from_counts(torch.ones(len(rows), dtype=torch.int64))  # the mean of one is itself
    output = network.read_out(rows[:, :n_learnt], alone, rows[:, n_learnt:])
    return np.asarray(model.scale.to("cpu").restore(output.double())[:, 0])


def permutation_importance(
    predict: Predict,
    rows: np.ndarray,
    targets: np.ndarray,
    groups: Sequence[Sequence[int]],
    n_repeats: int,
    seed: int,
) -> np.ndarray:
    """By how much MAE/MAD rises when columns are shuffled among the rows, (n_groups,), mean of the repeats.

    Args:
        predict: from rows (n, n_features) to predictions (n,).
        rows: (n_crystals, n_features).
        targets: (n_crystals,).
        groups: columns that are shuffled alike, so that what they hold together is lost as a whole.
        n_repeats: how often.
        seed: draws the shuffling, the same for every group.
    """
    rng = np.random.default_rng(seed)
    mad = np.abs(targets - targets.mean()).mean()
    before = np.abs(predict(rows) - targets).mean()
    rises = np.zeros(len(groups))
    for _ in range(n_repeats):
        order = rng.permutation(len(rows))
        shuffled = np.tile(rows, (len(groups), 1, 1))
        for changed, columns in zip(shuffled, groups, strict=True):
            changed[:, columns] = rows[order][:, columns]
        predictions = predict(shuffled.reshape(-1, rows.shape[1])).reshape(len(groups), -1)
        rises += np.abs(predictions - targets).mean(axis=1) - before
    share: np.ndarray = rises / n_repeats / mad
    return share
