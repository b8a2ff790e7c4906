"""The distortion study: noise of the right size, jumps with their causes, the same numbers for a seed."""

import math
from pathlib import Path

import numpy as np
import pytest
from conftest import random_crystal, tables_in, write_structure
from pymatgen.core import Lattice, Structure

from hybrid.cells import reduced_cell
from hybrid.data.folder import CrystalFolder, read_folder
from hybrid.descriptors.compute import describe
from hybrid.descriptors.many import write_descriptors
from hybrid.descriptors.table import DescriptorTable
from hybrid.descriptors.voronoi import voronoi_faces
from hybrid.errors import InputError
from reproduction.analysis import distortion as module
from reproduction.analysis.distortion import (
    DISTORTIONS,
    NAMES,
    Distortion,
    Study,
    choose_crystals,
    movements,
    niggli_type,
    observe,
    run_study,
    without_slivers,
)
from reproduction.analysis.distortion_causes import CAUSES, checks
from reproduction.figures import distortion


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def described_folder(tmp_path: Path, NaCl: Structure, Si: Structure, Cu: Structure) -> CrystalFolder:
    path = tmp_path / "crystals"
    path.mkdir()
    rows = []
    hexagonal = Structure(Lattice.hexagonal(3.2, 5.2), ["Fe"], [[0, 0, 0]])
    structures = [reduced_cell(s) for s in (NaCl, Si, Cu, hexagonal, *map(random_crystal, range(4)))]
    for i, structure in enumerate(structures):
        write_structure(structure, path / f"x{i}.json")
        rows.append(f"x{i},0\n")
    (path / "id_prop.csv").write_text("".join(rows))
    (path / "atom_init.json").write_text(str({str(z): [1] for z in range(1, 101)}).replace("'", '"'))
    write_descriptors(path, progress=False)
    return read_folder(path)


# noise


def test_noise_has_its_size(NaCl):
    big = NaCl * (6, 6, 6)
    for size in (1e-4, 1e-2):
        moved = Distortion("positions", size)(big, rng())
        shift = moved.frac_coords - big.frac_coords
        shift = (shift - np.round(shift)) @ big.lattice.matrix
        assert shift.std() == pytest.approx(size, rel=0.05)
        assert moved.lattice == big.lattice
    strains = [
        Distortion("lattice", 1e-3)(NaCl, generator).lattice.matrix / 5.64 - np.eye(3)
        for generator in map(np.random.default_rng, range(300))
    ]
    assert np.diagonal(strains, axis1=1, axis2=2).std() == pytest.approx(1e-3, rel=0.1)
    assert np.array(strains) == pytest.approx(np.transpose(strains, (0, 2, 1)))


@pytest.mark.parametrize("kind", ["positions", "lattice", "supercell"])
def test_no_noise_changes_nothing(kind, NaCl_primitive, Si):
    for structure in (NaCl_primitive, Si, reduced_cell(random_crystal(3))):
        before = observe(structure)
        after = observe(Distortion(kind, 0.0)(structure, rng()))
        assert after == pytest.approx(before, rel=1e-9, abs=1e-9)


def test_a_supercell_holds_the_crystal_twice(Si):
    assert len(Distortion("supercell", 1e-4)(Si, rng())) == 4
    assert observe(Distortion("supercell", 1e-4)(Si, rng()))["natoms"] == 2
    assert observe(Distortion("supercell", 0.05)(Si, rng()))["natoms"] == 4


# what is observed


def test_descriptors_are_those_of_the_package(NaCl):
    seen = observe(NaCl)
    assert {name: seen[name] for name in NAMES} == pytest.approx(describe(NaCl), rel=1e-12)


def test_noise_gives_rock_salt_more_neighbours_which_are_slivers(NaCl_primitive):
    # eight cubes meet in each corner
    seen = [observe(Distortion("positions", size)(NaCl_primitive, rng())) for size in (0.0, 1e-4, 1e-3)]
    assert [values["mean_CN_Voronoi without slivers"] for values in seen] == [6, 6, 6]
    assert seen[0]["mean_CN_Voronoi"] == 6
    # however small the noise is, the jump is the same
    assert seen[1]["mean_CN_Voronoi"] > 10
    assert seen[2]["mean_CN_Voronoi"] == seen[1]["mean_CN_Voronoi"]


def test_four_cells_in_a_corner_are_stable(CsCl):
    # truncated octahedra, as in bcc
    for kind in ("positions", "lattice"):
        assert observe(Distortion(kind, 1e-3)(CsCl, rng()))["mean_CN_Voronoi"] == 14


def test_any_strain_gives_fcc_more_neighbours(Cu):
    strained = observe(Distortion("lattice", 1e-5)(Cu, rng()))
    assert observe(Cu)["mean_CN_Voronoi"] == 12
    assert strained["mean_CN_Voronoi"] > 12
    assert strained["mean_CN_Voronoi without slivers"] == 12


def test_slivers_are_left_out_by_their_share_of_the_largest_face(CsCl):
    faces = voronoi_faces(CsCl)
    assert len(faces.atom) == 28  # 8 large faces and 6 small ones an atom
    assert len(without_slivers(faces).atom) == 28
    strained = voronoi_faces(
        Distortion("lattice", 1e-5)(Structure(Lattice.cubic(3), ["Po"], [[0, 0, 0]]), rng())
    )
    kept = without_slivers(strained)
    assert len(kept.atom) == 6 < len(strained.atom)
    assert kept.solid_angle.min() > 1


@pytest.mark.parametrize(
    ("angles", "kind"),
    [
        ((60, 60, 60), 1),
        ((90, 90, 90), 2),
        ((90, 90, 120), 2),
        ((95, 100, 110), 2),
        ((80, 85, 70), 1),
        ((90, 90, 60), 1),
        ((90 + 1e-7, 90 - 1e-7, 120), 2),
    ],
)
def test_the_type_of_a_niggli_cell(angles, kind):
    assert niggli_type(Lattice.from_parameters(3, 4, 5, *angles)) == kind


# the choice of crystals


def test_crystal_systems_are_drawn_alike(described_folder):
    table = DescriptorTable.read(described_folder.path / "descriptors.csv")
    systems = table.select(["crys_sys"]).values[:, 0].tolist()
    chosen = choose_crystals(described_folder, table, 3, 40, seed=0)
    assert len({systems[i] for i in chosen}) == 3
    assert chosen == choose_crystals(described_folder, table, 3, 40, seed=0)
    assert len({tuple(choose_crystals(described_folder, table, 3, 40, seed)) for seed in range(9)}) > 1
    assert len(choose_crystals(described_folder, table, 8, 40, seed=0)) == 8
    small = choose_crystals(described_folder, table, 2, 1, seed=0)
    natoms = table.select(["natoms"]).values[:, 0].tolist()
    assert all(natoms[i] == 1 for i in small)
    with pytest.raises(InputError, match=r"fewer than 9 crystals of at most 40 atoms"):
        choose_crystals(described_folder, table, 9, 40, seed=0)


# the study


def test_the_same_seed_gives_the_same_numbers_and_nothing_is_done_twice(described_folder, monkeypatch):
    first = run_study(described_folder, 4, 1)
    cache = described_folder.path / ".hybrid" / "distortion.jsonl"
    kept = cache.read_bytes()
    other = run_study(described_folder, 4, 1, seed=1)
    assert other.ids != first.ids or not np.array_equal(other.after, first.after)
    cache.unlink()
    again = run_study(described_folder, 4, 1)
    assert again.ids == first.ids
    np.testing.assert_array_equal(again.after, first.after)
    # stopped after five crystals
    cache.write_bytes(b"".join(kept.splitlines(keepends=True)[:5]) + b'{"key": "ha')
    done = []
    monkeypatch.setattr(module, "observe", lambda structure: (done.append(1), observe(structure))[1])
    resumed = run_study(described_folder, 4, 1)
    np.testing.assert_array_equal(resumed.after, first.after)
    n_observed = 4 * (1 + len(DISTORTIONS))
    assert len(done) < n_observed


def toy_study() -> Study:
    """Two crystals, one distortion, two draws; the changes of density are 0, 0.02, 0.2 and 2 of its scale."""
    extra = [name for name in observe(Structure(Lattice.cubic(3), ["Po"], [[0, 0, 0]])) if name not in NAMES]
    names = (*NAMES, *extra)
    scale = np.full(len(names), 2.0)
    before = np.ones((2, len(names)))
    after = np.ones((len(DISTORTIONS), 2, 2, len(names)))
    after[:, :, :, names.index("density")] += np.array([[0, 0.04], [-0.4, 4]])
    return Study(("x", "y"), names, scale, before, after)


def test_movements_by_hand():
    found, density = movements(toy_study()), NAMES.index("density")
    assert found.median.shape == (len(NAMES), len(DISTORTIONS))
    assert found.median[density, 0] == pytest.approx(0.11)
    assert found.percentile95[density, 0] == pytest.approx(0.2 + 0.85 * 1.8)
    assert (found.over_small[density, 0], found.over_large[density, 0]) == (0.75, 0.5)
    assert found.over_small[NAMES.index("vpa"), 0] == 0


def test_checks_count_among_the_changed_only():
    study = toy_study()
    assert all(check.changed == 0 and math.isnan(check.explained) for check in checks(study))
    place, natoms = DISTORTIONS.index(Distortion("supercell", 1e-2)), study.names.index("natoms")
    study.after[place, 0, :, study.names.index("a")] += 1
    study.after[place, 0, 1, natoms] += 1
    study.after[place, 1, :, natoms] += 1
    (check,) = [check for check in checks(study) if check.name == "a"]
    assert (check.changed, check.explained) == (0.5, 0.5)


def test_a_cause_names_descriptors_and_a_distortion_of_the_study():
    assert {name for cause in CAUSES for name in cause.names} <= set(NAMES)
    assert {cause.distortion for cause in CAUSES} <= set(DISTORTIONS)


def test_the_tables_agree_with_the_study(described_folder, tmp_path):
    distortion.draw(tmp_path / "distortion", described_folder, n_crystals=3, n_draws=1)
    study = run_study(described_folder, 3, 1)
    moved, strain = movements(study), DISTORTIONS.index(Distortion("lattice", 1e-4))

    rows, causes, levels = tables_in(tmp_path / "distortion.md")
    table = {row["descriptor"]: row for row in rows}
    assert tuple(table) == NAMES
    assert table["alpha"]["lattice 0.0001"] == f"{100 * moved.over_large[NAMES.index('alpha'), strain]:.1f} %"
    assert table["alpha"]["behaviour"].startswith("jumps: equally short bases")
    assert table["density"]["behaviour"].startswith("smooth: ")
    values = DescriptorTable.read(described_folder.path / "descriptors.csv").select(["vpa"]).values.numpy()
    assert float(table["vpa"]["standard deviation"]) == pytest.approx(values.std(), rel=1e-3)
    assert len(levels) == len(NAMES) * len(DISTORTIONS)
    row = next(r for r in levels if (r["descriptor"], r["noise"], r["size"]) == ("vpa", "lattice", "0.0001"))
    assert float(row["median"]) == pytest.approx(moved.median[NAMES.index("vpa"), strain], rel=1e-2)
    assert len(causes) == len(checks(study))
    assert (tmp_path / "distortion.png").exists()
