"""Files and folders that are written completely or not at all, and locks."""

import contextlib
import csv
import fcntl
import glob
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hybrid.errors import InputError


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`, moved onto it when the block ends without error.

    Where `path` is a link, the file that it leads to is written.

    Raises:
        InputError: a folder or a device is there.
        OSError: it cannot be written; nothing is left behind, and what was there stays.
    """
    refuse_special(path)
    with _beside(path.resolve(), folder=False) as temporary:
        yield temporary
        temporary.replace(path.resolve())


def refuse_special(path: Path) -> None:
    """Raises an InputError if a folder or device is where a file is to be written."""
    leads_to = path.readlink() if path.is_symlink() else ""  # one step
    device = any(str(place).startswith("/proc/") for place in (path.parent.resolve(), leads_to))
    if device or (path.exists() and not path.is_file()):
        kind = "folder" if path.is_dir() else "device"
        raise InputError(f"{path}: is a {kind}; a file is to be written there")


def write_text(path: Path, text: str) -> None:
    """Writes `text` to `path` atomically."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Writes `content` to `path` atomically."""
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)


def write_csv(path: Path, rows: Iterable[Iterable[Any]], line_end: str = "\r\n") -> None:
    """Writes rows of cells to the CSV file `path` atomically."""
    with atomic_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator=line_end).writerows(rows)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yields an empty folder beside `path`, which replaces `path` when the block ends without error.

    Raises:
        OSError: it cannot be written; nothing is left behind, and what was there stays.
    """
    with _beside(path, folder=True) as temporary:
        yield temporary
        shutil.rmtree(path, ignore_errors=True)
        temporary.replace(path)


@contextlib.contextmanager
def locked(path: Path, refusal: str = "") -> Iterator[None]:
    """Holds the lock file `path` until the process ends or the block does.

    If another process holds it, `refusal` is said; without one it is waited for.

    Raises:
        InputError: another process holds it, and there is a refusal.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (fcntl.LOCK_NB if refusal else 0))
        except BlockingIOError:
            raise InputError(refusal) from None
        except OSError:  # a file system without locks
            pass
        yield


@contextlib.contextmanager
def locked_where_possible(path: Path) -> Iterator[None]:
    """Waits for the lock file `path` and holds it; nothing is held where no file can be written."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            stack.enter_context(locked(path))
        yield


@contextlib.contextmanager
def _beside(path: Path, folder: bool) -> Iterator[Path]:
    """A new file or folder beside `path`, gone at the end; it is locked, so that others know it is in use."""
    head, tail = f".{path.stem[:100]}.", f".tmp{path.suffix}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f"{glob.escape(head)}????????{glob.escape(tail)}"):
            with contextlib.suppress(OSError), _held(left):  # no process writes it any more
                _remove(left)
        temporary = path.with_name(f"{head}{secrets.token_hex(4)}{tail}")
        if folder:
            temporary.mkdir()
        else:
            temporary.touch(exist_ok=False)
        try:
            with contextlib.ExitStack() as stack:
                with contextlib.suppress(OSError):  # a file system without locks
                    stack.enter_context(_held(temporary))
                yield temporary
        finally:
            _remove(temporary)
    except OSError as error:
        if error.filename is None or Path(str(error.filename)).name.startswith(head):
            error.filename = str(path)  # and not the temporary one
        error.filename2 = None
        raise


@contextlib.contextmanager
def _held(path: Path) -> Iterator[None]:
    """Locks an existing file or folder, unless another process has locked it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()
