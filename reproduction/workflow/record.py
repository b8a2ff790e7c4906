"""Records: what was run, on what, with what result. Figures and tables are drawn from them alone."""

import csv
import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

from hybrid.atomic import atomic_file, write_text
from hybrid.data.splits import FOLDS
from hybrid.descriptors.registry import choose
from hybrid.models.registry import get_model
from hybrid.report.provenance import provenance
from hybrid.settings import RunSettings
from hybrid.training.results import test_rows
from reproduction.data.registry import get_dataset
from reproduction.paths import RESULTS, ROOT
from reproduction.upstream import vendor
from reproduction.workflow.availability import why_missing
from reproduction.workflow.force_field_record import compared
from reproduction.workflow.measurements import concerns, measured
from reproduction.workflow.plan import Run, planned, runs_of
from reproduction.workflow.spec import UPSTREAM, NotRun, Spec, load_networks


def record_path(experiment: str, scale: str) -> Path:
    """Where the record of an experiment at a scale is."""
    return RESULTS / scale / f"{experiment}.json"


def predictions_path(experiment: str, scale: str) -> Path:
    """The test predictions of an experiment's runs, beside its record."""
    return RESULTS / scale / f"{experiment}.predictions.csv"


def write_record(spec: Spec, scale: str) -> None:
    """Collects the finished runs of an experiment into its record and the table of test predictions.

    The workflow calls it when all runs are done; before, what is not trained yet has a row that says so.
    """
    wanted = runs_of(spec, scale)
    runs = [run for run in wanted if run.done]
    rows = [row for run in runs for row in _rows(run, spec)]
    if spec.force_field:
        rows = compared(spec, scale, runs, rows, predictions_path(spec.experiment, scale))
    record = {
        "experiment": spec.experiment,
        "scale": scale,
        "caption": spec.caption,
        **provenance(code()),
        "metric": spec.metric,
        "rows": rows
        + [_missing(part) for part in (*_without_data(spec, scale), *_at_other_scales(spec, scale))]
        + [_missing(part) for part in (*_not_trained(wanted), *spec.not_run)],
    }
    if spec.drawing == "parity":
        _write_test_predictions(runs, predictions_path(spec.experiment, scale))
    write_text(record_path(spec.experiment, scale), json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def code() -> dict[str, Any]:
    """The commit that made a record, and the patched upstream code it stands beside."""
    return {"commit": _commit(), "patches": vendor.get_source("cgcnn2").tree_sha256}


def _write_test_predictions(runs: list[Run], path: Path) -> None:
    with atomic_file(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("dataset", "network", "seed", "id", "target", "prediction"))
        for run in runs:
            for row in test_rows(run.folder):
                point = (row["id"], row["target"], row["prediction"])
                writer.writerow((run.dataset, run.network, run.settings.model_seed, *point))


def _rows(run: Run, spec: Spec) -> list[dict[str, Any]]:
    """A row for each target that the experiment reports of a run."""
    result = json.loads((run.folder / "metrics.json").read_text())
    rows = [_row(run, spec, result, target) for target in run.shown]
    if concerns(run, spec.drawing):  # the drawing names what is measured
        rows = [{**row, spec.drawing: measured(run, spec.drawing)} for row in rows]
    return rows


def _row(run: Run, spec: Spec, result: dict[str, Any], target: str) -> dict[str, Any]:
    dataset, settings = get_dataset(run.dataset), run.settings
    said = spec.said(run.dataset, run.network.removesuffix(UPSTREAM), target)
    symbol, unit = dataset.target, dataset.unit
    if target:
        (descriptor,) = choose([target])
        symbol, unit = descriptor.symbol, descriptor.unit
    model = get_model(settings.model.name)
    network = model.network is not None
    pools = network and model.sees_structure
    split = f", split by {settings.grouping}" if settings.grouping else ""
    row = {
        "dataset": run.dataset,
        "dataset_label": f"{dataset.label}{split}",
        "target": symbol,
        "descriptor": target or None,
        "unit": unit,
        "network": run.network,
        "network_label": run.label,
        "model": settings.model.name,
        "pooling": settings.model.pooling if pools else None,
        "descriptors": _descriptors(settings),
        "variant": run.variant,
        "panel": run.panel,
        "grouping": settings.grouping,
        "training_share": settings.training_share,
        "seed": settings.model_seed,
        "epochs": settings.trainer.epochs if network else None,
        "metrics": {},
        "paper": said and said.model_dump(exclude={"dataset", "network", "target"}, exclude_none=True),
        "status": result["status"],
        "note": result.get("note", f"{_overlap(result)}settings: runs/{run.name}/settings.json"),
    }
    if row["status"] == "done":
        scores = {fold: result[fold][target] if target in result[fold] else result[fold] for fold in FOLDS}
        row |= {
            "best_epoch": result.get("best_epoch"),
            "n_train": result["n_training"],
            "n_val": result["n_validation"],
            "n_test": result["n_test"],
            "n_filled": result.get("n_filled"),
            "metrics": scores["test"],
            "validation": scores["validation"],
            "training_r2": scores["training"].get("r2"),
            "train_seconds": result.get("train_seconds"),
            "device": result.get("device"),
        }
    return row


def _overlap(result: dict[str, Any]) -> str:
    """What a model of the formula alone may have seen of the test set in training."""
    if "formula_overlap" not in result:
        return ""
    return f"{result['formula_overlap']:.1%} of the test crystals have the formula of a training crystal; "


def _descriptors(settings: RunSettings) -> list[str] | str | None:
    """Which descriptors a model took."""
    model = get_model(settings.model.name)
    takes = model.takes_descriptors or model.needs_descriptors
    return (list(settings.model.descriptors) or "all") if takes else None


def _without_data(spec: Spec, scale: str) -> list[NotRun]:
    """What is not run because its data cannot be had."""
    left_out = {(run.dataset, run.panel): None for run in planned(spec, scale) if not run.done}
    return [
        NotRun(label=get_dataset(name).label, reason=reason, panel=panel)
        for name, panel in left_out
        if (reason := why_missing(name))
    ]


def _not_trained(runs: list[Run]) -> list[NotRun]:
    """What could be run and is not, or not with every seed, by dataset and panel."""
    planned_of = Counter((run.dataset, run.panel, run.label) for run in runs)
    missing_of = Counter((run.dataset, run.panel, run.label) for run in runs if not run.done)
    networks: dict[tuple[str, str], list[str]] = {}
    for (dataset, panel, label), n in missing_of.items():
        whole = planned_of[dataset, panel, label]
        part = "" if n == whole else f" ({n} of {whole} runs)"
        networks.setdefault((dataset, panel), []).append(f"{label}{part}")
    return [
        NotRun(
            label=get_dataset(dataset).label,
            reason=f"not trained yet at this scale: {'; '.join(labels)}",
            panel=panel,
        )
        for (dataset, panel), labels in networks.items()
    ]


def _at_other_scales(spec: Spec, scale: str) -> list[NotRun]:
    """What is not run at this scale."""
    networks = load_networks()
    return [
        NotRun(
            label="; ".join(get_dataset(name).label for name in part.datasets),
            reason=f"only at scale {' and '.join(part.scales)}: "
            + "; ".join(networks[name].label for name in part.networks),
            panel=part.panel,
        )
        for part in spec.parts
        if scale not in part.scales and spec.engine == "ours"
    ]


def _missing(part: NotRun) -> dict[str, Any]:
    """A row for what the paper shows and we have not run."""
    return {
        "dataset": None,
        "dataset_label": part.label,
        "panel": part.panel,
        "metrics": {},
        "status": "not run",
        "note": part.reason,
    }


def _commit() -> str | None:
    """The commit that is checked out, marked if files other than results were changed since."""
    try:
        commit = _git("describe", "--always")
    except OSError:
        return None
    changed = _git("status", "--porcelain", "--untracked-files=no", ":(exclude)results")
    return f"{commit}-dirty" if changed else commit or None


def _git(*arguments: str) -> str:
    """What a git command prints about the code's folder; nothing if that is no repository."""
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True).stdout.strip()
