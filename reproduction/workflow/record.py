"""Records: the results of an experiment. Figures and tables are drawn from records only."""

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from hybrid.atomic import atomic_file, write_text
from hybrid.descriptors.registry import select_descriptors
from hybrid.report.records import Row, not_run_row, provenance, read_record
from hybrid.training.model_registry import get_model
from reproduction import figures
from reproduction.data.registry import get_dataset
from reproduction.paths import RESULTS, ROOT
from reproduction.upstream import vendor
from reproduction.workflow.availability import why_missing
from reproduction.workflow.force_field_record import compared
from reproduction.workflow.paired import paired
from reproduction.workflow.runs import Run, pack, planned, runs_of
from reproduction.workflow.spec import UPSTREAM, Spec, load_networks

POINT = ("dataset", "network", "seed", "id", "target", "prediction")


def record_path(experiment: str, scale: str) -> Path:
    """Where the record of an experiment at a scale is."""
    return RESULTS / scale / f"{experiment}.json"


def write_record(experiment: str, scale: str) -> None:
    """Collects the finished runs of an experiment into its record and the table of test predictions.

    The workflow calls it when all runs are done. If it is called before, rows say what is not trained yet.
    """
    spec, measurement = figures.spec(experiment), figures.measurement(experiment)
    wanted, path = runs_of(spec, scale), record_path(experiment, scale)
    runs = [run for run in wanted if run.done]
    pack(runs)
    kept = _comparisons(path) if spec.paired else {}
    rows = [row for run in runs for row in _rows(run, spec, experiment, kept)]
    points = [point for run in runs for point in _points(run)] if spec.predictions else []
    if spec.force_field:
        rows, points = compared(spec, scale, runs, rows)
    not_run = [*_without_data(spec, scale), *_at_other_scales(spec, scale), *_not_trained(wanted)]
    record = {
        "experiment": experiment,
        "scale": scale,
        "caption": spec.caption,
        **provenance(code()),
        "metric": spec.metric,
        "runs": [run.name for run in runs if not (measurement and measurement.missing_for(run))],
        "rows": [*rows, *not_run],
    }
    if spec.predictions or spec.force_field:
        with atomic_file(path.with_name(f"{experiment}.predictions.csv")) as temporary:
            table = pd.DataFrame(points, columns=list(points[0]) if points else POINT)
            table.to_csv(temporary, index=False, float_format="%.7g", lineterminator="\r\n")
    write_text(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def code() -> dict[str, Any]:
    """The commit with which a record was made, and the hash of the patched upstream code."""
    return {"commit": _commit(), "patches": vendor.get_source("cgcnn2").tree_sha256}


def recorded_runs(experiment: str, scale: str) -> set[str]:
    """The names of the runs that a record holds, measurements and all; none if there is no record."""
    path = record_path(experiment, scale)
    return set(json.loads(path.read_text()).get("runs", ())) if path.exists() else set()


def run_of(row: dict[str, Any]) -> str:
    """The name of the run of a record's row, from its note."""
    return str(row["note"].rpartition("run ")[2])


def _points(run: Run) -> list[dict[str, Any]]:
    """Target and prediction of each test crystal of a run."""
    of_run = (run.dataset, run.network, run.settings.model_seed)
    return [dict(zip(POINT, (*of_run, *point), strict=True)) for point in run.tested]


def _comparisons(path: Path) -> dict[str, Any]:
    """The comparisons with the authors' predictions in a record by run: their data sets may be gone since."""
    rows = read_record(path)["rows"] if path.exists() else []
    return {run_of(row): row["paired"] for row in rows if row.get("paired")}


def _rows(run: Run, spec: Spec, experiment: str, kept: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for each target that the experiment reports of a run."""
    rows = [_row(run, spec, run.metrics, target) for target in run.shown]
    measurement = figures.measurement(experiment)
    if measurement and measurement.applies_to(run):
        rows = [{**row, measurement.name: run.measurements.get(measurement.name, {})} for row in rows]
    if spec.paired and (beside := paired(run) or kept.get(run.name)):
        rows = [{**row, "paired": beside} for row in rows]
    return rows


def _row(run: Run, spec: Spec, result: dict[str, Any], target: str) -> dict[str, Any]:
    dataset, settings = get_dataset(run.dataset), run.settings
    said = spec.said(run.dataset, run.network.removesuffix(UPSTREAM), target)
    symbol, unit = dataset.target, dataset.unit
    if target:
        (descriptor,) = select_descriptors([target])
        symbol, unit = descriptor.symbol, descriptor.unit
    model = get_model(settings.model.name)
    network = model.network is not None
    split = f", split by {settings.grouping}" if settings.grouping else ""
    overlap = ""  # of formulas in the training and test sets, for models of the formula alone
    if "formula_overlap" in result:
        share = f"{result['formula_overlap']:.1%}"
        overlap = f"{share} of the test crystals have the formula of a training crystal; "
    row = Row(
        dataset=run.dataset,
        dataset_label=f"{dataset.label}{split}",
        target=symbol,
        descriptor=target or None,
        unit=unit,
        network=run.network,
        network_label=run.label,
        model=settings.model.name,
        pooling=settings.model.pooling if network and model.sees_structure else None,
        descriptors=(list(settings.model.descriptors) or "all") if model.uses_descriptors else None,
        variant=run.variant,
        panel=run.panel,
        seed=settings.model_seed,
        epochs=settings.trainer.epochs if network else None,
        paper=said.numbers() if said else None,
        status=result["status"],
        note=result.get("note", f"{overlap}run {run.name}"),
        split={"grouping": settings.grouping, "training_share": settings.training_share},
    )
    return row.of_run(result, target)


def _without_data(spec: Spec, scale: str) -> list[dict[str, Any]]:
    """Rows of datasets that are not run because their data are not available."""
    left_out = {(run.dataset, run.panel): None for run in planned(spec, scale) if not run.done}
    return [
        not_run_row(get_dataset(name).label, reason, panel)
        for name, panel in left_out
        if (reason := why_missing(name))
    ]


def _not_trained(runs: list[Run]) -> list[dict[str, Any]]:
    """Rows of networks that are not trained yet, or not with every seed, by dataset and panel."""
    wanted = Counter((run.dataset, run.panel, run.label) for run in runs)
    missing = Counter((run.dataset, run.panel, run.label) for run in runs if not run.done)
    networks: dict[tuple[str, str], list[str]] = {}
    for (dataset, panel, label), n in missing.items():
        whole = wanted[dataset, panel, label]
        part = "" if n == whole else f" ({n} of {whole} runs)"
        networks.setdefault((dataset, panel), []).append(f"{label}{part}")
    return [
        not_run_row(get_dataset(dataset).label, f"not trained yet at this scale: {'; '.join(labels)}", panel)
        for (dataset, panel), labels in networks.items()
    ]


def _at_other_scales(spec: Spec, scale: str) -> list[dict[str, Any]]:
    """Rows of networks that are not run at this scale."""
    networks, rows = load_networks(), []
    for part in spec.parts:
        if scale not in part.scales and spec.engine == "ours":
            labels = "; ".join(networks[name].label for name in part.networks)
            datasets = "; ".join(get_dataset(name).label for name in part.datasets)
            reason = f"only at scale {' and '.join(part.scales)}: {labels}"
            rows.append(not_run_row(datasets, reason, part.panel))
    return rows


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
