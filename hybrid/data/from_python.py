"""Crystals that are given as Python objects, where no folder on disk is needed."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.core import Structure

from hybrid.data.folder import ATOM_INIT, CrystalFolder, read_atom_features, read_folder
from hybrid.errors import InputError
from hybrid.structures import check_structure, from_ase, near_its_cell, read_structure

Structures = str | Path | Mapping[str, Any] | Iterable[Any]
"""A dataset folder; or pymatgen structures, ASE atoms or structure files, in a list or by id."""


def as_folder(
    structures: Structures,
    targets: Any = None,
    labelled: bool = True,
    skip_bad: bool = False,
    every: bool = False,
    chosen: Sequence[str] | None = None,
) -> CrystalFolder:
    """The crystals as the project uses them.

    Args:
        structures: see `Structures`; the ids of a list are the names of its files, otherwise 0, 1, 2, ….
        targets: a number for each, in the same order or by id. A folder has its own in id_prop.csv.
        labelled: whether these are read from a folder that has them.
        skip_bad: leave out what cannot be used in a folder, and list it in `dropped`.
        every: take every structure of a folder, whether its target is known or not.
        chosen: the targets of a folder that are used, see `read_folder`.

    Raises:
        InputError: a structure or a target cannot be used, or an id occurs twice.
    """
    if isinstance(structures, str | Path) and not Path(structures).is_file():
        path = Path(structures)
        if targets is not None:
            raise InputError(f"{path}: a folder's targets are those of its id_prop.csv; give no others")
        labelled = labelled and (path / "id_prop.csv").exists()
        return read_folder(path, labelled, skip_bad, several_targets=True, every=every, chosen=chosen)
    if isinstance(structures, str | Path | Structure) or hasattr(structures, "get_positions"):
        structures = [structures]
    if isinstance(structures, Mapping):
        named = {str(name).strip(): _structure(item, str(name)) for name, item in structures.items()}
        if len(named) < len(structures):
            raise InputError("the structures: two have the same id")
    else:
        named = {}
        for number, item in enumerate(structures):
            name = Path(item).stem if isinstance(item, str | Path) else str(number)
            if name in named:
                raise InputError(f"{item}: the id '{name}' occurs twice; give the structures by id")
            named[name] = _structure(item, name)
    if not named:
        raise InputError("there are no structures")
    if isinstance(structures, Mapping) and hasattr(targets, "to_dict"):  # of pandas, by id too
        targets = targets.to_dict()
    values = None if targets is None else _targets(targets, list(named))
    features = read_atom_features(ATOM_INIT)
    return CrystalFolder(Path("the structures"), named, values, features)


def _structure(item: Any, name: str) -> Structure:
    if isinstance(item, str | Path):
        return read_structure(Path(item))
    if hasattr(item, "get_positions"):  # ASE atoms, without an import of ASE
        try:
            item = from_ase(item)
        except ValueError as error:
            raise InputError(f"structure {name}: {error}") from error
    if not isinstance(item, Structure):
        raise InputError(
            f"structure {name}: is of the type {type(item).__name__}; give pymatgen or ASE structures"
        )
    check_structure(item, f"structure {name}")
    return near_its_cell(item)


def _targets(targets: Any, ids: list[str]) -> np.ndarray:
    if isinstance(targets, Mapping):
        targets = {str(name).strip(): value for name, value in targets.items()}
        missing = [name for name in ids if name not in targets]
        if missing:
            raise InputError(f"structure {missing[0]}: has no target")
        targets = [targets[name] for name in ids]
    try:
        values = np.asarray(targets, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"targets: are not numbers ({error})") from error
    if values.shape != (len(ids),):
        raise InputError(f"targets: have the shape {values.shape}; there are {len(ids)} structures")
    if not np.isfinite(values).all():
        raise InputError(
            f"structure {ids[int(np.argmin(np.isfinite(values)))]}: its target is not a finite number"
        )
    return values
