"""Remedies: which change of CGCNN lets it learn the cell's periodicity, and is it told the cell?

CGCNN with average pooling and one change at a time (reproduction/remedies), on the paper's own tests: the length
of chains, with the strands of double chains also beyond each other's cut-off; the cell's descriptors; heat
capacity and internal energy per cell; and properties that average pooling suits, where a remedy must not harm.
"""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from hybrid.readout import get_pooling
from hybrid.report.records import Bar, bars, scale_note
from hybrid.report.style import COLOURS, PAGE, SMALL, legend_above, new_figure, save, styled
from hybrid.user_code import names_a_file, user_code
from reproduction.drawing.axes import name_rows
from reproduction.drawing.tables import require, write_rows
from reproduction.workflow.spec import Part, Spec, load_networks

OURS = "cgcnn-lattice"
MANY = "chains-long-7000"
CHAINS = ("chains-short", "chains-long", "chains-mixed-long", "chains-mixed-long-apart")
PER_CELL = ("phonon-cv", "phonon-u")
INTENSIVE = ("elastic-k", "elastic-g", "refractive-index")
CELL = ("natoms", "a", "b", "c", "alpha", "beta", "gamma")
METRICS = {"r2": "R²", "mae_over_mad": "MAE/MAD"}
PANELS = {
    ("chains-long", "a"): "R² of a, long chains",
    (MANY, "a"): "R² of a, 7,000 of them",
    ("mp-descriptors", "a"): "R² of a, MP dataset",
    ("phonon-cv", "Cv"): "MAE/MAD of Cv",
}
TOLD = {False: COLOURS["mean"], True: COLOURS["sum"]}
ROW = 4.4  # mm for each network


def remedies() -> tuple[str, ...]:
    """The networks whose class is in a file of reproduction/remedies, by name, in the order of networks.yaml."""
    return tuple(name for name, network in load_networks().items() if names_a_file(network.model.name))


SEARCHED = "reciprocal-searched"  # on long chains only, as the search was
TESTED = (*remedies(), OURS)
EVERYWHERE = tuple(name for name in TESTED if name != SEARCHED)
SPEC = Spec(
    caption="CGCNN with average pooling and one change, beside average and sum pooling",
    parts=(
        Part(datasets=CHAINS, networks=("cgcnn-one-cycle", "cgcnn-sum", *EVERYWHERE)),
        Part(datasets=("chains-long",), networks=(SEARCHED,)),
        Part(datasets=(MANY,), networks=("cgcnn-one-cycle", "cgcnn-sum", "reciprocal", SEARCHED, OURS)),
        Part(
            datasets=("mp-descriptors",),
            networks=("cgcnn-one-cycle", "cgcnn-shifted-sum-256", *EVERYWHERE),
            targets=CELL,
            together=True,
        ),
        Part(datasets=(*PER_CELL, *INTENSIVE), networks=("cgcnn-one-cycle", "cgcnn-sum", *EVERYWHERE)),
    ),
    scales={
        "cpu": {
            "epochs": 100,
            "datasets": {
                "mp-descriptors": {"epochs": 10, "n_structures": 20000},
                MANY: {"epochs": 25},
                **{name: {"epochs": 50, "n_structures": 3000} for name in INTENSIVE},
            },
        }
    },
)


def is_told(network: str) -> bool:
    """Whether a network's input or readout depends on the choice of the cell."""
    model = load_networks()[network].model
    if names_a_file(model.name):
        told: bool = user_code(model.name).value.told_the_cell
        return told
    return get_pooling(model.pooling).extensive


def draw(stem: Path, record: dict[str, Any]) -> None:
    """A table with a row for each network and a column for each quantity, and a picture of some columns.

    Raises:
        InputError: no run is finished.
    """
    found = bars(record)
    require(found, record)
    networks = dict.fromkeys(bar.first["network"] for bar in found)
    columns = dict.fromkeys(column(bar) for bar in found)
    cells = {(bar.first["network"], column(bar)): bar for bar in found}
    rows = []
    for network in networks:
        mine = {name: cells[network, name] for name in columns if (network, name) in cells}
        results = {name: result(mine[name]) if name in mine else "" for name in columns}
        label = next(iter(mine.values())).first["network_label"]
        rows.append({"network": label, "is told the cell": "yes" if is_told(network) else "no", **results})
    caption = f"{record['caption']}; mean over the seeds (lowest to highest), s: seconds an epoch; {scale_note(record)}."
    write_rows(stem, caption, rows)
    save(_draw(found), stem)


@styled
def _draw(found: list[Bar]) -> Figure:
    """A panel for some of the columns, with a bar for each network."""
    labels = {bar.first["network"]: bar.first["network_label"] for bar in found}
    figure, names = new_figure(PAGE, 22 + ROW * len(labels)), list(labels)
    of_panel = {panel: [bar for bar in found if _panel(bar) == panel and bar.done] for panel in PANELS}
    drawn = {panel: of for panel, of in of_panel.items() if of} or of_panel
    panels = figure.subplots(1, len(drawn), sharey=True, squeeze=False)[0]
    for axes, (panel, of) in zip(panels, drawn.items(), strict=True):
        for bar in of:
            y, values = names.index(bar.first["network"]), np.maximum(bar.values(metric(bar)), 0)
            axes.barh(y, values.mean(), color=TOLD[is_told(names[y])])
            if len(values) > 1:
                axes.plot(values, [y] * len(values), "o", color="white", mec=COLOURS["text"], ms=3, mew=0.6)
            axes.text(values.max(), y, f"  {bar.mean(metric(bar)):z.2f}", va="center", fontsize=SMALL - 0.5)
        axes.set_xlabel(PANELS[panel])
        axes.margins(x=0.3)  # room for the numbers
        axes.set_xlim(left=0)
        name_rows(axes, list(labels.values()))
    words = {False: "not told the cell", True: "told the cell"}
    legend_above(figure, {words[told]: Patch(color=colour) for told, colour in TOLD.items()})
    return figure


def _panel(bar: Bar) -> tuple[str, str]:
    return bar.first["dataset"], bar.first["target"]


def column(bar: Bar) -> str:
    """The header of a bar's column: quantity, data set and metric."""
    return f"{bar.first['target']}, {bar.first['dataset_label']} ({METRICS[metric(bar)]})"


def metric(bar: Bar) -> str:
    """R² for what probes the cell, MAE/MAD for properties."""
    return "mae_over_mad" if bar.first["dataset"] in (*PER_CELL, *INTENSIVE) else "r2"


def result(bar: Bar) -> str:
    """The metric over the seeds, and the time of an epoch."""
    if not bar.done:
        return "diverged"
    values, name = bar.values(metric(bar)), metric(bar)
    spread = f" ({min(values):z.3f} to {max(values):z.3f})" if len(values) > 1 else ""
    diverged = f", {bar.n_diverged} diverged" if bar.n_diverged else ""
    seconds = [row["train_seconds"] / row["epochs"] for row in bar.done if row.get("train_seconds")]
    time = f", {float(f'{sum(seconds) / len(seconds):.2g}'):g} s" if seconds else ""
    return f"{bar.mean(name):z.3f}{spread}{diverged}{time}"
