"""Rows of a record with the results of force fields and of networks on exactly the same crystals."""

from typing import Any

import pandas as pd

from hybrid.errors import InputError
from hybrid.metrics import regression_metrics
from hybrid.report.records import Row, not_run_row
from reproduction.data.registry import get_dataset
from reproduction.models.force_field import UNSTABLE, ForceFieldSettings, describe
from reproduction.models.forces import LABELS, TRAINED_ON
from reproduction.workflow.force_field_calculations import (
    DONE,
    FAILED,
    TOO_LARGE,
    Calculation,
    calculations,
    read_table,
)
from reproduction.workflow.runs import Run
from reproduction.workflow.spec import Spec

QUANTITIES = {"Cv": "cv", "U": "u"}


def network_of(settings: ForceFieldSettings) -> tuple[str, str]:
    """The name and label of a force field in records, with whether its cells are not relaxed."""
    name = settings.force_field
    if settings.relax:
        return name, LABELS[name]
    return f"{name}-unrelaxed", f"{LABELS[name]}, unrelaxed"


def compared(
    spec: Spec, scale: str, runs: list[Run], rows: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of the force fields, and those of the networks with metrics on the same crystals alone.

    These are the test crystals with a result of every force field whose calculation is finished. The last
    rows name the others.

    Args:
        spec: of the experiment.
        scale: name.
        runs: the networks' runs.
        rows: (n_runs,) their rows.

    Returns:
        The rows, and the force fields' predictions: a dict for each data set, force field and crystal.

    Raises:
        InputError: the values of a data set are not known, because none of its runs is finished, or no
            crystal has a result.
    """
    found, points, not_run = [], [], []
    of_dataset: dict[str, list[tuple[Calculation, pd.DataFrame]]] = {}
    for calculation in calculations(spec, scale):
        try:
            table = read_table(calculation.table)
        except InputError:  # it is not finished
            labels = "; ".join(get_dataset(dataset).label for dataset in calculation.runs)
            _, label = network_of(calculation.settings)
            not_run.append(not_run_row(labels, f"not calculated yet at this scale: {label}"))
            continue
        for dataset in calculation.runs:
            of_dataset.setdefault(dataset, []).append((calculation, table))
    for dataset, tables in of_dataset.items():
        own = [(run, row) for run, row in zip(runs, rows, strict=True) if run.dataset == dataset]
        targets = _targets(dataset, [run for run, _ in own])
        same = [
            identity
            for identity in targets.index
            if all(identity in table.index and table.loc[identity, "status"] == DONE for _, table in tables)
        ]
        if not same:
            raise InputError(f"{tables[0][0].table}: has no result for a test crystal of {dataset}")
        for calculation, table in tables:
            found.append(_row(spec, calculation, dataset, table, targets, same))
            quantity = QUANTITIES[get_dataset(dataset).target]
            name, _ = network_of(calculation.settings)
            for identity, result in table.loc[same].iterrows():
                point = {"dataset": dataset, "network": name, "seed": 0, "id": identity}
                point |= {"target": targets[identity], "prediction": result[quantity]}
                points.append({**point, "imaginary": f"{result['imaginary']:.4g}"})
        found += [_on_the_same(run, row, same) for run, row in own]
    return found + not_run, points


def _row(
    spec: Spec,
    calculation: Calculation,
    dataset: str,
    table: pd.DataFrame,
    targets: pd.Series,
    same: list[str],
) -> dict[str, Any]:
    """The row of a force field on a data set.

    Args:
        spec: of the experiment.
        calculation: of the data set's crystals.
        dataset: its name.
        table: the calculation's results by id.
        targets: the values of its test crystals by id.
        same: the ids of those with a result of every force field.
    """
    field, (name, label) = calculation.settings.force_field, network_of(calculation.settings)
    about, said = get_dataset(dataset), spec.said(dataset, name, "")
    quantity = QUANTITIES[about.target]
    wanted = table.loc[[identity for identity in targets.index if identity in table.index]]
    done = table.loc[same]
    stable = done[done["imaginary"] < UNSTABLE]

    def metrics(table: pd.DataFrame, column: str = quantity) -> dict[str, float]:
        return regression_metrics(targets[table.index].to_numpy(), table[column].to_numpy())

    row = Row(
        dataset=dataset,
        dataset_label=about.label,
        target=about.target,
        descriptor=None,
        unit=about.unit,
        network=name,
        network_label=label,
        model=field,
        pooling=None,
        descriptors=None,
        variant=describe(calculation.settings),
        panel="",
        seed=0,
        epochs=None,
        paper=said.numbers() if said else None,
        status="done",
        note=f"{LABELS[field]} was trained on {TRAINED_ON[field]}, so on many of these crystals or close "
        "relatives, not on their phonons",
    )
    how = {
        "settings": calculation.settings.model_dump(),
        "table": f"force-field/{calculation.name}.csv",
        "max_supercell": calculation.size.max_supercell,
        "n_test_part": len(targets),
        "n_asked": len(wanted),
        "too_large": sorted(wanted.index[wanted["status"] == TOO_LARGE]),
        "failed": wanted.loc[wanted["status"] == FAILED, "note"].to_dict(),
        "n_unstable": len(done) - len(stable),
        "magnitude": metrics(done, f"{quantity}_magnitude"),
        "stable": metrics(stable) if len(stable) > 1 else None,
        "cpu_seconds_median": float(done["cpu_seconds"].median()),
        "cpu_seconds": float(done["cpu_seconds"].sum()),
    }
    return row.with_metrics(metrics(done), n_train=0, n_test=len(done), training_r2=None, force_field=how)


def _on_the_same(run: Run, row: dict[str, Any], ids: list[str]) -> dict[str, Any]:
    """A network's row with metrics for the crystals with a result of every force field."""
    if row["status"] != DONE:
        return row
    same = _tested(run).loc[ids]
    metrics = regression_metrics(same["target"].to_numpy(), same["prediction"].to_numpy())
    return {**row, "metrics": metrics, "n_test": len(ids), "whole_test_part": row["metrics"]}


def _targets(dataset: str, runs: list[Run]) -> pd.Series:
    """The test crystals' values by id, from a finished run."""
    for run in runs:
        if not (tested := _tested(run)).empty:
            return tested["target"]
    raise InputError(f"{dataset}: no run is finished, so its test crystals are not known")


def _tested(run: Run) -> pd.DataFrame:
    """Target and prediction of a run's test crystals by id."""
    return pd.DataFrame(run.tested, columns=["id", "target", "prediction"]).set_index("id")
