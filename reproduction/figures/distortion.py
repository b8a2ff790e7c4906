"""Not in the paper: how the descriptors change when structures are slightly distorted, and why some jump."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.figure import Figure

from hybrid.data.folder import CrystalFolder
from hybrid.descriptors.registry import select_descriptors
from hybrid.report.style import COLOURS, PAGE, SMALL, new_figure, save, styled
from reproduction.analysis.distortion import (
    DISTORTIONS,
    KINDS,
    MAX_ATOMS,
    NAMES,
    Distortion,
    Movements,
    Study,
    movements,
    run_study,
)
from reproduction.analysis.distortion_causes import Check, checks
from reproduction.data.registry import described_folder
from reproduction.drawing.tables import section, stacked, write_rows

DATASET = "mp-descriptors"
HEADINGS = {"positions": "positions (Å)", "lattice": "lattice (strain)", "supercell": "in a supercell (Å)"}
BLUES = LinearSegmentedColormap.from_list("share", ["#FFFFFF", COLOURS["mean"]])
ORANGES = LinearSegmentedColormap.from_list("change", ["#FFFFFF", COLOURS["sum"]])
NOTHING = 1e-9  # of a standard deviation: rounding


def draw(stem: Path, folder: CrystalFolder | None = None, n_crystals: int = 200, n_draws: int = 3) -> None:
    """Draws how the descriptors change when structures are slightly distorted, and why some jump."""
    folder = folder or described_folder(DATASET)
    study = run_study(folder, n_crystals, n_draws)
    moved, causes = movements(study), checks(study)
    sampled = (
        f"{len(study.ids)} crystals of at most {MAX_ATOMS} atoms, evenly of each crystal system, "
        f"{n_draws} draws each; changes are in standard deviations over the {len(folder):,} crystals of the "
        "dataset"
    )
    caption = (
        "Share of distorted structures in which a descriptor changes by more than 0.1 standard deviations, "
        "and why. Noise is Gaussian: of the positions (Å), as a strain of the lattice, of the positions in a "
        f"cell that holds the crystal twice (Å). {sampled}. Smooth: how much the 95th percentile of the "
        "change grows with the noise."
    )
    levels = [
        {
            "descriptor": name,
            "noise": distortion.kind,
            "size": f"{distortion.size:g}",
            "median": f"{moved.median[i, j]:.3g}",
            "95th percentile": f"{moved.percentile95[i, j]:.3g}",
            "over 1 %": f"{moved.over_small[i, j]:.4f}",
            "over 10 %": f"{moved.over_large[i, j]:.4f}",
        }
        for i, name in enumerate(NAMES)
        for j, distortion in enumerate(DISTORTIONS)
    ]
    tested = (
        "Why descriptors jump: share of the distorted structures that change by more than 0.1 standard "
        f"deviations, and share of those for which the test of the cause holds. {sampled}."
    )
    explained = [
        {
            "descriptor": row.name,
            "under": _heading(row.cause.distortion),
            "changed": f"{row.changed:.3f}",
            "cause": row.cause.name,
            "what happens": row.cause.text,
            "test": row.cause.test,
            "holds for": f"{row.explained:.3f}",
        }
        for row in causes
    ]
    notes = stacked(
        section("Causes", tested, explained),
        section("All distortions", f"Every descriptor under every distortion: {sampled}.", levels),
    )
    write_rows(stem, caption, behaviour_rows(study, moved, causes), notes)
    save(_draw(moved, causes), stem)


def behaviour_rows(study: Study, moved: Movements, causes: Sequence[Check]) -> list[dict[str, str]]:
    """A row for each descriptor: the shares that change by more than 10 %, and how it behaves."""
    rows = []
    for descriptor, shares, grown in zip(
        select_descriptors(NAMES), moved.over_large, moved.percentile95, strict=True
    ):
        reasons = ", ".join(row.cause.name for row in causes if row.name == descriptor.name)
        rows.append(
            {
                "descriptor": descriptor.name,
                "unit": descriptor.unit,
                "standard deviation": f"{study.scale[study.names.index(descriptor.name)]:.4g}",
                **{_heading(d): f"{100 * share:.1f} %" for d, share in zip(DISTORTIONS, shares, strict=True)},
                "behaviour": f"jumps: {reasons}" if reasons else _growth(grown),
            }
        )
    return rows


def _growth(percentiles: np.ndarray) -> str:
    """How the 95th percentile of a descriptor's change (n_distortions,) grows with the noise."""
    for kind in ("positions", "lattice"):
        at = [i for i, distortion in enumerate(DISTORTIONS) if distortion.kind == kind]
        if percentiles[at[0]] > NOTHING:
            noise = DISTORTIONS[at[-1]].size / DISTORTIONS[at[0]].size
            growth = percentiles[at[-1]] / percentiles[at[0]]
            return f"smooth: {growth:.0f} times for {noise:.0f} times the noise"
    return "unmoved"


def _heading(distortion: Distortion) -> str:
    return f"{distortion.kind} {distortion.size:g}"


@styled
def _draw(moved: Movements, causes: Sequence[Check]) -> Figure:
    """Two heat maps, a row for each descriptor and a column for each distortion, and the causes of jumps."""
    shares, changes = 100 * moved.over_large, moved.percentile95
    figure = new_figure(PAGE, 165)
    left, right = figure.subplots(1, 2, sharey=True)
    left.imshow(shares, cmap=BLUES, norm=Normalize(0, 100), aspect="auto")
    right.imshow(np.maximum(changes, 1e-4), cmap=ORANGES, norm=LogNorm(1e-4, 10), aspect="auto")
    _write(left, np.vectorize(_percent)(shares), shares > 60)
    _write(right, np.vectorize(_short)(changes), changes > 0.891)
    left.set_title(
        "share (%) of distorted structures that change\nby more than 0.1 standard deviations\n", pad=11
    )
    right.set_title("95th percentile of the change\nin standard deviations\n", pad=11)
    for axes in (left, right):
        _label_columns(axes)
    left.set_yticks(range(len(NAMES)), [descriptor.symbol for descriptor in select_descriptors(NAMES)])
    first = {check.name: check.cause.name for check in reversed(causes)}
    _draw_causes(right, [first.get(name, "") for name in NAMES])
    return figure


def _percent(value: float) -> str:
    """A percentage; empty for zero."""
    if not value:
        return ""
    return f"{value:.0f}" if value > 0.95 else "<1"


def _short(value: float) -> str:
    """A number with three or four characters; empty for a rounding error."""
    if value < NOTHING:
        return ""
    if value < 0.00095:
        return f"{value:.0e}".replace("e-0", "e\N{MINUS SIGN}")
    return f"{value:.1f}" if value >= 0.095 else f"{value:.1g}".replace("0.", ".")


def _write(axes: Axes, texts: np.ndarray, dark: np.ndarray) -> None:
    """Writes the values into the cells, in white if the cell is dark."""
    for (row, column), text in np.ndenumerate(texts):
        colour = "white" if dark[row, column] else COLOURS["text"]
        axes.text(column, row, text, color=colour, fontsize=SMALL - 1.5, ha="center", va="center")


def _label_columns(axes: Axes) -> None:
    axes.tick_params(length=0)
    axes.xaxis.tick_top()
    labels = [f"$10^{{{round(np.log10(distortion.size))}}}$" for distortion in DISTORTIONS]
    axes.set_xticks(range(len(labels)), labels)
    axes.spines[:].set_visible(False)
    axes.set_yticks(np.arange(-0.5, len(NAMES)), minor=True)
    axes.grid(which="minor", axis="y", color="white", linewidth=0.8)
    axes.tick_params(which="minor", length=0)
    for kind in KINDS:
        columns = [i for i, distortion in enumerate(DISTORTIONS) if distortion.kind == kind]
        axes.annotate(
            HEADINGS[kind],
            (np.mean(columns), 1),
            (0, 15),
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=SMALL - 0.5,
        )
        if columns[0]:
            axes.axvline(columns[0] - 0.5, color=COLOURS["text"], linewidth=0.6)


def _draw_causes(axes: Axes, causes: Sequence[str]) -> None:
    """A line beside neighbouring rows with the same cause, and the cause."""
    x, at = 1.02, axes.get_yaxis_transform()
    for cause, group in groupby(range(len(causes)), key=lambda row: causes[row]):
        if cause:
            rows = list(group)
            start, end = rows[0], rows[-1]
            look: dict[str, Any] = {"color": COLOURS["text"], "linewidth": 0.8, "clip_on": False}
            axes.plot([x, x], [start - 0.35, end + 0.35], transform=at, **look)
            text, middle = cause.replace(" ", "\n", 1), (start + end) / 2
            axes.text(x + 0.02, middle, text, va="center", fontsize=SMALL - 0.5, transform=at)
