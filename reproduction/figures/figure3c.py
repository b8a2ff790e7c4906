"""Figure 3c: zigzag and armchair chains, and which of them a distance-only network can tell apart."""

from pathlib import Path

from hybrid.report.style import save
from hybrid.report.tables import write_table
from reproduction.analysis.expressivity import ALL_SHELLS, distinguishability, figure_3c_pairs
from reproduction.analysis.untrained import untrained_outputs
from reproduction.drawing import chains

SEEDS = range(5)


def draw(stem: Path) -> None:
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
