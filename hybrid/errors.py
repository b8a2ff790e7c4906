"""Errors in the user's input: the command line prints them as one sentence and exits with code 2."""

import contextlib
import difflib
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

MOST_NAMES = 60  # that a message lists


class InputError(Exception):
    """The input cannot be used; the message names the file, the row and the reason."""


class DivergedError(InputError):
    """Training diverged with the given settings."""


def unknown_name(kind: str, name: str, known: Iterable[str], with_all: bool = False) -> InputError:
    """An error for an unknown name, which suggests the most similar known one, and lists all if asked."""
    names = sorted(known)
    small = {known.lower(): known for known in names}
    near = difflib.get_close_matches(name.lower(), small, n=1, cutoff=0.4)
    hints = [f"did you mean '{small[near[0]]}'?"] if near else []
    if with_all or not near:
        more = [f"and {len(names) - MOST_NAMES} more"] if len(names) > MOST_NAMES else []
        hints.append(f"known: {', '.join(names[:MOST_NAMES] + more)}")
    return InputError(f"unknown {kind} '{name}'; {' '.join(hints)}")


def one_line(error: BaseException) -> str:
    """Another package's message, short and in one line; the name of the error if it has no message."""
    return " ".join(str(error).split())[:160] or type(error).__name__


@cache
def note(text: str) -> None:
    """Says something about the input once, on stderr."""
    print(f"note: {text}", file=sys.stderr)


def some(names: Sequence[str]) -> str:
    """The first names of many."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


@contextlib.contextmanager
def readable(path: Path | str) -> Iterator[None]:
    """Turns what the system says of a file that is read into a sentence.

    Raises:
        InputError: instead of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or one_line(error)})") from error


def sentence(error: BaseException) -> str | None:
    """The message for an error of the system or a lack of memory; None for other errors."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, RuntimeError) and str(error).startswith("Symlink loop"):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or 'the system'}: {error.strerror or one_line(error)}"
    if isinstance(error, MemoryError) or re.search(
        r"can't allocate|out of memory|bad alloc", str(error), re.I
    ):
        return f"out of memory; use smaller batches or a smaller network ({one_line(error)})"
    return None
