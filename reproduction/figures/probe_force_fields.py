"""Which descriptors pretrained force fields know: Figure 2 for their frozen embeddings, in one picture.

Crystals and splits are those of CGCNN, which learns the descriptors from scratch; at scale `cpu` 2,000 crystals, chosen
with one seed. A column is a probe: a linear model on the mean of the atom vectors, on their sum, or on their cumulants
(mean, standard deviation, skewness, minimum and maximum over the atoms), or a random forest on the mean. No descriptor
was ever a target of a force field, but all have seen crystals like these. CHGNet (MIT licence, weights 0.3.0) was
trained on energies, forces, stresses and magnetic moments along relaxations of Materials Project crystals, these among
them; SevenNet-0 and SevenNet-l3i5 (MIT) on energies, forces and stresses of the same relaxations; SevenNet-MF-0 (MIT)
on these and on r2SCAN calculations of Materials Project crystals, and it is told to be at r2SCAN here; DIEP
(BSD-3-Clause) on MatPES, r2SCAN calculations of Materials Project crystals and of their molecular dynamics.
"""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hybrid.report.drawn import MAP, ink_on
from hybrid.report.records import Bar, bars, scale_note
from hybrid.report.style import COLOURS, LARGE, PAGE, SMALL, new_figure, save, styled
from hybrid.report.tables import write_record_table
from reproduction.drawing.axes import footnote
from reproduction.drawing.tables import require
from reproduction.figures.figure2 import descriptor_panels
from reproduction.workflow.spec import Spec

FORCE_FIELDS = ("chgnet", "sevennet-0", "sevennet-l3i5", "sevennet-mf-0", "diep")
PROBES = ("linear", "sum-linear", "cumulants-linear", "forest")
PART = {"epochs": 100, "n_structures": 2000}  # of the crystals of Figure 2
SPEC = Spec(
    caption="Descriptors predicted from the embeddings of force fields, which were trained on Materials Project crystals but never on descriptors: R², and accuracy for the crystal system",
    parts=descriptor_panels("cgcnn", *(f"{name}-{probe}" for name in FORCE_FIELDS for probe in PROBES)),
    scales={
        "cpu": {
            "seeds": (0,),  # another seed would be other crystals
            "datasets": {"mp-descriptors": PART, "mp-crystal-system": PART},
        }
    },
)
CELL = 4.2  # mm, height of a row


def draw(stem: Path, record: dict[str, Any]) -> None:
    """A heat map of the descriptors and the probes, and the record's table.

    Raises:
        InputError: no run of the record is finished.
    """
    drawn = [bar for bar in bars(record) if bar.done and not bar.first["model"].endswith("-baseline")]
    require(drawn, record)
    write_record_table(record, stem)
    save(_draw(record, drawn), stem)


@styled
def _draw(record: dict[str, Any], drawn: list[Bar]) -> Figure:
    """A panel for local and global descriptors and the crystal system, with a column for each probe."""
    columns = list(dict.fromkeys(bar.first["network_label"] for bar in drawn))
    panels: dict[str, dict[str, np.ndarray]] = {}
    for bar in drawn:
        metric = "accuracy" if "accuracy" in bar.done[0]["metrics"] else "r2"
        rows = panels.setdefault(bar.first["panel"], {})
        values = rows.setdefault(bar.first["target"], np.full(len(columns), np.nan))
        values[columns.index(bar.first["network_label"])] = bar.mean(metric)
    heights = [len(rows) for rows in panels.values()]
    figure = new_figure(PAGE, 45 + 6 * len(panels) + CELL * sum(heights))
    grid = figure.subplots(len(panels), squeeze=False, sharex=True, height_ratios=heights)[:, 0]
    for axes, (panel, rows) in zip(grid, panels.items(), strict=True):
        _draw_panel(axes, rows)
        axes.set_title(panel, loc="left", fontsize=LARGE, fontweight="bold")
    look: dict[str, Any] = {"rotation": 50, "ha": "right", "rotation_mode": "anchor", "fontsize": SMALL - 0.5}
    grid[-1].set_xticks(range(len(columns)), columns, **look)
    footnote(figure, scale_note(record))
    return figure


def _draw_panel(axes: Axes, rows: dict[str, np.ndarray]) -> None:
    """Draws the values (n_columns,) of each row, negative ones as zero."""
    values = np.array(list(rows.values()))
    axes.imshow(values, MAP, vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            text = f"{value:z.2f}".replace("-", "−") if value > -1 else "< −1"
            colour = ink_on(MAP(min(max(value, 0), 1)))
            axes.text(column, row, text, ha="center", va="center", fontsize=SMALL - 1.5, color=colour)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.tick_params(length=0)
    axes.spines[:].set_color(COLOURS["image"])
