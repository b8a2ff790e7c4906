"""Figure S6: how well each descriptor can be read from the embeddings of CGCNN and de-CGCNN, and their errors.

The models with and without descriptors are the runs of Table S1.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hybrid.descriptors.of_folder import folder_descriptors
from hybrid.descriptors.registry import select_descriptors
from hybrid.report.records import bars, scale_note
from hybrid.report.style import COLOURS, LARGE, PAGE, SMALL, new_figure, save, styled
from hybrid.report.tables import write_record_table
from hybrid.trained.model import TrainedModel
from hybrid.training.samples import Samples
from reproduction.data.registry import PROPERTIES
from reproduction.drawing.axes import LETTER, draw_range, footnote, leave_out, name_rows, scale_errors
from reproduction.drawing.tables import over_seeds, require, section
from reproduction.paper import statements
from reproduction.workflow.measurements import Measurement
from reproduction.workflow.spec import Part, Spec

SPEC = Spec(
    caption="Learnt vectors against descriptors, and MAE/MAD of models with and without them",
    metric="mae_over_mad",
    parts=(Part(datasets=PROPERTIES, networks=("forest", "cgcnn", "cgcnn+descriptors", "de-cgcnn")),),
    paper=statements(
        "SI, Figure S6a | log-kappa | de-cgcnn | the learned representations from de-CGCNN are less correlated with the descriptors than that from CGCNN"
    ),
)
SHOWN = ("log-kappa", "elastic-g", "elastic-k", "phonon-cv")
"""Datasets of panel a: the paper's property, and its substitutes, the nearest first."""

FLOOR = -0.1  # of R²; lower values are drawn there
LABELS = {"cgcnn": "CGCNN", "de-cgcnn": "de-CGCNN", "cgcnn+descriptors": "CGCNN+descriptors"}
MARKERS = {"cgcnn": "o", "de-cgcnn": "D", "cgcnn+descriptors": "s", "forest": "^"}
SPREAD = 0.5  # of a row, over which its models are spread


def measure(model: TrainedModel, samples: Samples, seed: int, device: torch.device) -> dict[str, Any]:
    """How much of each descriptor a linear model finds in a network's embeddings."""
    from reproduction.analysis.linear import linear_r2  # here, as planning and drawing fit nothing

    vectors = model.crystal_embeddings(samples.folder.graphs(model.graph, model.architecture.graphs), device)
    table = folder_descriptors(samples.folder)
    columns = table.rows(samples.folder.ids, gaps=True).numpy().T
    r2 = [linear_r2(vectors, column, samples.folds) for column in columns]
    named = zip(table.names, r2, strict=True)
    return {"r2": {name: None if np.isnan(value) else round(value, 6) for name, value in named}}


MEASUREMENT = Measurement("representation", measure, models=("cgcnn", "de-cgcnn"))


@dataclass(frozen=True)
class Comparison:
    """R² of linear models from the embeddings of CGCNN and de-CGCNN for one property to the descriptors.

    Attributes:
        label: what figures call the property.
        r2: by descriptor, (n_seeds,) of CGCNN and of de-CGCNN.
    """

    label: str
    r2: dict[str, tuple[np.ndarray, np.ndarray]]

    @property
    def mean_over_descriptors(self) -> tuple[np.ndarray, np.ndarray]:
        """(n_seeds,) of each network."""
        alone, hybrid = (np.mean([pair[i] for pair in self.r2.values()], axis=0) for i in (0, 1))
        return alone, hybrid


def comparisons(record: dict[str, Any]) -> dict[str, Comparison]:
    """The properties for which both networks have been measured, by dataset in the record's order.

    A descriptor that does not vary over the test crystals of some seed is left out.
    """
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    labels = {}
    for bar in bars(record):
        rows = [row["representation"]["r2"] for row in bar.done if row.get("representation")]
        if rows and bar.first["pooling"] == "mean" and bar.first["variant"] == "paper":
            found.setdefault(bar.first["dataset"], {})[bar.first["model"]] = rows
            labels[bar.first["dataset"]] = bar.first["dataset_label"]
    compared = {}
    for dataset, networks in found.items():
        if {"cgcnn", "de-cgcnn"} <= networks.keys():
            pair = (networks["cgcnn"], networks["de-cgcnn"])
            r2 = {}
            for name in pair[0][0]:
                alone, hybrid = (np.array([row[name] for row in rows], float) for rows in pair)
                if not np.isnan([*alone, *hybrid]).any():
                    r2[name] = (alone, hybrid)
            compared[dataset] = Comparison(labels[dataset], r2)
    return compared


def draw(stem: Path, record: dict[str, Any]) -> None:
    """How well embeddings predict the descriptors, and errors with and without descriptors.

    Raises:
        InputError: no run of the record has been measured.
    """
    measured = [row for row in record["rows"] if row.get(MEASUREMENT.name)]
    require(measured, record, measured=True)
    compared = comparisons(record)
    caption = (
        "R² on the test set of linear regressions from the learnt vectors to each descriptor, with a ridge "
        "penalty chosen on the validation set. Crystal system and space group are taken as numbers. Means "
        "over the seeds, lowest and highest seed in parentheses. The paper sees, for log κ, learnt vectors "
        f"of de-CGCNN that are less correlated with the descriptors; {scale_note({**record, 'rows': measured})}."
    )
    rows = [
        {
            "learnt for": comparison.label,
            "descriptor": name,
            "CGCNN": over_seeds(alone),
            "de-CGCNN": over_seeds(hybrid),
            "difference": f"{hybrid.mean() - alone.mean():+.3f}",
        }
        for comparison in compared.values()
        for name, (alone, hybrid) in [
            ("mean of all", comparison.mean_over_descriptors),
            *comparison.r2.items(),
        ]
    ]
    write_record_table(record, stem, section("Descriptors in the learnt vectors", caption, rows))
    save(_draw(record, compared), stem)


@styled
def _draw(record: dict[str, Any], compared: dict[str, Comparison]) -> Figure:
    """a, R² of linear regressions from learnt vectors to descriptors; b, MAE/MAD by property."""
    figure = new_figure(PAGE, 135)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1))
    name = next((name for name in (*SHOWN, *compared) if name in compared), None)
    if name is None:
        leave_out(left, "not run: no property has both networks")
    else:
        _draw_r2(left, compared[name], "" if name == SHOWN[0] else ", stands in for log κ")
    _draw_errors(right, record)
    for axes, letter in ((left, "a"), (right, "b")):
        axes.text(-0.3, 1.02, letter, transform=axes.transAxes, **LETTER)
    footnote(figure, scale_note(record))
    return figure


def _draw_r2(axes: Axes, comparison: Comparison, note: str) -> None:
    symbols = {descriptor.name: descriptor.symbol for descriptor in select_descriptors()}
    order = sorted(comparison.r2, key=lambda name: -comparison.r2[name][0].mean())
    for y, name in enumerate(order):
        means = [max(float(values.mean()), FLOOR) for values in comparison.r2[name]]
        axes.plot(means, [y, y], color=COLOURS["image"], linewidth=1.2, zorder=1)
        for model, colour, mean in zip(("cgcnn", "de-cgcnn"), ("mean", "de-cgcnn"), means, strict=True):
            label = LABELS[model] if y == 0 else None
            axes.plot(mean, y, MARKERS[model], color=COLOURS[colour], markersize=3.8, label=label)
    name_rows(axes, [symbols.get(name, name) for name in order], separated=False, fontsize=SMALL - 0.5)
    axes.set_xlim(FLOOR - 0.03, 1)
    axes.axvline(0, color=COLOURS["text"], linewidth=0.6)
    axes.set_xlabel(f"R² from the learnt vector, test set (cut at {FLOOR:g})".replace("-", "\N{MINUS SIGN}"))
    axes.set_title(f"{comparison.label}{note}", fontsize=LARGE)
    axes.legend(loc="lower right")


def _draw_errors(axes: Axes, record: dict[str, Any]) -> None:
    done = [bar for bar in bars(record) if bar.done]
    properties = {bar.first["dataset"]: bar.first["dataset_label"] for bar in done}
    models = {bar.first["model"]: bar for bar in reversed(done)}  # the first bar of each
    order = list(dict.fromkeys(bar.first["model"] for bar in done))
    for bar in done:
        model = bar.first["model"]
        offset = SPREAD * (order.index(model) / max(1, len(order) - 1) - 0.5)
        y = list(properties).index(bar.first["dataset"]) + offset
        marker = MARKERS.get(model, "o")
        draw_range(axes, bar.values("mae_over_mad"), y, bar.colour, marker, width=0.9, size=3.8)
    for model in order:
        bar, marker = models[model], MARKERS.get(model, "o")
        label = LABELS.get(model, bar.first["network_label"])
        axes.plot([], [], marker, color=bar.colour, markersize=3.8, label=label)
    scale_errors(axes)
    name_rows(axes, list(properties.values()))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
