"""Beside Table 2: do descriptors and sum pooling help a network of another package too?

E3NN is the equivariant message passing of the package e3nn, which sees directions as well as distances. It is
trained on U and Cv per cell with and without descriptors, on the split of Table 2, beside CGCNN's runs there.
"""

from pathlib import Path
from typing import Any

from hybrid.report.records import bars
from reproduction.drawing.recorded import draw_errors
from reproduction.drawing.tables import Error
from reproduction.figures.table2 import Finding
from reproduction.paper import TABLE_2, errors
from reproduction.workflow.spec import Part, Spec

DATASETS = {"U": "phonon-u", "Cv": "phonon-cv"}
E3NN = ("e3nn", "de-e3nn", "e3nn-sum", "de-e3nn-sum")
CGCNN = ("cgcnn", "de-cgcnn", "cgcnn-sum", "de-cgcnn-sum")
PAIRS = {  # what the paper says of its networks: the second has the smaller error
    "descriptors, average pooling": ("e3nn", "de-e3nn"),
    "descriptors, sum pooling": ("e3nn-sum", "de-e3nn-sum"),
    "sum pooling in place of average": ("e3nn", "e3nn-sum"),
}
SPEC = Spec(
    caption="MAE/MAD of U and Cv per cell: the equivariant network E3NN with and without descriptors, beside CGCNN",
    metric="mae_over_mad",
    parts=(Part(datasets=tuple(DATASETS.values()), networks=("natoms-baseline", "forest", *CGCNN, *E3NN)),),
    scales={
        scale: {"networks": {name: {"epochs": epochs} for name in E3NN}}
        for scale, epochs in (("quick", 10), ("cpu", 100))
    },
    paper=errors("Table 2", TABLE_2, CGCNN, tuple(DATASETS.values())),
)


def draw(stem: Path, record: dict[str, Any]) -> None:
    """The errors, and whether what the paper says of its networks holds for this one."""
    draw_errors(stem, record, notes(record))


def notes(record: dict[str, Any]) -> list[str]:
    """Lines of Markdown: the errors that a statement compares, and whether it holds."""
    found = {(bar.first["dataset"], bar.first["network"]): Error.of(bar) for bar in bars(record) if bar.done}
    lines = []
    for what, (without, joined) in PAIRS.items():
        for symbol, dataset in DATASETS.items():
            one, other = found.get((dataset, without)), found.get((dataset, joined))
            if one and other:
                text = f"{what}, {symbol}: {one} without, {other} with"
                lines.append(Finding(text, other.mean < one.mean, other.overlaps(one)).line())
    if not lines:
        return []
    head = "The paper's networks have smaller errors with descriptors, and with sum pooling. For E3NN this"
    return ["## What the paper says of its own networks", "", f"{head}:", "", *lines]
