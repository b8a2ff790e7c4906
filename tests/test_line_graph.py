"""ALIGNN's graphs: by hand, by brute force, upstream's edge for edge; merging, packing and caching."""

import gzip
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import import_vendored, random_crystal
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from torch import Tensor

from hybrid.data.folder import read_folder
from hybrid.graphs.bonds import Angles, Bonds, angles_of, bonds_of
from hybrid.graphs.crystal import CrystalGraphs
from hybrid.graphs.equivalence import merge_equivalent
from hybrid.graphs.line_graph import LineBatch, LineGraphs
from hybrid.settings import GraphSettings
from reproduction.data.chains import chain_of_set


def graph(crystal: Structure) -> tuple[Bonds, Angles]:
    bonds = bonds_of(crystal, 12, 8.0)
    return bonds, angles_of(bonds, len(crystal))


# --- by hand and by brute force ---


def test_fcc_copper(Cu: Structure) -> None:
    """12 bonds to images of itself, each twice; at an atom they meet at 0, 60, 90, 120 and 180 degrees."""
    bonds, angles = graph(Cu)
    assert len(bonds.source) == 24
    np.testing.assert_allclose(np.linalg.norm(bonds.vectors, axis=1), 3.61 / 2**0.5, atol=1e-5)
    assert len(angles.cosines) == 24 * 23
    found = Counter(angles.cosines.round(4).tolist())
    each = {1.0: 1, 0.5: 4, 0.0: 2, -0.5: 4, -1.0: 1}  # of the 12 bonds with any one of them
    assert {k + 0.0: n for k, n in found.items()} == {
        cosine: 24 * 2 * n - (24 if cosine == -1 else 0) for cosine, n in each.items()
    }


def test_silicon(Si: Structure) -> None:
    """4 neighbours at a√3/4 and 12 at a/√2, so 16 bonds into each atom."""
    bonds, angles = graph(Si)
    assert np.bincount(bonds.target).tolist() == np.bincount(bonds.source).tolist()
    lengths = np.linalg.norm(bonds.vectors, axis=1)
    assert (lengths < 2.4).sum() == 2 * 4
    np.testing.assert_allclose(lengths.min(), 5.43 * 3**0.5 / 4, atol=1e-5)
    short = (lengths[angles.first] < 2.4) & (lengths[angles.second] < 2.4)
    assert Counter(angles.cosines[short].round(3).tolist()) == {1.0: 8, -0.333: 24}  # tetrahedral


def test_far_neighbours_are_found(C_zigzag: Structure) -> None:
    """A chain in vacuum has fewer than 12 neighbours within 3 Å; the search goes on."""
    for radius in (1.0, 3.0, 8.0, 20.0):
        bonds = bonds_of(C_zigzag, 12, radius)
        assert (np.bincount(bonds.target) >= 12).all()
        assert len(bonds.source) == len(bonds_of(C_zigzag, 12, 8.0).source)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), max_neighbours=st.integers(1, 16))
def test_bonds_are_those_of_a_brute_force_loop(seed: int, max_neighbours: int) -> None:
    crystal = random_crystal(seed, n_atoms=3)
    images = np.stack(np.meshgrid(*[np.arange(-5, 6)] * 3), axis=-1).reshape(-1, 3)
    one_way = set()
    for i, site in enumerate(crystal):
        places = crystal.frac_coords[:, None] + images
        distances = np.linalg.norm((places - site.frac_coords) @ crystal.lattice.matrix, axis=-1)
        distances[i, (images == 0).all(axis=1)] = np.inf
        furthest = np.sort(distances, axis=None)[max_neighbours - 1]
        gaps = np.abs(distances - furthest)
        assume((gaps < 1e-3).sum() == 1)  # which atoms of a tied shell count, upstream's rounding decides
        limit = furthest + 1e-4
        for j, k in zip(*np.nonzero(distances <= limit), strict=True):
            image = tuple(images[k].tolist())
            back = tuple((-images[k]).tolist())
            one_way.add((i, int(j), image) if i <= j else (int(j), i, back))
    expected = []
    for i, j, image in one_way:
        vector = (crystal.frac_coords[j] + image - crystal.frac_coords[i]) @ crystal.lattice.matrix
        expected += [(i, j, *vector), (j, i, *-vector)]
    bonds = bonds_of(crystal, max_neighbours, 5.0)
    found = np.column_stack([bonds.source, bonds.target, bonds.vectors])
    assert len(found) == len(expected)
    np.testing.assert_allclose(_ordered(found), _ordered(np.array(expected)), atol=1e-4)


def _ordered(rows: np.ndarray) -> np.ndarray:
    """Rows in an order that rounding does not change."""
    return rows[np.lexsort(rows.round(2).T[::-1])]


def test_angles_are_those_of_a_loop_over_pairs_of_bonds() -> None:
    bonds, angles = graph(random_crystal(4, n_atoms=2))
    expected = [
        (e, f)
        for e in range(len(bonds.source))
        for f in range(len(bonds.source))
        if bonds.target[e] == bonds.source[f] and e != f
    ]
    assert sorted(zip(angles.first.tolist(), angles.second.tolist(), strict=True)) == expected
    for e, f, cosine in zip(angles.first, angles.second, angles.cosines, strict=True):
        back, out = -bonds.vectors[e], bonds.vectors[f]
        assert cosine == pytest.approx(back @ out / np.linalg.norm(back) / np.linalg.norm(out), abs=1e-12)


# --- upstream ---


def assert_upstreams(crystal: Structure) -> None:
    """Edge for edge with displacements, and line edge for line edge with cosines."""
    from alignn.graphs import Graph
    from jarvis.core.atoms import Atoms

    atoms = Atoms(
        lattice_mat=crystal.lattice.matrix,
        coords=crystal.frac_coords,
        elements=[element.symbol for element in crystal.species],
    )
    torch.set_default_dtype(torch.float64)
    try:
        theirs, line_graph = Graph.atom_dgl_multigraph(atoms, use_canonize=True)
    finally:
        torch.set_default_dtype(torch.float32)
    source, target = (ends.numpy() for ends in theirs.edges())
    first, second = (ends.numpy() for ends in line_graph.edges())
    bonds, angles = graph(crystal)
    n = len(bonds.source)
    assert theirs.num_edges() == n, crystal.formula
    labels = _labels(
        np.concatenate([bonds.source, source]),
        np.concatenate([bonds.target, target]),
        *np.concatenate([bonds.vectors, theirs.edata["r"].numpy()]).T,
    )
    assert np.array_equal(np.sort(labels[:n]), np.sort(labels[n:])), crystal.formula
    assert line_graph.num_edges() == len(angles.first)
    pairs = _labels(
        np.concatenate([labels[:n][angles.first], labels[n:][first]]),
        np.concatenate([labels[:n][angles.second], labels[n:][second]]),
        np.concatenate([angles.cosines, line_graph.edata["h"].numpy()]),
    )
    n = len(angles.first)
    assert np.array_equal(np.sort(pairs[:n]), np.sort(pairs[n:])), crystal.formula


def _labels(*columns: np.ndarray) -> np.ndarray:
    """A number for each distinct row; numbers within 1e-7 are the same."""
    ranks = []
    for column in columns:
        order = np.argsort(column)
        rank = np.empty(len(column), dtype=np.int64)
        rank[order] = np.cumsum(np.append(0, np.diff(column[order]) > 1e-7))
        ranks.append(rank)
    labels: np.ndarray = np.unique(np.column_stack(ranks), axis=0, return_inverse=True)[1]
    return labels


@pytest.fixture
def _upstream() -> None:
    pytest.importorskip("dgl")
    import_vendored("alignn")


@pytest.mark.usefixtures("_upstream")
def test_graphs_are_upstreams(
    NaCl: Structure,
    NaCl_primitive: Structure,
    Si: Structure,
    Cu: Structure,
    CsCl: Structure,
    C_zigzag: Structure,
) -> None:
    """With tied shells, where upstream's rounding of the lattice decides, and self-image bonds."""
    hexagonal = Structure(
        Lattice.hexagonal(2.950123, 4.683456), ["Ti"] * 2, [[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]]
    )
    known = [NaCl, NaCl_primitive, Si, Cu, CsCl, C_zigzag, hexagonal, chain_of_set("single", 3, 0)]
    for crystal in known + [random_crystal(seed) for seed in range(5)]:
        assert_upstreams(crystal)


def real_crystals(hybrid_data: Path, count: int) -> list[Structure]:
    """Binary compounds of all sizes."""
    file = hybrid_data / "matcalc" / "alexandria-binary-pbe-phonon-2025.1.json.gz"
    if not file.exists():
        pytest.skip(f"{file} is not there")
    with gzip.open(file) as opened:
        entries: list[dict[str, Any]] = json.load(opened)
    crystals = [Structure.from_dict(entry["structure"]) for entry in entries[:: len(entries) // count]]
    return crystals[:count]


@pytest.mark.slow
@pytest.mark.usefixtures("_upstream")
def test_graphs_of_real_crystals_are_upstreams(hybrid_data: Path) -> None:
    for crystal in real_crystals(hybrid_data, 200):
        assert_upstreams(crystal)


# --- merging ---


def test_equivalent_atoms_bonds_and_angles_are_merged(Cu: Structure) -> None:
    """All bonds of copper are one kind, and the angles between them five."""
    merged = merge_equivalent(np.array(Cu.atomic_numbers), *graph(Cu))
    assert (len(merged.species), len(merged.lengths), len(merged.cosines)) == (1, 1, 5)
    assert merged.bonds_of_kind.tolist() == [24]
    assert dict(zip(merged.cosines.round(4) + 0.0, merged.angles_of_kind, strict=True)) == {
        1.0: 48,
        0.5: 192,
        0.0: 96,
        -0.5: 192,
        -1.0: 24,
    }


def test_supercells_have_the_kinds_of_the_cell(Cu: Structure) -> None:
    """Of cells so large that no bond joins an atom with itself, where upstream counts it twice."""
    for times in ((3, 3, 3), (6, 3, 3)):
        cell = Cu * times
        merged = merge_equivalent(np.array(cell.atomic_numbers), *graph(cell))
        assert merged.atoms_of_kind.tolist() == [len(cell)]
        assert merged.bonds_of_kind.tolist() == [12 * len(cell)]
        assert merged.angles_of_kind.sum() == 12 * 12 * len(cell)
        np.testing.assert_allclose(np.sort(merged.cosines), [-1, -0.5, 0, 0.5, 1], atol=1e-5)


def test_what_differs_by_more_than_the_tolerance_stays_apart(Cu: Structure) -> None:
    stretched = Structure(Cu.lattice.matrix * [1, 1, 1.001], Cu.species, Cu.frac_coords)
    merged = merge_equivalent(np.array(stretched.atomic_numbers), *graph(stretched))
    assert len(merged.lengths) == 2  # within the xy plane and out of it
    assert sorted(merged.bonds_of_kind) == [8, 16]
    whole = merge_equivalent(np.array(stretched.atomic_numbers), *graph(stretched), None)
    assert len(whole.lengths) == 24
    assert len(merge_equivalent(np.array(stretched.atomic_numbers), *graph(stretched), 0.1).lengths) == 1


def test_the_same_bonds_around_different_elements_stay_apart(NaCl: Structure) -> None:
    merged = merge_equivalent(np.array(NaCl.atomic_numbers), *graph(NaCl))
    assert sorted(merged.species) == [11, 17]
    assert merged.atoms_of_kind.tolist() == [4, 4]


# --- packing ---


@pytest.fixture(scope="module")
def packed() -> LineGraphs:
    return LineGraphs.from_structures([random_crystal(seed) for seed in range(6)], GraphSettings())


def every(graphs: LineGraphs) -> LineBatch:
    return graphs.batch(torch.arange(len(graphs)))


def assert_equal_batches(one: LineBatch, other: LineBatch) -> None:
    for name in ("species", "lengths", "cosines"):
        assert torch.equal(getattr(one, name), getattr(other, name)), name
    for part in ("bonds", "angles", "equal_lengths", "equal_cosines"):
        mine, theirs = getattr(one, part), getattr(other, part)
        for name, tensor in vars(mine).items():
            torch.testing.assert_close(tensor, getattr(theirs, name), msg=name)
    for name, tensor in vars(one.crystals).items():
        assert torch.equal(tensor, getattr(other.crystals, name)), name


@settings(max_examples=15, deadline=None)
@given(chosen=st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_a_batch_is_a_loop_over_crystals(packed: LineGraphs, chosen: list[int]) -> None:
    """In the order asked for, crystals asked for twice included."""
    batch = packed.batch(torch.tensor(chosen))
    alone = [packed.batch(torch.tensor([index])) for index in chosen]
    n_atoms, n_bonds = (np.cumsum([0, *sizes]) for sizes in zip(*map(_sizes, alone), strict=True))

    def joined(*tensors: Tensor) -> list[float]:
        return torch.cat(tensors).tolist()

    assert batch.cosines.tolist() == joined(*(b.cosines for b in alone))
    assert batch.lengths.tolist() == joined(*(b.lengths for b in alone))
    for ends in ("source", "target"):
        moved = [getattr(b.bonds, ends) + int(n) for b, n in zip(alone, n_atoms, strict=False)]
        assert getattr(batch.bonds, ends).tolist() == joined(*moved)
        moved = [getattr(b.angles, ends) + int(n) for b, n in zip(alone, n_bonds, strict=False)]
        assert getattr(batch.angles, ends).tolist() == joined(*moved)
    assert batch.angles.into_one.tolist() == joined(*(b.angles.into_one for b in alone))
    assert batch.crystals.n_atoms.tolist() == joined(*(b.crystals.n_atoms for b in alone))


def _sizes(batch: LineBatch) -> tuple[int, int]:
    return len(batch.species), len(batch.lengths)


def test_links_count_everything(packed: LineGraphs, Cu: Structure) -> None:
    batch = LineGraphs.from_structures([Cu], GraphSettings()).batch(torch.tensor([0]))
    assert batch.bonds.into_one.tolist() == [24]
    assert batch.angles.into_one.sum() == 23
    assert (float(batch.angles.total), float(batch.bonds.total)) == (552, 24)
    for links in (every(packed).bonds, every(packed).angles):
        assert float(links.share.sum()) == pytest.approx(1)
        assert (links.target.diff() >= 0).all()
        assert (links.source[links.by_source].diff() >= 0).all()
        assert (
            links.first_of_target.tolist()
            == torch.searchsorted(links.target, torch.arange(len(links.node_share))).tolist()
        )


def test_equal_lengths_and_cosines_are_grouped_within_crystals(packed: LineGraphs, NaCl: Structure) -> None:
    one = LineGraphs.from_structures([NaCl], GraphSettings(), tolerance=None)
    assert one.n_groups[0, 0] < 5 < len(one.lengths)
    for batch in (every(packed), every(one), packed.batch(torch.tensor([4, 1, 4]))):
        for values, equal, links in (
            (batch.lengths, batch.equal_lengths, batch.bonds),
            (batch.cosines, batch.equal_cosines, batch.angles),
        ):
            different = equal.once(values)
            assert torch.equal(different[equal.group], values)
            crystal = torch.bucketize(links.target, links.first_node[1:], right=True)
            pairs = set(zip(crystal.tolist(), values.tolist(), strict=True))
            assert len(different) == len(pairs)
            expected = torch.zeros(len(different)).index_add(0, equal.group, links.share)
            torch.testing.assert_close(equal.share, expected)


def test_rows_of_a_group_share_their_gradient(packed: LineGraphs) -> None:
    equal = every(packed).equal_lengths
    rows = torch.randn(len(equal.first), 2, dtype=torch.float64, requires_grad=True)
    assert torch.equal(equal.once(equal.repeated(rows)), rows)
    assert torch.autograd.gradcheck(equal.repeated, rows)


def test_saved_graphs_are_read_back(packed: LineGraphs, tmp_path: Path) -> None:
    LineGraphs.save([packed], tmp_path / "graphs.columns")
    loaded = LineGraphs.load(tmp_path / "graphs.columns")
    assert len(loaded) == 6
    assert_equal_batches(every(loaded), every(packed))


def test_graphs_move_to_another_precision(packed: LineGraphs) -> None:
    moved = packed.to("cpu", torch.float64)
    assert every(moved).cosines.dtype == every(moved).bonds.share.dtype == torch.float64
    assert packed.cosines.dtype == torch.float32


def test_a_folder_keeps_both_kinds_of_graphs(crystal_folder: Callable[..., Path]) -> None:
    folder = read_folder(crystal_folder(3))
    first = folder.graphs(GraphSettings(), LineGraphs)
    assert isinstance(folder.graphs(GraphSettings()), CrystalGraphs)
    again = folder.graphs(GraphSettings(), LineGraphs)
    assert_equal_batches(every(first), every(again))
    assert len(list((folder.path / ".hybrid").glob("graphs-*.columns"))) == 2
