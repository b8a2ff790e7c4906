"""Training, validation and test sets."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hybrid.atomic import write_csv
from hybrid.data.crystal_table import ID, read_cells
from hybrid.errors import InputError
from hybrid.structures import without_ending

FOLDS = ("training", "validation", "test")


def random_split(n: int, fractions: Sequence[float], seed: int) -> np.ndarray:
    """A fold for each of `n` crystals, (n,) of names from FOLDS, with at least one crystal in each.

    `fractions` are those of training, validation and test.

    Raises:
        InputError: fewer than three crystals, or fractions that do not add up to 1.
    """
    if n < len(FOLDS):
        raise InputError(f"{n} crystals cannot be split; training, validation and test need one each")
    _check_fractions(fractions)
    validation, test = (max(1, round(fraction * n)) for fraction in fractions[1:])
    training = n - validation - test
    if training < 1:
        training, validation, test = n - 2, 1, 1
    order = np.random.default_rng(seed).permutation(n)
    folds = np.empty(n, dtype=object)
    folds[order] = np.repeat(np.array(FOLDS, dtype=object), [training, validation, test])
    return folds


def grouped_split(groups: Sequence[str], fractions: Sequence[float], seed: int) -> np.ndarray:
    """A fold for each crystal (n,), with all crystals of a group (n,) in one fold.

    Groups in a random order fill the test fold, then the validation fold; a group that is larger than the
    remaining space goes to training. `fractions` are those of training, validation and test.

    Raises:
        InputError: fewer than three groups, a fold that stays empty, or fractions that do not add up to 1.
    """
    names, of_crystal, sizes = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    if len(names) < len(FOLDS):
        raise InputError(f"{len(names)} groups cannot be split; training, validation and test need one each")
    _check_fractions(fractions)
    fold_of_group = np.full(len(names), "training", dtype=object)
    room = {"test": fractions[2] * len(groups), "validation": fractions[1] * len(groups)}
    for group in np.random.default_rng(seed).permutation(len(names)):
        fold = next((fold for fold, left in room.items() if sizes[group] <= left + 0.5), None)
        if fold:
            fold_of_group[group] = fold
            room[fold] -= sizes[group]
    for fold in FOLDS:
        if fold not in fold_of_group:
            raise InputError(f"the groups are too large for a {fold} fold")
    return fold_of_group[of_crystal]


def cross_validation_folds(groups: Sequence[str], k: int, seed: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """`k` parts for cross-validation, with all crystals of a group (n,) in one part.

    Groups in a random order go to the smallest part. Of those outside a part, a tenth of all crystals are its
    validation set, other ones for each part.

    Returns:
        The part of each crystal (n,), from 0, and for each part the folds of all crystals (n,).

    Raises:
        InputError: `k` is less than 2, or there are too few groups for training and validation.
    """
    names, of_crystal, sizes = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    if k < 2 or len(names) <= k:
        raise InputError(f"--folds {k}: needs at least 2 parts, and more groups of crystals than parts")
    order = np.random.default_rng([seed, k]).permutation(len(names))
    part, filled = np.empty(len(names), dtype=np.int64), np.zeros(k, dtype=np.int64)
    for group in order:
        part[group] = filled.argmin()
        filled[part[group]] += sizes[group]
    folds = []
    for number in range(k):
        turned = np.roll(order, -(number * len(order) // k))
        others = [group for group in turned if part[group] != number]
        if len(others) < 2:
            raise InputError(f"--folds {k}: all crystals outside a part are of one group; use more parts")
        before = np.cumsum([0, *sizes[others[:-1]]])
        held = np.array(others)[before < max(1, round(0.1 * len(groups)))]
        fold = np.where(part == number, "test", "training").astype(object)
        fold[held[: len(others) - 1]] = "validation"
        folds.append(fold[of_crystal])
    return part[of_crystal], folds


def thinned(folds: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Indices, in order, of the crystals that remain if only a share of the training set is used.

    At least one of the training crystals remains. With one seed, a larger share contains every smaller one.
    """
    training = np.flatnonzero(folds == "training")
    order = np.random.default_rng([seed, 1]).permutation(training)  # independent of the split's numbers
    left_out = order[max(1, round(share * len(training))) :]
    return np.setdiff1d(np.arange(len(folds)), left_out)


def _check_fractions(fractions: Sequence[float]) -> None:
    if not (min(fractions) > 0 and abs(sum(fractions) - 1) <= 1e-6):  # NaN fails too
        raise InputError(f"the split {fractions} needs three positive fractions that add up to 1")


def write_split(path: Path, ids: Sequence[str], folds: Sequence[str]) -> None:
    """Writes a split file, rows id,fold under a header."""
    write_csv(path, [("id", "fold"), *zip(ids, folds, strict=True)])


def read_split(path: Path, ids: Sequence[str], seed: int) -> np.ndarray:
    """The folds (n,) of `ids` from a split file.

    If the file has no validation fold, a random quarter of the training fold, by `seed`, becomes validation.

    Raises:
        InputError: the file cannot be used, see `read_cells`; it lacks an id, has an unknown fold, or leaves
            a fold empty.
    """
    if not path.exists():
        raise InputError(f"{path}: no such split file")
    header, rows = read_cells(path)
    if "fold" not in header:
        raise InputError(f"{path}: has no column 'fold'; its columns are {', '.join(header)}")
    fold_of = {without_ending(cells[ID]): cells["fold"] for _, cells in rows}
    fold_of = {identity: fold_of.get(without_ending(identity), "missing") for identity in ids}
    for identity, found in fold_of.items():
        if found not in FOLDS:
            raise InputError(f"{path}: fold of '{identity}' is {found}; known: {', '.join(FOLDS)}")
    folds = np.array([fold_of[identity] for identity in ids], dtype=object)
    if "validation" not in folds:
        training = np.flatnonzero(folds == "training")
        n = round(0.25 * len(training))
        folds[np.random.default_rng(seed).choice(training, n, replace=False)] = "validation"
    for fold in FOLDS:
        if fold not in folds:
            raise InputError(f"{path}: no crystal of the data is in the {fold} fold")
    return folds
