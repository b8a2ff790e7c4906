"""Which crystals of a folder count, and their targets: id_prop.csv says it, as for upstream CGCNN and ALIGNN.

Rows are `id,target` or `id,target,target...`, below a header `id,name,name...` or without one. An id is a
file's name with its ending, as in ALIGNN's sample folder, or without it, as in CGCNN's. Other files may lie
there.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hybrid.errors import InputError, note, some
from hybrid.reading import plain_number, read_rows
from hybrid.structures import FORMATS, structure_files, the_structure, without_ending


@dataclass(frozen=True)
class Listing:
    """The crystals of a folder.

    Attributes:
        ids: (n_crystals,).
        files: (n_crystals,) of their structures.
        targets: (n_crystals, n_targets); NaN where one is not known.
        names: (n_targets,) of the targets, if there are several.
        dropped: a reason for each row that was left out.
    """

    ids: list[str]
    files: list[Path]
    targets: np.ndarray
    names: tuple[str, ...]
    dropped: list[str]


def read_listing(
    path: Path, several_targets: bool = True, skip_bad: bool = False, every: bool = False
) -> Listing:
    """The crystals that id_prop.csv lists. Structure files that it does not list are named once.

    Args:
        path: the folder.
        several_targets: rows may have more than one.
        skip_bad: leave out rows that cannot be used and list them in `dropped`, instead of stopping.
        every: for predictions, where targets need not be known: every structure in the folder counts, and
            rows without a structure are named once.

    Raises:
        InputError: id_prop.csv or a row of it cannot be used.
    """
    names, rows = _named_rows(path)
    names = names if several_targets else ()
    n_targets = len(names) or 1
    found: dict[str, tuple[str, Path, list[float]]] = {}
    problems, absent = [], []
    for number, (identity, *cells) in rows:
        name, file, targets = without_ending(identity), _file_of(path, identity), list(map(_number, cells))
        problem = None
        if file is None:
            problem = f"id '{identity}' has no structure file"
        elif name in found:
            problem = f"id '{identity}' appears twice"
        elif len(targets) != n_targets and not every:
            wanted = "id,target" if n_targets == 1 else f"an id and {n_targets} targets"
            problem = f"has {1 + len(cells)} columns instead of {wanted}"
        elif not all(map(math.isfinite, targets)) and not every:
            problem = f"target of '{identity}' is '{','.join(cells)}'; a number is needed"
        if file is None and every:
            absent.append(identity)
        elif problem or file is None:
            problems.append(f"{path / 'id_prop.csv'}: row {number}: {problem}")
        else:
            found[name] = identity, file, (targets + [math.nan] * n_targets)[:n_targets]
    if problems and not skip_bad:
        raise InputError(problems[0])
    if every:
        unknown = [math.nan] * n_targets
        found |= {name: (name, file, unknown) for name, file in structure_files(path, found).items()}
    ids, files = [identity for identity, *_ in found.values()], [file for _, file, _ in found.values()]
    values = np.reshape([row for *_, row in found.values()], (-1, n_targets))
    # other .json files may be outputs of former runs
    others = {file for file in path.iterdir() if file.suffix in FORMATS and file.suffix != ".json"}
    unlisted = sorted(file.name for file in others - set(files))
    if unlisted:
        note(f"{path}: {some(unlisted)} without a row in id_prop.csv left out")
    if absent:
        note(f"{path / 'id_prop.csv'}: {some(absent)} without a structure left out")
    return Listing(ids, files, values, names, problems)


def target_names(path: Path) -> tuple[str, ...]:
    """The names of the targets in a folder's id_prop.csv, if there are several."""
    return _named_rows(path)[0] if (path / "id_prop.csv").exists() else ()


def _named_rows(path: Path) -> tuple[tuple[str, ...], list[tuple[int, list[str]]]]:
    """The targets' names, if there are several, and the rows of id_prop.csv that are not empty, by number."""
    table = path / "id_prop.csv"
    if not table.exists():
        raise InputError(f"{path}: has no id_prop.csv (rows id,target; no header)")
    rows = read_rows(table)
    if not rows:
        raise InputError(f"{table}: has no rows")
    first, *names = rows[0][1]
    header = first.lower() == "id" and all(math.isnan(_number(cell)) for cell in names)
    if not header:
        names = [f"target_{i + 1}" for i in range(len(names))]
    return tuple(names) if len(names) > 1 else (), rows[header:]


def _file_of(path: Path, identity: str) -> Path | None:
    """The structure file of an id, which may have its ending or not."""
    named = path / identity
    if named.suffix in FORMATS and named.is_file():
        return named
    files = [file for ending in FORMATS if (file := path / f"{identity}{ending}").is_file()]
    return (the_structure(files) if len(files) > 1 else files[0] if files else None) or (
        named if named.is_file() else None
    )


def _number(cell: str) -> float:
    value = plain_number(cell)
    return math.nan if value is None else value
