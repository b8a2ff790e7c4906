"""Figure 3b: a 1D single chain."""

from pathlib import Path

from hybrid.report.style import save
from reproduction.drawing import chains


def draw(stem: Path) -> None:
    """A 1D single chain."""
    save(chains.draw_3b(), stem)
