"""How important learnt features and descriptors are for the head of a hybrid network (eq. 14, Figure 4).

A crystal enters the head of a network with average pooling as one vector, softplus(mean_i a_i) ⊕ d. The paper
trains a random forest on these vectors and shows its impurity importance. This measure favours features with
many values, and describes the forest on the training set, not the network. We therefore also give the
permutation importance on the test set: the increase of the error when the values of a feature are shuffled
among the crystals, for the forest and for the network itself.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from hybrid.errors import InputError
from hybrid.metrics import regression_metrics
from hybrid.readout import Crystals
from hybrid.trained.model import TrainedModel
from hybrid.training.samples import Samples

N_TREES = 100
N_REPEATS = 10
Predict = Callable[[np.ndarray], np.ndarray]


def importance(model: TrainedModel, samples: Samples, seed: int, device: torch.device) -> dict[str, Any]:
    """The importance of a network's features: for a forest trained on them, and for the network itself.

    Args:
        model: a hybrid network with average pooling.
        samples: the forest learns from the training crystals, shuffling is among the test crystals.
        seed: draws the forest and the shuffling.
        device: where the crystals' vectors are computed.

    Returns:
        `n_learnt` and the names of the `descriptors`; `impurity` of the forest (n_features,), the learnt
        features first, which sums to 1; `forest` and `network` (n_features + 2,), the rise of MAE/MAD on the
        test set when a feature is shuffled, at the end that of all learnt features and that of all
        descriptors together; `forest_error` and `network_error`, MAE/MAD on the test set.

    Raises:
        InputError: the model takes no descriptors, or its pooling is not average pooling, there are fewer
            than two test crystals, or their targets do not vary.
    """
    from sklearn.ensemble import RandomForestRegressor  # here, as planning and drawing need no forest

    rows, n_learnt, descriptors = head_inputs(model, samples, device)
    training, test = samples.at("training"), samples.at("test")
    targets = samples.targets[:, 0]
    seen, y = rows[test], targets[test]
    if len(test) < 2 or not np.ptp(y):
        raise InputError("feature importance needs test crystals with different targets")
    forest = RandomForestRegressor(N_TREES, random_state=seed)
    forest.fit(activated(rows[training], n_learnt), targets[training])
    predict: dict[str, Predict] = {
        "forest": lambda rows: np.asarray(forest.predict(activated(rows, n_learnt))),
        "network": lambda rows: head_predictions(model, torch.from_numpy(rows), n_learnt),
    }
    columns = list(range(rows.shape[1]))
    groups = [*([column] for column in columns), columns[:n_learnt], columns[n_learnt:]]
    found: dict[str, Any] = {"n_trees": N_TREES, "n_repeats": N_REPEATS}
    found |= {"n_learnt": n_learnt, "descriptors": list(descriptors)}
    found["impurity"] = _rounded(forest.feature_importances_)
    for name, by in predict.items():
        found[name] = _rounded(permutation_importance(by, seen, y, groups, N_REPEATS, seed))
    for name, by in predict.items():
        found[f"{name}_error"] = regression_metrics(y, by(seen))["mae_over_mad"]
    return found


def head_inputs(
    model: TrainedModel, samples: Samples, device: torch.device
) -> tuple[np.ndarray, int, tuple[str, ...]]:
    """The input of the head of a hybrid network.

    Returns:
        mean_i a_i ⊕ d (n_crystals, n_features), before the softplus on the learnt part; how many features are
        learnt; the names of the descriptors.

    Raises:
        InputError: the model's readout takes no descriptors, or not one vector for each crystal.
    """
    if model.standardisation is None or samples.descriptors is None:
        raise InputError("feature importance needs a model that takes descriptors, such as de-cgcnn")
    if model.settings.pooling != "mean" or model.classes or len(model.targets) > 1:
        raise InputError("feature importance needs a model of one target with average pooling")
    learnt = model.crystal_embeddings(samples.folder.graphs(model.graph, model.architecture.graphs), device)
    descriptors, _ = model.standardisation.filled(samples.descriptors, samples.folder.ids)
    rows = np.concatenate([learnt, descriptors.numpy()], axis=1)
    return rows, learnt.shape[1], model.standardisation.names


def activated(rows: np.ndarray, n_learnt: int) -> np.ndarray:
    """The rows as they enter the head: softplus on the learnt part, descriptors as they are."""
    learnt = F.softplus(torch.from_numpy(rows[:, :n_learnt])).numpy()
    return np.concatenate([learnt, rows[:, n_learnt:]], axis=1)


@torch.inference_mode()
def head_predictions(model: TrainedModel, rows: Tensor, n_learnt: int) -> np.ndarray:
    """The head's predictions (n,), in the target's unit, from rows mean_i a_i ⊕ d (n, n_features)."""
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
    """The increase of MAE/MAD when columns are shuffled among the rows (n_groups,), mean of the repeats.

    Args:
        predict: from rows (n, n_features) to predictions (n,).
        rows: (n_crystals, n_features).
        targets: (n_crystals,).
        groups: columns that are shuffled together, in the same way.
        n_repeats: number of repeats.
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


def _rounded(values: np.ndarray) -> list[float]:
    return [float(f"{value:.6g}") for value in values]
