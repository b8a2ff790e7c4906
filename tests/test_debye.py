"""Debye's model: limits, a metal by hand, and the baseline that fits its stiffness."""

import json

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from scipy.constants import R, atomic_mass, hbar, k

from hybrid.data.folder import ATOM_INIT, read_folder
from hybrid.data.written_folder import CrystalFile
from hybrid.errors import InputError
from hybrid.settings import ModelSettings, RunSettings
from hybrid.training.run import train
from reproduction.data.folders import write_folder
from reproduction.models.debye_baseline import (
    debye_temperature,
    effective_stiffness,
    fit_stiffness,
    heat_capacity,
    internal_energy,
)

needs_elements = pytest.mark.skipif(not ATOM_INIT.exists(), reason="upstream has not been fetched")


def test_hot_crystals_hold_3r_an_atom():
    assert heat_capacity(np.array([100.0]), 1e5) == pytest.approx(3 * R, rel=1e-6)
    assert internal_energy(np.array([100.0]), 1e5) == pytest.approx(3 * R * 1e5 / 1000, rel=1e-6)


def test_cold_crystals_follow_the_cube_of_the_temperature():
    cold = heat_capacity(np.array([400.0]), 4.0)
    assert cold == pytest.approx(12 * np.pi**4 / 5 * R * (4 / 400) ** 3, rel=1e-4)


def test_at_rest_there_is_the_zero_point_energy():
    assert internal_energy(np.array([400.0]), 0.1) == pytest.approx(9 / 8 * R * 400 / 1000, rel=1e-6)


def test_the_heat_capacity_is_the_derivative_of_the_energy():
    theta = np.array([150.0, 343.0, 1200.0])
    slope = (internal_energy(theta, 300.5) - internal_energy(theta, 299.5)) * 1000
    assert heat_capacity(theta, 300.0) == pytest.approx(slope, rel=1e-4)


def test_copper():
    # 11.8 Å³ and 63.546 u an atom, θ = 343 K: handbooks give Cv = 23.4 J/(mol K) at 300 K
    assert heat_capacity(np.array([343.0])) == pytest.approx([23.4], abs=0.1)
    velocity = k * 343 / hbar / (6 * np.pi**2 / 11.8e-30) ** (1 / 3)  # 2.6 km/s
    assert 2000 < velocity < 3000
    stiffness = velocity**2 * 63.546 * atomic_mass / 11.8e-30 / 1e9
    assert debye_temperature(stiffness, 11.8, 63.546) == pytest.approx(343)


def test_stiffness_falls_with_the_fourth_power_of_the_distance():
    assert effective_stiffness(80.0, 20.0 * 2**3) == pytest.approx(80.0 / 2**4)


@pytest.mark.parametrize("quantity", [heat_capacity, internal_energy])
def test_the_stiffness_behind_the_data_is_found(quantity):
    rng = np.random.default_rng(0)
    volume, mass = rng.uniform(8, 40, 30), rng.uniform(10, 150, 30)
    count = rng.integers(1, 20, 30)
    targets = count * quantity(debye_temperature(effective_stiffness(63.0, volume), volume, mass))
    assert fit_stiffness(quantity, volume, mass, count, targets) == pytest.approx(63.0, rel=1e-3)


def cubic(i: int) -> Structure:
    """CsCl-like cells of one or two atoms."""
    species = ["Cu", "Li", "Fe", "Si"][i % 4 : i % 4 + 1] + (["O"] if i % 2 else [])
    places = [[0, 0, 0], [0.5, 0.5, 0.5]][: len(species)]
    return Structure(Lattice.cubic(2.5 + 0.02 * i), species, places)


def folder_of(path, target: str, unit: str, per_cell: bool = True):
    crystals = []
    for i in range(30):
        crystal = cubic(i)
        volume, mass = crystal.volume / len(crystal), float(crystal.composition.weight) / len(crystal)
        theta = debye_temperature(effective_stiffness(50.0, volume), volume, mass)
        value = float(internal_energy(theta)) * (len(crystal) if per_cell else 1)
        crystals.append(CrystalFile.of(f"x{i:02d}", crystal, value))
    write_folder(path, crystals, {"target": target, "unit": unit})
    return read_folder(path)


@needs_elements
@pytest.mark.parametrize(("unit", "per_cell"), [("kJ/mol-cell", True), ("kJ/mol-atom", False)])
def test_the_baseline_predicts_per_cell_and_per_atom(tmp_path, unit, per_cell):
    folder = folder_of(tmp_path / "crystals", "U", unit, per_cell)
    settings = RunSettings(model=ModelSettings(name="debye"), split=(0.6, 0.2, 0.2))
    metrics = train(folder, settings, tmp_path / "run")
    assert metrics["stiffness_gpa"] == pytest.approx(50, rel=1e-3)
    assert metrics["test"]["mae_over_mad"] < 1e-3


@needs_elements
def test_other_targets_are_refused_in_one_sentence(tmp_path):
    folder = folder_of(tmp_path / "crystals", "K", "GPa")
    settings = RunSettings(model=ModelSettings(name="debye"))
    with pytest.raises(InputError, match=r"gives Cv in J/\(mol-cell K\) or U in .* not K in 'GPa'"):
        train(folder, settings, tmp_path / "run")
    (tmp_path / "crystals" / "manifest.json").write_text(json.dumps({"source": "nobody"}))
    with pytest.raises(InputError, match="does not say what the target"):
        train(folder, settings, tmp_path / "run")


@pytest.mark.slow
def test_of_real_crystals_it_says_more_than_their_size(hybrid_data, tmp_path):
    """The training mean's MAE/MAD is 1, that of k x natoms 0.31."""
    from reproduction.data.registry import REGISTRY

    REGISTRY["phonon-cv"].build(tmp_path / "phonon-cv")
    folder = read_folder(tmp_path / "phonon-cv")
    settings = RunSettings(model=ModelSettings(name="debye"), split="authors")
    metrics = train(folder, settings, tmp_path / "run")
    assert metrics["test"]["mae_over_mad"] < 0.2
    assert 20 < metrics["stiffness_gpa"] < 200
