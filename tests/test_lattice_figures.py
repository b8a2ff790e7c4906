"""Figures S1 and S5 and Table 3: numbers by hand, and tables that say what the arrays do."""

import csv
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import random_crystal, tables_in, write_structure
from pymatgen.core import Lattice, Structure

from hybrid.cells import reduced_cell
from hybrid.data.folder import ATOM_INIT, read_folder
from hybrid.descriptors.compute import describe
from hybrid.descriptors.many import write_descriptors
from hybrid.errors import InputError
from hybrid.graphs.crystal import CrystalGraphs
from hybrid.report.style import PAGE, save
from hybrid.settings import GraphSettings
from reproduction.analysis.lattice_lengths import (
    correlations,
    fcc,
    hcp,
    lattices,
    long_examples,
    measured_radius,
    shells,
    sphere_radius,
)
from reproduction.analysis.untrained import output_difference
from reproduction.data import registry
from reproduction.drawing.crystals import View, cell_edges
from reproduction.figures import figureS1, figureS5, table3

D = 2.5  # Å, between nearest neighbours

needs_elements = pytest.mark.skipif(not ATOM_INIT.exists(), reason="upstream has not been fetched")


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def simple_cubic(a: float = 3.0) -> Structure:
    return Structure(Lattice.cubic(a), ["Po"], [[0, 0, 0]])


@pytest.fixture
def described_folder(tmp_path: Path):
    path = tmp_path / "crystals"
    path.mkdir()
    structures = [random_crystal(seed) for seed in range(12)]
    structures += [  # long cells of two elements, of four, and of a gas
        Structure(
            Lattice.orthorhombic(3, 3.1, 25), ["Li"] * 5 + ["Cl"] * 5, [[0, 0, i / 10] for i in range(10)]
        ),
        Structure(
            Lattice.orthorhombic(3, 3.1, 40),
            ["Li", "Cl", "O", "Fe"] * 2 + ["Fe"],
            [[0, 0, i / 9] for i in range(9)],
        ),
        Structure(Lattice.orthorhombic(8, 8, 60), ["Si"], [[0, 0, 0]]),
    ]
    rows = []
    for i, structure in enumerate(structures):
        write_structure(structure, path / f"x{i:02d}.json")
        rows.append(f"x{i:02d},0\n")
    (path / "id_prop.csv").write_text("".join(rows))
    (path / "atom_init.json").write_text(str({str(z): [1] for z in range(1, 101)}).replace("'", '"'))
    write_descriptors(path, progress=False)
    return read_folder(path)


# the close packings


def test_fcc_and_hcp_are_equally_dense_and_have_other_cells():
    one, two = fcc(D), hcp(D)
    assert (len(one), len(two)) == (1, 2)
    assert one.lattice.abc == pytest.approx([D, D, D])
    assert one.lattice.angles == pytest.approx([60, 60, 60])
    assert two.lattice.abc == pytest.approx([D, D, D * math.sqrt(8 / 3)])
    assert two.lattice.angles == pytest.approx([90, 90, 120])
    # a = D√2 of the cubic cell with four atoms
    assert one.volume == pytest.approx((D * math.sqrt(2)) ** 3 / 4)
    assert two.volume / 2 == pytest.approx(one.volume)
    assert describe(two, ["density"])["density"] == pytest.approx(describe(one, ["density"])["density"])


@pytest.mark.parametrize("packing", [fcc, hcp])
def test_the_packings_are_their_own_niggli_cells(packing):
    cell = packing(D)
    reduced = reduced_cell(cell)
    assert len(reduced) == len(cell)
    assert sorted(reduced.lattice.abc) == pytest.approx(sorted(cell.lattice.abc))
    assert sorted(reduced.lattice.angles) == pytest.approx(sorted(cell.lattice.angles))


def test_the_space_groups_of_the_packings():
    assert describe(fcc(D), ["space_group_number"])["space_group_number"] == 225
    assert describe(hcp(D), ["space_group_number"])["space_group_number"] == 194


def test_the_packings_differ_from_the_third_shell_on():
    cubic, hexagonal = shells(fcc(1), 3), shells(hcp(1), 4)
    assert [count for _, count in cubic] == [12, 6, 24]
    assert [count for _, count in hexagonal] == [12, 6, 2, 18]
    assert [distance for distance, _ in cubic] == pytest.approx([1, math.sqrt(2), math.sqrt(3)])
    assert [distance for distance, _ in hexagonal] == pytest.approx(
        [1, math.sqrt(2), math.sqrt(8 / 3), math.sqrt(3)]
    )


@needs_elements
def test_twelve_neighbours_do_not_tell_the_packings_apart():
    pair = (fcc(D), hcp(D))
    assert output_difference(pair, 12, [0, 1]) < 1e-9
    assert output_difference(pair, 18, [0, 1]) < 1e-9
    assert output_difference(pair, 20, [0, 1]) > 1e-4


# equations S3 and S4


def test_the_sphere_of_a_simple_cubic_crystal_by_hand():
    # 12 neighbours at 1 Å³ an atom: 4/3 π r³ = 12, r = (9/π)^(1/3)
    volumes = np.array([1.0, 27.0])
    assert sphere_radius(volumes, 12, 8.0) == pytest.approx([1.42025, 4.26075], abs=1e-5)
    assert sphere_radius(np.array([1e4]), 12, 8.0) == pytest.approx([8.0])


@pytest.mark.parametrize(
    ("structure", "distance"), [(simple_cubic(), 3 * math.sqrt(2)), (fcc(D), D), (hcp(D), D)]
)
def test_the_twelfth_neighbour(structure, distance):
    # simple cubic: 6 at a, 12 at a√2
    settings = GraphSettings()
    for cell in (structure, structure * (2, 1, 1)):
        found = measured_radius(CrystalGraphs.from_structures([cell], settings), settings)
        assert found == pytest.approx([distance], rel=1e-6)


def test_an_atom_without_twelve_neighbours_counts_with_the_cut_off():
    settings = GraphSettings()
    graphs = CrystalGraphs.from_structures([simple_cubic(3.0), simple_cubic(7.9)], settings)
    assert measured_radius(graphs, settings) == pytest.approx([3 * math.sqrt(2), 8.0], rel=1e-6)


def test_the_mean_is_over_the_atoms_of_each_crystal():
    distances = torch.tensor([[1.0, 2.0], [1.0, 4.0], [1.0, 5.0]])
    graphs = CrystalGraphs(
        torch.ones(3, dtype=torch.long),
        torch.zeros(3, 2, dtype=torch.long),
        distances,
        torch.tensor([2, 1]),
        torch.tensor([0, 0]),
    )
    assert measured_radius(graphs, GraphSettings(max_neighbours=2)) == pytest.approx([3, 5])


# lattices of a dataset


def test_lattices_follow_the_folder(described_folder):
    cells = lattices(described_folder.take([3, 1]))
    assert cells.index.tolist() == ["x03", "x01"]
    assert (cells.a >= cells.b).all()
    assert (cells.b >= cells.c).all()
    assert cells.natoms.tolist() == [len(reduced_cell(random_crystal(seed))) for seed in (3, 1)]
    assert cells.vpa.iloc[0] == pytest.approx(random_crystal(3).volume / len(random_crystal(3)))


def test_a_folder_without_its_descriptors_says_so(described_folder):
    table = described_folder.path / "descriptors.csv"
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join(lines[:3]))
    with pytest.raises(InputError, match=r"descriptors.csv: has no row for id 'x02'"):
        lattices(described_folder)
    table.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        lattices(described_folder)


def test_correlations_by_hand():
    steps = np.array([1.0, 2, 3, 4])
    columns = {"a": steps, "b": -steps, "c": np.exp(5 * steps), "density": steps, "vpa": 1 / steps}
    found = correlations(pd.DataFrame(columns))
    assert len(found) == 6
    assert found["a", "density"] == pytest.approx((1, 1))
    assert found["b", "density"] == pytest.approx((-1, -1))
    assert found["c", "density"][1] == pytest.approx(1)
    assert found["c", "density"][0] < 0.9
    assert found["a", "vpa"][1] == pytest.approx(-1)


def test_long_examples_are_simple_dense_and_of_different_elements(described_folder):
    found = long_examples(described_folder, lattices(described_folder), 2)
    assert found[0].identity == "x12"  # x13 has four elements, x14 is a gas
    assert found[0].a == pytest.approx(25)
    assert found[0].structure.composition.chemical_system != found[1].structure.composition.chemical_system
    assert found[0].a >= found[1].a
    with pytest.raises(InputError, match=r"100 wanted"):
        long_examples(described_folder, lattices(described_folder), 100)


# drawings


def test_the_projection_keeps_distances_and_looks_along_its_direction():
    view = View(azimuth=-90, elevation=0)
    assert view.project(np.array([[1.0, 2.0, 3.0]]))[0] == pytest.approx([1, 3, -2])
    places = np.random.default_rng(0).normal(size=(5, 3))
    turned = View(azimuth=37, elevation=21).project(places)
    assert np.linalg.norm(turned, axis=1) == pytest.approx(np.linalg.norm(places, axis=1))


def test_a_cell_has_twelve_edges():
    edges = cell_edges(np.diag([1.0, 2.0, 3.0]))
    lengths = sorted(np.linalg.norm(end - start) for start, end in edges)
    assert lengths == pytest.approx([1] * 4 + [2] * 4 + [3] * 4)


@pytest.mark.parametrize("name", ["s1", "s5"])
def test_figures_fill_a_page_and_are_reproducible(name, described_folder, tmp_path):
    cells = lattices(described_folder)
    radius = np.linspace(3, 4, len(cells))
    figures = [
        figureS1.draw_figure(cells, correlations(cells))
        if name == "s1"
        else figureS5.draw_figure(radius, radius + 0.1, cells.a, long_examples(described_folder, cells, 2))
        for _ in range(2)
    ]
    assert figures[0].get_size_inches()[0] * 25.4 == pytest.approx(PAGE)
    written, again = (save(figure, tmp_path / str(i) / name) for i, figure in enumerate(figures))
    assert [path.read_bytes() for path in written] == [path.read_bytes() for path in again]


# tables


@needs_elements
def test_the_tables_of_figure_s1_agree_with_the_arrays(described_folder, tmp_path):
    figureS1.draw(tmp_path / "figureS1", described_folder)
    cells = lattices(described_folder)
    rows = {(row["lattice length"], row["with"]): row for row in read_csv(tmp_path / "figureS1.csv")}
    assert float(rows["b", "vpa"]["Pearson"]) == pytest.approx(
        np.corrcoef(cells.b, cells.vpa)[0, 1], abs=6e-4
    )
    assert f"{len(cells)} crystals" in (tmp_path / "figureS1.md").read_text()
    packings = {row["quantity"]: row for row in tables_in(tmp_path / "figureS1.md")[1]}
    assert (packings["natoms"]["fcc"], packings["natoms"]["hcp"]) == ("1", "2")
    assert packings["volume per atom (Å³)"]["fcc"] == packings["volume per atom (Å³)"]["hcp"] == "11.0485"
    assert (tmp_path / "figureS1.png").exists()
    assert (tmp_path / "figureS1.pdf").exists()


def test_the_table_of_figure_s5_agrees_with_the_arrays(described_folder, tmp_path):
    figureS5.draw(tmp_path / "figureS5", described_folder)
    cells = lattices(described_folder)
    rows = {row["quantity"]: row["ours"] for row in read_csv(tmp_path / "figureS5.csv")}
    mean = sphere_radius(cells.vpa, 12, 8.0).mean()
    assert rows["radius by equation S4, mean"] == f"{mean:.2f} Å"
    assert rows["a longer than 20 Å"] == "3 (20.0 %)"
    assert rows["example LiCl (x12)"] == "a = 25.0 Å, 10 atoms"
    assert rows["example Mo9O25 (mp-28777)"] == "not in the data"


def test_a_data_set_is_described_where_that_was_not_done_yet(described_folder, tmp_path, monkeypatch):
    path = described_folder.path.rename(tmp_path / figureS5.DATASET)
    (path / "descriptors.csv").unlink()
    (path / "manifest.json").write_text("{}")
    monkeypatch.setattr(registry, "DATASETS", tmp_path)
    figureS5.draw(tmp_path / "figureS5")
    rows = {row["quantity"]: row["ours"] for row in read_csv(tmp_path / "figureS5.csv")}
    assert rows["a longer than 20 Å"] == "3 (20.0 %)"


def test_table_3_lists_descriptors_and_properties(tmp_path):
    table3.draw(tmp_path / "table3")
    rows = read_csv(tmp_path / "table3.csv")
    assert [row["kind"] for row in rows] == ["descriptor"] * 29 + ["property"] * (len(rows) - 29)
    properties = {row["abbreviation"] for row in rows[29:]}
    assert properties >= {"Cv", "U", "K", "G", "ν", "Eg", "M", "Efin", "log κ"}
    found = {row["abbreviation"]: row for row in reversed(rows)}
    assert (found["alpha"]["symbol"], found["alpha"]["unit"]) == ("α", "°")
    assert found["natoms"]["grows with the cell"] == found["Cv"]["grows with the cell"] == "extensive"
    assert found["vpa"]["grows with the cell"] == "intensive"
    assert (found["mean_CN_Voronoi"]["of what"], found["a"]["of what"]) == ("local", "global")
    assert not (tmp_path / "table3.png").exists()
