"""Cv and U by a force field: sums over modes, supercells, jobs that stop and go on, and CHGNet itself."""

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase.calculators.emt import EMT
from pymatgen.core import Lattice, Structure
from scipy.constants import R, atomic_mass, eV, h, k

from hybrid.data.folder import ATOM_INIT, read_folder
from hybrid.data.written_folder import CrystalFile
from hybrid.errors import InputError
from hybrid.settings import RunSettings
from reproduction.data.folders import write_folder
from reproduction.data.registry import VERSIONS
from reproduction.figures import umlff
from reproduction.models.force_field import (
    ForceFieldSettings,
    TooLargeError,
    supercell_size,
    thermal,
)
from reproduction.models.forces import CalculatorForces, CHGNetForces, load_forces
from reproduction.models.oscillators import heat_capacities, internal_energies
from reproduction.workflow import force_field_calculations as jobs
from reproduction.workflow import runs as workflow_runs
from reproduction.workflow.force_field_calculations import Calculation, calculate, read_table
from reproduction.workflow.force_field_record import compared
from reproduction.workflow.spec import ForceFieldScale, Spec

EMT_VOLUME = 3.5897**3 / 4  # Å³ an atom of copper, by effective medium theory
SMALL = ForceFieldSettings(shortest_image=5.0, mesh_length=25.0, displacement=0.01)


# --- sums over modes ---


def test_one_mode_has_einsteins_heat_capacity():
    x = h * 5e12 / (k * 300)
    einstein = x**2 * np.exp(x) / (np.exp(x) - 1) ** 2
    assert heat_capacities(np.array([5.0])) == pytest.approx(R * einstein)
    energy = R * 300 / 1000 * (x / 2 + x / (np.exp(x) - 1))
    assert internal_energies(np.array([5.0])) == pytest.approx(energy)


def test_a_soft_mode_is_classical_and_a_hard_one_frozen():
    assert heat_capacities(np.array([0.0, 1e-6, 1e4])) == pytest.approx([R, R, 0], abs=1e-9)
    zero_point = h * 1e16 / 2 * 6.02214076e23 / 1000
    assert internal_energies(np.array([0.0, 1e4])) == pytest.approx([R * 0.3, zero_point])


# --- phonons of a crystal of springs ---


class Springs:
    """Springs between nearest neighbours of a given distance.

    Args:
        length: Å, at rest.
        stiffness: eV/Å².
    """

    def __init__(self, length: float, stiffness: float):
        self.length, self.stiffness, self.n_calls = length, stiffness, 0

    def __call__(self, structures: Sequence[Structure]) -> list[np.ndarray]:
        self.n_calls += 1
        return [self._forces(structure) for structure in structures]

    def _forces(self, structure: Structure) -> np.ndarray:
        forces = np.zeros((len(structure), 3))
        for i, neighbours in enumerate(structure.get_all_neighbors(1.15 * self.length)):
            for site in neighbours:
                bond = site.coords - structure[i].coords
                distance = np.linalg.norm(bond)
                forces[i] += self.stiffness * (distance - self.length) * bond / distance
        return forces


def fcc_springs(stiffness: float) -> Springs:
    return Springs(3.61 / np.sqrt(2), stiffness)


def test_a_crystal_of_springs_has_the_heat_capacity_of_its_mean_square_frequency(Cu):
    # twelve springs an atom: the mean of ω² over its three modes is 4 k/m
    stiffness = 0.5
    mean_square = 4 * stiffness * eV / 1e-20 / (63.546 * atomic_mass)
    x2 = mean_square * (h / (2 * np.pi) / (k * 300)) ** 2
    found = thermal(Cu, SMALL, fcc_springs(stiffness))
    assert found.cv == pytest.approx(3 * R * (1 - x2 / 12), rel=1e-3)
    assert found.u == pytest.approx(3 * R * 0.3 * (1 + x2 / 12), rel=1e-3)
    assert found.imaginary == 0
    assert found.lowest > -0.01
    assert found.n_displacements == 1  # the rest is symmetry


def test_a_cell_of_two_has_twice_the_heat_capacity(Cu):
    single = thermal(Cu, SMALL, fcc_springs(2.0))
    double = thermal(Cu * (2, 1, 1), SMALL, fcc_springs(2.0))
    assert (double.cv, double.u) == pytest.approx((2 * single.cv, 2 * single.u), rel=1e-3)


def test_springs_that_push_make_every_mode_imaginary(Cu):
    pushing, stable = thermal(Cu, SMALL, fcc_springs(-0.5)), thermal(Cu, SMALL, fcc_springs(0.5))
    assert pushing.imaginary > 0.99
    assert pushing.cv < 0.3  # J/(mol K): what is left are the modes around 0
    assert pushing.cv_magnitude == pytest.approx(stable.cv, rel=1e-3)
    assert pushing.u_magnitude == pytest.approx(stable.u, rel=1e-3)


# --- supercells ---


@pytest.mark.parametrize(
    "lattice",
    [
        Lattice.cubic(3.0),
        Lattice(np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) * 1.8),
        Lattice([[9.0, 0, 0], [8.5, 5.0, 0], [0, 0, 4.0]]),
        Lattice.from_parameters(4, 5, 11, 70, 80, 62),
    ],
)
def test_no_image_is_nearer_than_asked_for(lattice):
    size = supercell_size(Structure(lattice, ["Cu"], [[0, 0, 0]]), 10.0)
    shifts = np.array(np.meshgrid(*[range(-4, 5)] * 3)).reshape(3, -1).T
    lengths = np.linalg.norm(shifts @ (size[:, None] * lattice.matrix), axis=1)
    assert np.sort(lengths)[1] >= 10 - 1e-3
    assert (size <= np.ceil(10 / np.array(lattice.abc)) + 2).all()


def test_a_cell_of_twice_the_length_is_repeated_half_as_often(Cu):
    assert supercell_size(Cu, 10.0).tolist() == [4, 4, 4]
    assert supercell_size(Cu * (2, 1, 1), 10.0).tolist() == [2, 4, 4]


def test_a_supercell_over_the_limit_is_refused_before_anything_is_computed(Cu):
    springs = fcc_springs(1.0)
    with pytest.raises(TooLargeError, match="supercell has 8 atoms, more than 7"):
        thermal(Cu, SMALL, springs, max_supercell=7)
    assert springs.n_calls == 0
    assert thermal(Cu, SMALL, springs, max_supercell=8).n_supercell == 8


def test_what_goes_wrong_is_one_sentence(Cu):
    def broken(structures):
        raise ValueError("3 isolated\natoms")

    with pytest.raises(InputError, match="no phonons: 3 isolated atoms"):
        thermal(Cu, SMALL, broken)
    with pytest.raises(InputError, match="not a number"):
        thermal(Cu, SMALL, lambda structures: [np.full((len(s), 3), np.nan) for s in structures])


@pytest.mark.parametrize("package", ["chgnet", "phonopy"])
def test_a_missing_package_is_named_with_what_brings_it(monkeypatch, Cu, package):
    for module in list(sys.modules):
        if module.split(".")[0] == package:
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"{package}.*; pip install .*force-field"):
        thermal(Cu, SMALL, CHGNetForces() if package == "chgnet" else fcc_springs(1.0))


# --- forces of a calculator ---


@pytest.mark.slow
def test_forces_are_the_slope_of_the_energy_and_vanish_after_relaxation(Cu):
    crystal = Cu * (2, 2, 2)
    crystal.perturb(0.1)
    forces = CalculatorForces(EMT())
    (found,) = forces([crystal])
    atoms, step = crystal.to_ase_atoms(msonable=False), 1e-4
    atoms.calc = EMT()
    energies = []
    for sign in (1, -1):
        atoms.positions[3, 1] += sign * step
        energies.append(atoms.get_potential_energy())
        atoms.positions[3, 1] -= sign * step
    assert found[3, 1] == pytest.approx((energies[1] - energies[0]) / (2 * step), abs=1e-5)
    relaxed = forces.relax(crystal)
    assert np.abs(forces([relaxed])[0]).max() < 0.005
    assert relaxed.volume / 8 == pytest.approx(EMT_VOLUME, rel=0.01)
    assert relaxed.species == crystal.species


# --- jobs ---


@pytest.fixture
def calculation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Calculation:
    """Copper at ten lattice constants, of which four are test crystals, one of them in a huge cell."""
    if not ATOM_INIT.exists():
        pytest.skip("upstream has not been fetched")
    fcc = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2
    crystals = []
    for i in range(10):
        crystal = Structure(Lattice(fcc * (3.6 + 0.01 * i)), ["Cu"], [[0, 0, 0]])
        n_cells = 6 if i == 7 else 1
        crystals.append(CrystalFile.of(f"x{i}", crystal * (n_cells, 1, 1), 24.0 * n_cells))
    folds = {f"x{i}": "training" if i < 3 else "validation" if i < 6 else "test" for i in range(10)}
    write_folder(tmp_path / "data", crystals, {"target": "Cv", "unit": "J/(mol-cell K)"}, {"authors": folds})
    monkeypatch.setattr(jobs, "dataset_folder", lambda _: read_folder(tmp_path / "data"))
    monkeypatch.setattr(jobs, "RESULTS", tmp_path / "results")
    settings = {"phonon-cv": RunSettings(split="authors")}
    return Calculation("phonon", settings, SMALL, ForceFieldScale(max_supercell=20), "cpu")


class Stretched(Springs):
    """Springs that are at rest in each crystal, and a sign that stops the work."""

    def __init__(self, stop_after: int | None = None, fails_on: float | None = None):
        super().__init__(2.6, 1.0)
        self.stop_after, self.fails_on = stop_after, fails_on

    def __call__(self, structures: Sequence[Structure]) -> list[np.ndarray]:
        if self.n_calls == self.stop_after:
            raise KeyboardInterrupt
        volume = structures[0].volume / len(structures[0])
        self.length = (4 * volume) ** (1 / 3) / np.sqrt(2)
        if self.fails_on and abs(self.length * np.sqrt(2) - self.fails_on) < 1e-3:
            raise RuntimeError("bond graph")
        return super().__call__(structures)


def test_a_calculation_lists_every_test_crystal_with_what_became_of_it(calculation):
    rows = read_table(calculate(calculation, forces=Stretched(fails_on=3.68)))
    assert rows["status"].to_dict() == {
        "x6": "done",
        "x7": "too large",
        "x8": "failed",
        "x9": "done",
    }
    assert rows.loc["x8", "note"] == "no phonons: bond graph"
    assert "more than 20" in rows.loc["x7", "note"]
    assert rows.loc["x6", "cv"] == pytest.approx(23.5, abs=1)
    assert rows.loc["x6", "formula"] == "Cu"
    assert list(calculation.table.parent.iterdir()) == [calculation.table]


def test_a_killed_calculation_repeats_no_finished_crystal(calculation):
    first = Stretched(stop_after=2)
    with pytest.raises(KeyboardInterrupt):
        calculate(calculation, forces=first)
    with pytest.raises(InputError, match=r"\.csv: does not exist yet"):
        read_table(calculation.table)
    second = Stretched()
    table = read_table(calculate(calculation, forces=second))
    assert (first.n_calls, second.n_calls) == (2, 1)
    assert list(table.index) == ["x6", "x7", "x8", "x9"]
    third = Stretched()
    calculate(calculation, forces=third)
    assert third.n_calls == 0


def test_processes_share_the_crystals(calculation):
    table = read_table(calculate(calculation, jobs=2, forces=Stretched()))
    assert (table["status"] == "done").sum() == 3


def test_the_smallest_are_chosen_by_the_supercell(calculation):
    few = Calculation("phonon", calculation.runs, SMALL, ForceFieldScale(smallest=3), "quick")
    assert sorted(jobs.crystals_of(few)) == ["x6", "x8", "x9"]


@pytest.mark.parametrize("change", [{"relax": False}, {"force_field": "sevennet-l3i5"}])
def test_another_setting_is_another_calculation_named_by_its_force_field(calculation, change):
    settings = SMALL.model_copy(update=change)
    other = Calculation("phonon", calculation.runs, settings, calculation.size, "cpu")
    assert calculation.name.startswith("phonon-chgnet-")
    assert other.name.startswith(f"phonon-{settings.force_field}-")
    assert other.name != calculation.name


def test_another_version_of_the_data_is_another_calculation(calculation, monkeypatch):
    before = calculation.name
    monkeypatch.setitem(VERSIONS, next(iter(calculation.runs)), 99)
    assert calculation.name != before


# --- record and figure ---


def write_predictions(run: workflow_runs.Run, rows: dict[str, tuple[str, float, float]]) -> None:
    run.folder.mkdir(parents=True)
    (run.folder / "metrics.json").write_text("{}")
    with (run.folder / "predictions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "fold", "target", "prediction"))
        writer.writerows((identity, *row) for identity, row in rows.items())


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[dict], list[dict]]:
    """The rows of a record: of four test crystals, CHGNet has a result for three, SevenNet for two.

    That of SevenNet with relaxed cells is not finished.
    """
    for module in (jobs, workflow_runs):
        monkeypatch.setattr(module, "RESULTS", tmp_path)
    spec = Spec.model_validate(
        {
            "caption": "Cv",
            "metric": "mae_over_mad",
            "parts": [{"datasets": ["phonon-cv"], "networks": ["cgcnn"], "seeds": [0]}],
            "force_field": {
                "sets": {"phonon": ["phonon-cv"]},
                "settings": [
                    {},
                    {"force_field": "sevennet-l3i5", "relax": False},
                    {"force_field": "sevennet-l3i5"},
                ],
                "scales": {"cpu": {}},
            },
            "paper": [{"dataset": "phonon-cv", "network": "chgnet", "mae_over_mad": 0.1298, "source": "SI"}],
        }
    )
    (run,) = workflow_runs.planned(spec, "cpu")
    folds = {"a": ("training", 1.0, 1.0)}
    tested = {"b": ("test", 10.0, 12.0), "c": ("test", 20.0, 23.0), "d": ("test", 60.0, 60.0)}
    tested["e"] = ("test", 90.0, 0.0)
    write_predictions(run, folds | tested)
    blank = dict.fromkeys(jobs.COLUMNS, "")
    done = {"status": "done", "u": 1, "n_atoms": 2, "n_supercell": 8, "cpu_seconds": 2, "formula": "Cu"}
    last = ({**done, "cv": 1000, "cv_magnitude": 1000, "imaginary": 0}, {"status": "failed", "note": "no"})
    for calculation, of_e in zip(jobs.calculations(spec, "cpu")[:2], last, strict=True):
        calculation.table.parent.mkdir(parents=True, exist_ok=True)
        with calculation.table.open("w", newline="") as file:
            writer = csv.DictWriter(file, jobs.COLUMNS)
            writer.writeheader()
            writer.writerow({**blank, **done, "id": "b", "cv": 10, "cv_magnitude": 10, "imaginary": 0})
            writer.writerow({**blank, **done, "id": "c", "cv": 21, "cv_magnitude": 25, "imaginary": 0.2})
            writer.writerow({**blank, "id": "d", "status": "too large", "note": "it has 999"})
            writer.writerow({**blank, **of_e, "id": "e"})
    network = {
        "dataset": "phonon-cv",
        "dataset_label": "Cv per cell",
        "target": "Cv",
        "descriptor": None,
        "unit": "J",
        "network": "cgcnn",
        "network_label": "CGCNN",
        "model": "cgcnn",
        "pooling": "mean",
        "variant": "paper",
        "panel": "",
        "seed": 0,
        "metrics": {"mae_over_mad": 0.1},
        "paper": None,
        "status": "done",
        "note": "",
    }
    rows, points = compared(spec, "cpu", [run], [network])
    pd.DataFrame(points).to_csv(tmp_path / "umlff.predictions.csv", index=False)
    return rows, points


def test_force_fields_and_network_are_compared_on_the_same_crystals(recorded):
    (force_field, other, network, unfinished), points = recorded
    assert (other["network"], other["network_label"]) == (
        "sevennet-l3i5-unrelaxed",
        "SevenNet-l3i5, unrelaxed",
    )
    assert other["metrics"] == force_field["metrics"]
    assert (other["paper"], list(other["force_field"]["failed"])) == (None, ["e"])
    assert (unfinished["status"], unfinished["dataset_label"]) == ("not run", "Cv per cell")
    assert unfinished["note"] == "not calculated yet at this scale: SevenNet-l3i5"
    assert force_field["metrics"]["mae"] == pytest.approx(0.5)
    assert force_field["metrics"]["mae_over_mad"] == pytest.approx(0.1)
    assert network["metrics"]["mae"] == pytest.approx(2.5)
    assert force_field["n_test"] == network["n_test"] == 2
    assert network["whole_test_part"] == {"mae_over_mad": 0.1}
    assert force_field["paper"] == {"mae_over_mad": 0.1298, "says": "", "source": "SI"}
    assert force_field["force_field"]["too_large"] == ["d"]
    assert force_field["force_field"]["n_unstable"] == 1
    assert force_field["force_field"]["magnitude"]["mae"] == pytest.approx(2.5)
    assert [(point["network"], point["id"], point["target"], point["prediction"]) for point in points] == [
        ("chgnet", "b", 10, 10),
        ("chgnet", "c", 20, 21),
        ("sevennet-l3i5-unrelaxed", "b", 10, 10),
        ("sevennet-l3i5-unrelaxed", "c", 20, 21),
    ]


def test_tables_and_figure_are_drawn_from_the_record(recorded, tmp_path):
    rows, _ = recorded
    record = {"caption": "Cv", "scale": "cpu", "rows": rows, "hardware": {"processor": "a machine"}}
    umlff.draw(tmp_path / "umlff", json.loads(json.dumps(record)))
    table = (tmp_path / "umlff.md").read_text()
    assert "| Cv per cell | CHGNet |" in table
    assert "0.1298" in table
    assert "CHGNet was trained on energies, forces and stresses along relaxations" in table
    assert "| Cv per cell | SevenNet-l3i5, unrelaxed |" in table
    assert (tmp_path / "umlff.png").stat().st_size > 10_000
    assert "| 4 | 4 | 2 | 1 | 0 | 1 | 0.100 | 0.500 |" in table
    assert "| 4 | 4 | 2 | 1 | 1 | 1 | 0.100 | 0.500 |" in table
    assert "- failed: e, SevenNet-l3i5, unrelaxed: no" in table


# --- pretrained force fields ---


@pytest.fixture(scope="module")
def chgnet() -> CHGNetForces:
    pytest.importorskip("chgnet")
    pytest.importorskip("phonopy")
    return CHGNetForces()


@pytest.mark.slow
def test_forces_are_those_that_chgnet_gives_itself(chgnet, NaCl):
    NaCl.translate_sites([0], [0.02, 0.01, 0.0])
    ours = chgnet([NaCl, NaCl * (1, 1, 1)])
    theirs = chgnet.network.predict_structure(NaCl, task="ef")["f"]
    assert np.abs(theirs).max() > 0.1
    for forces in ours:
        assert forces == pytest.approx(theirs, abs=1e-5)


@pytest.mark.slow
def test_silicon(chgnet, Si):
    # measured: 19.8 J/(mol K) an atom at 298 K
    found = thermal(Si, ForceFieldSettings(), chgnet, chgnet.relax)
    assert found.cv == pytest.approx(2 * 19.8, rel=0.1)
    assert found.imaginary < 0.01


@pytest.mark.slow
@pytest.mark.parametrize(("name", "package"), [("sevennet-l3i5", "sevenn"), ("diep", "diep")])
def test_silicon_by_other_force_fields(name, package, Si):
    pytest.importorskip(package)
    pytest.importorskip("phonopy")
    forces = load_forces(name)
    found = thermal(Si, SMALL, forces, forces.relax)
    assert found.cv == pytest.approx(2 * 19.8, rel=0.1)
    assert found.imaginary < 0.01


@pytest.mark.slow
def test_small_displacements_meet_a_cusp(chgnet):
    """In LiZnAs, with atoms in straight lines, force constants from 0.01 Å are far from those from 0.05 Å."""
    fcc = Lattice(np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) * 5.98 / 2)
    crystal = Structure(fcc, ["Li", "Zn", "As"], [[0.5] * 3, [0] * 3, [0.25] * 3])
    near, far = (
        thermal(crystal, ForceFieldSettings(displacement=distance), chgnet) for distance in (0.01, 0.05)
    )
    assert near.imaginary > 0.1
    assert far.imaginary < 0.01
