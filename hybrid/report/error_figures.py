"""Where the errors of a run are: against the number of atoms, and by element in the periodic table."""

import re
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, NullFormatter
from pymatgen.core import Element

from hybrid.report.drawn import MAP, WIDTH, Drawn, ink_on, logarithmic, said_of
from hybrid.report.finished_run import FinishedRun
from hybrid.report.run_files import shown
from hybrid.report.style import COLOURS, SMALL, new_figure

ELEMENTS = r"[A-Z][a-z]?"  # in a formula


def error_by_atoms(run: FinishedRun) -> Drawn:
    """The errors of the judged crystals against their number of atoms, with the mean of each of some bins."""
    drawn = Drawn("error-by-atoms", "", new_figure(WIDTH, 0.8 * WIDTH))
    axes = drawn.figure.subplots()
    at = np.array([j for j in run.parts[run.judged] if run.crystal(j)[2]], dtype=int)
    counts, errors = np.array([run.crystal(j)[2] for j in at], dtype=float), run.errors[at]
    edges: Any = np.unique(np.quantile(counts, np.linspace(0, 1, 9)[:-1]).round()) if len(at) else []
    if not run.classification:
        look: dict[str, Any] = {"markersize": 2.2, "alpha": 0.6, "markeredgewidth": 0}
        floor = errors[errors > 0].min(initial=np.inf)  # a logarithm has no zero
        (points,) = axes.plot(counts, np.maximum(errors, min(floor, 1)), "o", color=COLOURS["test"], **look)
        drawn.point_at(points, [f"{said_of(run, j)} · error {shown(run.errors[j])}" for j in at])
        logarithmic(axes, "y")
    middles, means, texts = [], [], []
    for first, last in pairwise([*edges, np.inf]):
        here = (counts >= first) & (counts < last)
        if here.any():
            middles.append(float(np.median(counts[here])))
            means.append(float(errors[here].mean()))
            span = f"{counts[here].min():g} to {counts[here].max():g} atoms"
            texts.append(f"{span} · {here.sum()} crystals · mean {shown(means[-1])}")
    (line,) = axes.plot(middles, means, "o-", color=COLOURS["text"], label="mean")
    drawn.point_at(line, texts)
    if len(at) and counts.max() > 10 * counts.min():
        logarithmic(axes, "x")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="atoms in the cell of the file", ylabel=run.error_name)
    drawn.caption = (
        f"Errors of the {run.judged} crystals by size. The line joins the means of groups of like size."
    )
    return drawn


def error_by_element(run: FinishedRun) -> Drawn:
    """The mean error of the judged crystals with each element, in the periodic table."""
    errors: dict[str, list[float]] = {}
    for j in run.parts[run.judged]:
        for symbol in set(re.findall(ELEMENTS, run.crystal(j)[1])):
            errors.setdefault(symbol, []).append(run.errors[j])
    means = {symbol: float(np.mean(found)) for symbol, found in errors.items()}
    drawn = Drawn("error-by-element", "", new_figure(1.6 * WIDTH, 0.82 * WIDTH), wide=True)
    axes = drawn.figure.subplots()
    known = [mean for mean in means.values() if mean > 0]
    norm: Any = Normalize(0, max(known, default=1))
    if known and max(known) > 10 * min(known) and not run.classification:
        norm = LogNorm(min(known), max(known))
    for number in range(1, 104):
        element = Element.from_Z(number)
        x, y = _place(element)
        mean = means.get(element.symbol)
        colour = "none" if mean is None else MAP(norm(max(mean, norm.vmin)))
        ink = COLOURS["footnote"] if mean is None else ink_on(colour)
        cell = axes.add_patch(
            Rectangle((x, y), 0.94, 0.94, facecolor=colour, edgecolor=COLOURS["baseline"], linewidth=0.3)
        )
        look: dict[str, Any] = {"ha": "center", "va": "center", "color": ink, "in_layout": False}
        axes.text(x + 0.47, y + (0.47 if mean is None else 0.34), element.symbol, fontsize=SMALL + 1, **look)
        if mean is not None:
            n = len(errors[element.symbol])
            axes.text(x + 0.47, y + 0.73, f"{mean:.{2 + (mean >= 99.5)}g}", fontsize=SMALL - 2.5, **look)
            words = f"{element.symbol} · {n} crystal{'s' * (n > 1)} · mean {shown(mean)}"
            drawn.point_at(cell, [words])
    axes.set(xlim=(-0.1, 18), ylim=(9.6, -0.1), aspect="equal")
    axes.axis("off")
    bar = drawn.figure.colorbar(ScalarMappable(norm, MAP), ax=axes, fraction=0.02, pad=0.01)
    bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    bar.set_label(run.error_name)
    drawn.caption = (
        f"Mean error of the {run.judged} crystals that hold an element; "
        "a crystal counts for each of its elements."
    )
    return drawn


def _place(element: Element) -> tuple[float, float]:
    """Column and row of an element in the periodic table; lanthanides and actinides are below."""
    if element.is_lanthanoid or element.is_actinoid:
        first = 57 if element.is_lanthanoid else 89
        return element.Z - first + 2, 7.5 + element.is_actinoid
    return element.group - 1, element.row - 1
