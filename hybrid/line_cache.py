"""Finished results in a JSON-lines file, which survives a killed run."""

import contextlib
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from hybrid.errors import InputError, readable
from hybrid.reading import refuse_no_file

BEGIN = b'{"key":"'  # of a line
MARK = b',"crc":'  # before the checksum of what is before it, at the end of a line


class LineCache(Mapping[str, Any]):
    """Entries by key, in a file with one entry and its checksum a line, or in memory without a path.

    Of the entries in the file only the places are in memory. They are read when they are asked for.

    Args:
        path: the file, made with its first entry; None: entries are kept in memory only.
        required: whether a file that can be neither read nor written is an error; otherwise entries are kept
            in memory only.

    Raises:
        InputError: the file can be neither read nor written.
    """

    def __init__(self, path: Path | None = None, required: bool = True):
        self._entries: dict[str, int | bytes] = {}  # where its line begins in the file, or the content
        self._read: io.BufferedReader | None = None
        self._write: io.FileIO | None = None
        self._required = required
        if path is not None:
            self._open(path)

    def _open(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            whole = self._index(path)
            # unbuffered, and each entry in one write: a kill can only cut the last line short
            self._write = path.open("ab", buffering=0)
            self._read = self._read or path.open("rb")
            if not whole:
                self._write.write(b"\n")
        except (OSError, InputError) as error:
            if self._required and not self._entries:  # a file that cannot be written may be read
                said = getattr(error, "strerror", None) or error
                raise InputError(f"{path}: cannot be written ({said})") from error

    def _index(self, path: Path) -> bool:
        """Notes where the entries of a file are; returns whether its last line has an end."""
        if not path.exists():
            return True
        refuse_no_file(path)
        with readable(path):
            self._read = path.open("rb")
            at, line = 0, b"\n"
            for line in self._read:
                if key := _key(line):
                    self._entries[key] = at
                at += len(line)
        return line.endswith(b"\n")

    def __getitem__(self, key: str) -> Any:
        place = self._entries[key]
        if isinstance(place, int):
            assert self._read
            self._read.seek(place)
            place = self._read.readline().rpartition(MARK)[0] + b"}"
        entry = json.loads(place)
        del entry["key"]
        return entry

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def add(self, key: str, entry: dict[str, Any]) -> None:
        """Keeps an entry, a mapping that JSON can hold."""
        content = json.dumps({"key": key, **entry}, separators=(",", ":")).encode()
        self._entries[key] = content
        if self._write is None:
            return
        body = content[:-1]
        line = body + MARK + f"{zlib.crc32(body)}}}\n".encode()
        try:
            if self._write.write(line) == len(line):
                self._entries[key] = self._write.tell() - len(line)
        except OSError as error:
            if self._required:
                raise InputError(f"{self._write.name}: cannot be written ({error.strerror})") from error
            self._write.close()
            self._write = None

    def close(self) -> None:
        """Closes the file."""
        for file in filter(None, (self._read, self._write)):
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _key(line: bytes) -> str | None:
    """The key of a line's entry; None for half a line, or one of something else."""
    body, mark, checksum = line.rpartition(MARK)
    with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
        if mark and zlib.crc32(body) == int(checksum.strip().rstrip(b"}")):
            plain = body[len(BEGIN) : body.find(b'"', len(BEGIN))]
            if body.startswith(BEGIN) and b"\\" not in plain:
                return plain.decode()
            return str(json.loads(body + b"}")["key"])
    return None
