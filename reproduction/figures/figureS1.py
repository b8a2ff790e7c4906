"""Figure S1: lattice lengths against density and volume per atom; two close packings."""

from pathlib import Path

from hybrid.data.folder import CrystalFolder
from hybrid.descriptors.lattice import cell_shape, density
from hybrid.report.style import save
from hybrid.report.tables import write_table
from reproduction.analysis.lattice import (
    correlations,
    fcc,
    hcp,
    lattices,
    output_difference,
    shells,
)
from reproduction.data.registry import dataset_folder
from reproduction.drawing import lattice as lattice_figure

DATASET = "mp-descriptors"


SEEDS = range(5)


DIAMETER = 2.5  # Å, of the atoms of the two packings in the table; any would do


NEIGHBOURS = (12, 18, 20)  # the first shell of both packings, the first two, and where the third differs


def draw(stem: Path, folder: CrystalFolder | None = None) -> None:
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
