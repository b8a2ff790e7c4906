"""Finished results in a JSON-lines file, which survives a killed run."""

import contextlib
import io
import json
import zlib
from pathlib import Path
from typing import Any, Self

from hybrid.errors import InputError
from hybrid.reading import read_bytes

MARK = b',"crc":'  # before the checksum of what is before it, at the end of a line


class LineCache(dict[str, Any]):
    """Entries by key, in memory and, with a path, also in a file with one entry and its checksum a line.

    Args:
        path: the file, made with its first entry; None: entries are kept in memory only.
        required: whether a file that can be neither read nor written is an error; otherwise entries are kept
            in memory only.

    Raises:
        InputError: the file can be neither read nor written.
    """

    def __init__(self, path: Path | None = None, required: bool = True):
        super().__init__()
        self._file: io.FileIO | None = None
        self._required = required
        if path is None:
            return
        content = b""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():
                content = read_bytes(path)
            # unbuffered, and each entry in one write: a kill can only cut the last line short
            self._file = path.open("ab", buffering=0)
            if content and not content.endswith(b"\n"):
                self._file.write(b"\n")
        except (OSError, InputError) as error:
            self._file = None
            with contextlib.suppress(InputError):
                content = read_bytes(path)  # of a file that cannot be written
            if required and not content:
                said = getattr(error, "strerror", error)
                raise InputError(f"{path}: cannot be written ({said})") from error
        for line in content.splitlines():
            try:
                body, mark, checksum = line.rpartition(MARK)
                if mark and zlib.crc32(body) == int(checksum.rstrip(b"}")):
                    entry = json.loads(body + b"}")
                    self[entry.pop("key")] = entry
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # half a line, or of something else; its entry is made again

    def add(self, key: str, entry: dict[str, Any]) -> None:
        """Keeps an entry, a mapping that JSON can hold."""
        self[key] = entry
        if self._file is None:
            return
        body = json.dumps({"key": key, **entry}, separators=(",", ":")).encode()[:-1]
        try:
            self._file.write(body + MARK + f"{zlib.crc32(body)}}}\n".encode())
        except OSError as error:
            if self._required:
                raise InputError(f"{self._file.name}: cannot be written ({error.strerror})") from error
            self.close()
            self._file = None

    def close(self) -> None:
        """Closes the file."""
        if self._file:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
