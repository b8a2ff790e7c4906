"""Time and memory against the number of crystals, from `results/benchmarks.json`; `make bench` measures them."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hybrid.errors import InputError
from hybrid.reading import read_json
from hybrid.report.style import COLOURS, PAGE, legend_above, new_figure, save, styled
from reproduction.drawing.axes import mark_plainly
from reproduction.drawing.tables import write_rows
from reproduction.paths import RESULTS

TASKS = {
    "building": ("data set", "mean"),
    "graphs": ("graphs", "sum"),
    "descriptors": ("descriptors", "de-cgcnn"),
    "epoch": ("an epoch", "alignn"),
}
"""What figures call a task, and the colour of its line."""


def draw(stem: Path) -> None:
    """Time and memory against the number of crystals."""
    measured = measurements(RESULTS / "benchmarks.json")
    slopes = measured.groupby("task", sort=False).apply(slope, include_groups=False)
    rows = [
        {
            "crystals": f"{row.crystals:,}",
            "task": TASKS[row.task][0],
            "processor time, s": f"{row.seconds:.1f}",
            "a crystal, ms": f"{1e3 * row.seconds / row.crystals:.2f}",
            "peak memory, MB": f"{row.memory:.0f}",
            "slope": f"{slopes[row.task]:.3f}",
        }
        for row in measured.itertuples()
    ]
    caption = (
        "Processor time of one thread, and peak memory of the process, against the number of crystals of at "
        "most 20 atoms. Slope: of the logarithm of the time by that of the number, 1 if it is proportional. "
        "An epoch: training from kept graphs, with the prediction of all crystals at its end."
    )
    write_rows(stem, caption, rows)
    save(draw_figure(measured), stem)


def measurements(path: Path) -> pd.DataFrame:
    """Task, number of crystals, processor time (s) and peak memory (MB).

    Raises:
        InputError: the file has no such rows.
    """
    found = []
    for row in read_json(path)["rows"]:
        match row["name"].split("_"):
            case ["scaling", count, task]:
                memory = row["peak_memory_mb"]["ours"]
                found.append({"task": task, "crystals": int(count), "seconds": row["ours"], "memory": memory})
    if not found:
        raise InputError(f"{path}: has no rows scaling_…; `make bench` measures them")
    return pd.DataFrame(found).sort_values(["task", "crystals"], key=_in_order)


def _in_order(column: pd.Series) -> pd.Series:
    return column.map(list(TASKS).index) if column.name == "task" else column


def slope(rows: pd.DataFrame) -> float:
    """Of the logarithm of the time by the logarithm of the number of crystals, by least squares."""
    return float(np.polyfit(np.log(rows["crystals"]), np.log(rows["seconds"]), 1)[0])


@styled
def draw_figure(measured: pd.DataFrame) -> Figure:
    """Time, beside what is proportional to the number, and memory; both axes logarithmic for time."""
    figure = new_figure(PAGE, 75)
    times, memories = figure.subplots(1, 2)
    for task, rows in measured.groupby("task", sort=False):
        name, colour = TASKS[str(task)]
        last = rows.iloc[-1]
        times.plot(rows["crystals"], rows["seconds"], "o-", color=COLOURS[colour], label=name)
        proportional = last["seconds"] * rows["crystals"] / last["crystals"]
        times.plot(rows["crystals"], proportional, ":", color=COLOURS["footnote"], linewidth=0.8)
        memories.plot(rows["crystals"], rows["memory"] / 1024, "o-", color=COLOURS[colour])
    for axes in (times, memories):
        axes.set_xscale("log")
        axes.set_xlabel("crystals")
        mark_plainly(axes.xaxis, sorted(set(measured["crystals"])))
    times.set_yscale("log")
    times.set_ylabel("processor time (s)")
    memories.set_ylim(0)
    memories.set_ylabel("peak memory (GB)")
    legend_above(figure)
    return figure
