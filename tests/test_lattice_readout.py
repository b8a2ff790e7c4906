"""cgcnn-lattice: lattices of textbook crystals, and the same predictions for a crystal and its supercells."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from pymatgen.core import Lattice, Structure

import hybrid
from hybrid.data.folder import ATOM_INIT, read_atom_features, read_folder
from hybrid.errors import InputError
from hybrid.graphs.reciprocal import CUTOFF, ReciprocalGraphs
from hybrid.models.cgcnn import atom_feature_table
from hybrid.models.cgcnn_lattice import RADII, CGCNNLattice, Lattices
from hybrid.settings import GraphSettings, ModelSettings
from hybrid.supercells import supercell_table

GRAPH = GraphSettings()


of_spacegroup = Structure.from_spacegroup
CRYSTALS = {
    "copper": (of_spacegroup(225, Lattice.cubic(3.61), ["Cu"], [[0, 0, 0]]), 1),
    "tungsten": (of_spacegroup(229, Lattice.cubic(3.16), ["W"], [[0, 0, 0]]), 1),
    # (200) is absent though it is in the reciprocal lattice of the primitive cell
    "diamond": (of_spacegroup(227, Lattice.cubic(3.57), ["C"], [[0, 0, 0]]), 2),
    "magnesium": (of_spacegroup(194, Lattice.hexagonal(3.21, 5.21), ["Mg"], [[1 / 3, 2 / 3, 0.25]]), 2),
    "rock salt": (
        of_spacegroup(225, Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
        2,
    ),
    "CsCl": (of_spacegroup(221, Lattice.cubic(4.12), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]), 2),
    "perovskite": (
        of_spacegroup(
            221, Lattice.cubic(3.9), ["Sr", "Ti", "O"], [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0]]
        ),
        5,
    ),
    "spinel": (
        of_spacegroup(
            227,
            Lattice.cubic(8.09),
            ["Mg", "Al", "O"],
            [[0.125, 0.125, 0.125], [0.5, 0.5, 0.5], [0.2624] * 3],
        ),
        14,
    ),
}


def found(*structures: Structure) -> Lattices:
    """What an untrained network finds."""
    torch.manual_seed(0)
    features = atom_feature_table(read_atom_features(ATOM_INIT)).double()
    network = CGCNNLattice(features, GRAPH, ModelSettings()).double()
    graphs = ReciprocalGraphs.from_structures(structures, GRAPH).to("cpu", torch.float64)
    with torch.no_grad():
        return network.lattices(graphs.batch(torch.arange(len(structures))))


def test_atoms_of_the_primitive_cell() -> None:
    crystals = [crystal * times for crystal, _ in CRYSTALS.values() for times in ((1, 1, 1), (2, 1, 1))]
    expected = np.repeat([n for _, n in CRYSTALS.values()], 2)
    assert found(*crystals).n_atoms.numpy() == pytest.approx(expected, rel=1e-3)


def test_a_molecule_has_no_translations() -> None:
    water = Structure(Lattice.cubic(30), ["O", "H", "H"], [[0, 0, 0], [0.03, 0, 0], [0, 0.03, 0]])
    lattice = found(water)
    assert lattice.n_atoms.item() == 3
    assert torch.equal(lattice.radial, torch.ones(1, len(RADII), dtype=torch.float64))


def test_layers_and_chains_repeat_along_themselves() -> None:
    zigzag = Structure(Lattice.orthorhombic(2.5, 20, 20), ["C", "C"], [[0, -0.01, 0], [0.5, 0.03, 0]])
    slab = Structure(
        Lattice.orthorhombic(3, 3, 25), ["Cu", "Cu", "Cu"], [[0, 0, -0.1], [0, 0, 0], [0, 0, 0.1]]
    )
    assert found(zigzag, zigzag * (3, 1, 1), slab, slab * (2, 1, 1)).n_atoms.tolist() == pytest.approx(
        [2, 2, 3, 3], rel=1e-3
    )


@pytest.mark.parametrize("tilt", [[[1, 0, 0], [0, 1, 0], [3, 0, 1]], [[1, 0, 0], [0, 1, 0], [1, -2, 1]]])
def test_it_does_not_matter_how_the_vector_across_vacuum_is_chosen(tilt: list[list[int]]) -> None:
    slab = Structure(Lattice.tetragonal(4, 25), ["Na", "Cl"], [[0, 0, 0.5], [0.5, 0.5, 0.55]])
    lattices = found(slab, slab.make_supercell(tilt, in_place=False))
    assert lattices.n_atoms.tolist() == pytest.approx([2, 2], rel=1e-3)
    assert torch.allclose(lattices.radial[0], lattices.radial[1], atol=1e-6)


def test_radial_distribution_by_a_sum_over_lattice_vectors() -> None:
    """Poisson's sum: V / (2 pi)^3 times, for each lattice vector, the integral of the filter over k."""
    lattice = Lattice.orthorhombic(3.1, 4.2, 5.3)
    doubled = Structure(lattice, ["Po"], [[0, 0, 0]]) * (1, 2, 1)
    k = np.linspace(0, CUTOFF, 2001)
    grid = np.stack(np.meshgrid(*[np.arange(-20, 21)] * 3, indexing="ij"), -1).reshape(-1, 3)
    lengths, times = np.unique(np.linalg.norm(grid @ lattice.matrix, axis=1).round(6), return_counts=True)
    times, lengths = times[lengths < 60], lengths[lengths < 60]
    waves = times @ np.sinc(np.outer(lengths, k) / np.pi)  # sum over the lattice vectors
    fading = 0.5 + 0.5 * np.cos(np.pi * k / CUTOFF)
    for r, value in list(zip(RADII.numpy(), found(doubled).radial[0].numpy(), strict=True))[::4]:
        integrand = fading * np.sinc(k * r / np.pi) * waves * k**2
        assert value == pytest.approx(lattice.volume / (2 * np.pi**2) * np.trapezoid(integrand, k), abs=0.01)


def test_a_cell_doubles_little_by_little() -> None:
    lattice = Lattice.cubic(3.2)
    cells = [Structure(lattice, ["W"], [[0, 0, 0]]) * (2, 1, 1) for _ in range(4)]
    for cell, shift in zip(cells, (0, 0.03, 0.1, 0.4), strict=True):
        cell.translate_sites([1], [shift, 0, 0], frac_coords=False)
    one, nearly, half, two = found(*cells).n_atoms.tolist()
    assert one == pytest.approx(1, rel=1e-6)
    assert 1 < nearly < half < two
    assert nearly == pytest.approx(1, abs=0.2)
    assert two == pytest.approx(2, rel=1e-3)


def test_a_trained_network_is_the_same_for_supercells(
    crystal_folder: Callable[..., Path], tmp_path: Path
) -> None:
    folder = crystal_folder(20)
    model = hybrid.train(folder, model="cgcnn-lattice", epochs=3, out=tmp_path / "run")
    crystals = list(read_folder(folder).structures())[:5]
    one = model.predict(crystals)
    assert np.allclose(one, model.predict([crystal * (2, 1, 1) for crystal in crystals]), rtol=1e-3)
    assert np.array_equal(one, hybrid.load(tmp_path / "run").predict(crystals))
    (row,) = supercell_table(model, read_folder(folder), [(2, 1, 1)])
    assert row.lowest == pytest.approx(1, rel=1e-3)
    vectors = model.network.crystal_embeddings(
        ReciprocalGraphs.from_structures(crystals, GRAPH).batch(torch.arange(5))
    )
    assert vectors.shape == (5, 64 + 1 + len(RADII))


def test_classes(crystal_folder: Callable[..., Path], tmp_path: Path) -> None:
    network = CGCNNLattice(
        atom_feature_table(read_atom_features(ATOM_INIT)),
        GRAPH,
        ModelSettings(),
        n_outputs=3,
        classification=True,
    )
    graphs = ReciprocalGraphs.from_structures(read_folder(crystal_folder(20)).structures(), GRAPH)
    classes = network(graphs.batch(torch.arange(20)))
    assert classes.shape == (20, 3)
    assert torch.allclose(classes.exp().sum(dim=1), torch.ones(20))


def test_it_has_one_pooling(crystal_folder: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cgcnn-lattice has mean pooling only"):
        hybrid.train(crystal_folder(20), model="cgcnn-lattice", pooling="sum", out=tmp_path / "run")
