"""The data of a run: graphs, targets, descriptors and folds of the same crystals."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from hybrid.data.folder import CrystalFolder
from hybrid.data.graphs_of_folder import PackedGraphs
from hybrid.data.groups import GROUPINGS
from hybrid.data.listed import target_names
from hybrid.data.splits import FOLDS, grouped_split, random_split, read_split, thinned
from hybrid.descriptors.of_folder import folder_descriptors
from hybrid.descriptors.table import DescriptorTable
from hybrid.errors import InputError
from hybrid.settings import RunSettings


@dataclass(frozen=True)
class Samples:
    """The crystals of a run; all attributes have the same order."""

    folder: CrystalFolder  # the crystals
    targets: np.ndarray  # (n_crystals, n_targets), in the targets' units
    names: tuple[str, ...]  # (n_targets,) of the targets; empty for a single target in id_prop.csv
    descriptors: DescriptorTable | None  # for the readout, or None
    folds: np.ndarray  # (n_crystals,) training, validation or test
    graphs: PackedGraphs | None = None  # of the crystals, for networks

    @classmethod
    def of(
        cls,
        folder: CrystalFolder,
        settings: RunSettings,
        folds: np.ndarray | None = None,
        with_descriptors: bool = False,
    ) -> "Samples":
        """The samples for a run; `folds` (n_crystals,) replace the settings' split and share.

        Raises:
            InputError: targets, descriptors or the split cannot be used.
        """
        if folds is None:
            folds = _split(folder, settings)
            if settings.training_share < 1:
                kept = thinned(folds, settings.training_share, settings.data_seed)
                folder, folds = folder.take(kept), folds[kept]
        names = settings.targets or folder.target_names
        names = () if names == (folder.named,) else names  # there is no other
        if len(set(names)) < len(names):
            raise InputError(f"{folder.path}: a target is named twice: {', '.join(names)}")
        if not set(names) <= set(folder.target_names):
            targets = folder_descriptors(folder, names).rows(folder.ids).numpy()
        elif folder.targets is None:
            raise InputError(f"{folder.path}: there are no targets to train on")
        else:
            targets = folder.targets.reshape(len(folder), -1)
            if names:
                targets = targets[:, [folder.target_names.index(name) for name in names]]
        if settings.task == "classification" and targets.shape[1] > 1:
            raise InputError(
                f"--task classification: learns one target; choose one by --targets: {', '.join(names)}"
            )
        descriptors = None
        if with_descriptors:
            chosen = settings.model.descriptors
            descriptors = folder_descriptors(folder, chosen)
            listed = target_names(folder.path) if folder.stored else ()  # a single one's too
            hidden = (names or listed) if chosen else (*names, *listed)
            known = [name for name in descriptors.names if name in hidden]
            if known and chosen:
                raise InputError(f"--descriptors {known[0]}: is a target, which the model must not be given")
            descriptors = descriptors.select([name for name in descriptors.names if name not in hidden])
        return cls(folder, targets, names, descriptors, folds)

    def at(self, fold: str) -> np.ndarray:
        """The positions of a fold's crystals."""
        return np.flatnonzero(self.folds == fold)

    def ids(self, fold: str) -> list[str]:
        """The ids of a fold's crystals."""
        return [self.folder.ids[i] for i in self.at(fold)]

    def sizes(self) -> dict[str, int]:
        """The number of crystals in each fold."""
        return {f"n_{fold}": int((self.folds == fold).sum()) for fold in FOLDS}

    def refuse_single_rows(self, n_atoms: Tensor, batch_size: int, of_crystals: bool) -> None:
        """Raises an InputError if a training batch would contain only one atom, or crystal.

        Batch normalisation of atoms or `of_crystals` needs several.
        """
        n_atoms = n_atoms[self.folds == "training"]
        if min(batch_size, len(n_atoms)) > 1:
            return
        row = "crystal" if of_crystals else "atom"
        if of_crystals or (n_atoms == 1).any():
            raise InputError(
                f"{self.folder.path}: a training batch would contain only one {row}; use more crystals or "
                "larger batches"
            )


def _split(folder: CrystalFolder, settings: RunSettings) -> np.ndarray:
    if settings.grouping:
        return _grouped_split(folder, settings)
    if isinstance(settings.split, str):
        return read_split(folder.path / "splits" / f"{settings.split}.csv", folder.ids, settings.data_seed)
    return random_split(len(folder), settings.split, settings.data_seed)


def _grouped_split(folder: CrystalFolder, settings: RunSettings) -> np.ndarray:
    if isinstance(settings.split, str):
        raise InputError(
            f"{folder.path}: splits/{settings.split}.csv gives the folds; a grouped split needs fractions"
        )
    assert settings.grouping is not None
    group_of = GROUPINGS[settings.grouping]
    groups = [group_of(structure) for structure in folder.structures()]
    return grouped_split(groups, settings.split, settings.data_seed)
