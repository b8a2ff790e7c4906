"""CGCNN's merged graphs: against refinement by hand, and the network on them against every atom computed."""

import copy
from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from conftest import random_crystal
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from torch import Tensor

from hybrid.graphs.crystal import CrystalGraphs
from hybrid.graphs.merged_crystal import MergedCrystalBatch, MergedCrystalGraphs
from hybrid.graphs.nearest_neighbours import nearest_neighbours
from hybrid.models.cgcnn import CGCNN
from hybrid.settings import GraphSettings, ModelSettings
from reproduction.data.chains import chain_of_set

DOUBLE = torch.float64
PEROVSKITE = Structure(
    Lattice.cubic(3.9),
    ["Sr", "Ti", "O", "O", "O"],
    [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]],
)


def disordered(seed: int) -> Structure:
    """A perovskite supercell whose atoms are moved at random, so that none is like another."""
    crystal = PEROVSKITE * (2, 1, 1)
    crystal.perturb(0.1, seed=seed)
    return crystal


def row_of_six() -> Structure:
    """Six atoms in a row, one of them of another element: the others differ by how far it is."""
    cubic = Structure(Lattice.cubic(3), ["Po"], [[0, 0, 0]]) * (6, 1, 1)
    cubic[0] = "Bi"
    return cubic


def some_crystals() -> list[Structure]:
    """Strong symmetry, supercells, one atom, chains, a row that takes several rounds, and no symmetry."""
    copper = Structure(Lattice([[0, 1.8, 1.8], [1.8, 0, 1.8], [1.8, 1.8, 0]]), ["Cu"], [[0, 0, 0]])
    iron = Structure(Lattice.cubic(2.87), ["Fe", "Fe"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    crystals = [copper, copper * (3, 2, 1), iron * (2, 2, 2), PEROVSKITE, PEROVSKITE * (2, 2, 1)]
    crystals += [row_of_six(), chain_of_set("single", 3, 0), chain_of_set("double", 5, 1)]
    return [*crystals, disordered(0), disordered(1), *(random_crystal(seed) for seed in range(4))]


# --- kinds ---


def ranked(values: Iterable[Hashable]) -> list[int]:
    known: dict[Hashable, int] = {}
    return [known.setdefault(value, len(known)) for value in values]


def kinds_by_hand(crystal: Structure, graph: GraphSettings) -> Counter[tuple[int, ...]]:
    """Element, number of atoms, and how often which neighbours, of each kind; rounding by hand too."""
    neighbours, distances = nearest_neighbours(crystal, graph.max_neighbours, graph.radius)
    length = [[round(d, 4) for d in row] for row in distances.tolist()]
    colour, before = ranked(crystal.atomic_numbers), 0
    while len(set(colour)) != before:
        before = len(set(colour))
        colour = ranked(
            (colour[i], tuple(sorted((colour[j], d) for j, d in zip(neighbours[i], length[i], strict=True))))
            for i in range(len(crystal))
        )
    found = []
    for kind in set(colour):
        i = colour.index(kind)
        edges = Counter((colour[j], d) for j, d in zip(neighbours[i], length[i], strict=True))
        found.append((crystal.atomic_numbers[i], colour.count(kind), *sorted(edges.values())))
    return Counter(found)


def kinds_of(graphs: MergedCrystalGraphs) -> Counter[tuple[int, ...]]:
    """The same of packed graphs of one crystal."""
    times = graphs.times.split(graphs.edges_of_kind.tolist())
    rows = zip(graphs.species.tolist(), graphs.atoms_of_kind.tolist(), times, strict=True)
    return Counter((z, int(n), *sorted(map(int, edges.tolist()))) for z, n, edges in rows)


def test_kinds_are_those_found_by_hand() -> None:
    for graph in (GraphSettings(), GraphSettings(max_neighbours=5, radius=4.0)):
        for crystal in some_crystals():
            found = MergedCrystalGraphs.from_structures([crystal], graph)
            assert kinds_of(found) == kinds_by_hand(crystal, graph), crystal.formula


def test_equivalent_atoms_are_one_kind(NaCl: Structure, Si: Structure, Cu: Structure) -> None:
    graph = GraphSettings(max_neighbours=6)
    found = MergedCrystalGraphs.from_structures([NaCl], graph)
    assert sorted(found.species.tolist()) == [11, 17]
    assert found.atoms_of_kind.tolist() == [4, 4]
    assert found.neighbours.tolist() == [1, 0]  # six of the other kind each
    assert found.times.tolist() == [6, 6]
    assert found.distances.tolist() == pytest.approx([NaCl.lattice.a / 2] * 2)
    for crystal, n_shells in ((Si, 2), (Cu * (2, 2, 2), 1)):
        found = MergedCrystalGraphs.from_structures(
            [crystal], GraphSettings(max_neighbours=12 if n_shells == 1 else 16)
        )
        assert found.n_kinds.tolist() == [[1, n_shells]]
        assert found.atoms_of_kind.tolist() == [len(crystal)]


def test_atoms_differ_by_what_is_far_away() -> None:
    """In the row of six, kinds are told apart round by round: by how many bonds away the other element is."""
    found = MergedCrystalGraphs.from_structures([row_of_six()], GraphSettings(max_neighbours=6))
    assert sorted(found.atoms_of_kind.tolist()) == [1, 1, 2, 2]


def test_nothing_is_merged_without_a_tolerance_or_without_symmetry() -> None:
    crystals = some_crystals()
    plain = CrystalGraphs.from_structures(crystals, GraphSettings())
    whole = MergedCrystalGraphs.of(plain, tolerance=None)
    batch, atoms = (g.batch(torch.arange(len(crystals))) for g in (whole, plain))
    assert torch.equal(batch.species, atoms.species)
    assert torch.equal(batch.neighbours.view(-1, 12), atoms.neighbours)
    assert torch.equal(batch.distances.view(-1, 12), atoms.distances)
    assert (batch.times == 1).all()
    assert torch.equal(batch.crystals.of_row, atoms.crystals.of_row)
    for seed in range(5):
        found = MergedCrystalGraphs.from_structures([disordered(seed)], GraphSettings())
        assert found.n_kinds[0, 0] == 10


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), n_atoms=st.integers(1, 6), max_neighbours=st.integers(1, 20))
def test_kinds_stand_for_all_atoms_and_neighbours(seed: int, n_atoms: int, max_neighbours: int) -> None:
    crystal = random_crystal(seed, n_atoms=n_atoms)
    graph = GraphSettings(max_neighbours=max_neighbours, radius=5.0)
    found = MergedCrystalGraphs.from_structures([crystal, crystal * (2, 1, 1)], graph)
    of_crystal = found.atoms_of_kind.split(found.n_kinds[:, 0].tolist())
    assert [int(n.sum()) for n in of_crystal] == found.n_atoms.tolist() == [n_atoms, 2 * n_atoms]
    times = found.times.split(found.edges_of_kind.tolist())
    assert {float(t.sum()) for t in times} == {max_neighbours}
    assert found.edges_of_kind.sum() == found.n_kinds[:, 1].sum() == len(found.distances)


def test_equal_crystals_in_a_data_set_stay_apart(NaCl: Structure) -> None:
    """Whatever is merged with them: also where crystals are merged in several parts."""
    one = MergedCrystalGraphs.from_structures([NaCl], GraphSettings())
    many = MergedCrystalGraphs.from_structures([NaCl] * 600, GraphSettings())
    assert (many.n_kinds == one.n_kinds).all()
    assert torch.equal(many.neighbours, one.neighbours.repeat(600))
    torch.testing.assert_close(many.distances, one.distances.repeat(600))


# --- batches ---


@settings(max_examples=15, deadline=None)
@given(chosen=st.lists(st.integers(0, 13), min_size=1, max_size=9))
def test_a_batch_is_a_loop_over_crystals(packed: MergedCrystalGraphs, chosen: list[int]) -> None:
    """In the order asked for, crystals asked for twice included."""
    batch = packed.batch(torch.tensor(chosen))
    alone = [packed.batch(torch.tensor([i])) for i in chosen]
    for name in ("species", "edges_of_kind", "times", "distances"):
        assert torch.equal(getattr(batch, name), torch.cat([getattr(b, name) for b in alone])), name
    first = 0
    for place, (one, begin) in enumerate(zip(alone, batch.first_kind.tolist(), strict=False)):
        assert begin == first
        first += len(one.species)
        assert (batch.crystals.of_row[begin:first] == place).all()
    starts = torch.repeat_interleave(batch.first_kind[:-1], torch.tensor([len(b.times) for b in alone]))
    assert torch.equal(batch.neighbours - starts, torch.cat([b.neighbours for b in alone]))
    assert batch.first_kind[-1] == first == len(batch.species)
    assert torch.equal(batch.crystals.n_atoms, packed.n_atoms[torch.tensor(chosen)])


def test_saved_graphs_are_read_back(packed: MergedCrystalGraphs, tmp_path: Path) -> None:
    MergedCrystalGraphs.save([packed], tmp_path / "graphs.columns")
    loaded = MergedCrystalGraphs.load(tmp_path / "graphs.columns")
    for field in fields(packed):
        one, other = getattr(loaded, field.name), getattr(packed, field.name)
        assert one.dtype == other.dtype
        assert torch.equal(one, other)


@pytest.fixture(scope="module")
def packed() -> MergedCrystalGraphs:
    return MergedCrystalGraphs.from_structures(some_crystals(), GraphSettings())


# --- the network on kinds of atoms is the network on atoms ---


def results(
    network: CGCNN, batch: MergedCrystalBatch, descriptors: Tensor | None, targets: Tensor, train: bool
) -> dict[str, Tensor]:
    """Outputs, gradients, and running statistics after the step."""
    network = copy.deepcopy(network).to(batch.distances.dtype).train(train)
    output = network(batch, descriptors)
    (output - targets).square().mean().backward()
    found = {"output": output.detach()}
    found |= {f"gradient of {n}": p.grad for n, p in network.named_parameters() if p.grad is not None}
    return found | {n: b for n, b in network.named_buffers() if "running" in n}


def assert_equal(found: dict[str, Tensor], expected: dict[str, Tensor], limit: float) -> None:
    """Equal relative to the largest entry of each tensor."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        # In training the gradient of this bias is zero but for rounding: batch normalisation takes it off.
        size = expected[name.replace("bias", "weight")] if "fc_full.bias" in name else value
        error = float((found[name].double() - value).abs().max() / size.abs().max().clamp(min=1e-9))
        assert error < limit, f"{name}: {error:.1e}"


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("n_descriptors", [0, 3])
@pytest.mark.parametrize("pooling", ["mean", "sum", "shifted-sum"])
@pytest.mark.parametrize("classification", [False, True])
def test_outputs_and_gradients_are_those_of_all_atoms(
    classification: bool, pooling: str, n_descriptors: int, train: bool
) -> None:
    plain = CrystalGraphs.from_structures(some_crystals(), GraphSettings())
    every = torch.arange(len(plain))
    torch.manual_seed(2)
    model = ModelSettings(pooling=pooling, atom_fea_len=32, h_fea_len=24, n_h=2)
    network = CGCNN(torch.rand(101, 9), GraphSettings(), model, n_descriptors, 4, classification)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.3)
    descriptors = torch.randn(len(plain), n_descriptors) if n_descriptors else None
    targets = torch.randn(len(plain), 4)
    by_atom = MergedCrystalGraphs.of(plain, None).to("cpu", DOUBLE).batch(every)
    merged = MergedCrystalGraphs.of(plain)
    assert len(merged.species) < 0.75 * len(by_atom.species)
    with pytest.MonkeyPatch.context() as patch:  # what is dropped out is drawn by row
        patch.setattr("hybrid.models.cgcnn.F.dropout", lambda rows, training: rows)
        exact = results(network, by_atom, descriptors, targets, train)
        pytorch = results(network, merged.to("cpu", DOUBLE).batch(every), descriptors, targets, train)
        kernel = results(network, merged.batch(every), descriptors, targets, train)
    assert_equal(pytorch, exact, 1e-6)
    assert_equal(kernel, exact, 1e-5)
    if train:
        assert any(not torch.equal(exact[n], b) for n, b in network.named_buffers() if n in exact)


def test_what_a_crystal_is_represented_by_is_the_mean_over_its_atoms(packed: MergedCrystalGraphs) -> None:
    torch.manual_seed(0)
    network = CGCNN(torch.rand(101, 9), GraphSettings(), ModelSettings(atom_fea_len=8)).eval()
    batch = packed.batch(torch.arange(len(packed)))
    rows = network.atom_vectors(batch).repeat_interleave(batch.crystals.atoms_of_row.long(), dim=0)
    expected = torch.stack([atoms.mean(dim=0) for atoms in rows.split(packed.n_atoms.tolist())])
    torch.testing.assert_close(network.crystal_embeddings(batch), expected)
