"""One measurement in a process of its own: `measure MODULE.TASK FOLDER [ARGUMENTS]` prints it as JSON."""

import importlib
import json
import resource
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

REPEATS, LONG_ENOUGH = 3, 10.0  # s


@dataclass(frozen=True)
class Task:
    """What is measured.

    Attributes:
        run: the task; its argument is how much of it to do, by default all.
        warm_up: how much of it to do before the measurement, so that all it needs is loaded.
        limit: gives the processor time (s) of the task's matrix products alone.
    """

    run: Callable[..., object]
    warm_up: int
    limit: Callable[[], float] | None = None


def measure(task: Task) -> dict[str, float]:
    """Processor time (s) of a task and, if known, of its limit, and peak memory (MB).

    The time is the median of three runs, or of fewer that take long enough.
    """
    if task.warm_up:
        task.run(task.warm_up)
    seconds: list[float] = []
    while len(seconds) < REPEATS and sum(seconds) < LONG_ENOUGH:
        started = _processor_time()
        task.run()
        seconds.append(_processor_time() - started)
    result = {"seconds": statistics.median(seconds), "peak_memory_mb": _peak_memory()}
    return result | ({"limit": task.limit()} if task.limit else {})


def _processor_time() -> float:
    """Seconds of this process and of those that it has started and seen end."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _peak_memory() -> float:
    """MB of this process, or of one that it has started if that had more.

    getrusage counts the process that started this one too, before it became this one.
    """
    status = Path("/proc/self/status")
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if status.exists():
        own = int(status.read_text().split("VmHWM:")[1].split()[0])
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    name, folder, *arguments = sys.argv[1:]
    module, function = name.split(".")
    make = getattr(importlib.import_module(f"reproduction.benchmarks.{module}"), function)
    print(json.dumps(measure(make(Path(folder), *arguments))))
