"""What a force field says beside networks, on exactly the same crystals, as rows of a record."""

import csv
from pathlib import Path
from typing import Any

import numpy as np

from hybrid.atomic import atomic_file
from hybrid.errors import InputError
from hybrid.metrics import regression_metrics
from hybrid.report.rows import Row
from reproduction.data.registry import get_dataset
from reproduction.models.force_field import UNSTABLE, describe
from reproduction.workflow.force_field import (
    DONE,
    FAILED,
    TOO_LARGE,
    Calculation,
    calculations,
    read_table,
)
from reproduction.workflow.runs import Run
from reproduction.workflow.spec import Spec

NETWORK, LABEL = "chgnet", "CHGNet"
QUANTITIES = {"Cv": "cv", "U": "u"}
OVERLAP = (
    "CHGNet was trained on the Materials Project's relaxation trajectories, so on energies and forces of "
    "many of these crystals or of close relatives, not on their phonons"
)


def compared(
    spec: Spec, scale: str, runs: list[Run], rows: list[dict[str, Any]], predictions: Path
) -> list[dict[str, Any]]:
    """Rows of the force field, and those of the networks with metrics on the same crystals alone.

    Args:
        spec: of the experiment.
        scale: name.
        runs: the networks' runs.
        rows: (n_runs,) their rows.
        predictions: the table of the force field's results to write.

    Raises:
        InputError: a data set's values are not known, because none of its runs has come to an end, or no
            crystal has a result.
    """
    found, points = [], []
    for calculation in calculations(spec, scale):
        table = read_table(calculation.table)
        for dataset in calculation.runs:
            own = [(run, row) for run, row in zip(runs, rows, strict=True) if run.dataset == dataset]
            targets = _targets(dataset, [run for run, _ in own])
            asked = {identity: table[identity] for identity in targets if identity in table}
            done = [identity for identity, row in asked.items() if row["status"] == DONE]
            if not done:
                raise InputError(f"{calculation.table}: has no result for a test crystal of {dataset}")
            found.append(_row(spec, calculation, dataset, asked, targets))
            quantity = QUANTITIES[get_dataset(dataset).target]
            points += [
                (
                    dataset,
                    identity,
                    targets[identity],
                    asked[identity][quantity],
                    asked[identity]["imaginary"],
                )
                for identity in done
            ]
            found += [_on_the_same(run, row, done) for run, row in own]
    _write_points(points, predictions)
    return found


def _row(
    spec: Spec,
    calculation: Calculation,
    dataset: str,
    asked: dict[str, dict[str, Any]],
    targets: dict[str, float],
) -> dict[str, Any]:
    about, said = get_dataset(dataset), spec.said(dataset, NETWORK, "")
    quantity = QUANTITIES[about.target]
    done = [identity for identity, row in asked.items() if row["status"] == DONE]
    stable = [identity for identity in done if asked[identity]["imaginary"] < UNSTABLE]
    seconds = [asked[identity]["cpu_seconds"] for identity in done]

    def metrics(ids: list[str], column: str = quantity) -> dict[str, float]:
        return regression_metrics(
            np.array([targets[i] for i in ids]), np.array([asked[i][column] for i in ids])
        )

    row = Row(
        dataset=dataset,
        dataset_label=about.label,
        target=about.target,
        descriptor=None,
        unit=about.unit,
        network=NETWORK,
        network_label=LABEL,
        model=NETWORK,
        pooling=None,
        descriptors=None,
        variant=describe(calculation.settings),
        panel="",
        seed=0,
        epochs=None,
        paper=said.numbers() if said else None,
        status="done",
        note=OVERLAP,
    )
    how = {
        "settings": calculation.settings.model_dump(),
        "table": f"force-field/{calculation.name}.csv",
        "max_supercell": calculation.size.max_supercell,
        "n_test_part": len(targets),
        "n_asked": len(asked),
        "too_large": sorted(i for i, found in asked.items() if found["status"] == TOO_LARGE),
        "failed": {i: found["note"] for i, found in asked.items() if found["status"] == FAILED},
        "n_unstable": len(done) - len(stable),
        "magnitude": metrics(done, f"{quantity}_magnitude"),
        "stable": metrics(stable) if len(stable) > 1 else None,
        "cpu_seconds_median": float(np.median(seconds)),
        "cpu_seconds": float(np.sum(seconds)),
    }
    return row.with_metrics(metrics(done), n_train=0, n_test=len(done), training_r2=None, force_field=how)


def _on_the_same(run: Run, row: dict[str, Any], ids: list[str]) -> dict[str, Any]:
    """A network's row with the metrics of the crystals that the force field has a result for."""
    if row["status"] != DONE:
        return row
    rows = _test_rows(run)
    targets, predictions = np.array([rows[identity] for identity in ids]).T
    return {
        **row,
        "metrics": regression_metrics(targets, predictions),
        "n_test": len(ids),
        "whole_test_part": row["metrics"],
    }


def _targets(dataset: str, runs: list[Run]) -> dict[str, float]:
    """The test crystals' values, as the runs kept them."""
    for run in runs:
        if rows := _test_rows(run):
            return {identity: target for identity, (target, _) in rows.items()}
    raise InputError(f"{dataset}: no run has come to an end, so its test crystals are not known")


def _test_rows(run: Run) -> dict[str, tuple[float, float]]:
    """Target and prediction of a run's test crystals by id."""
    return {identity: (target, prediction) for identity, target, prediction in run.tested}


def _write_points(points: list[tuple[Any, ...]], path: Path) -> None:
    with atomic_file(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("dataset", "network", "seed", "id", "target", "prediction", "imaginary"))
        for dataset, identity, target, prediction, imaginary in points:
            writer.writerow(
                (dataset, NETWORK, 0, identity, f"{target:.7g}", f"{prediction:.7g}", f"{imaginary:.4g}")
            )
