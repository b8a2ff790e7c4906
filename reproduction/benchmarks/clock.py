"""What one measuring process reports: the time of a task and its own peak memory."""

import json
import resource
import time
from collections.abc import Callable
from pathlib import Path


def report(task: Callable[[], object], warm_up: Callable[[], object]) -> None:
    """Times `task` after `warm_up`, and prints the result as JSON."""
    warm_up()
    started = time.perf_counter()
    task()
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "peak_memory_mb": _peak_memory()}))


def _peak_memory() -> float:
    """MB of this program; getrusage counts the process that started it too, before it became this one."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) / 1024
