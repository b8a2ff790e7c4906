"""Not in the paper: how the descriptors move when structures are slightly distorted, and why some jump."""

from collections.abc import Sequence
from pathlib import Path

from hybrid.data.folder import CrystalFolder
from hybrid.descriptors.registry import choose
from hybrid.report.style import save
from hybrid.report.tables import write_table
from reproduction.analysis import distortion as study
from reproduction.analysis.distortion_causes import Check, checks
from reproduction.data.registry import dataset_folder
from reproduction.drawing import distortion as distortion_figure

DATASET = "mp-descriptors"


def draw(stem: Path, folder: CrystalFolder | None = None, n_crystals: int = 200, n_draws: int = 3) -> None:
    """How the descriptors move when structures are slightly distorted, and why some jump."""
    folder = folder or dataset_folder(DATASET)
    done = study.run_study(folder, n_crystals, n_draws)
    moved, causes = study.movements(done), checks(done)
    sampled = (
        f"{len(done.ids)} crystals of at most {study.MAX_ATOMS} atoms, evenly of each crystal system, "
        f"{n_draws} draws each; changes are in standard deviations over the {len(folder):,} crystals of the "
        "dataset"
    )
    write_table(
        stem,
        "Share of distorted structures in which a descriptor changes by more than 0.1 standard deviations, "
        "and why. Noise is Gaussian: of the positions (Å), as a strain of the lattice, of the positions in a "
        f"cell that holds the crystal twice (Å). {sampled}. Smooth: how much the 95th percentile of the "
        "change grows with the noise.",
        ("descriptor", "unit", "standard deviation", *(_heading(d) for d in done.distortions), "behaviour"),
        behaviour_rows(done, moved, causes),
    )
    write_table(
        stem.with_name(f"{stem.name}-levels"),
        f"Every descriptor under every distortion: {sampled}.",
        ("descriptor", "noise", "size", "median", "95th percentile", "over 1 %", "over 10 %"),
        [
            [
                row.name,
                row.distortion.kind,
                f"{row.distortion.size:g}",
                f"{row.median:.3g}",
                f"{row.percentile95:.3g}",
                f"{row.over_small:.4f}",
                f"{row.over_large:.4f}",
            ]
            for row in moved
        ],
    )
    write_table(
        stem.with_name(f"{stem.name}-causes"),
        "Why descriptors jump: share of the distorted structures that change by more than 0.1 standard "
        f"deviations, and share of those for which the test of the cause holds. {sampled}.",
        ("descriptor", "under", "changed", "cause", "what happens", "test", "holds for"),
        [
            [
                row.name,
                _heading(row.cause.distortion),
                f"{row.changed:.3f}",
                row.cause.name,
                row.cause.text,
                row.cause.test,
                f"{row.explained:.3f}",
            ]
            for row in causes
        ],
    )
    save(distortion_figure.draw(moved, causes), stem)


def behaviour_rows(
    done: study.Study, moved: Sequence[study.Movement], causes: Sequence[Check]
) -> list[list[str]]:
    """A row a descriptor: the shares that change by more than 10 %, and how it behaves."""
    rows = []
    for descriptor in choose(study.NAMES):
        found = {row.distortion: row for row in moved if row.name == descriptor.name}
        reasons = [row for row in causes if row.name == descriptor.name]
        rows.append(
            [
                descriptor.name,
                descriptor.unit,
                f"{done.scale[done.names.index(descriptor.name)]:.4g}",
                *(f"{100 * row.over_large:.1f} %" for row in found.values()),
                f"jumps: {', '.join(row.cause.name for row in reasons)}" if reasons else _growth(found),
            ]
        )
    return rows


def _growth(found: dict[study.Distortion, study.Movement]) -> str:
    """How the 95th percentile of a descriptor's change grows with the noise that moves it."""
    for kind in ("positions", "lattice"):
        rows = [row for distortion, row in found.items() if distortion.kind == kind]
        if len(rows) > 1 and rows[0].percentile95 > distortion_figure.NOTHING:
            noise = rows[-1].distortion.size / rows[0].distortion.size
            growth = rows[-1].percentile95 / rows[0].percentile95
            return f"smooth: {growth:.0f} times for {noise:.0f} times the noise"
    return "unmoved"


def _heading(distortion: study.Distortion) -> str:
    return f"{distortion.kind} {distortion.size:g}"
