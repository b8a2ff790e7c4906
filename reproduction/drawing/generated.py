"""Figures 3b, 3c and 3d, which need structures and untrained networks but no training."""

from pathlib import Path

from hybrid.report.style import save
from hybrid.report.tables import write_table
from reproduction.analysis.expressivity import ALL_SHELLS, distinguishability, figure_3c_pairs
from reproduction.analysis.untrained import double_chain_ratios, untrained_outputs
from reproduction.drawing import chains

SEEDS = range(5)


def figure3b(stem: Path) -> None:
    """A 1D single chain."""
    save(chains.draw_3b(), stem)


def figure3c(stem: Path) -> None:
    """Zigzag and armchair chains, and which of them a distance-only network can tell apart."""
    rows = distinguishability(figure_3c_pairs(), ALL_SHELLS, SEEDS, untrained_outputs)
    said = {True: "distinguishable", False: "not distinguishable", None: ""}
    write_table(
        stem,
        f"Largest difference between the outputs of {len(SEEDS)} untrained CGCNN for two chains with the "
        "same bond length, relative to the outputs' size.",
        ("neighbours seen", "pair", "difference", "ours", "paper"),
        [
            [row.shells, row.pair, f"{row.max_difference:.1e}", said[row.distinguishable], said[row.paper]]
            for row in rows
        ],
    )
    save(chains.draw_3c(), stem)


def figure3d(stem: Path) -> None:
    """A 1D double chain, and what its second strand does to the output."""
    write_table(
        stem,
        "Output of untrained CGCNN for a double chain over that for its single strand, mean of 3 networks; "
        "the lattice length a is the same. A copy beyond the cut-off of 8 Å is a separate graph.",
        ("pooling", "offset along y (Å)", "output / output of the single chain"),
        [[pooling, f"{offset:g}", f"{ratio:.4f}"] for pooling, offset, ratio in double_chain_ratios()],
    )
    save(chains.draw_3d(), stem)
