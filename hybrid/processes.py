"""Work in several processes, which end with the one that started them, however that one ends."""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from hybrid.errors import InputError

EVERY = 0.5  # s
MOST = 1000  # processes
A = TypeVar("A")
B = TypeVar("B")


def in_parallel(
    function: Callable[[A], B], items: Iterable[A], jobs: int, order: bool = False
) -> Iterator[B]:
    """What a function makes of some items, as each is finished.

    Args:
        function: can be pickled, as can items and results.
        items: taken as they are needed.
        jobs: processes; 1: this one; -1: one for each core.
        order: keep the items' order.
    """
    if jobs == 1:
        return map(function, items)
    import joblib

    how = "generator" if order else "generator_unordered"
    pool = joblib.Parallel(n_jobs=jobs, return_as=how, initializer=_end_with, initargs=(os.getpid(),))
    here = Path.cwd()
    found: Iterator[B] = pool(joblib.delayed(_in_child)(function, item, here) for item in items)
    return found


def check_jobs(jobs: int) -> int:
    """This number of processes; an InputError is raised if there cannot be so many."""
    if jobs != -1 and not 1 <= jobs <= MOST:
        raise InputError(f"{jobs} processes: there can be 1 to {MOST}, or one for each core by -1")
    return jobs


def _in_child(function: Callable[[A], B], item: A, folder: Path) -> B:
    os.chdir(folder)  # as workers stay, and the command may have gone elsewhere since
    return function(item)


def _end_with(parent: int) -> None:
    """A worker does not outlive the command."""
    end_when(lambda: os.getppid() != parent)


def end_when(gone: Callable[[], bool]) -> None:
    """Ends this process soon after `gone` is true, at once and without a word: what is written is atomic."""

    def watch() -> None:
        while not gone():
            time.sleep(EVERY)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
