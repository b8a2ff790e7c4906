"""Pretrained force fields: whose weights are loaded, and what does not change a crystal's embedding."""

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import write_structure
from pymatgen.core import Lattice, Structure
from scipy.spatial.transform import Rotation

from hybrid import cli
from hybrid.data.folder import read_folder
from hybrid.errors import InputError
from hybrid.probing.force_fields import PRETRAINED, AtomVectors, Pretrained, atom_vectors, weights
from hybrid.probing.pretrained import POOLINGS, embed
from reproduction.workflow.spec import load_networks

CPU = torch.device("cpu")
LENGTHS = {"chgnet": 64, "sevennet-0": 128, "sevennet-l3i5": 128, "sevennet-mf-0": 128, "diep": 64}
NEAR = {"rel": 1e-4, "abs": 2e-5}
ROUNDING = 5e-6  # of the largest number: what single precision leaves of sums over neighbours


@pytest.fixture(scope="module", params=sorted(LENGTHS))
def name(request: pytest.FixtureRequest) -> str:
    """A force field that is installed."""
    pytest.importorskip(PRETRAINED[request.param].package)
    return request.param


@pytest.fixture(scope="module")
def vectors(name: str) -> AtomVectors:
    return atom_vectors(name, CPU)


@pytest.fixture
def crystal() -> Structure:
    """Triclinic, with four atoms at no special places."""
    places = [[0.02, 0.05, 0.01], [0.52, 0.46, 0.55], [0.49, 0.07, 0.47], [0.05, 0.53, 0.51]]
    return Structure(Lattice.from_parameters(4.1, 4.4, 4.9, 82, 96, 101), ["Sr", "Ti", "O", "O"], places)


# --- weights ---


def test_weights_of_unknown_content_are_not_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(
        PRETRAINED, "changed", Pretrained("numpy", pytest.fail, {"__init__.py": 64 * "0"}, "0.1")
    )
    with pytest.raises(InputError, match=r"numpy/__init__\.py: is not that of numpy 0\.1.*numpy==0\.1"):
        atom_vectors("changed", CPU)


def test_a_force_field_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRETRAINED, "absent", Pretrained("no-such-package-here", pytest.fail))
    with pytest.raises(InputError, match="absent needs the package no-such-package-here"):
        weights("absent")
    with pytest.raises(InputError, match="did you mean 'sevennet-l3i5'"):
        weights("sevennet-l3i4")


def test_installed_weights_are_those_that_are_tested(name: str) -> None:
    assert weights(name).is_file()


def test_every_force_field_is_named_where_users_look(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(PRETRAINED) == set(LENGTHS)
    with pytest.raises(SystemExit):
        cli.main(["embed", "--help"])
    told = "".join(capsys.readouterr().out.split())  # lines end within names
    assert all(known in told for known in PRETRAINED)
    guide = (Path(__file__).parents[1] / "docs/probing.md").read_text()
    assert all(f"`{known}`" in guide for known in PRETRAINED)


def test_networks_of_figures_name_force_fields_and_their_poolings() -> None:
    probed = [network.model for network in load_networks().values() if network.model.vectors]
    assert {model.vectors for model in probed} == set(PRETRAINED)
    assert {model.pooling for model in probed} == set(POOLINGS)


# --- what does not change an embedding ---


def test_atom_vectors_follow_the_atoms(name: str, vectors: AtomVectors, crystal: Structure) -> None:
    turn = Rotation.from_euler("xyz", [31, 62, 113], degrees=True).as_matrix()
    turned = Structure(Lattice(crystal.lattice.matrix @ turn.T), crystal.species, crystal.frac_coords)
    order = [2, 0, 3, 1]
    shuffled = Structure.from_sites([crystal[i] for i in order])
    first, after_turn, after_shuffle, doubled = vectors([crystal, turned, shuffled, crystal * (1, 2, 1)])
    assert first.shape == (4, LENGTHS[name])
    assert np.abs(first).max() > 0.1
    assert np.abs(first[2] - first[3]).max() > 1e-3  # oxygen atoms in different surroundings
    near = {"rel": 1e-4, "abs": ROUNDING * float(np.abs(first).max())}
    assert after_turn == pytest.approx(first, **near)
    assert after_shuffle == pytest.approx(first[order], **near)
    assert doubled == pytest.approx(first.repeat(2, axis=0), **near)
    (alone,) = vectors([crystal])
    assert alone == pytest.approx(first, **near)


def test_embeddings_of_a_supercell(name: str, crystal: Structure, tmp_path: Path) -> None:
    write_structure(crystal, tmp_path / "one.json")
    write_structure(crystal * (2, 1, 1), tmp_path / "two.json")
    folder = read_folder(tmp_path, targets=False)
    tables = {pooling: embed(folder, name, pooling).table.to_numpy() for pooling in POOLINGS}
    assert tables["sum"][1] == pytest.approx(2 * tables["sum"][0], **NEAR)
    assert tables["mean"][1] == pytest.approx(tables["mean"][0], **NEAR)
    assert tables["cumulants"].shape == (2, 5 * LENGTHS[name])
    assert tables["cumulants"][1] == pytest.approx(tables["cumulants"][0], rel=1e-3, abs=1e-4)


def test_atoms_without_neighbours_have_a_vector(name: str, vectors: AtomVectors, crystal: Structure) -> None:
    lone = Structure(Lattice.cubic(9), ["Na"], [[0, 0, 0]])
    one, two, other = vectors([lone, lone * (2, 1, 1), crystal])
    assert two == pytest.approx(one.repeat(2, axis=0), **NEAR)
    assert np.isfinite(one).all()
    assert other == pytest.approx(vectors([crystal])[0], **NEAR)


def test_an_unknown_element_is_an_input_error(name: str, tmp_path: Path) -> None:
    write_structure(Structure(Lattice.cubic(4), ["Fm"], [[0, 0, 0]]), tmp_path / "bad.json")
    with pytest.raises(InputError, match=r"bad\.json: .*it does not know Fm"):
        embed(read_folder(tmp_path, targets=False), name)


def test_sums_are_those_of_chgnet_itself(crystal: Structure, tmp_path: Path) -> None:
    pytest.importorskip("chgnet")
    from chgnet.model import CHGNet

    model = CHGNet.load(use_device="cpu", verbose=False).eval()
    theirs = model.predict_structure(crystal, task="e", return_crystal_feas=True)["crystal_fea"]
    write_structure(crystal, tmp_path / "one.json")
    ours = embed(read_folder(tmp_path, targets=False), "chgnet", "sum").table.to_numpy()[0]
    assert ours == pytest.approx(theirs, rel=1e-6)


def test_the_vectors_of_sevennet_are_what_its_energies_are_linear_in(crystal: Structure) -> None:
    """With 128 numbers an atom, two linear layers make the energy: 128 to 64 to 1."""
    pytest.importorskip("sevenn")
    from sevenn.calculator import SevenNetCalculator

    calculator = SevenNetCalculator(weights("sevennet-l3i5"), device="cpu")
    atoms = crystal.to_ase_atoms(msonable=False)
    atoms.calc = calculator
    energies = atoms.get_potential_energies()
    (found,) = atom_vectors("sevennet-l3i5", CPU)([crystal])
    kinds = torch.tensor([calculator.type_map[z] for z in crystal.atomic_numbers])
    data = {"x": torch.from_numpy(found), "atom_type": kinds}
    layers = dict(calculator.model.named_children())
    with torch.no_grad():
        for layer in ("reduce_input_to_hidden", "reduce_hidden_to_energy", "rescale_atomic_energy"):
            data = layers[layer](data)
    assert energies == pytest.approx(data["atomic_energy"].squeeze().numpy(), abs=1e-4)
