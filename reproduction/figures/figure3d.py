"""Figure 3d: a 1D double chain, and what its second strand does to the output."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from hybrid.report.style import COLOURS, COLUMN, new_figure, save, styled
from reproduction.analysis.untrained import double_chain_ratios
from reproduction.data.chains import DOUBLE_OFFSET, chain_of_set
from reproduction.drawing.strands import draw_arrow, draw_frame, draw_length, draw_strand
from reproduction.drawing.tables import write_rows

N_ATOMS = 5  # of one strand of the chain that is drawn


def draw(stem: Path) -> None:
    """A 1D double chain, and what its second strand does to the output."""
    caption = (
        "Output of untrained CGCNN for a double chain over that for its single strand, mean of 3 networks; "
        "the lattice length a is the same. A copy beyond the cut-off of 8 Å is a separate graph."
    )
    columns = ("pooling", "offset along y (Å)", "output / output of the single chain")
    rows = [
        dict(zip(columns, (pooling, f"{offset:g}", f"{ratio:.4f}"), strict=True))
        for pooling, offset, ratio in double_chain_ratios()
    ]
    write_rows(stem, caption, rows)
    save(draw_figure(), stem)


@styled
def draw_figure(offset: float = DOUBLE_OFFSET) -> Figure:
    """A random double chain, a colour for each strand, `offset` Å apart along y."""
    chain = chain_of_set("double", N_ATOMS, number=8, double_offset=offset)
    figure = new_figure(COLUMN, 48)
    axes = figure.subplots()
    draw_frame(axes, chain, axis=1)
    strands = np.split(chain.cart_coords, 2)
    for strand, name in zip(strands, ("first strand", "second strand"), strict=True):
        draw_strand(axes, strand, chain.lattice.a, 1, COLOURS[name], label=name)
    draw_length(axes, chain)
    start, end = (strand[N_ATOMS // 2, :2] for strand in strands)
    draw_arrow(axes, start, end)
    axes.annotate(f"{offset:g} Å", (start + end) / 2, (3, 0), textcoords="offset points", va="center")
    figure.legend(loc="outside lower center", ncols=2)
    return figure
