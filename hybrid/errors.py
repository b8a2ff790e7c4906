"""Errors that are the user's to mend: one sentence, exit code 2, no traceback."""

import difflib
from collections.abc import Iterable


class InputError(Exception):
    """What was given cannot be used; the message names the file, the row and the reason."""


class DivergedError(InputError):
    """Training went to infinity with the settings that were given."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> InputError:
    """An error for a name that is not registered, with the nearest one that is."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names)}"
    return InputError(f"unknown {kind} '{name}'; {hint}")
