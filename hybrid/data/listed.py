"""Which crystals of a folder count, and their targets: id_prop.csv says it, as for upstream CGCNN and ALIGNN.

Rows are `id,target` or `id,target,target...`, below a header `id,name,name...` or without one. An id is a
file's name with its ending, as in ALIGNN's sample folder, or without it, as in CGCNN's. Other files may lie
there.
"""

import math
import os
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from hybrid.errors import InputError, note, some
from hybrid.folder_files import FolderFiles, structure_files, the_structure
from hybrid.reading import finite, plain_number, read_rows
from hybrid.structures import FORMATS, without_ending

_is_file = os.path.isfile  # of 100,000 crystals a Path for each would take as long as all the rest


@dataclass(frozen=True)
class Listing:
    """The crystals of a folder."""

    files: FolderFiles  # of their structures by id
    targets: np.ndarray  # (n_crystals, n_targets); NaN where one is not known
    names: tuple[str, ...]  # (n_targets,) of the targets, if there are several
    named: str  # the name of a single target, if the header gives it
    dropped: list[str]  # a reason for each row that was left out


def read_listing(
    path: Path,
    several_targets: bool = True,
    skip_bad: bool = False,
    every: bool = False,
    chosen: Sequence[str] | None = None,
) -> Listing:
    """The crystals that id_prop.csv lists. Structure files that it does not list are named once.

    The options are those of `hybrid.data.folder.read_folder`; with `every`, rows without a structure are
    named once.

    Raises:
        InputError: id_prop.csv or a row of it cannot be used.
    """
    header, rows = _named_rows(path)
    names = header if several_targets and len(header) > 1 else ()
    n_targets = len(names) or 1
    needed = [i for i, name in enumerate(header[:n_targets]) if chosen is None or name in chosen]
    endings: dict[str, str] = {}
    seen, unusable = set[str](), set[str]()
    values = array("d")
    problems, absent = [], []
    for number, (identity, *cells) in rows:
        name, ending = without_ending(identity), _ending(path, identity)
        if ending is None and every:
            absent.append(identity)
            continue
        problem = None
        if ending is None:
            problem = f"id '{identity}' " + (
                "names a folder" if os.sep in identity else "has no structure file"
            )
            if number == 1 and not any(map(finite, cells)):
                problem += ", and a header begins with id"
        elif name in seen:
            problem = f"id '{identity}' appears twice"
        elif cells or not every:
            problem = _problem(identity, cells, n_targets, needed, every)
        if problem or ending is None:
            problems.append(f"{path / 'id_prop.csv'}: row {number}: {problem}")
            unusable.add(name)
        else:
            seen.add(name)
            endings[identity] = ending
            values.extend((list(map(_number, cells)) + [math.nan] * n_targets)[:n_targets])
    if problems and not skip_bad:
        raise InputError(problems[0])
    if every:
        others = structure_files(
            path, {without_ending(f"{name}{ending}") for name, ending in endings.items()}
        )
        endings |= others.endings
        values.extend([math.nan] * n_targets * len(others))
    files = FolderFiles(path, endings)
    # other .json files may be outputs of former runs
    known = tuple(FORMATS.keys() - {".json"})
    with os.scandir(path) as there:
        found = (file.name for file in there if file.name.endswith(known))
        unlisted = sorted(
            name for name in found if not files.holds(name) and without_ending(name) not in unusable
        )
    if unlisted:
        note(f"{path}: {some(unlisted)} without a row in id_prop.csv left out")
    if absent:
        note(f"{path / 'id_prop.csv'}: {some(absent)} without a structure left out")
    named = header[0] if len(header) == 1 and not re.fullmatch(r"target(_\d+)?", header[0], re.I) else ""
    return Listing(files, np.reshape(values, (-1, n_targets)), names, named, problems)


def _problem(identity: str, cells: list[str], n_targets: int, needed: list[int], every: bool) -> str | None:
    """Why the cells of a row cannot be used; with `every`, one without digits is a target not known."""
    if len(cells) != n_targets:
        wanted = "id,target" if n_targets == 1 else f"an id and {n_targets} targets"
        return f"has {1 + len(cells)} columns instead of {wanted}" if cells else "has an id only"
    for i in needed:
        if not finite(cells[i]) and not (every and not re.search(r"\d", cells[i])):
            return f"target of '{identity}' is '{cells[i]}'; a number is needed, for classes a whole one"
    return None


def target_names(path: Path) -> tuple[str, ...]:
    """The names of the targets in a folder's id_prop.csv."""
    return _named_rows(path)[0] if (path / "id_prop.csv").exists() else ()


def _named_rows(path: Path) -> tuple[tuple[str, ...], Iterator[tuple[int, list[str]]]]:
    """The targets' names, and the rows of id_prop.csv that are not empty, by number."""
    table = path / "id_prop.csv"
    if not table.exists():
        raise InputError(f"{path}: has no id_prop.csv (rows id,target)")
    rows = read_rows(table)
    row = next(rows, None)
    if row is None:
        raise InputError(f"{table}: has no rows")
    first, *names = row[1]
    header = first.lower() == "id" and all(math.isnan(_number(cell)) for cell in names)
    if not header:
        names = [f"target_{i + 1}" for i in range(len(names))]
    for i, name in enumerate(names):
        if not name or name in names[:i]:
            raise InputError(
                f"{table}: column {i + 2} " + (f"is another '{name}'" if name else "has no name")
            )
    return tuple(names), rows if header else chain([row], rows)


def _ending(path: Path, identity: str) -> str | None:
    """What follows an id in the name of its structure file; None if there is no such file in the folder."""
    if os.sep in identity:
        return None
    named = f"{path}/{identity}"
    if without_ending(identity) != identity and _is_file(named):
        return ""
    endings = [ending for ending in FORMATS if _is_file(f"{named}{ending}")]
    if len(endings) > 1:
        file = the_structure([path / f"{identity}{ending}" for ending in endings])
        endings = [ending for ending in endings if file and ending == file.suffix]
    return endings[0] if endings else "" if _is_file(named) else None


def _number(cell: str) -> float:
    value = plain_number(cell)
    return math.nan if value is None else value
