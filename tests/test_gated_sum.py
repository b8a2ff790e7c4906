"""CGCNN's C++ kernel against PyTorch in double precision: values, gradients, running statistics."""

import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import needs_compiler, random_crystal
from pymatgen.core import Structure
from torch import Tensor

from hybrid.graphs.crystal import CrystalGraphs
from hybrid.graphs.merged_crystal import MergedCrystalBatch, MergedCrystalGraphs
from hybrid.kernels.gated_sum import GatedSum
from hybrid.models.cgcnn import CGCNN
from hybrid.settings import GraphSettings, ModelSettings
from reproduction.data.chains import chain_of_set

DOUBLE = torch.float64


def crystals(Cu: Structure, NaCl: Structure, C_long: Structure) -> list[Structure]:
    """Merged atoms (NaCl) and neighbours (Cu), nothing merged (random cells), filled rows (chains)."""
    some = [random_crystal(seed) for seed in range(6)]
    return [Cu, NaCl, C_long, *some, chain_of_set("double", 3, 0), Cu]


def network(atom_fea_len: int, graph: GraphSettings, pooling: str = "mean") -> CGCNN:
    """A small network whose weights and running statistics are not the initial ones."""
    torch.manual_seed(1)
    model = ModelSettings(atom_fea_len=atom_fea_len, n_conv=2, h_fea_len=8, pooling=pooling)
    made = CGCNN(torch.rand(60, 6), graph, model)
    for layer in made.convs:
        for norm in (layer.bn1, layer.bn2):
            torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
            torch.nn.init.normal_(norm.bias, std=0.3)
            torch.nn.init.normal_(norm.running_mean, std=0.3)
            torch.nn.init.uniform_(norm.running_var, 0.5, 2)
    return made


def results(made: CGCNN, batch: MergedCrystalBatch, train: bool) -> dict[str, Tensor]:
    """Vectors, gradients of a loss that weighs them unevenly, and buffers after the step."""
    made.train(train)
    made.zero_grad()
    vectors = made.atom_vectors(batch)
    weights = torch.linspace(-1, 2, vectors.numel(), dtype=DOUBLE).to(vectors.dtype).view_as(vectors)
    (vectors * weights).sum().backward()
    found = {"vectors": vectors.detach()}
    found |= {f"gradient {n}": p.grad for n, p in made.named_parameters() if p.grad is not None}
    found |= {f"buffer {n}": b.clone() for n, b in made.named_buffers()}
    return {key: value.clone() for key, value in found.items()}


def assert_close(found: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float) -> None:
    """Equal relative to the largest entry of each tensor."""
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        # In training the gradient of this bias is zero but for rounding: batch normalisation takes it off.
        of = expected[key.replace("bias", "weight")] if key.endswith("fc_full.bias") else value
        size = max(float(of.abs().max()), 1e-6)
        error = float((found[key].double() - value.double()).abs().max()) / size
        assert error < tolerance, f"{key}: {error:.1e}"


@needs_compiler
@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize(
    ("atom_fea_len", "graph"),
    [
        (64, GraphSettings()),
        (64, GraphSettings(max_neighbours=18, radius=12.0)),
        (20, GraphSettings()),
        (7, GraphSettings(max_neighbours=5, radius=3.0)),
    ],
)
def test_kernel_is_pytorch(
    atom_fea_len: int,
    graph: GraphSettings,
    train: bool,
    Cu: Structure,
    NaCl: Structure,
    C_long: Structure,
) -> None:
    graphs = MergedCrystalGraphs.from_structures(crystals(Cu, NaCl, C_long), graph)
    every = torch.arange(len(graphs))
    made = network(atom_fea_len, graph)
    assert GatedSum.get(atom_fea_len, len(made.centres), torch.zeros(1)) is not None
    assert GatedSum.get(atom_fea_len, len(made.centres), torch.zeros(1, dtype=DOUBLE)) is None
    reference = copy.deepcopy(made).double()
    found = results(made, graphs.batch(every), train)
    expected = results(reference, graphs.to("cpu", DOUBLE).batch(every), train)
    assert_close(found, expected, 2e-4)
    tracked = 1 if train else 0
    assert int(found["buffer convs.0.bn1.num_batches_tracked"]) == tracked


@needs_compiler
def test_a_gradient_may_be_one_number_for_all() -> None:
    """As that of a sum, a tensor that does not lie in memory row by row."""
    graphs = MergedCrystalGraphs.from_structures(map(random_crystal, range(6)), GraphSettings())
    gradients = []
    for dtype in (torch.float32, DOUBLE):
        made = network(64, GraphSettings()).to(dtype)
        made.atom_vectors(graphs.to("cpu", dtype).batch(torch.arange(6))).sum().backward()
        gradients.append(made.convs[1].bn2.weight.grad)
    torch.testing.assert_close(gradients[0].double(), gradients[1], rtol=1e-4, atol=1e-4)


@needs_compiler
def test_running_statistics_after_several_steps() -> None:
    graphs = MergedCrystalGraphs.from_structures(map(random_crystal, range(9)), GraphSettings())
    made = network(16, GraphSettings())
    reference = copy.deepcopy(made).double()
    with torch.no_grad():
        for indices in torch.arange(9).split(2):
            made.train().atom_vectors(graphs.batch(indices))
            reference.train().atom_vectors(graphs.to("cpu", DOUBLE).batch(indices))
    for name, buffer in made.named_buffers():
        torch.testing.assert_close(
            buffer.double(), dict(reference.named_buffers())[name].double(), rtol=1e-4, atol=1e-5
        )


@needs_compiler
def test_the_layer_is_the_formula() -> None:
    """softplus(a_i + norm(sum_j sigmoid(u_gate) softplus(u_message))), edge by edge, by hand."""
    graph = GraphSettings(max_neighbours=4, radius=4.0)
    plain = CrystalGraphs.from_structures([random_crystal(3, 3)], graph)
    made = network(5, graph).eval()
    layer = made.convs[0]
    kernel = GatedSum.get(5, len(made.centres), torch.zeros(1))
    assert kernel is not None
    atoms = torch.randn(3, 5)
    edges = kernel.edges(MergedCrystalGraphs.of(plain, None).batch(torch.tensor([0])), 0.2, len(made.centres))
    found = kernel.convolve(layer, atoms, edges)
    for i in range(3):
        total = torch.zeros(5)
        for j, distance in zip(plain.neighbours[i], plain.distances[i], strict=True):
            gaussians = torch.exp(-(((distance - torch.arange(len(made.centres)) * 0.2) / 0.2) ** 2))
            u = layer.bn1(layer.fc_full(torch.cat([atoms[i], atoms[j], gaussians]))[None])[0]
            total += torch.sigmoid(u[:5]) * torch.nn.functional.softplus(u[5:])
        expected = torch.nn.functional.softplus(atoms[i] + layer.bn2(total[None])[0])
        torch.testing.assert_close(found[i], expected, rtol=1e-5, atol=1e-6)


@needs_compiler
def test_steps_may_overlap_and_gradients_be_asked_for_twice(NaCl: Structure) -> None:
    """Memory is used again, but not before the graph that needs it is gone."""
    graphs = MergedCrystalGraphs.from_structures([NaCl, *map(random_crystal, range(4))], GraphSettings())
    made = network(16, GraphSettings()).eval()
    batches = [graphs.batch(indices) for indices in torch.arange(5).split(2)]

    def gradient(*vectors: Tensor) -> Tensor:
        torch.stack([v.square().sum() for v in vectors]).sum().backward(retain_graph=True)
        found = made.embedding.weight.grad
        assert found is not None
        made.zero_grad()
        return found

    alone = [gradient(made.atom_vectors(batch)) for batch in batches]
    together = [made.atom_vectors(batch) for batch in batches]
    torch.testing.assert_close(gradient(*together), torch.stack(alone).sum(dim=0))
    with torch.no_grad():
        made.atom_vectors(batches[0])
    for vectors, expected in zip(together, alone, strict=True):
        torch.testing.assert_close(gradient(vectors), expected)


@needs_compiler
@pytest.mark.parametrize("train", [True, False])
def test_threads_agree_and_each_number_repeats_its_bits(
    train: bool, Cu: Structure, NaCl: Structure, C_long: Structure
) -> None:
    graphs = MergedCrystalGraphs.from_structures(crystals(Cu, NaCl, C_long), GraphSettings())
    batch = graphs.batch(torch.arange(len(graphs)))
    by_threads = {}
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        one, two = (results(network(64, GraphSettings()), batch, train) for _ in range(2))
        for key, value in one.items():
            assert torch.equal(value, two[key]), f"{threads} threads: {key}"
        by_threads[threads] = one
    for threads in (2, 3):
        assert_close(by_threads[threads], by_threads[1], 1e-6 if not train else 1e-5)


SUBNORMAL = """
import numpy, torch
from hybrid.kernels.gated_sum import GatedSum
tiny = numpy.array([1e-310])
assert (tiny / 2 != 0).all()
assert GatedSum.get(16, 41, torch.zeros(1)) is not None
assert (tiny / 2 != 0).all()
assert (torch.from_numpy(tiny) / 2 != 0).all()
"""


@needs_compiler
def test_loading_the_kernel_leaves_the_process_arithmetic_alone() -> None:
    """A library linked for fast mathematics would turn subnormal numbers into zero everywhere."""
    done = subprocess.run([sys.executable, "-c", SUBNORMAL], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@needs_compiler
def test_more_threads_than_crystals(Cu: Structure) -> None:
    batch = MergedCrystalGraphs.from_structures([Cu], GraphSettings()).batch(torch.tensor([0]))
    made = network(16, GraphSettings()).eval()
    one = made.atom_vectors(batch)
    torch.set_num_threads(4)
    assert torch.equal(made.atom_vectors(batch), one)


WITHOUT_KERNEL = """
import sys, torch
from hybrid.trained.checkpoint import load
from hybrid.graphs.merged_crystal import MergedCrystalGraphs
from hybrid.kernels.gated_sum import GatedSum
from hybrid.settings import GraphSettings
from pathlib import Path
assert GatedSum.get(20, 41, torch.zeros(1)) is None
graphs = MergedCrystalGraphs.load(Path(sys.argv[1]))
model = load(Path(sys.argv[2]))
network = model.network.train()
batch = graphs.batch(torch.arange(len(graphs)))
network(batch).square().sum().backward()
assert all(p.grad.isfinite().all() for p in network.parameters())
torch.save(load(Path(sys.argv[2])).predict_graphs(graphs, torch.device("cpu"))[:, 0], sys.argv[3])
"""


@pytest.mark.parametrize("how", ["off", "no compiler", "broken compiler"])
def test_without_the_kernel_everything_works_in_pytorch(how: str, tmp_path: Path) -> None:
    from hybrid.readout import TargetScale
    from hybrid.trained.model import TrainedModel

    graphs = MergedCrystalGraphs.from_structures(map(random_crystal, range(5)), GraphSettings())
    MergedCrystalGraphs.save([graphs], tmp_path / "graphs.columns")
    settings = ModelSettings(atom_fea_len=20, n_conv=2, h_fea_len=8)
    torch.manual_seed(0)
    network = CGCNN(torch.rand(60, 6), GraphSettings(), settings)
    model = TrainedModel(network, settings, scale=TargetScale(2, 3))
    model.save(tmp_path / "model.ckpt")
    environment = {key: value for key, value in os.environ.items() if key != "CXX"}
    environment["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    if how == "off":
        environment["HYBRID_KERNELS"] = "off"
    elif how == "no compiler":
        (tmp_path / "bin").mkdir()
        environment["PATH"] = str(tmp_path / "bin")
    else:
        environment["CXX"] = str(tmp_path / "compiler")
    command = [
        sys.executable,
        "-c",
        WITHOUT_KERNEL,
        *(str(tmp_path / n) for n in ("graphs.columns", "model.ckpt")),
    ]
    done = subprocess.run([*command, str(tmp_path / "out")], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert ("PyTorch is used instead" in done.stderr) == (how == "broken compiler")
    found = torch.load(tmp_path / "out", weights_only=False)
    expected = model.predict_graphs(graphs, torch.device("cpu"))[:, 0]
    assert found == pytest.approx(expected, abs=1e-5)
