"""Not in the paper: how well natoms, a and the crystal system are learnt, against the number of crystals.

What a network has not learnt from few crystals it may learn from many. The smaller training sets are parts of
the larger ones, validation and test crystals stay the same, and every size sees about as many batches. At
share 1 the runs are those of Figure 2.
"""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from hybrid.descriptors.registry import numeric_descriptors
from hybrid.report.records import Bar, bars, scale_note
from hybrid.report.style import COLUMN, legend_above, new_figure, save, styled
from hybrid.report.tables import METRICS
from reproduction.drawing.axes import MARKERS, footnote, mark_plainly
from reproduction.drawing.tables import require, write_rows
from reproduction.figures.figure2 import SCALES
from reproduction.paper import statements
from reproduction.workflow.spec import Part, Spec

SHARES = (0.1, 0.3, 1.0)
SPEC = Spec(
    caption="R² of natoms and a, and accuracy of the crystal system, against the number of training crystals",
    parts=(
        Part(
            datasets=("mp-descriptors",),
            networks=("cgcnn-tuned",),
            targets=numeric_descriptors(),
            together=True,
            show=("natoms", "a"),
            training_shares=SHARES,
        ),
        Part(datasets=("mp-crystal-system",), networks=("cgcnn-tuned",), training_shares=SHARES),
    ),
    scales=SCALES,
    paper=statements("""
        Results, Figure 2b | mp-descriptors | cgcnn-tuned | natoms | close to or higher than 0.8
        Results, Figure 2b | mp-descriptors | cgcnn-tuned | a | cannot predict well
        Results, Figure 2c | mp-crystal-system | cgcnn-tuned | around 60% accuracy
    """),
)


def metric_of(bar: Bar) -> str:
    """What a target is judged by: a class by accuracy, a number by R²."""
    return "accuracy" if "accuracy" in bar.done[0]["metrics"] else "r2"


def size_of(bar: Bar) -> float:
    """The number of training crystals, mean over the seeds."""
    sizes: list[int] = [row["n_train"] for row in bar.done]
    return sum(sizes) / len(sizes)


def draw(stem: Path, record: dict[str, Any]) -> None:
    """A line for each target, with all seeds, and the table.

    Raises:
        InputError: no run of the record is finished.
    """
    found = sorted((bar for bar in bars(record) if bar.done), key=size_of)
    require(found, record)
    targets = list(dict.fromkeys(bar.first["target"] for bar in bars(record)))
    found.sort(key=lambda bar: targets.index(bar.first["target"]))
    rows = [
        {
            "target": bar.first["target"],
            "network": bar.first["network_label"],
            "training crystals": f"{size_of(bar):.0f}",
            "test crystals": str(bar.done[0]["n_test"]),
            "measure": METRICS[metric_of(bar)],
            "mean": f"{bar.mean(metric_of(bar)):.3f}",
            "seeds": bar.each(metric_of(bar)),
            "paper": (bar.first["paper"] or {}).get("says", ""),
        }
        for bar in found
    ]
    write_rows(stem, f"{record['caption']}; {scale_note(record)}.", rows)
    save(_draw(record, found), stem)


@styled
def _draw(record: dict[str, Any], found: list[Bar]) -> Figure:
    figure = new_figure(COLUMN * 1.2, 75)
    axes = figure.subplots()
    targets = list(dict.fromkeys(bar.first["target"] for bar in found))
    for place, target in enumerate(targets):
        here = [bar for bar in found if bar.first["target"] == target]
        label = f"{target} ({METRICS[metric_of(here[0])]})"
        sizes, means = [size_of(bar) for bar in here], [bar.mean(metric_of(bar)) for bar in here]
        (line,) = axes.plot(sizes, means, f"{MARKERS[place]}-", label=label)
        for bar in here:
            values = bar.values(metric_of(bar))
            axes.plot([size_of(bar)] * len(values), values, color=line.get_color(), linewidth=1.8, alpha=0.5)
    axes.set_xscale("log")
    mark_plainly(axes.xaxis, sorted({round(size_of(bar)) for bar in found}))
    axes.set_xlabel("training crystals")
    axes.set_ylabel("test set")
    legend_above(figure)
    footnote(figure, scale_note(record))
    return figure
