"""Errors in the user's input: the command line prints them as one sentence and exits with code 2."""

import difflib
from collections.abc import Iterable


class InputError(Exception):
    """The input cannot be used; the message names the file, the row and the reason."""


class DivergedError(InputError):
    """Training diverged with the given settings."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> InputError:
    """An error for an unknown name, which suggests the most similar known one."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names)}"
    return InputError(f"unknown {kind} '{name}'; {hint}")


def one_line(error: Exception) -> str:
    """Another package's message, short and in one line; the name of the error if it has no message."""
    return " ".join(str(error).split())[:160] or type(error).__name__
