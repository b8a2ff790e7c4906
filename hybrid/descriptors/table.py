"""Tables of descriptors, and their standardisation for the hybrid readout (eq. 14)."""

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hybrid.data.crystal_table import ID, read_cells
from hybrid.descriptors.registry import paper_descriptors
from hybrid.errors import InputError
from hybrid.metrics import ROUNDING
from hybrid.reading import plain_number
from hybrid.structures import without_ending

ERROR = "error"


@dataclass(frozen=True, eq=False)
class DescriptorTable:
    """Descriptors of many crystals, one row each."""

    ids: tuple[str, ...]  # (n_crystals,) unique
    names: tuple[str, ...]  # (n_descriptors,) column names
    values: Tensor  # (n_crystals, n_descriptors) float64; NaN where one could not be computed
    errors: dict[str, str]  # why a crystal's descriptors could not be computed, by id
    path: Path  # of the file, for messages

    @classmethod
    def read(cls, path: Path, folder: str | Path | None = None) -> "DescriptorTable":
        """Reads `descriptors.csv`: columns `id`, one for each descriptor, and optionally `error`.

        A `path` that does not exist is looked for in the crystals' `folder`.

        Raises:
            InputError: the file does not exist, has no `id` column or no descriptor, a column or an id
                appears twice, a row has another length, or a value in a row without an error is no number.
        """
        if folder and not path.exists() and Path(folder, path).exists():
            path = Path(folder, path)
        header, rows = read_cells(path)
        names = tuple(name for name in header if name not in (ID, ERROR))
        if not names:
            raise InputError(f"{path}: has no descriptor column beside '{ID}'")
        if "" in names:
            raise InputError(
                f"{path}: a column has no name, as the row numbers that pandas writes; remove it"
            )
        ids, values, errors = [], array("d"), {}
        for place, cells in rows:
            identity = cells[ID]
            if error := cells.get(ERROR):
                errors[identity] = error
            where = f"{path}: row {place} ('{identity}')"
            ids.append(identity)
            values.extend(_number(cells[name], f"{where}, column '{name}'", error) for name in names)
        table = torch.from_numpy(np.array(values).reshape(len(ids), len(names)))
        return cls(tuple(ids), names, table, errors, path)

    def select(self, names: Sequence[str]) -> "DescriptorTable":
        """The same crystals with only the descriptors `names`, in that order.

        Raises:
            InputError: the table lacks some of them, all of which are named, or one is named twice.
        """
        if len(set(names)) < len(names):
            raise InputError(f"{self.path}: a descriptor is named twice: {', '.join(names)}")
        missing = [name for name in names if name not in self.names]
        if missing:
            raise InputError(
                f"{self.path}: lacks the descriptor{'s' * (len(missing) > 1)} {', '.join(missing)}"
            )
        columns = [self.names.index(name) for name in names]
        return replace(self, names=tuple(names), values=self.values[:, columns])

    def rows(self, ids: Iterable[str], gaps: bool = False) -> Tensor:
        """The descriptors (n_ids, n_descriptors) of crystals, with or without the endings of their files.

        With `gaps`, a value that could not be computed is NaN.

        Raises:
            InputError: a crystal has no row, or, without `gaps`, one that lacks a value.
        """
        found = []
        for identity in ids:
            if (place := self._position.get(without_ending(identity))) is None:
                raise InputError(f"{self.path}: has no row for id '{identity}'")
            error = None if gaps else self.errors.get(self.ids[place])
            if error and self.values[place].isnan().any():
                raise InputError(f"{self.path}: id '{identity}' lacks descriptors ({error})")
            found.append(place)
        return self.values[found]

    @cached_property
    def _position(self) -> dict[str, int]:
        return {without_ending(identity): position for position, identity in enumerate(self.ids)}


def _number(cell: str, where: str, error: str | None) -> float:
    value = plain_number(cell)
    if value is not None and math.isfinite(value):
        return value
    if not error:
        raise InputError(f"{where}: '{cell}' is not a number")
    return math.nan


@dataclass(frozen=True, eq=False)
class Standardisation:
    """The training set's mean, standard deviation and median of each descriptor."""

    names: tuple[str, ...]  # (n_descriptors,) the descriptors, in the order in which the model takes them
    mean: Tensor  # (n_descriptors,) in each descriptor's unit
    std: Tensor  # (n_descriptors,); 1 for a descriptor that does not vary over the training set
    median: Tensor  # (n_descriptors,); replaces a value that could not be computed, where that is allowed
    limit: float | None = None  # standardised values are clipped to ± this; None: they are not

    @classmethod
    def fit(
        cls,
        table: DescriptorTable,
        training_ids: Iterable[str],
        gaps: bool = False,
        limit: float | None = None,
    ) -> "Standardisation":
        """Statistics of the training crystals only.

        With `gaps`, values that could not be computed are ignored. Standardised ones are clipped at `limit`.

        Raises:
            InputError: a training crystal has no usable row, or a descriptor no value at all.
        """
        rows = table.rows(training_ids, gaps)
        median = rows.nanmedian(dim=0).values
        for name, value in zip(table.names, median.tolist(), strict=True):
            if math.isnan(value):
                reason = next((f" ({said})" for said in table.errors.values() if name in said), "")
                raise InputError(
                    f"{table.path}: no training crystal has a value of '{name}'; leave it out{reason}"
                )
        mean = rows.nanmean(dim=0)
        std = (rows - mean).square().nanmean(dim=0).sqrt()
        for name, value in zip(table.names, std.tolist(), strict=True):
            if not math.isfinite(value):
                raise InputError(
                    f"{table.path}: the values of '{name}' are too large; scale them or leave it out"
                )
        # the deviation of a constant column may differ from zero by rounding, and so may the column if all
        # crystals have one structure; only the paper's descriptors are known not to be in tiny units
        paper = {descriptor.name for descriptor in paper_descriptors(space_group=True)}
        floor = torch.tensor([float(name in paper) for name in table.names], dtype=rows.dtype)
        constant = std <= ROUNDING * rows.nan_to_num().abs().amax(dim=0).maximum(floor)
        return cls(table.names, mean, torch.where(constant, torch.ones_like(std), std), median, limit)

    def apply(self, table: DescriptorTable) -> DescriptorTable:
        """The table's descriptors that the model takes, standardised, as float32.

        Raises:
            InputError: the table lacks some of them.
        """
        chosen = table.select(self.names)
        return replace(chosen, values=self._standardised(chosen.values))

    def filled(self, table: DescriptorTable, ids: Iterable[str]) -> tuple[Tensor, int]:
        """Standardised rows (n_ids, n_descriptors); the training median replaces a missing value.

        Returns:
            The rows as float32, and the number of these crystals with a missing value.

        Raises:
            InputError: a crystal has no row, or the table lacks some of the descriptors.
        """
        rows = table.select(self.names).rows(ids, gaps=True)
        missing = rows.isnan()
        rows = torch.where(missing, self.median, rows)
        return self._standardised(rows), int(missing.any(dim=1).sum())

    def _standardised(self, rows: Tensor) -> Tensor:
        rows = (rows - self.mean) / self.std
        return (rows if self.limit is None else rows.clamp(-self.limit, self.limit)).float()

    def state_dict(self) -> dict[str, Any]:
        """The entry for a checkpoint."""
        statistics = {"mean": self.mean, "std": self.std, "median": self.median}
        return {"names": list(self.names), **statistics, "limit": self.limit}

    @classmethod
    def from_state_dict(cls, state: dict[str, Any]) -> "Standardisation":
        """The standardisation from a checkpoint's entry."""
        mean, std, median = (state[key].cpu() for key in ("mean", "std", "median"))
        return cls(tuple(state["names"]), mean, std, median, state.get("limit"))


def of_checkpoint(
    checkpoint: dict[str, Any], path: str | Path | None, folder: str | Path | None = None
) -> DescriptorTable | None:
    """The standardised descriptors that a trained model takes, or None if it takes none.

    The checkpoint is that of the training script, with the standardisation as `descriptors`; `path` is the
    user's table, which is also looked for in the crystals' `folder`.

    Raises:
        InputError: the model needs a table and none is given, or the other way round, or it lacks
            descriptors.
    """
    state = checkpoint.get("descriptors")
    if not state:
        if path:
            raise InputError(f"the model was trained without descriptors, so {path} cannot be used with it")
        return None
    standardisation = Standardisation.from_state_dict(state)
    if not path:
        names = ", ".join(standardisation.names)
        raise InputError(
            f"the model was trained with descriptors ({names}); name their table with --descriptors"
        )
    return standardisation.apply(DescriptorTable.read(Path(path), folder))


def batch_rows(
    table: DescriptorTable | None, ids: Iterable[str], device: torch.device | str
) -> Tensor | None:
    """The rows of a batch (n_crystals, n_descriptors) on `device`; None for a model without descriptors."""
    return None if table is None else table.rows(ids).to(device)
