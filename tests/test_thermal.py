"""Heat capacity and internal energy from a density of states, against phonopy and by hand."""

import numpy as np
import pytest
from scipy.constants import N_A, R, h, k

from hybrid.errors import InputError
from reproduction.data.thermal import check_dulong_petit, check_mode_count, heat_capacity, internal_energy


def einstein(frequency: float, n_modes: float = 3.0, width: float = 1e-3) -> tuple[np.ndarray, np.ndarray]:
    """A narrow triangle at one frequency (THz) that holds `n_modes`."""
    frequencies = frequency + width * np.array([-2, -1, 0, 1, 2])
    return frequencies, np.array([0, 0, n_modes / width, 0, 0])


def einstein_cv(frequency: float, temperature: float) -> float:
    x = h * frequency * 1e12 / (k * temperature)
    return 3 * R * x**2 * np.exp(x) / (np.exp(x) - 1) ** 2


def einstein_u(frequency: float, temperature: float) -> float:
    energy = h * frequency * 1e12 * N_A / 1000  # kJ/mol of quanta
    return 3 * energy * (0.5 + 1 / np.expm1(h * frequency * 1e12 / (k * temperature)))


@pytest.mark.parametrize("frequency", [1.0, 5.0, 20.0])
@pytest.mark.parametrize("temperature", [100.0, 300.0])
def test_an_einstein_crystal_is_as_by_hand(frequency, temperature):
    dos = einstein(frequency)
    assert heat_capacity(*dos, temperature) == pytest.approx(einstein_cv(frequency, temperature), rel=1e-5)
    assert internal_energy(*dos, temperature) == pytest.approx(einstein_u(frequency, temperature), rel=1e-5)


def test_room_temperature_is_the_default():
    assert heat_capacity(*einstein(6.0)) == heat_capacity(*einstein(6.0), 300)
    assert internal_energy(*einstein(6.0)) == internal_energy(*einstein(6.0), 300)


def test_without_temperature_the_zero_point_energy_remains():
    assert internal_energy(*einstein(6.0), 0) == pytest.approx(1.5 * h * 6e12 * N_A / 1000, rel=1e-6)
    assert heat_capacity(*einstein(6.0), 0) == 0


def test_values_are_of_the_cell():
    frequencies, densities = einstein(6.0)
    for quantity in (heat_capacity, internal_energy):
        of_four = quantity(frequencies, 4 * densities)
        assert of_four == pytest.approx(4 * quantity(frequencies, densities))


def test_imaginary_modes_are_left_out():
    stable, soft = einstein(6.0, 2.5), einstein(-1.0, 0.5)
    both = np.concatenate([soft[0], stable[0]]), np.concatenate([soft[1], stable[1]])
    assert heat_capacity(*both) == pytest.approx(heat_capacity(*stable), rel=1e-9)
    assert internal_energy(*both) == pytest.approx(internal_energy(*stable), rel=1e-9)
    check_mode_count(*both, n_atoms=1)  # they are modes of the cell nevertheless


@pytest.mark.parametrize(
    ("frequencies", "densities", "temperature", "said"),
    [
        ([1, 2, 3], [1, 2], 300, r"\(3,\) and \(2,\)"),
        ([1], [1], 300, "two at least"),
        ([1, 2, float("nan")], [1, 1, 1], 300, "not a number"),
        ([1, 3, 2], [1, 1, 1], 300, "do not ascend"),
        ([-3, -2, -1], [1, 1, 1], 300, "no positive frequency"),
        ([1, 2, 3], [1, 1, 1], -1, "-1 K"),
    ],
)
def test_what_is_no_density_of_states_is_refused(frequencies, densities, temperature, said):
    for quantity in (heat_capacity, internal_energy):
        with pytest.raises(InputError, match=said):
            quantity(frequencies, densities, temperature)


def test_the_classical_limit_is_three_R_an_atom():
    check_dulong_petit(2 * 24.94, n_atoms=2)
    with pytest.raises(InputError, match=r"55\.00 J.*49\.89.*2 atoms"):
        check_dulong_petit(55.0, n_atoms=2)
    for cv in (0.0, -3.0, float("nan")):
        with pytest.raises(InputError, match="not between 0 and"):
            check_dulong_petit(cv, n_atoms=2)


def test_a_density_of_states_of_another_cell_is_found():
    check_mode_count(*einstein(6.0, 12.1), n_atoms=4)
    with pytest.raises(InputError, match=r"12\.00 modes, not the 6 of a cell of 2 atoms"):
        check_mode_count(*einstein(6.0, 12), n_atoms=2)
    with pytest.raises(InputError, match=r"3\.00 modes, not the 6"):
        check_mode_count(*einstein(6.0, 3), n_atoms=2)


@pytest.fixture(scope="module")
def copper_phonons():
    """Copper with ASE's EMT by finite displacements in a 2x2x2 supercell, on a mesh of 30x30x30."""
    phonopy = pytest.importorskip("phonopy")
    from ase import Atoms
    from ase.build import bulk
    from ase.calculators.emt import EMT
    from phonopy.structure.atoms import PhonopyAtoms

    cell = PhonopyAtoms(symbols=["Cu"], cell=bulk("Cu", a=3.59).cell.array, scaled_positions=[[0, 0, 0]])
    phonons = phonopy.Phonopy(cell, supercell_matrix=[2, 2, 2], primitive_matrix="P")
    phonons.generate_displacements(distance=0.01)
    forces = []
    for supercell in phonons.supercells_with_displacements:
        atoms = Atoms(
            supercell.symbols, cell=supercell.cell, scaled_positions=supercell.scaled_positions, pbc=True
        )
        atoms.calc = EMT()
        forces.append(atoms.get_forces())
    phonons.forces = forces
    phonons.produce_force_constants()
    phonons.run_mesh([30, 30, 30], is_gamma_center=True)
    return phonons


@pytest.mark.parametrize(
    ("settings", "tolerance"),
    [({"freq_pitch": 0.01}, 2e-4), ({"sigma": 0.05, "use_tetrahedron_method": False}, 2e-4), ({}, 2e-3)],
    ids=["fine grid", "smeared", "coarse grid"],
)
@pytest.mark.parametrize("temperature", [100.0, 300.0, 3000.0])
def test_copper_is_as_phonopy_sums_it_over_modes(copper_phonons, settings, tolerance, temperature):
    copper_phonons.run_total_dos(**settings)
    copper_phonons.run_thermal_properties(temperatures=[temperature], exclude_gamma_acoustic=True)
    dos = copper_phonons.total_dos.frequency_points, copper_phonons.total_dos.dos
    summed = copper_phonons.thermal_properties
    energy = summed.free_energy[0] + temperature * summed.entropy[0] / 1000  # U = F + TS, kJ/mol
    assert heat_capacity(*dos, temperature) == pytest.approx(summed.heat_capacity[0], rel=tolerance)
    assert internal_energy(*dos, temperature) == pytest.approx(energy, rel=tolerance)
    check_mode_count(*dos, n_atoms=1)
    check_dulong_petit(heat_capacity(*dos, temperature), n_atoms=1)


def test_hot_copper_is_classical(copper_phonons):
    copper_phonons.run_total_dos(sigma=0.05, use_tetrahedron_method=False)
    dos = copper_phonons.total_dos.frequency_points, copper_phonons.total_dos.dos
    assert heat_capacity(*dos, 3000) == pytest.approx(3 * R, rel=1e-3)
    assert internal_energy(*dos, 3000) == pytest.approx(3 * R * 3000 / 1000, rel=2e-3)
    assert 0.9 * 3 * R < heat_capacity(*dos, 300) < 0.98 * 3 * R
