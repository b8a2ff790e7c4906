"""Not in the paper, which leaves it to a future study: which descriptors give the improvement.

de-CGCNN is trained again with each group of descriptors (`reproduction.models.descriptor_groups`) left out and
with each alone, and compared with de-CGCNN with all descriptors and CGCNN with none, whose runs are those of
Tables 1 and 2. Groups that can replace one another are left out together as well. A random forest on the frozen
embeddings of CGCNN then gets group after group, first the one that helps most on the validation set
(`reproduction.analysis.selection`).
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hybrid.descriptors.of_folder import folder_descriptors
from hybrid.descriptors.table import Standardisation
from hybrid.report.records import Bar, bars, scale_note
from hybrid.report.style import COLOURS, PAGE, new_figure, save, styled
from hybrid.trained.model import TrainedModel
from hybrid.training.samples import Samples
from reproduction.analysis.selection import forward_selection
from reproduction.drawing.axes import LETTER, draw_range, footnote, leave_out, name_rows, scale_errors
from reproduction.drawing.tables import error_cells, require, section, write_rows
from reproduction.models.descriptor_groups import GROUPS
from reproduction.workflow.measurements import Measurement
from reproduction.workflow.spec import Part, Spec

EACH = tuple((group,) for group in GROUPS)
LEFT_OUT, ALONE = "left out", "alone"


def _hybrid(**given: Any) -> Part:
    return Part(datasets=("phonon-cv",), networks=("de-cgcnn-tuned",), **given)


SPEC = Spec(
    caption="MAE/MAD of Cv by the descriptors that de-CGCNN takes",
    metric="mae_over_mad",
    parts=(
        Part(
            panel="for comparison",
            datasets=("phonon-cv",),
            networks=("natoms-baseline", "forest", "cgcnn-tuned", "de-cgcnn-tuned"),
        ),
        _hybrid(panel=LEFT_OUT, leave_out=EACH, seeds=(0, 1)),
        _hybrid(
            panel=LEFT_OUT,
            leave_out=(
                ("number of atoms", "lattice lengths"),
                # nothing is left that depends on the size of the cell
                ("number of atoms", "lattice lengths", "complexity and symmetry"),
            ),
            seeds=(0, 1),
        ),
        _hybrid(panel=ALONE, only=EACH, seeds=(0, 1)),
        # another seed where one group does better than all
        _hybrid(panel=ALONE, only=(("number of atoms",),), seeds=(2,)),
    ),
)


def measure(model: TrainedModel, samples: Samples, seed: int, device: torch.device) -> dict[str, Any]:
    """Selects the groups of descriptors from which a forest on frozen embeddings gains most."""
    vectors = model.crystal_embeddings(samples.folder.graphs(model.graph, model.architecture.graphs), device)
    table = folder_descriptors(samples.folder)
    standardisation = Standardisation.fit(table, samples.ids("training"), gaps=True)
    rows = standardisation.filled(table, samples.folder.ids)[0].numpy()
    groups = {
        group: rows[:, [table.names.index(name) for name in names if name in table.names]]
        for group, names in GROUPS.items()
    }
    return asdict(forward_selection(vectors, groups, samples.targets[:, 0], samples.folds, seed))


MEASUREMENT = Measurement("selection", measure, models=("cgcnn",))


@dataclass(frozen=True)
class Ablation:
    """A hybrid network without some groups of descriptors, or with these alone.

    Attributes:
        groups: names.
        how: left out or alone.
        bar: the record's rows.
    """

    groups: tuple[str, ...]
    how: str
    bar: Bar

    @property
    def label(self) -> str:
        """The groups in words."""
        return " + ".join(self.groups)


def ablations(record: dict[str, Any]) -> list[Ablation]:
    """The record's networks that take some of the descriptors, in its order."""
    found = []
    for bar in bars(record):
        taken, how = bar.first["descriptors"], bar.first["panel"]
        if isinstance(taken, list) and how in (LEFT_OUT, ALONE):
            groups = [
                group for group, names in GROUPS.items() if (set(names) <= set(taken)) == (how == ALONE)
            ]
            found.append(Ablation(tuple(groups), how, bar))
    return found


def references(record: dict[str, Any]) -> list[Bar]:
    """What the ablations are compared with: networks and baselines that take all descriptors, or none."""
    return [bar for bar in bars(record) if bar.first["panel"] not in (LEFT_OUT, ALONE)]


def draw(stem: Path, record: dict[str, Any]) -> None:
    """Errors with groups of descriptors left out and alone, and the forward selection on frozen embeddings.

    Raises:
        InputError: no run of the record is finished.
    """
    compared, found = references(record), ablations(record)
    everything = next((b for b in compared if b.done and b.first["descriptors"] and b.first["pooling"]), None)
    require(everything, record)
    assert everything is not None
    with_all = everything.values("mae_over_mad")
    shown = [({"groups": bar.first["network_label"], "how": "", "descriptors": ""}, bar) for bar in compared]
    for one in found:
        taken = str(len(one.bar.first["descriptors"]))
        shown.append(({"groups": one.label, "how": one.how, "descriptors": taken}, one.bar))
    rows = []
    for names, bar in shown:
        ratio = bar.mean("mae_over_mad") / everything.mean("mae_over_mad")
        rows.append({**names, **error_cells(bar), "against all": f"{ratio:.2f}" if bar.done else ""})
    caption = (
        f"{record['caption']}: trained again for each choice of groups. Against all: the error over that of "
        f"{everything.first['network_label']} with all descriptors, whose seeds lie between "
        f"{min(with_all):.3f} and {max(with_all):.3f}; {scale_note(record)}."
    )
    selection = (
        "Forward selection: a random forest on the frozen embeddings of a network trained without descriptors. "
        "Each step adds the group that lowers the error on the validation set most. The test set is used once, "
        "for the groups up to the lowest validation error, and for none and all. MAE/MAD; "
        f"{scale_note(record)}."
    )
    measured = [row for row in record["rows"] if row.get("selection")]
    steps = [cells for row in measured for cells in _steps(row)]
    write_rows(stem, caption, rows, section("Groups chosen one after the other", selection, steps))
    save(_draw(record, found, measured), stem)


def _steps(row: dict[str, Any]) -> list[dict[str, str]]:
    """A table row for each step of a forward selection."""
    found = row["selection"]
    n_chosen, n_groups = found["n_chosen"], len(found["order"])
    tested = {0: found["test_none"], n_groups: found["test_all"], n_chosen: found["test_chosen"]}
    return [
        {
            "network": row["network_label"],
            "seed": str(row["seed"]),
            "step": str(step),
            "group": group,
            "validation": f"{found['validation'][step]:.3f}",
            "test": f"{tested[step]:.3f}" if step in tested else "",
            "chosen": "yes" if 0 < step <= n_chosen else "",
        }
        for step, group in enumerate(["none", *found["order"]])
    ]


@styled
def _draw(record: dict[str, Any], found: list[Ablation], measured: list[dict[str, Any]]) -> Figure:
    """a, MAE/MAD with each group left out and with each alone; b, the forward selection on embeddings."""
    figure = new_figure(PAGE, 140)
    left, right = figure.subplots(1, 2, width_ratios=(1.3, 1))
    _draw_ablations(left, found, references(record))
    if measured:
        _draw_selections(right, measured)
    else:
        leave_out(right, "not run: no embeddings have been measured")
    for axes, letter in ((left, "a"), (right, "b")):
        axes.set_title(letter, loc="left", **LETTER)
    footnote(figure, scale_note(record))
    return figure


def _draw_ablations(axes: Axes, found: list[Ablation], compared: list[Bar]) -> None:
    labels = list(dict.fromkeys(ablation.label for ablation in found))
    for bar in (bar for bar in compared if bar.done):
        values = bar.values("mae_over_mad")
        axes.axvspan(min(values), max(values), color=bar.colour, alpha=0.2, linewidth=0)
        axes.axvline(bar.mean("mae_over_mad"), color=bar.colour, label=bar.first["network_label"])
    text = COLOURS["text"]
    for how, marker, offset, fill in ((LEFT_OUT, "o", -0.13, text), (ALONE, "D", 0.13, "white")):
        for one in (one for one in found if one.how == how and one.bar.done):
            y = labels.index(one.label) + offset
            draw_range(axes, one.bar.values("mae_over_mad"), y, text, marker, width=0.8, fill=fill)
        axes.plot([], [], marker, color=text, linestyle="", label=how, mfc=fill)
    scale_errors(axes)
    name_rows(axes, [label.replace(" + ", " +\n") for label in labels])
    axes.legend(loc="lower center", bbox_to_anchor=(0.35, 1.05), ncols=2)


def _draw_selections(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """Validation errors by the number of groups; the test error of the chosen groups as a star."""
    for place, row in enumerate(rows):
        found, steps = row["selection"], np.arange(len(row["selection"]["validation"]))
        colour = COLOURS["mean"] if place == 0 else COLOURS["footnote"]
        alpha = max(0.3, 1 - 0.2 * place)
        label = f"validation, seed {row['seed']}"
        axes.plot(found["validation"], steps, "o-", color=colour, alpha=alpha, markersize=3, label=label)
        axes.plot(found["test_chosen"], found["n_chosen"], "*", color=colour, alpha=alpha, markersize=8)
    axes.plot([], [], "*", color=COLOURS["text"], linestyle="", markersize=8, label="test, the chosen groups")
    order = rows[0]["selection"]["order"]
    axes.set_yticks(range(len(order) + 1), ["none", *(f"+ {name}" for name in order)])
    axes.set_ylim(len(order) + 0.6, -0.6)
    axes.set_xlim(left=0)
    axes.set_xlabel(f"MAE/MAD, forest on\nembeddings and groups\nin the order of seed {rows[0]['seed']}")
    axes.legend(loc="lower center", bbox_to_anchor=(0.35, 1.05))
