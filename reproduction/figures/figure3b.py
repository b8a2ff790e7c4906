"""Figure 3b: a 1D single chain."""

from pathlib import Path

from matplotlib.figure import Figure

from hybrid.report.style import COLOURS, COLUMN, new_figure, save, styled
from reproduction.data.chains import chain_of_set
from reproduction.drawing.strands import draw_frame, draw_length, draw_strand


def draw(stem: Path) -> None:
    """A 1D single chain."""
    save(draw_figure(), stem)


@styled
def draw_figure() -> Figure:
    """A random single chain of six atoms seen along z and along y."""
    chain = chain_of_set("single", n_atoms=6, number=74)
    figure = new_figure(COLUMN, 60)
    side, top = figure.subplots(2, 1, sharex=True)
    for axes, axis in ((side, 1), (top, 2)):
        draw_frame(axes, chain, axis)
        draw_strand(axes, chain.cart_coords, chain.lattice.a, axis, COLOURS["atom"])
    side.set_xlabel("")
    draw_length(side, chain)
    return figure
