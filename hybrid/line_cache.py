"""Finished results in a JSON-lines file, which survives a killed run."""

import json
from pathlib import Path
from typing import Any, Self

from hybrid.errors import InputError


class LineCache(dict[str, Any]):
    """Entries by key, in memory and, with a path, also in a file with one entry a line.

    Args:
        path: the file, made with its first entry; None: entries are kept in memory only.
        required: whether a file that can be neither read nor written is an error; otherwise entries are kept
            in memory only.

    Raises:
        InputError: the file can be neither read nor written.
    """

    def __init__(self, path: Path | None = None, required: bool = True):
        super().__init__()
        self._file = None
        if path is None:
            return
        content = b""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # unbuffered, and each entry in one write: a kill can only cut the last line short
            self._file = path.open("ab+", buffering=0)
            self._file.seek(0)
            content = self._file.read()
            if content and not content.endswith(b"\n"):
                self._file.write(b"\n")
        except OSError as error:
            if path.is_file():
                content = path.read_bytes()  # of a file that cannot be written
            elif required:
                raise InputError(f"{path}: cannot be written ({error.strerror})") from error
        for line in content.splitlines():
            try:
                entry = json.loads(line)
                self[entry.pop("key")] = entry
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # half a line; its entry is made again

    def add(self, key: str, entry: dict[str, Any]) -> None:
        """Keeps an entry, a mapping that JSON can hold."""
        self[key] = entry
        if self._file:
            line = json.dumps({"key": key, **entry}, separators=(",", ":"))
            self._file.write(line.encode() + b"\n")

    def close(self) -> None:
        """Closes the file."""
        if self._file:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
