"""A dataset folder as the scripts of upstream CGCNN and ALIGNN find it: id_prop.csv says what counts.

Rows are `id,target` or `id,target,target...`. An id is a file's name with its ending, as in ALIGNN's sample
folder, or without it, as in CGCNN's. Other files may lie in the folder.
"""

import math
import sys
from functools import cache
from pathlib import Path

import numpy as np

from hybrid.data.folder import ATOM_INIT, CrystalFolder, read_atom_features, read_folder, read_table
from hybrid.errors import InputError
from hybrid.reading import plain_number, read_json
from hybrid.structures import FORMATS


def read_listed(path: Path, several_targets: bool = False, own_features: bool = True) -> CrystalFolder:
    """The crystals that id_prop.csv lists. Structure files that it does not list are named once.

    Args:
        path: the folder.
        several_targets: rows may have more than one; the folder's targets are (n_crystals, n_targets) then.
        own_features: an atom_init.json in the folder replaces ours.

    Raises:
        InputError: the folder, id_prop.csv or a row of it cannot be used.
    """
    if not path.is_dir():
        raise InputError(f"{path}: no such folder")
    crystals: dict[Path, tuple[str, list[float]]] = {}
    n_targets = 1
    for number, (identity, *cells) in read_table(path):
        file, targets = _file_of(path, identity), [_number(cell) for cell in cells]
        problem = None
        if not cells or (len(cells) > 1 and not several_targets):
            problem = f"has {1 + len(cells)} columns instead of id,target"
        elif file is None:
            problem = f"id '{identity}' has no structure file"
        elif file in crystals:
            problem = f"id '{identity}' appears twice"
        elif crystals and len(cells) != n_targets:
            problem = f"has {len(cells)} targets where the rows before have {n_targets}"
        elif not all(map(math.isfinite, targets)):
            problem = f"target of '{identity}' is {','.join(cells)}; a number is needed"
        if problem or file is None:
            raise InputError(f"{path / 'id_prop.csv'}: row {number}: {problem}")
        crystals[file] = identity, targets
        n_targets = len(targets)
    if not crystals:
        raise InputError(f"{path / 'id_prop.csv'}: has no rows")
    # outputs of former runs are .json, too
    endings = set(FORMATS) - {".json"}
    unlisted = sorted(f.name for f in path.iterdir() if f.suffix in endings and f not in crystals)
    if unlisted:
        _note(f"{path}: {_some(unlisted)} without a row in id_prop.csv left out")
    ids, rows = zip(*crystals.values(), strict=True)
    own = path / ATOM_INIT.name
    features = read_atom_features(own if own_features and own.exists() else ATOM_INIT)
    targets_of_all = np.array(rows) if several_targets else np.array(rows)[:, 0]
    return CrystalFolder(path, list(ids), targets_of_all, list(crystals), features)


def read_unlisted(path: Path) -> CrystalFolder:
    """Every structure in a folder without id_prop.csv; other .json files are named once.

    Raises:
        InputError: the folder cannot be used, or holds no structures.
    """
    folder = read_folder(path, targets=False)
    kept = [i for i, file in enumerate(folder.files) if file.suffix != ".json" or _holds_sites(file)]
    others = sorted({file.name for file in folder.files} - {folder.files[i].name for i in kept})
    if not kept:
        raise InputError(f"{path}: holds no structures that can be used")
    if others:
        _note(f"{path}: {_some(others)} without a structure left out")
    return folder.take(kept)


def _file_of(path: Path, identity: str) -> Path | None:
    """The structure file of an id, which may have its ending or not."""
    named = path / identity
    if named.suffix in FORMATS and named.is_file():
        return named
    files = [file for ending in FORMATS if (file := path / f"{identity}{ending}").is_file()]
    # a .json beside another format is an output
    files = [file for file in files if file.suffix != ".json"] or files
    if len(files) > 1:
        raise InputError(f"{files[1]}: id '{identity}' also has the structure {files[0].name}")
    return files[0] if files else named if named.is_file() else None


def _holds_sites(file: Path) -> bool:
    """Whether a .json file contains a pymatgen structure, complete or not."""
    try:
        content = read_json(file)
    except InputError:
        return False
    return isinstance(content, dict) and "sites" in content


def _number(cell: str) -> float:
    value = plain_number(cell)
    return math.nan if value is None else value


def _some(names: list[str]) -> str:
    """The first names of many."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


@cache
def _note(text: str) -> None:
    """Says something once."""
    print(f"note: {text}", file=sys.stderr)
