"""Which groups of descriptors are missing in embeddings: forward selection on frozen embeddings.

A random forest learns the target from a trained network's embeddings and the groups added so far. Each step
adds the group with which the error on the validation set is lowest, until none is left. The test set is used
once, for the groups with the lowest validation error, and for no group and for all groups.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hybrid.errors import InputError
from hybrid.metrics import regression_metrics
from hybrid.progress import Progress

N_TREES = 100


@dataclass(frozen=True)
class Selection:
    """The order in which groups were added, and the errors, all of them MAE/MAD.

    Attributes:
        order: (n_groups,) names.
        validation: (n_groups + 1,) errors with none, one, ... and all groups.
        n_chosen: how many groups the lowest of these errors has.
        test_none: error on the test set with the embeddings alone.
        test_chosen: with the first `n_chosen` groups.
        test_all: with all groups.
        n_trees: of each forest.
    """

    order: tuple[str, ...]
    validation: tuple[float, ...]
    n_chosen: int
    test_none: float
    test_chosen: float
    test_all: float
    n_trees: int


def forward_selection(
    vectors: np.ndarray,
    groups: Mapping[str, np.ndarray],
    targets: np.ndarray,
    folds: np.ndarray,
    seed: int,
    n_trees: int = N_TREES,
    progress: bool = True,
) -> Selection:
    """Adds groups one by one.

    Args:
        vectors: (n_crystals, n_features) embeddings.
        groups: (n_crystals, n_descriptors of the group) by name.
        targets: (n_crystals,) in the target's unit.
        folds: (n_crystals,) training, validation or test.
        seed: draws the forests.
        n_trees: of each forest.
        progress: show a progress bar.

    Raises:
        InputError: the validation or test targets do not vary.
    """
    from sklearn.ensemble import RandomForestRegressor  # here, as planning and drawing need no forest

    at = {fold: np.flatnonzero(folds == fold) for fold in ("training", "validation", "test")}
    for fold in ("validation", "test"):
        if np.ptp(targets[at[fold]]) == 0:
            raise InputError(f"descriptors cannot be selected, as the {fold} targets are all the same")

    def error(taken: Sequence[str], fold: str) -> float:
        rows = np.concatenate([vectors, *(groups[name] for name in taken)], axis=1)
        forest = RandomForestRegressor(n_trees, random_state=seed)
        forest.fit(rows[at["training"]], targets[at["training"]])
        predictions = np.asarray(forest.predict(rows[at[fold]]))
        return regression_metrics(targets[at[fold]], predictions)["mae_over_mad"]

    order: list[str] = []
    validation = [error(order, "validation")]
    n_fits = len(groups) * (len(groups) + 1) // 2
    with Progress(desc="selecting descriptors", total=n_fits, unit="forests", shown=progress) as bar:
        while len(order) < len(groups):
            errors = {}
            for name in groups:
                if name not in order:
                    errors[name] = error([*order, name], "validation")
                    bar.update()
            best = min(errors, key=lambda name: errors[name])
            order.append(best)
            validation.append(errors[best])
    n_chosen = int(np.argmin(validation))
    none, chosen, everything = (error(order[:n], "test") for n in (0, n_chosen, len(order)))
    return Selection(tuple(order), tuple(validation), n_chosen, none, chosen, everything, n_trees)
