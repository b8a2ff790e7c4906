"""What one measuring process reports: the median time of a task and its own peak memory."""

import json
import resource
import statistics
import time
from collections.abc import Callable


def report(task: Callable[[], object], warm_up: Callable[[], object], repeats: int) -> None:
    """Times `task` after one call of `warm_up`, and prints the result as JSON."""
    warm_up()
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        task()
        seconds.append(time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": statistics.median(seconds), "peak_memory_mb": peak}))
