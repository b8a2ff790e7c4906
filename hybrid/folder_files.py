"""Which files of a folder hold structures."""

import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Self

from hybrid.errors import InputError, note, some
from hybrid.reading import read_bytes
from hybrid.structures import FORMATS, content_key, without_ending

RESERVED = ("atom_init.json", "manifest.json", "config.json")


class FolderFiles(Mapping[str, Path]):
    """Structure files of a folder by id. An id is the file's name with or without its ending.

    Paths are made when they are asked for: an object for each of 100,000 files would take much memory. For
    that `endings` has what follows the id in the name of each file.
    """

    def __init__(self, folder: Path, endings: dict[str, str]):
        self.folder = folder
        self.endings = endings

    def __getitem__(self, identity: str) -> Path:
        return self.folder / f"{identity}{self.endings[identity]}"

    def __iter__(self) -> Iterator[str]:
        return iter(self.endings)

    def __len__(self) -> int:
        return len(self.endings)

    @cached_property
    def contents(self) -> list[str]:
        """A hash of each file; it is read once.

        Raises:
            InputError: a file cannot be read.
        """
        return [content_key(file) for file in self.values()]

    def only(self, ids: Iterable[str]) -> Self:
        """Those with these ids."""
        return type(self)(self.folder, {identity: self.endings[identity] for identity in ids})

    def holds(self, name: str) -> bool:
        """Whether the file called `name` is one of them."""
        stem = without_ending(name)
        return self.endings.get(stem) == name.removeprefix(stem) or name in self.endings


def structure_files(folder: Path, settled: Collection[str] = ()) -> FolderFiles:
    """The structure files of a folder by id, which is the file name without its ending.

    Ids that are `settled` already are left out.

    Raises:
        InputError: an id has several, see `the_structure`, or is no text.
    """
    visible = (path for path in folder.iterdir() if not path.name.startswith("."))  # as ._a.cif of macOS
    named = (path for path in visible if path.suffix in FORMATS and path.name not in RESERVED)
    pairs = sorted((path.stem, sys.intern(path.suffix)) for path in named if path.stem not in settled)
    found, others = {}, []
    for stem, of_one_id in groupby(pairs, itemgetter(0)):
        endings = [ending for _, ending in of_one_id]
        if re.search("[\ud800-\udfff]", stem):  # bytes that are no letters
            raise InputError(
                f"{folder}: the name {stem + endings[0]!a} is not text in UTF-8; rename the file"
            )
        if file := the_structure([folder / f"{stem}{ending}" for ending in endings]):
            found[stem] = sys.intern(file.suffix)
        others += [f"{stem}{ending}" for ending in endings if ending != found.get(stem)]
    if others:
        note(f"{folder}: {some(others)} without a structure left out")
    return FolderFiles(folder, found)


def the_structure(files: Sequence[Path]) -> Path | None:
    """Which of the files that have an id's name is its structure; None if none is.

    A .json file without sites is an output of a former run, and no structure.

    Raises:
        InputError: several are.
    """
    found = [file for file in files if file.suffix != ".json" or b'"sites"' in read_bytes(file)]
    if len(found) > 1:
        raise InputError(
            f"{found[0]}: {found[1].name} has the same id; remove one of them, or name one with its ending "
            f"in id_prop.csv"
        )
    return found[0] if found else None


def unknown_files(folder: Path) -> list[Path]:
    """The files of a folder that are not read: neither structures nor the tables of a data set."""
    return [
        path
        for path in sorted(folder.iterdir())
        if not path.is_dir()
        and not path.name.startswith(".")
        and path.suffix not in (*FORMATS, ".csv")
        and path.name not in RESERVED
    ]
