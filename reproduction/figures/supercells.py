"""Not in the paper: what trained networks predict for supercells of test crystals, by pooling."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from hybrid.device import resolve_device
from hybrid.report.style import save
from hybrid.report.tables import write_table
from hybrid.supercells import EXPLAINED, SupercellRow, supercell_table
from reproduction.drawing import supercell
from reproduction.drawing.recorded import require
from reproduction.workflow.measurements import Measurement, model_of, samples_of_run
from reproduction.workflow.runs import Run
from reproduction.workflow.spec import Part, Spec

SPEC = Spec(
    experiment="supercells",
    caption="Predictions of Cv for supercells over those for the cells",
    metric="mae_over_mad",
    parts=(Part(datasets=("phonon-cv",), networks=("cgcnn", "de-cgcnn", "cgcnn-sum", "de-cgcnn-sum")),),
)


def measure(run: Run, device: str) -> dict[str, Any]:
    """What a trained network predicts for supercells of its test crystals."""
    model, samples = model_of(run), samples_of_run(run)
    crystals = samples.folder.take(samples.at("test"))
    rows = supercell_table(model, crystals, seed=run.settings.data_seed, device=resolve_device(device))
    return {"rows": [asdict(row) for row in rows]}


def draw(stem: Path, record: dict[str, Any]) -> None:
    """What trained networks predict for supercells: a table and a figure.

    Raises:
        InputError: no run of the record has been measured.
    """
    require(any(row.get("supercells") for row in record["rows"]), record, measured=True)
    rows = [
        {
            "learnt": row["dataset_label"],
            "network": row["network_label"],
            "seed": str(row["seed"]),
            **SupercellRow(**found).cells(),
        }
        for row in record["rows"]
        if row.get("supercells")
        for found in row["supercells"]["rows"]
    ]
    caption = "Prediction for a supercell of a test crystal over that for its cell. " + EXPLAINED
    write_table(stem, caption, list(rows[0]), [list(row.values()) for row in rows])
    save(supercell.draw(record), stem)


MEASUREMENT = Measurement("supercells", measure, models=("cgcnn", "de-cgcnn"))
