"""Processes that end with the one that started them, however that one ends."""

import os
import threading
import time
from collections.abc import Callable

EVERY = 0.5  # s


def end_when(gone: Callable[[], bool]) -> None:
    """Ends this process soon after `gone` is true, at once and without a word: what is written is atomic."""

    def watch() -> None:
        while not gone():
            time.sleep(EVERY)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
