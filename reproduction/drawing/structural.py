"""Figures S1 and S5, Table 3 and the distortion study, which need structures and descriptors, no training."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hybrid.data.folder import CrystalFolder
from hybrid.descriptors.lattice import cell_shape, density
from hybrid.descriptors.registry import choose, paper_descriptors
from hybrid.report.style import save
from hybrid.report.tables import write_table
from hybrid.settings import GraphSettings
from reproduction.analysis import distortion as study
from reproduction.analysis.distortion_causes import Check, checks
from reproduction.analysis.lattice import (
    LONG,
    MAX_ATOMS,
    MAX_ELEMENTS,
    MAX_VPA,
    N_CONVOLUTIONS,
    Lattices,
    LongCrystal,
    correlations,
    fcc,
    hcp,
    lattices,
    long_examples,
    measured_radius,
    output_difference,
    shells,
    sphere_radius,
)
from reproduction.data.registry import REGISTRY, dataset_folder
from reproduction.drawing import distortion as distortion_figure
from reproduction.drawing import lattice as lattice_figure
from reproduction.drawing import periodicity

DATASET = "mp-descriptors"
SEEDS = range(5)
DIAMETER = 2.5  # Å, of the atoms of the two packings in the table; any would do
NEIGHBOURS = (12, 18, 20)  # the first shell of both packings, the first two, and where the third differs
PAPER_LONG = {"mp-28777": ("Mo9O25", 28.4), "mp-14715": ("Pr2Au5F21", 26.3)}  # Figure S5c: formula, a in Å
Property = tuple[str, str, str, str, bool]
"""A row of Table 3: symbol, name, unit, source, and whether it is intensive."""


def figureS1(stem: Path, folder: CrystalFolder | None = None) -> None:  # noqa: N802 (the paper's name)
    """Lattice lengths against density and volume per atom; two close packings."""
    cells = lattices(folder or dataset_folder(DATASET))
    coefficients = correlations(cells)
    write_table(
        stem,
        f"Correlation of the lattice lengths with density and volume per atom, {len(cells):,} crystals. The "
        "paper sees no obvious correlation.",
        ("lattice length", "with", "Pearson", "Spearman"),
        [[row.length, row.local, f"{row.pearson:.3f}", f"{row.spearman:.3f}"] for row in coefficients],
    )
    write_table(
        stem.with_name(f"{stem.name}b"),
        f"Two close packings of atoms of the same diameter, {DIAMETER:g} Å, in their Niggli cells. In the "
        f"last rows the largest difference between the outputs of {len(SEEDS)} untrained CGCNN for the two, "
        "relative to the outputs' size: as far as the second shell their distances are the same.",
        ("quantity", "fcc", "hcp"),
        packing_rows(),
    )
    save(lattice_figure.draw_s1(cells, coefficients), stem)


def packing_rows() -> list[list[str]]:
    """What fcc and hcp share and where they differ."""
    pair = (fcc(DIAMETER), hcp(DIAMETER))
    shape = [cell_shape(cell) for cell in pair]
    packed = [density(cell) for cell in pair]
    near = [shells(cell, 4) for cell in pair]
    rows = [["natoms", *(f"{values['natoms']:.0f}" for values in shape)]]
    rows += [[f"{name} (Å)", *(f"{values[name]:.4f}" for values in shape)] for name in ("a", "b", "c")]
    rows += [
        [f"{symbol} (°)", *(f"{values[name]:.2f}" for values in shape)]
        for name, symbol in (("alpha", "α"), ("beta", "β"), ("gamma", "γ"))
    ]
    rows.append(["volume per atom (Å³)", *(f"{values['vpa']:.4f}" for values in packed)])
    rows.append(["density as copper (g/cm³)", *(f"{values['density']:.4f}" for values in packed)])
    rows += [
        [f"shell {i + 1}: neighbours at Å", *(f"{found[i][1]} at {found[i][0]:.4f}" for found in near)]
        for i in range(4)
    ]
    for n_neighbours in NEIGHBOURS:
        difference = output_difference(pair, n_neighbours, SEEDS)
        rows.append([f"difference with {n_neighbours} neighbours", "0", f"{difference:.1e}"])
    return rows


def figureS5(stem: Path, folder: CrystalFolder | None = None) -> None:  # noqa: N802 (the paper's name)
    """How far twelve neighbours reach, how long the cells are, and two long ones."""
    folder = folder or dataset_folder(DATASET)
    cells, settings = lattices(folder), GraphSettings()
    estimated = sphere_radius(cells.vpa, settings.max_neighbours, settings.radius)
    measured = measured_radius(folder.graphs(settings), settings)
    examples = long_examples(folder, cells, 2)
    write_table(
        stem,
        f"The radius of {settings.max_neighbours} neighbours and the lattice length a of {len(cells):,} "
        "crystals; the paper's numbers are of the whole Materials Project. The examples have the longest a "
        f"among crystals of at most {MAX_ELEMENTS} elements, {MAX_ATOMS} atoms and {MAX_VPA:g} Å³ "
        "an atom, no two of the same elements.",
        ("quantity", "ours", "paper"),
        periodicity_rows(cells, estimated, measured, examples),
    )
    save(periodicity.draw_s5(estimated, measured, cells.a, examples), stem)


def periodicity_rows(
    cells: Lattices, estimated: np.ndarray, measured: np.ndarray, examples: Sequence[LongCrystal]
) -> list[list[str]]:
    """The numbers of Figure S5 and what the paper says."""
    field = 2 * N_CONVOLUTIONS
    beyond = cells.a > field * measured
    rows = [
        ["radius by equation S4, mean", f"{estimated.mean():.2f} Å", "around 3.4 Å"],
        ["radius by equation S4, median", f"{np.median(estimated):.2f} Å", ""],
        ["mean distance of the last neighbour, mean", f"{measured.mean():.2f} Å", ""],
        ["mean distance of the last neighbour, median", f"{np.median(measured):.2f} Å", ""],
        ["Pearson correlation of the two", f"{np.corrcoef(estimated, measured)[0, 1]:.3f}", ""],
        [
            f"receptive field of {N_CONVOLUTIONS} convolutions",
            f"{field * measured.mean():.1f} Å",
            "around 20 Å",
        ],
        ["a, median", f"{np.median(cells.a):.2f} Å", "around 10 Å"],
        [f"a longer than {LONG:g} Å", _share(cells.a > LONG), "6,000 structures"],
        ["a longer than the crystal's own receptive field", _share(beyond), "thousands of materials"],
    ]
    rows += [
        [
            f"example {example.formula} ({example.identity})",
            f"a = {example.a:.1f} Å, {len(example.structure)} atoms",
            "",
        ]
        for example in examples
    ]
    for identity, (formula, a) in PAPER_LONG.items():
        here = (
            f"a = {cells.a[cells.ids.index(identity)]:.1f} Å" if identity in cells.ids else "not in the data"
        )
        rows.append([f"example {formula} ({identity})", here, f"a = {a} Å"])
    return rows


def _share(chosen: np.ndarray) -> str:
    return f"{chosen.sum():,} ({100 * chosen.mean():.1f} %)"


def table3(stem: Path) -> None:
    """The descriptors and the properties, with what they are."""
    properties: list[Property] = [
        (dataset.target, dataset.description, dataset.unit, f"dataset {name}", dataset.intensive)
        for name, dataset in REGISTRY.items()
        if not name.startswith("chains") and dataset.target not in ("a", "crystal system")
    ]
    rows = [
        [
            "descriptor",
            descriptor.name,
            descriptor.symbol,
            descriptor.full_name,
            descriptor.unit,
            _grows(descriptor.intensive),
            "local" if descriptor.local else "global",
            descriptor.source,
        ]
        for descriptor in paper_descriptors(space_group=True)
    ]
    rows += [
        ["property", symbol, symbol, name, unit, _grows(intensive), "", source]
        for symbol, name, unit, source, intensive in properties
    ]
    write_table(
        stem,
        f"The {len(paper_descriptors())} descriptors that are probed, the space-group number"
        + (f", and the properties ({len(properties)})." if properties else "."),
        ("kind", "abbreviation", "symbol", "name", "unit", "grows with the cell", "of what", "source"),
        rows,
    )


def _grows(intensive: bool) -> str:
    return "intensive" if intensive else "extensive"


def distortion(
    stem: Path, folder: CrystalFolder | None = None, n_crystals: int = 200, n_draws: int = 3
) -> None:
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
