"""Runs every comparison, or those that are named, and writes results/benchmarks.json.

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

from hybrid.atomic import write_text
from hybrid.report.records import hardware
from reproduction.benchmarks.alignn_task import BATCH, N_GRAPHS, N_STEPS, SMALL
from reproduction.benchmarks.inputs import N_SAMPLE, write_inputs
from reproduction.paths import RESULTS, ROOT
from reproduction.upstream import vendor

# glibc hands buffers over 32 MB back to the system and faults them in again; this keeps them
KEEP_BUFFERS = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "20000000000",
    "MALLOC_TOP_PAD_": "300000000",
}
KEPT = RESULTS / "benchmarks.json"
EPOCH = "one training epoch, batch 256, SGD, graphs in memory, validation left out"
STEPS = f"{N_STEPS} training steps of {BATCH} crystals, AdamW, graphs in memory"
TABLE = "descriptors.csv from CIF files, nothing kept from before"
GRAPHS = "12 neighbours within 8 Å from structures in memory"


@dataclass(frozen=True)
class Comparison:
    """One row: a task of upstream's and ours on the same input, or ours alone."""

    name: str
    data: str
    theirs: str | None
    ours: str
    note: str
    environment: dict[str, str] = field(default_factory=dict)
    repeats: int = 3


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
    Comparison(
        "alignn_graphs",
        "crystals",
        "alignn-graphs",
        "alignn-graphs",
        f"graphs and line graphs of {N_GRAPHS} crystals",
    ),
    Comparison(
        "alignn_train_step_fp32",
        "crystals",
        "alignn-step",
        "alignn-step",
        f"{STEPS}, default network; theirs on DGL",
    ),
    Comparison(
        "alignn_train_step_fp32_hidden_128",
        "crystals",
        "alignn-step-small",
        "alignn-step-small",
        f"{STEPS}, hidden {SMALL}; theirs on DGL",
    ),
    Comparison(
        "alignn_train_step_bf16",
        "crystals",
        "alignn-step",
        "alignn-step-bf16",
        f"{STEPS}, default network; ours in bf16, theirs on DGL in fp32",
    ),
    Comparison(
        "alignn_train_step_bf16_hidden_128",
        "crystals",
        "alignn-step-small",
        "alignn-step-small-bf16",
        f"{STEPS}, hidden {SMALL}; ours in bf16, theirs on DGL in fp32",
    ),
    Comparison(
        "descriptors",
        "sample",
        "descriptors",
        "descriptors",
        f"the 29 descriptors of {N_SAMPLE} binaries, evenly from the smallest to the largest cell; "
        "theirs: plain matminer on the same cells",
        repeats=1,
    ),
    Comparison("descriptors_phonon_set", "phonon-cv", None, "table", f"{TABLE}, 1,503 crystals", repeats=1),
    Comparison("descriptors_mp_set", "mp-descriptors", None, "table", f"{TABLE}, 9,734 crystals", repeats=1),
)


def main(names: list[str]) -> None:
    """Measures, prints and writes; rows that are not named stay as they were."""
    known = [comparison.name for comparison in COMPARISONS]
    if unknown := set(names) - set(known):
        raise SystemExit(f"no comparison {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    before = json.loads(KEPT.read_text()) if names and KEPT.exists() else {}
    if before and {key: before[key] for key in _where()} != _where():
        raise SystemExit(f"{KEPT} is of another machine or of other versions; measure all rows")
    with tempfile.TemporaryDirectory(prefix="hybrid-bench-") as name:
        scratch = Path(name)
        for code in ("cgcnn2", "alignn"):
            vendor.unpack_pristine(code, scratch / "upstream" / code)
        inputs = write_inputs(scratch)
        wanted = [row for row in COMPARISONS if row.data in inputs and (row.name in names or not names)]
        runs = [
            (row, side)
            for row in wanted
            for _ in range(row.repeats)
            for side, task in (("theirs", row.theirs), ("ours", row.ours))
            if task
        ]
        measured: dict[tuple[str, str], list[dict[str, float]]] = {}
        for row, side in tqdm(runs, desc="measuring", unit="run"):
            result = _measure(row, side, inputs[row.data], scratch / "upstream")
            measured.setdefault((row.name, side), []).append(result)
    rows = [
        _row(row.name, measured[row.name, "ours"], measured.get((row.name, "theirs")), row.note)
        for row in wanted
    ]
    if not names:
        rows.append(_allocator_alone(measured))
    _write(rows, before)
    for row in rows:
        memory, theirs = row["peak_memory_mb"], ""
        if row["theirs"]:
            theirs = f"; theirs {row['theirs']:.3f} s, {memory['theirs']:.0f} MB; x{row['ratio']:.1f}"
        print(f"{row['name']:38s} ours {row['ours']:.3f} s, {memory['ours']:.0f} MB{theirs}")


def _write(rows: list[dict[str, Any]], before: dict[str, Any]) -> None:
    """Writes the rows, in place of their former selves."""
    new = {row["name"]: row for row in rows}
    rows = [new.pop(row["name"], row) for row in before.get("rows", [])] + list(new.values())
    write_text(KEPT, json.dumps({**_where(), "rows": rows}, indent=1, ensure_ascii=False) + "\n")


def _where() -> dict[str, Any]:
    """What all rows of the file have in common."""
    packages = {package: version(package) for package in ("torch", "numpy", "pymatgen")}
    return {"machine": hardware(), "versions": packages | {"cgcnn2": "0.6.0", "alignn": "2024.2.4"}}


def _measure(row: Comparison, side: str, data: Path, upstream: Path) -> dict[str, float]:
    task = row.theirs if side == "theirs" else row.ours
    assert task
    module, path = "ours", ROOT
    if task == "descriptors" and side == "theirs":
        module = "plain_matminer"
    elif task.startswith("alignn-"):
        task = task.removeprefix("alignn-")
        module, path = ("alignn_ours", ROOT) if side == "ours" else ("alignn_upstream", upstream / "alignn")
    elif side == "theirs":
        module, path = "upstream", upstream / "cgcnn2"
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name(f"{module}.py")), task, str(data)],
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
    name: str, ours: list[dict[str, float]], theirs: list[dict[str, float]] | None, note: str
) -> dict[str, Any]:
    def median(runs: list[dict[str, float]] | None, key: str) -> float | None:
        return statistics.median(run[key] for run in runs) if runs else None

    seconds = {"ours": median(ours, "seconds"), "theirs": median(theirs, "seconds")}

    return {
        "name": name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        **seconds,
        "unit": "s",
        "ratio": seconds["theirs"] and seconds["theirs"] / seconds["ours"],
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
    main(sys.argv[1:])
