"""Descriptors: textbook crystals, invariances, plain matminer, the authors' values, long runs that stop."""

import csv
import gzip
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Container
from functools import cache
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import pytest
from conftest import random_crystal, write_structure
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from scipy.spatial.transform import Rotation

from hybrid.cells import reduced_cell, wrapped
from hybrid.descriptors import many, registry, voronoi
from hybrid.descriptors.cached_rows import Row
from hybrid.descriptors.compute import STEPS, describe
from hybrid.descriptors.many import describe_many, write_descriptors
from hybrid.descriptors.table import DescriptorTable
from hybrid.descriptors.voronoi import voronoi_faces
from hybrid.errors import InputError
from hybrid.line_cache import LineCache
from reproduction.data.chains import zigzag_chain

COUNTS = ("natoms", "mean_CN_Voronoi", "std_CN_Voronoi", "crys_sys", "space_group_number")


def assert_same(found: dict[str, float], expected: dict[str, float], tolerance: float = 1e-6) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if name in COUNTS:
            assert found[name] == pytest.approx(value, abs=1e-12), name
        else:
            assert found[name] == pytest.approx(value, rel=tolerance, abs=1e-9), name


# the registry


def test_the_paper_probes_28_descriptors_and_29_with_the_space_group_number():
    names = [d.name for d in registry.paper_descriptors()]
    assert len(names) == len(set(names)) == 28
    assert [d.name for d in registry.paper_descriptors(space_group=True)] == [*names, "space_group_number"]


def test_every_descriptor_is_computed_once_and_says_what_it_is():
    paper = registry.paper_descriptors(space_group=True)
    assert sorted(chain(*(names for names, _ in STEPS))) == sorted(d.name for d in paper)
    assert all(d.symbol and d.full_name and d.unit and d.group and d.source for d in paper)
    extensive = {d.name for d in paper if not d.intensive}
    assert extensive == {"struct_comp_cell", "natoms", "a", "b", "c"}
    assert sum(d.local for d in paper) == 15


def test_an_unknown_descriptor_is_named_with_the_nearest_known_one(Cu):
    with pytest.raises(InputError, match="did you mean 'packing_frac'"):
        describe(Cu, ["packing_fraction"])


@pytest.fixture
def no_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_REGISTERED", {})


@pytest.fixture
def heaviest(no_registered: None) -> registry.Descriptor:
    return registry.register("heaviest", lambda cell: max(cell.atomic_numbers), full_name="heaviest element")


def test_a_registered_descriptor_is_computed_with_the_rest(NaCl, heaviest):
    values = describe(NaCl)
    assert values["heaviest"] == 17
    assert list(values)[-1] == "heaviest"


def test_a_name_of_the_paper_cannot_be_registered():
    for name in ("density", "id", "error"):
        with pytest.raises(InputError, match="name is taken"):
            registry.register(name, len)
    for name in ("a,b", " heaviest", "two\nlines", "'quoted\""):
        with pytest.raises(InputError, match="no commas, quotes or line ends"):
            registry.register(name, len)


def test_a_function_that_fails_names_its_descriptor(NaCl, no_registered):
    registry.register("broken", lambda cell: 1 / 0)
    registry.register("nothing", lambda cell: math.nan)
    with pytest.raises(InputError, match=r"broken: ZeroDivisionError.*; nothing: is nan"):
        describe(NaCl)


# textbook crystals


def hcp() -> Structure:
    lattice = Lattice.hexagonal(3.2, 3.2 * math.sqrt(8 / 3))
    return Structure(lattice, ["Mg", "Mg"], [[1 / 3, 2 / 3, 1 / 4], [2 / 3, 1 / 3, 3 / 4]])


def bcc() -> Structure:
    return Structure(Lattice.cubic(2.87), ["Fe", "Fe"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def simple_cubic() -> Structure:
    return Structure(Lattice.cubic(3.35), ["Po"], [[0, 0, 0]])


def SrTiO3() -> Structure:
    places = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    return Structure(Lattice.cubic(3.905), ["Sr", "Ti", "O", "O", "O"], places)


@pytest.mark.parametrize(
    ("crystal", "coordination", "angle"),
    [
        ("Cu", 12, 60),
        (hcp, 12, 60),
        (bcc, 14, None),
        (simple_cubic, 6, 90),
        ("NaCl", 6, 90),
        ("Si", 16, None),
    ],
)
def test_coordination_numbers_and_bond_angles(crystal, coordination, angle, request):
    structure = request.getfixturevalue(crystal) if isinstance(crystal, str) else crystal()
    values = describe(structure)
    assert values["mean_CN_Voronoi"] == coordination
    assert values["std_CN_Voronoi"] == 0
    assert values["max_rela_bond_len"] == pytest.approx(1)
    if angle:
        assert math.degrees(values["mean_avg_bond_ang"]) == pytest.approx(angle, abs=1e-6)


def test_structural_complexity(NaCl):
    values = describe(NaCl)
    assert (values["struct_comp_atom"], values["struct_comp_cell"]) == pytest.approx((1, 2))
    values = describe(SrTiO3())
    assert values["struct_comp_atom"] == pytest.approx(1.3710, abs=1e-4)
    assert values["struct_comp_cell"] == pytest.approx(6.8548, abs=1e-4)


def test_copper(Cu):
    values = describe(Cu)
    edge = 3.61 / math.sqrt(2)
    at_3_60 = Structure(Lattice(Cu.lattice.matrix * 3.60 / 3.61), ["Cu"], [[0, 0, 0]])
    assert describe(at_3_60)["packing_frac"] == pytest.approx(0.8836, abs=5e-5)
    assert values["packing_frac"] == pytest.approx(4 / 3 * math.pi * 1.35**3 / (3.61**3 / 4))
    assert values["vpa"] == pytest.approx(3.61**3 / 4)
    assert values["density"] == pytest.approx(63.546 * 1.66053906660 / (3.61**3 / 4), rel=1e-6)
    assert [values[x] for x in "abc"] == pytest.approx([edge] * 3)
    assert [values[x] for x in ("alpha", "beta", "gamma")] == pytest.approx([60] * 3)
    assert values["mean_avg_bond_len"] == pytest.approx(edge)
    assert (values["crys_sys"], values["space_group_number"], values["natoms"]) == (1, 225, 1)
    assert values["struct_comp_atom"] == 0


def test_lengths_and_angles_are_each_sorted():
    values = describe(random_crystal(3))
    for one, two in chain(pairwise("abc"), pairwise(("alpha", "beta", "gamma"))):
        assert values[one] >= values[two]


@pytest.mark.parametrize(("crystal", "system"), [(hcp, 2), (bcc, 1), (lambda: random_crystal(1, 3), 7)])
def test_crystal_system(crystal, system):
    assert describe(crystal(), ["crys_sys"]) == {"crys_sys": system}


def test_voronoi_cells_fill_the_crystal():
    cell = reduced_cell(random_crystal(5, 4))
    faces = voronoi_faces(cell)
    assert faces.volume.sum() == pytest.approx(cell.volume)
    assert np.bincount(faces.atom, faces.solid_angle) == pytest.approx(np.full(4, 4 * math.pi))


# one crystal, however it is given


@pytest.mark.parametrize("place", [1.0, -0.1, -1e-17, 1 - 1e-17, 7.25])
def test_coordinates_outside_the_cell(CsCl, place):
    moved = Structure(CsCl.lattice, CsCl.species, CsCl.frac_coords + np.array([place, 0, 1]))
    assert_same(describe(moved), describe(CsCl))


def test_wrapped_coordinates_never_reach_one():
    inside = wrapped(np.array([[1.0, -0.1, -1e-17]]))
    assert inside.tolist() == [[0, 0.9, 0]]


def transformed(structure: Structure, seed: int, matrix: np.ndarray) -> Structure:
    """A supercell with rotated lattice, shifted origin and atoms in another order."""
    rng = np.random.default_rng(seed)
    supercell = structure.copy()
    supercell.make_supercell(matrix)
    rotation = Rotation.random(rng=rng).as_matrix()
    order = rng.permutation(len(supercell))
    return Structure(
        Lattice(supercell.lattice.matrix @ rotation),
        [supercell.species[i] for i in order],
        (supercell.frac_coords + rng.uniform(-2, 2, 3))[order],
    )


def test_niggli_angles_are_all_acute_or_none():
    """pymatgen's own cell keeps the obtuse angles of this one beside its acute ones."""
    cell = reduced_cell(Structure(Lattice.from_parameters(4, 5, 6, 90.3, 90.2, 80), ["Si"], [[0, 0, 0]]))
    assert cell.lattice.parameters == pytest.approx((4, 5, 6, 89.7, 89.8, 80))


def integer_matrices() -> st.SearchStrategy[np.ndarray]:
    """Changes of basis and supercells of up to three times the volume."""
    entries = st.lists(st.integers(-2, 2), min_size=9, max_size=9)
    return entries.map(lambda e: np.reshape(e, (3, 3))).filter(lambda m: 0.5 < np.linalg.det(m) < 3.5)


@settings(max_examples=40, deadline=None)
@given(crystal=st.integers(0, 10_000), seed=st.integers(0, 10_000), matrix=integer_matrices())
@example(4596, 116, np.array([[0, 0, 1], [-1, 0, 0], [1, -2, -2]]))  # pymatgen mixes signs
def test_descriptors_are_those_of_the_crystal_and_not_of_the_cell(crystal, seed, matrix):
    structure = random_crystal(crystal)
    assert_same(describe(transformed(structure, seed, matrix)), describe(structure))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), matrix=integer_matrices())
def test_symmetric_crystals_have_no_sliver_faces_in_any_cell(seed, matrix):
    for structure in (hcp(), bcc(), simple_cubic(), SrTiO3()):
        assert_same(describe(transformed(structure, seed, matrix)), describe(structure))


def test_a_distortion_keeps_the_larger_cell():
    doubled = Structure(Lattice.orthorhombic(3, 3, 6.2), ["Fe"] * 2, [[0, 0, 0.01], [0, 0, 0.49]])
    assert describe(doubled, ["natoms"]) == {"natoms": 2}
    regular = Structure(Lattice.orthorhombic(3, 3, 6.2), ["Fe"] * 2, [[0, 0, 0], [0, 0, 0.5]])
    assert describe(regular, ["natoms"]) == {"natoms": 1}


# what cannot be computed


def test_noble_gases_have_no_packing_fraction():
    xenon = Structure(Lattice.cubic(5), ["Xe"], [[0, 0, 0]])
    with pytest.raises(InputError, match=r"^packing_frac: no atomic radius for Xe$"):
        describe(xenon)
    assert describe(xenon, ["mean_CN_Voronoi"]) == {"mean_CN_Voronoi": 6}


@pytest.mark.parametrize("species", [["O", "O"], ["Cs", "Cl"]])
@pytest.mark.parametrize("apart", [0, 1e-12, 1e-4])
def test_atoms_on_one_place_are_said_to_be(species, apart):
    with pytest.raises(InputError, match="two atoms have the same position"):
        describe(Structure(Lattice.cubic(4), species, [[0, 0, 0], [0, 0, apart]]))


def test_disordered_crystals_are_refused():
    with pytest.raises(InputError, match="ordered structures only"):
        describe(Structure(Lattice.cubic(4), [{"Fe": 0.5, "Co": 0.5}], [[0, 0, 0]]))


def graphene(height: float) -> Structure:
    return Structure(Lattice.hexagonal(2.46, height), ["C"] * 2, [[1 / 3, 2 / 3, 0.5], [2 / 3, 1 / 3, 0.5]])


def test_layers_far_apart_end():
    assert describe(graphene(100), ["mean_CN_Voronoi"]) == {"mean_CN_Voronoi": 5}  # three, above and below
    begin = time.process_time()
    with pytest.raises(InputError, match=r"need more than 30,\d00 atoms to close; is there a vacuum"):
        describe(graphene(1000))
    assert time.process_time() - begin < 20


def test_a_chain_in_vacuum_is_not_tessellated_for_its_lattice(monkeypatch):
    monkeypatch.setattr(voronoi.scipy.spatial, "Voronoi", None)
    assert describe(zigzag_chain(1.5, 120), ["natoms", "c"])["c"] == pytest.approx(1.5 * math.sqrt(3))


def test_a_first_radius_too_small_changes_nothing(monkeypatch):
    structures = [random_crystal(seed) for seed in range(5)]
    expected = [describe(structure) for structure in structures]
    for radius in (0.7, 4):
        monkeypatch.setattr(voronoi, "START_RADIUS", radius)
        for structure, values in zip(structures, expected, strict=True):
            assert_same(describe(structure), values, 1e-9)


# against plain matminer

SOME = ["hcp", "bcc", "SrTiO3", 1, 2, 3, 4, 7]


@pytest.mark.parametrize("which", SOME)
def test_every_descriptor_is_matminers(which):
    structure = globals()[which]() if isinstance(which, str) else random_crystal(which)
    assert_same(describe(structure), by_matminer(structure))


def by_matminer(structure: Structure, names: list[str] | None = None) -> dict[str, float]:
    """The oracle's descriptors, all of which it must have."""
    oracle = pytest.importorskip("reproduction.benchmarks.plain_matminer", exc_type=ImportError)
    row = oracle.described_by_matminer(structure, names)
    assert not row.error
    return row.values


def test_matminer_loses_the_packing_fraction_only():
    oracle = pytest.importorskip("reproduction.benchmarks.plain_matminer", exc_type=ImportError)
    row = oracle.described_by_matminer(Structure(Lattice.cubic(5), ["Xe"], [[0, 0, 0]]))
    assert row.error.startswith("packing_frac: ")
    assert len(row.values) == 28


@cache
def snapshot_entries(data: Path) -> list[dict]:
    file = data / "mp_snapshot.jsonl.gz"
    if not file.exists():
        pytest.skip(f"{file} is not there")
    with gzip.open(file, "rt") as lines:
        return [json.loads(line) for line in lines]


def spread(entries: list[dict], number: int) -> dict[str, Structure]:
    """Structures by id, some of each size that there is."""
    chosen = [entries[i] for i in np.linspace(0, len(entries) - 1, number).astype(int)]
    return {e["id"]: Structure(Lattice(e["lattice"]), e["species"], e["frac"]) for e in chosen}


def snapshot(data: Path, largest: int, sources: Container[str] | None = None) -> list[dict]:
    """Real crystals in the order of their size and, within one size, of chance."""
    entries = [entry for entry in snapshot_entries(data) if len(entry["species"]) <= largest]
    entries = [entry for entry in entries if sources is None or entry["source"] in sources]
    entries = [entries[i] for i in np.random.default_rng(0).permutation(len(entries))]
    return sorted(entries, key=lambda entry: len(entry["species"]))


def compare_with_matminer(structures: dict[str, Structure]) -> int:
    """How many agree; the others must be ones for which matminer's 13 Å are known not to suffice."""
    agree = 0
    for identity, structure in structures.items():
        names = [d.name for d in registry.paper_descriptors(space_group=True)]
        if {"He", "Ne", "Kr", "Xe", "At", "Rn", "Fr"} & {e.symbol for e in structure.elements}:
            names.remove("packing_frac")
        if voronoi_faces(reduced_cell(structure)).reach > 13:
            continue
        try:
            assert_same(describe(structure, names), by_matminer(structure, names))
        except (AssertionError, InputError) as error:
            raise AssertionError(f"{identity}: {error}") from error
        agree += 1
    return agree


def test_real_crystals_against_matminer(hybrid_data):
    assert compare_with_matminer(spread(snapshot(hybrid_data, 8), 8)) >= 7


@pytest.mark.slow
def test_500_real_crystals_against_matminer(hybrid_data):
    assert compare_with_matminer(spread(snapshot(hybrid_data, 80), 520)) >= 500


# against the authors' published values

# the snapshot's other cells are of earlier versions of the Materials Project, or were symmetrised
CURRENT = ("3dsc_mp_structures_labels", "mp-binary-pbe-elasticity-2025.1")


def published(data: Path, name: str) -> dict[str, set[float]]:
    """The authors' values of a descriptor by id; several where they describe supercells too."""
    values: dict[str, set[float]] = {}
    for part in ("training", "test"):
        file = data / "gong2023" / "descriptors" / f"{part}_{name}.csv.gz"
        if not file.exists():
            pytest.skip(f"{file} is not there")
        with gzip.open(file, "rt") as opened:
            for row in csv.DictReader(opened):
                values.setdefault(row["cif_id"], set()).add(float(row["property"]))
    return values


def agreement_with_the_authors(data: Path, number: int, largest: int) -> dict[str, float]:
    """The share of crystals whose published value is ours, by descriptor."""
    names = {"a": "a", "b": "b", "c": "c", "natoms": "natoms", "crys_sys": "crystal_system_int"}
    names["struct_comp_cell"] = "structural_complexity_per_cell"
    theirs = {name: published(data, file) for name, file in names.items()}
    shared = {i for i in theirs["natoms"] if all(len(values.get(i, ())) == 1 for values in theirs.values())}
    entries = [entry for entry in snapshot(data, largest, CURRENT) if entry["id"] in shared]
    ours = describe_many(spread(entries, number), names, progress=False)
    assert len(ours.ids) == number
    assert not ours.errors
    return {
        name: np.mean(
            [
                value == pytest.approx(next(iter(theirs[name][identity])), rel=0.01, abs=1e-3)
                for identity, value in zip(ours.ids, ours.select([name]).values[:, 0].tolist(), strict=True)
            ]
        )
        for name in names
    }


def test_the_authors_values(hybrid_data):
    assert min(agreement_with_the_authors(hybrid_data, 40, 30).values()) == 1


@pytest.mark.slow
def test_the_authors_values_of_1000_crystals(hybrid_data):
    assert min(agreement_with_the_authors(hybrid_data, 1000, 1000).values()) >= 0.99


# many crystals


def test_a_table_in_the_order_of_the_ids(NaCl, Cu):
    xenon = Structure(Lattice.cubic(5), ["Xe"], [[0, 0, 0]])
    table = describe_many([("z", NaCl), ("Xe", xenon), ("a", Cu), ("b", Cu)], progress=False)
    assert table.ids == ("z", "Xe", "a", "b")
    assert table.names == tuple(d.name for d in registry.paper_descriptors(space_group=True))
    assert table.errors == {"Xe": "packing_frac: no atomic radius for Xe"}
    assert dict(zip(table.names, table.rows(["z"])[0].tolist(), strict=True)) == describe(NaCl)
    with pytest.raises(InputError, match="no atomic radius for Xe"):
        table.rows(["Xe"])
    with pytest.raises(InputError, match="id 'a' appears twice"):
        describe_many([("a", Cu), ("a", NaCl)])


def test_processes_give_the_same_table(heaviest):
    crystals = {str(seed): random_crystal(seed) for seed in range(6)}
    one = describe_many(crystals, progress=False)
    two = describe_many(crystals, n_jobs=2, progress=False)
    assert one.ids == two.ids
    assert one.values.equal(two.values)
    assert "heaviest" in two.names


def test_a_row_is_computed_again_when_structure_or_function_change(tmp_path, monkeypatch):
    computed = []
    monkeypatch.setattr(
        many, "descriptor_row", lambda structure, *_: computed.append(structure) or Row({"a": 1.0})
    )

    def number_of_computed(crystal: Structure, names: list[str] | None = None) -> int:
        computed.clear()
        describe_many({"x": crystal}, names, cache=tmp_path / "rows.jsonl", progress=False)
        return len(computed)

    crystal, other = random_crystal(0), random_crystal(1)
    assert [number_of_computed(c) for c in (crystal, crystal, other, crystal)] == [1, 0, 1, 0]
    assert [number_of_computed(crystal, names) for names in (["a"], ["b"], ["a"])] == [1, 1, 0]
    registry.register("own", lambda cell: 1.0)
    assert [number_of_computed(crystal) for _ in range(2)] == [1, 0]
    registry.register("own", lambda cell: 2.0)
    assert [number_of_computed(crystal) for _ in range(2)] == [1, 0]
    registry._REGISTERED.clear()
    assert number_of_computed(crystal) == 0


def test_half_a_line_is_not_taken_for_a_row(tmp_path):
    path = tmp_path / "rows.jsonl"
    cache = LineCache(path)
    cache.add("x", {"a": 1.0})
    cache.add("y", {"a": 2.0})
    cache.close()
    path.write_bytes(path.read_bytes()[:-9])
    cache = LineCache(path)
    assert cache["x"] == {"a": 1.0}
    assert "y" not in cache
    cache.add("z", {"a": 3.0})
    cache.close()
    cache = LineCache(path)
    assert "x" in cache
    assert "y" not in cache
    assert cache["z"] == {"a": 3.0}
    cache.close()


# a dataset folder


def test_descriptors_csv(crystal_folder, heaviest):
    folder = crystal_folder(3)
    write_structure(Structure(Lattice.cubic(5), ["Xe"], [[0, 0, 0]]), folder / "xenon.json")
    (folder / "broken.cif").write_text("data_\n")
    written = write_descriptors(folder, progress=False)
    read = DescriptorTable.read(folder / "descriptors.csv")
    assert len(read.names) == 30
    assert read.names[-1] == "heaviest"
    assert read.ids == written.ids == ("broken", "x00", "x01", "x02", "xenon")
    assert read.rows(["x00", "x01", "x02"]).equal(written.rows(["x00", "x01", "x02"]))
    assert "does not parse" in read.errors["broken"]
    assert "Xe" in read.errors["xenon"]
    assert np.isnan(read.values[-1]).sum() == 1


def test_a_second_table_computes_nothing_again(crystal_folder, monkeypatch):
    folder = crystal_folder(2)
    table = write_descriptors(folder, progress=False)
    assert len(table.names) == 29
    (folder / "descriptors.csv").unlink()
    monkeypatch.setattr(many, "descriptor_row", None)
    write_descriptors(folder, progress=False)
    assert DescriptorTable.read(folder / "descriptors.csv").names == table.names


def test_a_folder_that_is_not_there_or_empty(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        write_descriptors(tmp_path / "nowhere")
    with pytest.raises(InputError, match="contains no structure files"):
        write_descriptors(tmp_path)


def test_a_killed_run_goes_on_where_it_was(crystal_folder, monkeypatch):
    folder = crystal_folder(60)
    rows = folder / ".hybrid" / "descriptors.jsonl"
    code = f"""
import time
from pathlib import Path
from hybrid.descriptors.many import LineCache, write_descriptors
add = LineCache.add
LineCache.add = lambda *row: (add(*row), time.sleep(0.05))  # time enough to be killed
write_descriptors(Path({str(folder)!r}))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 600
    while not (rows.exists() and rows.read_bytes().count(b"\n") >= 5):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "descriptors.csv").exists()
    finished = rows.read_bytes().count(b"\n")
    assert 5 <= finished < 60
    with rows.open("ab") as file:
        file.write(b'{"key": "half a li')

    computed = []
    compute = many.descriptor_row
    monkeypatch.setattr(many, "descriptor_row", lambda *task: computed.append(task[0]) or compute(*task))
    resumed = write_descriptors(folder, progress=False)
    assert len(computed) == 60 - finished
    fresh = describe_many(
        {path.stem: path for path in sorted(folder.glob("x*.json"))}, resumed.names, progress=False
    )
    assert resumed.ids == fresh.ids
    assert resumed.values.equal(fresh.values)
