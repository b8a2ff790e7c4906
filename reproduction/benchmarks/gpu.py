"""Measures an epoch of training on a GPU beside one core of its machine, and writes results/gpu.json.

One process has the GPU for itself, then eight share it, as when the seeds of a table are trained at once.
"""

import csv
import json
import statistics
import tempfile
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch

from hybrid.atomic import write_text
from hybrid.device import resolve_device
from hybrid.errors import InputError
from hybrid.processes import in_parallel
from hybrid.report.records import hardware
from hybrid.training.choices import chosen_settings
from hybrid.training.run import train
from reproduction.data.registry import dataset_folder
from reproduction.paths import RESULTS

KEPT = RESULTS / "gpu.json"
AT_ONCE = 8


@dataclass(frozen=True)
class Case:
    """A network, the crystals that it is trained on, and whether it is measured in several processes too."""

    model: str
    dataset: str
    epochs: int  # on the GPU; two on a core
    changes: dict[str, Any] = field(default_factory=dict)
    shared: bool = False


CASES = (
    Case("cgcnn", "phonon-cv", 10, {"batch_size": 256}, shared=True),
    Case("cgcnn", "phonon-cv", 6, {"batch_size": 32}),
    Case("cgcnn", "mp-descriptors", 3, {"batch_size": 256, "targets": ("natoms",)}),
    Case("alignn", "phonon-cv", 3, shared=True),
    Case("alignn", "phonon-cv", 3, {"precision": "bf16"}),
)


def main() -> None:
    """Measures and writes all cases."""
    name = torch.cuda.get_device_name(resolve_device("cuda"))
    by_core = in_parallel(partial(seconds, device="cpu"), CASES, len(CASES), order=True)
    alone = [seconds(case, "cuda") for case in CASES]  # the cores are at work meanwhile
    rows = []
    for case, gpu, core in zip(CASES, alone, list(by_core), strict=True):
        row = {**asdict(case), "core": core, "gpu": gpu}
        if case.shared:
            row["gpu_shared"] = statistics.median(
                in_parallel(partial(seconds, device="cuda"), [case] * AT_ONCE, AT_ONCE)
            )
        rows.append(row)
        print(row, flush=True)
    content = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "gpu": name,
        "machine": hardware(),
        "torch": torch.__version__,
        "unit": "s an epoch, with validation",
        "rows": rows,
    }
    write_text(KEPT, json.dumps(content, indent=1) + "\n")


def seconds(case: Case, device: str) -> float:
    """Seconds of an epoch; the first, which loads and compiles what it needs, is not counted."""
    torch.set_num_threads(1)
    epochs = case.epochs if device == "cuda" else 2
    settings = chosen_settings(case.model, "mean", "tuned", epochs=epochs, **case.changes)
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "run"
        train(dataset_folder(case.dataset), settings, out, device=device, progress=False)
        with (out / "log.csv").open(encoding="utf-8") as file:
            return statistics.median([float(row["seconds"]) for row in csv.DictReader(file)][1:])


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
