"""Results that are done, kept by key in a JSON-lines file that outlives a killed run."""

import json
from pathlib import Path
from typing import Any

from hybrid.errors import InputError


class LineCache:
    """Entries by key, in memory and, with a path, one a line in a file; what is half-written is left out.

    Args:
        path: the file, made with its first entry.

    Raises:
        InputError: the file cannot be read or written to.
    """

    def __init__(self, path: Path | None = None):
        self._entries: dict[str, Any] = {}
        self._file = None
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # unbuffered, and each entry in one write: a kill can only cut the last line short
            self._file = path.open("ab+", buffering=0)
            self._file.seek(0)
            content = self._file.read()
            if content and not content.endswith(b"\n"):
                self._file.write(b"\n")
        except OSError as error:
            if not path.is_file():
                raise InputError(f"{path}: cannot be kept there ({error.strerror})") from error
            content = path.read_bytes()  # it may be read, and nothing is added
        for line in content.splitlines():
            try:
                entry = json.loads(line)
                self._entries[entry.pop("key")] = entry
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # half a line; its entry is made again

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def __getitem__(self, key: str) -> dict[str, Any]:
        entry: dict[str, Any] = self._entries[key]
        return entry

    def add(self, key: str, entry: dict[str, Any]) -> None:
        """Keeps an entry, a mapping that JSON can hold."""
        self._entries[key] = entry
        if self._file:
            line = json.dumps({"key": key, **entry}, separators=(",", ":"))
            self._file.write(line.encode() + b"\n")

    def close(self) -> None:
        """Closes the file."""
        if self._file:
            self._file.close()
