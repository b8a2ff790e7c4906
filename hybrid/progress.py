"""How far a long loop has come: a bar in a terminal, a line for each tenth in a log."""

import os
import sys
import threading
import time
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

AT_LEAST = 5.0  # seconds between two lines, so that a short loop writes none
AT_MOST = 60.0


class Progress(tqdm):
    """Shows how far a loop has come on standard error.

    The variable HYBRID_PROGRESS is `lines` where processes share a terminal, and `off` to show nothing.

    Args:
        iterable: what is looped over, if `update` is not called.
        desc: what is done, in a word or two.
        total: of the units, if known.
        unit: what is counted, as crystals.
        shown: whether to show anything.
        options: of tqdm.
    """

    disable: bool

    def __init__(
        self,
        iterable: Iterable[Any] | None = None,
        desc: str | None = None,
        total: int | None = None,
        *,
        unit: str,
        shown: bool = True,
        **options: Any,
    ):
        wish = os.environ.get("HYBRID_PROGRESS", "")
        self.lines = wish == "lines" or not sys.stderr.isatty()
        self.line_was = time.monotonic()
        self.tenth = 0
        disable = not shown or wish == "off"
        super().__init__(iterable, desc, total, unit=f" {unit}", disable=disable, **options)

    def display(self, *args: Any, **options: Any) -> None:
        """Draws the bar, or prints a line if it is time for one."""
        if not self.lines:
            super().display(*args, **options)
            return
        tenth = int(10 * self.n / self.total) if self.total else 0
        since = time.monotonic() - self.line_was
        if since > AT_MOST or (since > AT_LEAST and tenth > self.tenth):
            self.line_was, self.tenth = time.monotonic(), tenth
            print(self._line(), file=sys.stderr, flush=True)

    def close(self) -> None:
        """Ends the bar; in a log nothing is left to say."""
        self.disable = self.disable or self.lines
        super().close()

    def _line(self) -> str:
        """As `training: 30 of 300 epochs, 01:10 to go, validation error 0.02`."""
        numbers = [self.format_sizeof(n) if self.unit_scale else str(n) for n in (self.n, self.total) if n]
        parts = [f"{self.desc}: {' of '.join(numbers)}{self.unit}"]
        if self.total and self.n > self.initial:
            pace = self.format_dict["elapsed"] / (self.n - self.initial)
            parts.append(f"{self.format_interval(pace * (self.total - self.n))} to go")
        return ", ".join([*parts, *filter(None, [self.postfix])])


Progress.set_lock(threading.RLock())  # tqdm's own is shared by processes, and left behind by a killed one
