"""Not in the paper: what trained networks predict for supercells of test crystals, by pooling."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from matplotlib.figure import Figure

from hybrid.report.records import bars, scale_note
from hybrid.report.style import COLOURS, COLUMN, legend_above, new_figure, save, styled
from hybrid.supercells import EXPLAINED, SupercellRow, supercell_table
from hybrid.trained.model import TrainedModel
from hybrid.training.samples import Samples
from reproduction.drawing.axes import MARKERS, footnote, mark_plainly
from reproduction.drawing.tables import require, write_rows
from reproduction.workflow.measurements import Measurement
from reproduction.workflow.spec import Part, Spec

SPEC = Spec(
    caption="Predictions of Cv for supercells over those for the cells",
    metric="mae_over_mad",
    parts=(Part(datasets=("phonon-cv",), networks=("cgcnn", "de-cgcnn", "cgcnn-sum", "de-cgcnn-sum")),),
)
SHIFT = 1.05  # between networks on the logarithmic axis


def measure(model: TrainedModel, samples: Samples, seed: int, device: torch.device) -> dict[str, Any]:
    """What a trained network predicts for supercells of its test crystals."""
    rows = supercell_table(model, samples.folder.take(samples.at("test")), seed=seed, device=device)
    return {"rows": [asdict(row) for row in rows]}


MEASUREMENT = Measurement("supercells", measure, models=("cgcnn", "de-cgcnn"))


def draw(stem: Path, record: dict[str, Any]) -> None:
    """The ratio of the prediction for a supercell to that for its cell: a table and a figure.

    Raises:
        InputError: no run of the record has been measured.
    """
    measured = [row for row in record["rows"] if row.get("supercells")]
    require(measured, record, measured=True)
    rows = []
    for row in measured:
        names = {"learnt": row["dataset_label"], "network": row["network_label"], "seed": str(row["seed"])}
        for found in row["supercells"]["rows"]:
            rows.append(names | SupercellRow(**found).cells())
    caption = f"Prediction for a supercell of a test crystal over that for its cell. {EXPLAINED}"
    write_rows(stem, caption, rows)
    save(_draw(record), stem)


@styled
def _draw(record: dict[str, Any]) -> Figure:
    """Median ratio for each network and size, with the range over crystals and seeds; hollow with descriptors."""
    figure = new_figure(COLUMN * 1.2, 75)
    axes = figure.subplots()
    drawn, ticks = bars(record), {1}
    for place, bar in enumerate(drawn):
        marker = MARKERS[place % len(MARKERS)]
        colour = COLOURS[bar.first["pooling"]]
        fill = "white" if bar.first["model"].startswith("de-") else colour
        look: dict[str, Any] = {"color": colour, "mfc": fill, "markersize": 4}
        found = [one for row in bar.done for one in row.get("supercells", {}).get("rows", [])]
        rows = pd.DataFrame(found, columns=["size", "median", "lowest", "highest"])
        for n_cells, here in rows.groupby(rows["size"].map(math.prod)):
            ticks.add(n_cells)
            x = n_cells * SHIFT ** (place - (len(drawn) - 1) / 2)
            axes.plot([x, x], [here["lowest"].min(), here["highest"].max()], color=colour, linewidth=0.9)
            axes.plot(x, here["median"].mean(), marker, **look)
        axes.plot([], [], marker, **look, label=bar.first["network_label"])
    expected: dict[str, Any] = {"color": COLOURS["footnote"], "linewidth": 0.6, "linestyle": ":", "zorder": 0}
    axes.plot([1, max(ticks)], [1, max(ticks)], **expected)
    axes.axhline(1, **expected)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    for axis in (axes.xaxis, axes.yaxis):
        mark_plainly(axis, sorted(ticks))
    axes.set_xlabel("cells in the supercell")
    axes.set_ylabel("prediction / that for the cell")
    legend_above(figure, most=2)
    footnote(figure, scale_note(record))
    return figure
