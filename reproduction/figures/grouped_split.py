"""Not in the paper, whose splits are random: the effect of polymorphs in both training and test sets.

Both splits are 60/20/20. In the split by formula, all crystals of one reduced formula are in one fold.
"""

from pathlib import Path
from typing import Any

from hybrid.report.records import bars
from reproduction.drawing.recorded import draw_bars
from reproduction.drawing.tables import Error
from reproduction.workflow.spec import Part, Spec

NETWORKS = ("forest", "cgcnn-tuned", "de-cgcnn-tuned")
SPEC = Spec(
    caption="MAE/MAD by random split and by a split that keeps all crystals of a reduced formula together",
    metric="mae_over_mad",
    scales={"cpu": {"seeds": (0, 1)}},
    parts=(
        Part(datasets=("binary-k",), networks=NETWORKS),
        Part(datasets=("binary-k",), networks=NETWORKS, grouping="formula"),
        Part(datasets=("formation-energy",), networks=NETWORKS),
        Part(datasets=("formation-energy",), networks=NETWORKS, grouping="formula"),
    ),
)


def draw(stem: Path, record: dict[str, Any]) -> None:
    """Draws the errors of both splits, and writes by how much they rise."""
    draw_bars(stem, record, notes(record))


def notes(record: dict[str, Any]) -> list[str]:
    """Lines below the table: by how much errors rise if no formula is in two folds."""
    found = {(b.first["dataset"], b.first["network"], b.first["grouping"]): b for b in bars(record) if b.done}
    lines = []
    for (dataset, network, grouping), bar in found.items():
        at_random = found.get((dataset, network, None))
        if grouping and at_random:
            before, after = Error.of(at_random), Error.of(bar)
            seeds = ", within the spread of the seeds" if after.overlaps(before) else ""
            name = f"{at_random.first['dataset_label']}, {bar.first['network_label']}"
            change = before.change(after)
            lines.append(f"- {name}: {before} by random split, {after} by {grouping} ({change}{seeds})")
    return lines
