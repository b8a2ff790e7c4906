"""Not in the paper, which trains a network for each descriptor: what one network for several changes.

The runs on several descriptors are those of Figures 2 and 3h.
"""

from reproduction.drawing.recorded import draw_bars as draw
from reproduction.workflow.spec import Part, Spec

__all__ = ["SPEC", "draw"]

SPEC = Spec(
    experiment="multi-target",
    caption="R² of the cell's descriptors in the MP dataset, learnt by one network together and each by a network of its own",
    parts=(
        Part(
            panel="one network for 27 descriptors",
            datasets=("mp-descriptors",),
            networks=("cgcnn",),
            targets="numeric",
            together=True,
            show=("natoms", "a", "b", "c"),
            scales=("smoke", "quick", "cpu"),
        ),
        Part(
            panel="one network for the four",
            datasets=("mp-descriptors",),
            networks=("cgcnn", "cgcnn-shifted-sum-256"),
            targets=("natoms", "a", "b", "c"),
            together=True,
            scales=("smoke", "quick", "cpu"),
        ),
        Part(
            panel="a network for each",
            datasets=("mp-descriptors",),
            networks=("cgcnn", "cgcnn-shifted-sum-256"),
            targets=("natoms", "a", "b", "c"),
            seeds=(0,),
        ),
    ),
)
