"""Not in the paper, which trains a network for each descriptor: one network for several descriptors.

The runs with several descriptors are those of Figures 2 and 3h.
"""

from hybrid.descriptors.registry import numeric_descriptors
from reproduction.drawing.recorded import draw_bars as draw
from reproduction.workflow.spec import Part, Spec

__all__ = ["SPEC", "draw"]

CELL = ("natoms", "a", "b", "c")
SPEC = Spec(
    caption="R² of the cell's descriptors in the MP dataset, learnt by one network together and each by a network of its own",
    parts=(
        Part(
            panel="one network for 27 descriptors",
            datasets=("mp-descriptors",),
            networks=("cgcnn",),
            targets=numeric_descriptors(),
            together=True,
            show=CELL,
            scales=("smoke", "quick", "cpu"),
        ),
        Part(
            panel="one network for the four",
            datasets=("mp-descriptors",),
            networks=("cgcnn", "cgcnn-shifted-sum-256"),
            targets=CELL,
            together=True,
            scales=("smoke", "quick", "cpu"),
        ),
        Part(
            panel="a network for each",
            datasets=("mp-descriptors",),
            networks=("cgcnn", "cgcnn-shifted-sum-256"),
            targets=CELL,
            seeds=(0,),
        ),
    ),
)
