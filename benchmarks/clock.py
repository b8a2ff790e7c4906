"""What one measuring process reports: the time of a task and its own peak memory."""

import json
import resource
import time
from collections.abc import Callable


def report(task: Callable[[], object], warm_up: Callable[[], object]) -> None:
    """Times `task` after `warm_up`, and prints the result as JSON."""
    warm_up()
    started = time.perf_counter()
    task()
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_memory_mb": peak}))
