"""SI section 7: Cv and U from universal force fields, beside networks trained on Cv and U.

All have exactly the same test crystals. The paper takes M3GNet; here they are CHGNet and SevenNet-l3i5, whose weights
come with their packages, with cells relaxed by the force field or left as they are. All were trained on relaxation
trajectories of the Materials Project, and so on energies and forces of many of these crystals, not on their phonons.
The Alexandria binaries have ids of that database too.
"""

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hybrid.report.records import Bar, bars, not_run
from hybrid.report.style import COLOURS, LARGE, PAGE, legend_above, new_figure, save, styled
from reproduction.drawing.axes import GOOD, draw_paper, draw_range, footnote, name_rows, scale_errors
from reproduction.drawing.tables import error_cells, require, section, stacked, write_rows
from reproduction.models.force_field import UNSTABLE, ForceFieldSettings
from reproduction.paper import TABLE_2, PaperStatement, errors
from reproduction.workflow.spec import ForceFieldScale, ForceFieldStudy, Part, Spec

BASELINES = ("natoms-baseline", "debye", "forest")
CGCNN = ("cgcnn-sum", "cgcnn-sum-tuned", "de-cgcnn", "de-cgcnn-tuned", "de-cgcnn-sum-tuned")
M3GNET = "SI section 7 (M3GNet)"
SPEC = Spec(
    caption="Cv and U at 300 K from force fields (CHGNet, SevenNet-l3i5; phonopy) and from networks, on the same test crystals",
    metric="mae_over_mad",
    parts=(
        Part(datasets=("phonon-cv", "phonon-u"), networks=(*BASELINES, *CGCNN)),
        # another seed would be another test set
        Part(datasets=("alexandria-cv",), seeds=(0,), networks=(*BASELINES, *CGCNN)),
    ),
    force_field=ForceFieldStudy(
        settings=tuple(
            ForceFieldSettings(force_field=name, relax=relax)
            for name in ("chgnet", "sevennet-l3i5")
            for relax in (True, False)
        ),
        # the crystals of a set are calculated once, for all of its data sets
        sets={"phonon": ("phonon-cv", "phonon-u"), "alexandria": ("alexandria-cv",)},
        # of each data set's test crystals: so many of the smallest supercells, of at most so many atoms
        scales={
            "smoke": ForceFieldScale(smallest=2),
            "quick": ForceFieldScale(smallest=10),
            "cpu": ForceFieldScale(smallest=150, max_supercell=150),
            "paper": ForceFieldScale(),
        },
    ),
    paper=(
        PaperStatement(dataset="phonon-u", network="chgnet", mae_over_mad=0.1115, source=M3GNET),
        PaperStatement(dataset="phonon-cv", network="chgnet", mae_over_mad=0.1298, source=M3GNET),
        *errors("Table 2", TABLE_2, ("de-cgcnn", "cgcnn-sum"), ("phonon-u", "phonon-cv")),
    ),
)
ROW = 4.6  # mm for each model


def draw(stem: Path, record: dict[str, Any]) -> None:
    """Errors of the force fields and of networks on the same crystals, and how the calculations went.

    Raises:
        InputError: the record has no result of a force field.
    """
    drawn = bars(record)
    calculated = [bar for bar in drawn if "force_field" in bar.first]
    require(calculated, record)
    notes = dict.fromkeys(bar.first["note"] for bar in calculated)
    caption = (
        f"{record['caption']}. Metrics are for the test crystals with a result of every force field; "
        f"MAE/MAD (whole test part) is for all. {'. '.join(notes)}. Scale {record['scale']}."
    )
    rows = [_error_row(bar) for bar in drawn]
    for row in not_run(record):
        cells = {"dataset": row["dataset_label"], "MAE/MAD (mean)": "not run"}
        rows.append({**dict.fromkeys(rows[0], ""), **cells, "source in the paper": row["note"]})
    failed = {
        f"{i}, {bar.first['network_label']}": why
        for bar in calculated
        for i, why in bar.first["force_field"]["failed"].items()
    }
    how = (
        "How the force fields' calculations went. Unstable: over 0.1 % of the modes are imaginary. Seconds "
        f"are of one processor core ({record['hardware']['processor']})."
    )
    went = section("Calculations", how, [_calculation_row(bar.first) for bar in calculated])
    lines = [f"- failed: {identity}: {why}" for identity, why in failed.items()]
    write_rows(stem, caption, rows, stacked(went, lines))
    predictions = pd.read_csv(stem.with_name(f"{stem.name}.predictions.csv"))
    save(_draw(record, predictions), stem)


def _error_row(bar: Bar) -> dict[str, str]:
    first, done, paper = bar.first, bar.done, bar.first["paper"] or {}
    whole = [row["whole_test_part"]["mae_over_mad"] for row in done if "whole_test_part" in row]
    cells = error_cells(bar)
    return {
        "dataset": first["dataset_label"],
        "model": first["network_label"],
        "variant": first["variant"],
        "test crystals": str(done[0]["n_test"]) if done else "",
        "MAE": cells["MAE"],
        "MAD": bar.in_unit("mad") if done else "",
        "MAE/MAD (mean)": cells["MAE/MAD (mean)"] or "diverged",
        "MAE/MAD (seeds)": cells["MAE/MAD (seeds)"] if done else "",
        "R²": f"{bar.mean('r2'):.3f}" if done else "",
        "MAE/MAD (whole test part)": f"{sum(whole) / len(whole):.3f}" if whole else "",
        "paper": f"{paper['mae_over_mad']:g}" if "mae_over_mad" in paper else "",
        "source in the paper": paper.get("source", ""),
    }


def _calculation_row(row: dict[str, Any]) -> dict[str, str]:
    found = row["force_field"]
    stable = found["stable"]
    return {
        "dataset": row["dataset_label"],
        "force field": row["network_label"],
        "settings": row["variant"],
        "test part": str(found["n_test_part"]),
        "asked about": str(found["n_asked"]),
        "with a result of every force field": str(row["n_test"]),
        "too large": str(len(found["too_large"])),
        "failed": str(len(found["failed"])),
        "unstable": str(found["n_unstable"]),
        "MAE/MAD": f"{row['metrics']['mae_over_mad']:.3f}",
        "MAE/MAD, imaginary modes at their magnitude": f"{found['magnitude']['mae_over_mad']:.3f}",
        "MAE/MAD, stable ones alone": f"{stable['mae_over_mad']:.3f}" if stable else "",
        "median s a crystal": f"{found['cpu_seconds_median']:.1f}",
        "core minutes": f"{found['cpu_seconds'] / 60:.1f}",
    }


@styled
def _draw(record: dict[str, Any], predictions: pd.DataFrame) -> Figure:
    """Above, parity plots, crystals with imaginary modes hollow; below, MAE/MAD on the same crystals.

    A force field is plotted with relaxed cells, or with unrelaxed ones if the others are not calculated.

    Args:
        record: of the force fields and of networks.
        predictions: the force fields' results, with the targets from density functional theory.
    """
    drawn = bars(record)
    calculated = [bar for bar in drawn if "force_field" in bar.first]
    relaxed = [bar for bar in calculated if bar.first["force_field"]["settings"]["relax"]]
    known = {bar.first["model"] for bar in relaxed}
    shown = relaxed + [bar for bar in calculated if bar.first["model"] not in known]
    models = list(dict.fromkeys(bar.first["network_label"] for bar in drawn))
    datasets = list(dict.fromkeys(bar.first["dataset"] for bar in shown))
    names = list(dict.fromkeys(bar.first["network"] for bar in shown))
    below = 14 + ROW * len(models)
    figure = new_figure(PAGE, 8 + 60 * len(names) + below)
    rows = len(names) + 1
    grid = figure.subplots(rows, len(datasets), squeeze=False, height_ratios=(*[60] * len(names), below))
    for bar in shown:
        place = names.index(bar.first["network"]), datasets.index(bar.first["dataset"])
        of_bar = [predictions[key] == bar.first[key] for key in ("dataset", "network")]
        _draw_parity(grid[place], bar, predictions[of_bar[0] & of_bar[1]])
    for column, dataset in enumerate(datasets):
        here = [other for other in drawn if other.first["dataset"] == dataset and other.done]
        _draw_errors(grid[-1, column], here, models, named=column == 0)
    dots: dict[str, Any] = {"marker": "o", "markersize": 3, "linestyle": "none", "color": COLOURS["text"]}
    fills = {"stable": COLOURS["text"], "with imaginary modes": "white"}
    legend_above(figure, {label: Line2D([], [], mfc=fill, **dots) for label, fill in fills.items()})
    words = (
        f"all errors are of the same crystals; diamonds: the paper's; below {GOOD:g} (dotted): a good model"
    )
    footnote(figure, f"scale {record['scale']}; {words}")
    return figure


def _draw_parity(axes: Axes, bar: Bar, points: pd.DataFrame) -> None:
    unstable = points["imaginary"] >= UNSTABLE
    look: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 2.6, "markeredgewidth": 0.5}
    for kind, fill in ((~unstable, None), (unstable, "white")):
        here = points[kind]
        axes.plot(here["target"], here["prediction"], color=bar.colour, mfc=fill, **look)
    limit = 1.05 * float(points[["target", "prediction"]].to_numpy().max())
    axes.plot([0, limit], [0, limit], color=COLOURS["text"], linewidth=0.6, zorder=0)
    axes.set(xlim=(0, limit), ylim=(0, limit), aspect="equal")
    first = bar.first
    axes.set_title(first["dataset_label"], fontsize=LARGE)
    axes.set_xlabel(f"{first['target']}, DFT ({first['unit']})")
    axes.set_ylabel(f"{first['target']}\n{first['network_label']}")
    text = f"{len(points)} crystals\nMAE/MAD {bar.mean('mae_over_mad'):.3f}"
    axes.text(0.04, 0.97, text, transform=axes.transAxes, va="top")


def _draw_errors(axes: Axes, drawn: list[Bar], models: list[str], named: bool) -> None:
    for bar in drawn:
        y = models.index(bar.first["network_label"])
        draw_range(axes, bar.values("mae_over_mad"), y, bar.colour)
        draw_paper(axes, bar, y)
    axes.axvline(GOOD, color=COLOURS["footnote"], linewidth=0.6, linestyle=":")
    scale_errors(axes, "MAE/MAD")
    name_rows(axes, models if named else [""] * len(models), separated=False)
    axes.grid(axis="y", color=COLOURS["image"], linewidth=0.4)
    axes.set_axisbelow(True)
