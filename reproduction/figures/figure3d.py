"""Figure 3d: a 1D double chain, and what its second strand does to the output."""

from pathlib import Path

from hybrid.report.style import save
from hybrid.report.tables import write_table
from reproduction.analysis.untrained import double_chain_ratios
from reproduction.drawing import chains


def draw(stem: Path) -> None:
    """A 1D double chain, and what its second strand does to the output."""
    write_table(
        stem,
        "Output of untrained CGCNN for a double chain over that for its single strand, mean of 3 networks; "
        "the lattice length a is the same. A copy beyond the cut-off of 8 Å is a separate graph.",
        ("pooling", "offset along y (Å)", "output / output of the single chain"),
        [[pooling, f"{offset:g}", f"{ratio:.4f}"] for pooling, offset, ratio in double_chain_ratios()],
    )
    save(chains.draw_3d(), stem)
