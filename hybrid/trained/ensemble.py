"""Several trained networks that predict together: mean, spread and intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from hybrid.data.folder import CrystalFolder
from hybrid.data.from_python import Structures, as_folder
from hybrid.device import resolve_device
from hybrid.errors import InputError
from hybrid.reading import read_json
from hybrid.trained.calibration import Calibration
from hybrid.trained.domain import TrainingDomain
from hybrid.trained.model import ModelInputs, TrainedModel

if TYPE_CHECKING:
    import pandas as pd

ENSEMBLE = "ensemble.json"  # in a folder with the runs of its members
LEVEL = 0.9


def read_members(folder: Path) -> tuple[list[str], dict[str, Any]]:
    """The names of an ensemble's runs in its folder, and the rest of its file.

    Raises:
        InputError: the file is damaged.
    """
    content = read_json(folder / ENSEMBLE)
    members = content.pop("members", None) if isinstance(content, dict) else None
    if not isinstance(members, list) or not members or not all(isinstance(name, str) for name in members):
        raise InputError(f"{folder / ENSEMBLE}: is damaged; it names no networks")
    return members, content


@dataclass(frozen=True)
class Ensemble:
    """Trained networks of one kind that differ in their seeds, or in the crystals that they learnt from.

    Attributes:
        members: the networks, at least one.
        calibrations: of each target; empty for a classifier.
        scaled: whether intervals are wider where the members disagree.
        level: the probability with which an interval should contain the target, 0.5 to 0.99.
    """

    members: tuple[TrainedModel, ...]
    calibrations: tuple[Calibration, ...] = ()
    scaled: bool = True
    level: float = LEVEL

    def __post_init__(self) -> None:
        if not 0.5 <= self.level <= 0.99:
            raise InputError(f"level {self.level:g}: should be between 0.5 and 0.99")

    def __repr__(self) -> str:
        return f"Ensemble({', '.join([f'{len(self.members)} networks', *map(repr, self.members[:1])])})"

    @classmethod
    def of(cls, members: tuple[TrainedModel, ...], state: Mapping[str, Any]) -> "Ensemble":
        """From its members and the entries of `state_dict`.

        Raises:
            ValueError: a calibration is not whole, or there is not one for each target.
        """
        calibrations = tuple(map(Calibration.from_state_dict, state["calibrations"]))
        if calibrations and len(calibrations) != max(1, len(members[0].targets)):
            raise ValueError(f"{len(calibrations)} calibrations")
        return cls(members, calibrations, bool(state["scaled"]))

    def state_dict(self) -> dict[str, Any]:
        """Everything but the members, for JSON."""
        return {"calibrations": [one.state_dict() for one in self.calibrations], "scaled": self.scaled}

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets, if there are several."""
        return self.members[0].targets

    @property
    def target(self) -> str:
        """Name and unit of its single target, as far as they are known."""
        return self.members[0].target

    @property
    def classes(self) -> tuple[int, ...]:
        """Class labels of a classifier."""
        return self.members[0].classes

    @property
    def columns(self) -> list[str]:
        """The names of the columns of its predictions."""
        if self.classes or not self.calibrations:
            return self.members[0].columns
        words = ("prediction", "std", "lower", "upper")
        return [f"{word} {name}".strip() for name in self.targets or ("",) for word in words]

    def predict(
        self, structures: Structures, device: str = "auto", level: float | None = None
    ) -> "pd.DataFrame":
        """Predictions by id, in the targets' units: `columns`, and `outside` as in `TrainedModel.outside`.

        Args:
            structures: pymatgen or ASE structures or structure files, in a list or by id; or a folder.
            device: auto, cpu or cuda.
            level: of the intervals, instead of the ensemble's.

        Raises:
            InputError: see `TrainedModel.inputs` and `predict_inputs`.
        """
        import pandas as pd

        if level is not None:
            return replace(self, level=level).predict(structures, device)
        inputs = self.inputs(as_folder(structures, every=True))
        values = self.predict_inputs(inputs, resolve_device(device), progress=False)
        table = pd.DataFrame(values, index=pd.Index(inputs.folder.ids, name="id"), columns=self.columns)
        return table.assign(outside=self.outside(inputs))

    def inputs(self, folder: CrystalFolder) -> ModelInputs:
        """See `TrainedModel.inputs`."""
        return self.members[0].inputs(folder)

    def outside(self, inputs: ModelInputs) -> list[str]:
        """See `TrainedModel.outside`; the training crystals are those of all members."""
        domains = [member.domain for member in self.members if member.domain]
        domain = TrainingDomain.joined(domains) if domains else None
        return replace(self.members[0], domain=domain).outside(inputs)

    def predict_inputs(self, inputs: ModelInputs, device: torch.device, progress: bool = True) -> np.ndarray:
        """Predictions (n_crystals, n_columns); of a classifier classes and mean probabilities.

        Raises:
            InputError: a prediction is not finite.
        """
        found = (m.predict_inputs(inputs, device, progress and not i) for i, m in enumerate(self.members))
        predictions = np.stack(list(found))
        if self.classes:
            return voted(predictions[:, :, 1:], self.classes)
        return self.intervals(predictions.mean(axis=0), spread_of(predictions))

    def intervals(self, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
        """Mean, spread and the ends of the intervals (n_crystals, n_columns) of (n_crystals, n_targets)."""
        columns = []
        for i, calibration in enumerate(self.calibrations):
            width = calibration.half_width(spread[:, i] * self.scaled, self.level)
            columns += [mean[:, i], spread[:, i], mean[:, i] - width, mean[:, i] + width]
        return np.stack(columns, axis=1) if columns else mean


def spread_of(predictions: np.ndarray) -> np.ndarray:
    """The members' standard deviation (n_crystals, n_targets) from (n_members, n_crystals, n_targets)."""
    if len(predictions) == 1:
        return np.zeros(predictions.shape[1:])
    spread: np.ndarray = predictions.std(axis=0, ddof=1)
    return spread


def voted(probabilities: np.ndarray, classes: Sequence[float]) -> np.ndarray:
    """Classes and mean probabilities (n_crystals, 1 + n_classes) from (n_members, n_crystals, n_classes)."""
    mean = probabilities.mean(axis=0)
    labels: Any = np.asarray(classes)[mean.argmax(axis=1)]
    return np.hstack([labels[:, None], mean])
