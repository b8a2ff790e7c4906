"""Reading structures: every format gives the same crystal, every bad file one sentence."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import random_crystal, write_structure
from pymatgen.core import Lattice, Structure
from pymatgen.io.cif import CifWriter

from hybrid.errors import InputError
from hybrid.folder_files import structure_files
from hybrid.graphs.crystal import CrystalGraphs
from hybrid.settings import GraphSettings
from hybrid.structures import check_structure, read_structure

ENDINGS = (".cif", ".vasp", ".poscar", ".json", ".extxyz", ".xyz")


def assert_same_crystal(one: Structure, other: Structure, tolerance: float = 1e-6) -> None:
    """The same sites, up to the sites' order and the cell's orientation."""
    assert one.lattice.parameters == pytest.approx(other.lattice.parameters, abs=tolerance)
    assert sorted(s.specie.Z for s in one) == sorted(s.specie.Z for s in other)
    for site in one:
        shift = [other_site.frac_coords - site.frac_coords for other_site in other]
        shift = np.abs(np.array(shift) - np.round(shift)).max(axis=1)
        nearest = int(shift.argmin())
        assert shift[nearest] < tolerance
        assert other[nearest].specie.Z == site.specie.Z


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_format_gives_the_same_structure(ending: str, seed: int, tmp_path: Path) -> None:
    crystal = random_crystal(seed, n_atoms=seed + 2)
    write_structure(crystal, tmp_path / f"x{ending}")
    assert_same_crystal(read_structure(tmp_path / f"x{ending}"), crystal)


@pytest.mark.parametrize("ending", ENDINGS)
def test_rock_salt_in_every_format(NaCl: Structure, ending: str, tmp_path: Path) -> None:
    write_structure(NaCl, tmp_path / f"NaCl{ending}")
    read = read_structure(tmp_path / f"NaCl{ending}")
    assert read.composition.formula == "Na4 Cl4"
    assert read.volume == pytest.approx(5.64**3)
    assert read.get_distance(0, 4) == pytest.approx(5.64 * np.sqrt(3) / 2)


def test_a_cif_with_symmetry_is_expanded(NaCl: Structure, tmp_path: Path) -> None:
    CifWriter(NaCl, symprec=0.01).write_file(tmp_path / "NaCl.cif")
    assert "_Int_Tables_number   225" in (tmp_path / "NaCl.cif").read_text()  # two sites and 192 operations
    assert_same_crystal(read_structure(tmp_path / "NaCl.cif"), NaCl)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.cif", "this is no CIF"),
        ("x.cif", ""),
        ("x.vasp", "one\ntwo\n"),
        ("x.poscar", ""),
        ("x.json", "{"),
        ("x.json", '{"lattice": 3}'),
        ("x.json", "[1, 2]"),
        ("x.extxyz", "two\natoms\n"),
        ("x.extxyz", ""),
    ],
)
def test_a_file_that_does_not_parse_is_named(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as caught:
        read_structure(tmp_path / name)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / name}: does not parse as a structure (")
    assert "\n" not in message
    assert len(message) < len(str(tmp_path)) + 250


def test_binary_rubbish_is_named(tmp_path: Path) -> None:
    for ending in ENDINGS:
        (tmp_path / f"x{ending}").write_bytes(bytes(range(256)))
        with pytest.raises(InputError, match=f"x{ending}: is no text"):
            read_structure(tmp_path / f"x{ending}")


@pytest.mark.parametrize("ending", [".cif", ".json"])
def test_partial_occupancy_names_site_and_species(ending: str, tmp_path: Path) -> None:
    disordered = Structure(Lattice.cubic(4), ["O", {"Fe": 0.4, "Co": 0.6}], [[0, 0, 0], [0.5, 0.5, 0.5]])
    write_structure(disordered, tmp_path / f"x{ending}")
    file = tmp_path / f"x{ending}"
    number = [site.is_ordered for site in Structure.from_file(file)].index(False) + 1
    with pytest.raises(InputError) as caught:
        read_structure(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: site {number} is 0.")
    assert {"0.4 Fe", "0.6 Co"} == set(message.split(" is ")[1].split(";")[0].split(" / "))
    assert message.endswith("; ordered structures only")


def test_a_vacancy_is_partial_occupancy(tmp_path: Path) -> None:
    write_structure(Structure(Lattice.cubic(4), [{"Fe": 0.5}], [[0, 0, 0]]), tmp_path / "x.json")
    with pytest.raises(InputError, match=r"x\.json: site 1 is 0\.5 Fe; ordered structures only"):
        read_structure(tmp_path / "x.json")


def test_no_atoms(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps(Structure(Lattice.cubic(4), [], []).as_dict()))
    (tmp_path / "x.xyz").write_text('0\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3\n')
    for name in ("x.json", "x.xyz"):
        with pytest.raises(InputError, match=f"{name}: .*(no atoms|at least 1 site)"):
            read_structure(tmp_path / name)


def test_a_coordinate_that_is_no_number(CsCl: Structure, tmp_path: Path) -> None:
    content = CsCl.as_dict()
    content["sites"][1]["abc"][2] = float("nan")
    (tmp_path / "x.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"x\.json: .*(not a number|does not parse)"):
        read_structure(tmp_path / "x.json")


def test_unknown_ending_lists_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "x.pdb").write_text("")
    with pytest.raises(InputError, match=r"x\.pdb: unknown structure format '\.pdb'; known: \.cif, .*\.xyz"):
        read_structure(tmp_path / "x.pdb")


@pytest.mark.parametrize("pbc", ["", 'Lattice="5 0 0 0 5 0 0 0 5" pbc="T T F" '])
def test_extended_xyz_needs_a_lattice(pbc: str, tmp_path: Path) -> None:
    (tmp_path / "x.xyz").write_text(f"1\n{pbc}Properties=species:S:1:pos:R:3\nCu 0 0 0\n")
    with pytest.raises(InputError, match=r"x\.xyz: .*no lattice in all three directions"):
        read_structure(tmp_path / "x.xyz")


def test_the_last_frame_of_extended_xyz_counts(tmp_path: Path) -> None:
    frame = '1\nLattice="{0} 0 0 0 {0} 0 0 0 {0}" Properties=species:S:1:pos:R:3 pbc="T T T"\nCu 0 0 0\n'
    last = frame.format(4).replace("pbc", 'config_type="10_20" pbc')
    (tmp_path / "x.extxyz").write_text(frame.format(3) + last + "\n")
    assert read_structure(tmp_path / "x.extxyz").volume == pytest.approx(64)


def test_structure_files_are_found_by_id(tmp_path: Path) -> None:
    for name in ("a.cif", "b.vasp", "c.1.json", "d.extxyz", "id_prop.csv", "atom_init.json", "manifest.json"):
        (tmp_path / name).write_text('{"sites": []}')
    assert structure_files(tmp_path) == {
        "a": tmp_path / "a.cif",
        "b": tmp_path / "b.vasp",
        "c.1": tmp_path / "c.1.json",
        "d": tmp_path / "d.extxyz",
    }


def test_one_id_in_two_formats_is_refused(tmp_path: Path) -> None:
    for name in ("a.cif", "a.json"):
        (tmp_path / name).write_text('{"sites": []}')
    with pytest.raises(InputError, match=r"a\.cif: a\.json has the same id"):
        structure_files(tmp_path)


def test_atoms_far_from_their_cell_are_brought_into_it(tmp_path: Path) -> None:
    """The same graph, in the time of any other; the search would look at all cells between the atoms."""
    near = Structure(Lattice.cubic(4), ["Na", "Cl"], [[0.1, 0, 0], [0.5, 0.5, 0.5]])
    far = Structure(Lattice.cubic(4), ["Na", "Cl"], [[0.1, 0, 0], [3000.5, -2999.5, 3000.5]])
    far.to(filename=str(tmp_path / "far.json"))
    one, other = (
        CrystalGraphs.from_structures([structure], GraphSettings())
        for structure in (near, read_structure(tmp_path / "far.json"))
    )
    assert torch.equal(one.neighbours, other.neighbours)
    assert torch.allclose(one.distances, other.distances, atol=1e-6)


def test_a_slab_that_is_not_periodic_is_refused() -> None:
    slab = Structure(Lattice(np.eye(3) * 4, pbc=(True, True, False)), ["Cu"], [[0, 0, 0]])
    with pytest.raises(InputError, match="is not periodic in all three directions"):
        check_structure(slab, "slab")


def test_hidden_files_are_no_crystals(tmp_path: Path) -> None:
    (tmp_path / "a.cif").write_text("")
    (tmp_path / "._a.cif").write_text("")
    assert list(structure_files(tmp_path)) == ["a"]
