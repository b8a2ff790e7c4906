"""Figure S6: what the learnt vectors of CGCNN and de-CGCNN hold of each descriptor, and the errors of both.

The models with and without descriptors are the runs of Table S1.
"""

from pathlib import Path
from typing import Any

import numpy as np

from hybrid.descriptors.of_folder import folder_descriptors
from hybrid.device import resolve_device
from hybrid.report.records import scale_note
from hybrid.report.style import save
from hybrid.report.tables import write_record_table, write_table
from reproduction.analysis.linear import linear_r2
from reproduction.data.registry import PROPERTIES
from reproduction.drawing import representation
from reproduction.drawing.recorded import over_seeds, require
from reproduction.workflow.measurements import Measurement, model_of, samples_of_run
from reproduction.workflow.runs import Run
from reproduction.workflow.spec import PaperStatement, Part, Spec

SPEC = Spec(
    experiment="figureS6",
    caption="Learnt vectors against descriptors, and MAE/MAD of models with and without them",
    metric="mae_over_mad",
    parts=(
        Part(
            datasets=PROPERTIES,
            networks=("forest", "cgcnn", "cgcnn+descriptors", "de-cgcnn"),
        ),
    ),
    paper=(
        PaperStatement(
            dataset="log-kappa",
            network="de-cgcnn",
            says="the learned representations from de-CGCNN are less correlated with the descriptors than that from CGCNN",
            source="SI, Figure S6a",
        ),
    ),
)


def measure(run: Run, device: str) -> dict[str, Any]:
    """How much of each descriptor a linear model finds in a network's learnt vectors."""
    model, samples = model_of(run), samples_of_run(run)
    vectors = model.represent(samples.folder.graphs(model.graph, model.kind.graphs), resolve_device(device))
    table = folder_descriptors(samples.folder)
    columns = table.rows(samples.folder.ids, gaps=True).numpy().T
    r2 = [linear_r2(vectors, column, samples.folds) for column in columns]
    return {
        "r2": {
            name: None if np.isnan(value) else round(value, 6)
            for name, value in zip(table.names, r2, strict=True)
        }
    }


def draw(stem: Path, record: dict[str, Any]) -> None:
    """What learnt vectors hold of the descriptors, and errors with and without descriptors.

    Raises:
        InputError: no run of the record has been measured.
    """
    require(any(row.get("representation") for row in record["rows"]), record, measured=True)
    write_record_table(record, stem)
    compared = representation.comparisons(record)
    write_table(
        stem.with_name(f"{stem.name}a"),
        "R² on the test set of linear regressions from the learnt vectors to each descriptor, with a ridge "
        "penalty chosen on the validation set. Crystal system and space group are taken as numbers. Means "
        "over the seeds, lowest and highest seed in parentheses. The paper sees, for log κ, learnt vectors "
        f"of de-CGCNN that are less correlated with the descriptors; {scale_note(record)}.",
        ("learnt for", "descriptor", "CGCNN", "de-CGCNN", "difference"),
        [row for comparison in compared for row in _comparison_rows(comparison)],
    )
    save(representation.draw(record), stem)


def _comparison_rows(comparison: representation.Comparison) -> list[list[str]]:
    rows = [("mean of all", comparison.mean_over_descriptors), *comparison.r2.items()]
    return [
        [
            comparison.label,
            name,
            over_seeds(alone),
            over_seeds(hybrid),
            f"{hybrid.mean() - alone.mean():+.3f}",
        ]
        for name, (alone, hybrid) in rows
    ]


MEASUREMENT = Measurement("representation", measure, models=("cgcnn", "de-cgcnn"))
