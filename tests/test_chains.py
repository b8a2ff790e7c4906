"""The 1D chains and their drawings."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Structure

from hybrid.errors import InputError
from hybrid.report.style import COLUMN, save
from reproduction.data.chains import (
    LONG,
    SHORT,
    armchair_chain,
    chain_of_set,
    chain_set,
    double_chain,
    random_chain,
    zigzag_chain,
)
from reproduction.figures import figure3b, figure3c, figure3d


def neighbour_distances(structure: Structure, atom: int, n: int) -> np.ndarray:
    centres, _, _, distances = structure.get_neighbor_list(12.0)
    return np.sort(distances[centres == atom])[:n]


class Replay:
    """Gives a numpy generator's numbers one by one."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)

    def random(self) -> float:
        return float(self.rng.random())


def pseudo_code(n: int, uniform: Replay) -> list[list[float]]:
    """SI section 9, line by line."""
    pos: list[list[float]] = []
    for j in range(n):
        r = [uniform.random() for _ in range(3)]
        if j == 0:
            pos.append([3 * r[0], 3 * r[1], 3 * r[2]])
        elif j % 2 == 0:
            pos.append([pos[j - 1][0] + 3 * r[0], pos[j - 1][1] + 3 * r[1], pos[j - 1][2] + 3 * r[2]])
        else:
            pos.append([pos[j - 1][0] + 3 * r[0], pos[j - 1][1] - 3 * r[1], pos[j - 1][2] - 3 * r[2]])
    return pos


@settings(max_examples=25, deadline=None)
@given(n_atoms=st.integers(1, 50), seed=st.integers(0, 2**32 - 1))
def test_random_chain_is_the_pseudo_code(n_atoms: int, seed: int) -> None:
    chain = random_chain(n_atoms, np.random.default_rng(seed))
    expected = np.array(pseudo_code(n_atoms, Replay(seed)))
    np.testing.assert_allclose(chain.cart_coords, expected, atol=1e-10)
    assert chain.lattice.parameters == pytest.approx((expected[-1, 0], 100, 100, 90, 90, 90), abs=1e-10)
    assert chain.composition.formula == f"C{n_atoms}"


@settings(max_examples=25, deadline=None)
@given(n_atoms=st.integers(2, 50), seed=st.integers(0, 2**32 - 1))
def test_steps_stay_within_the_pseudo_codes_bounds(n_atoms: int, seed: int) -> None:
    steps = np.diff(random_chain(n_atoms, np.random.default_rng(seed)).cart_coords, axis=0)
    assert (np.abs(steps) <= 3 + 1e-9).all()
    assert (steps[:, 0] >= -1e-9).all()
    assert (steps[0::2, 1:] <= 1e-9).all()
    assert (steps[1::2, 1:] >= -1e-9).all()


@settings(max_examples=25, deadline=None)
@given(n_atoms=st.integers(2, 50), seed=st.integers(0, 2**32 - 1))
def test_the_closing_step_along_x_is_the_first_atoms_x(n_atoms: int, seed: int) -> None:
    chain = random_chain(n_atoms, np.random.default_rng(seed))
    positions = chain.cart_coords
    assert positions[0, 0] + chain.lattice.a - positions[-1, 0] == pytest.approx(positions[0, 0], abs=1e-9)
    assert 0 <= positions[0, 0] <= 3


@pytest.fixture(scope="module")
def long_chains() -> list[tuple[str, Structure]]:
    return chain_set("single", LONG)


def test_two_fifths_of_the_long_chains_close_beyond_8_angstroms(long_chains) -> None:
    gaps = []
    for _, chain in long_chains:
        positions = chain.cart_coords
        gaps.append(np.linalg.norm(positions[0] + [chain.lattice.a, 0, 0] - positions[-1]))
    assert np.mean(np.array(gaps) > 8) == pytest.approx(0.4, abs=0.03)


def test_a_chain_needs_an_atom() -> None:
    with pytest.raises(InputError, match="at least 1"):
        random_chain(0, np.random.default_rng(0))


@settings(max_examples=25, deadline=None)
@given(n_atoms=st.integers(1, 20), seed=st.integers(0, 1000), offset=st.floats(0.5, 20))
def test_double_chain_is_the_chain_twice(n_atoms: int, seed: int, offset: float) -> None:
    chain = random_chain(n_atoms, np.random.default_rng(seed))
    double = double_chain(chain, offset)
    assert len(double) == 2 * n_atoms
    assert double.lattice == chain.lattice
    np.testing.assert_allclose(double.cart_coords[:n_atoms], chain.cart_coords, atol=1e-9)
    for atom in range(n_atoms):
        assert double.get_distance(atom, atom + n_atoms) == pytest.approx(offset)
    shift = double.cart_coords[n_atoms:] - double.cart_coords[:n_atoms]
    np.testing.assert_allclose(shift, np.tile([0, offset, 0], (n_atoms, 1)), atol=1e-9)


def test_double_chains_stand_3_angstroms_apart_by_default() -> None:
    chain = random_chain(5, np.random.default_rng(0))
    assert double_chain(chain).get_distance(0, 5) == pytest.approx(3.0)


def test_zigzag_of_120_degrees() -> None:
    chain = zigzag_chain(1.5, 120)
    assert len(chain) == 2
    assert chain.lattice.parameters == pytest.approx((1.5 * math.sqrt(3), 100, 100, 90, 90, 90))
    # 1-4 across a trans bond: sqrt((3 l sin 60°)² + (l cos 60°)²) = l sqrt(7)
    expected = [1.5, 1.5, 2.59807621, 2.59807621, 3.96862697, 3.96862697, 5.19615242, 5.19615242]
    for atom in range(2):
        np.testing.assert_allclose(neighbour_distances(chain, atom, 8), expected, atol=1e-8)


def test_armchair_of_120_degrees() -> None:
    chain = armchair_chain(1.5, 120)
    assert len(chain) == 4
    assert chain.lattice.parameters == pytest.approx((4.5, 100, 100, 90, 90, 90))
    # 1-4 across a cis bond is 2 l, across a trans bond l sqrt(7), and 1-5 is the lattice length
    expected = [1.5, 1.5, 2.59807621, 2.59807621, 3.0, 3.96862697, 4.5, 4.5]
    for atom in range(4):
        np.testing.assert_allclose(neighbour_distances(chain, atom, 8), expected, atol=1e-8)


@settings(max_examples=40, deadline=None)
@given(bond_length=st.floats(0.8, 3.0), bond_angle=st.floats(109, 175))
def test_zigzag_and_armchair_share_two_shells(bond_length: float, bond_angle: float) -> None:
    zigzag, armchair = zigzag_chain(bond_length, bond_angle), armchair_chain(bond_length, bond_angle)
    half = math.radians(bond_angle) / 2
    assert zigzag.lattice.a == pytest.approx(2 * bond_length * math.sin(half))
    assert armchair.lattice.a == pytest.approx(4 * bond_length * math.sin(half) ** 2)
    second = 2 * bond_length * math.sin(half)
    cis = bond_length * (1 - 2 * math.cos(2 * half))
    for chain in (zigzag, armchair):
        np.testing.assert_allclose(
            neighbour_distances(chain, 0, 4), [bond_length, bond_length, second, second], rtol=1e-8
        )
    trans = neighbour_distances(zigzag, 0, 6)[4:]
    np.testing.assert_allclose(trans[0], trans[1], rtol=1e-8)
    np.testing.assert_allclose(neighbour_distances(armchair, 0, 6)[4:], [cis, trans[0]], rtol=1e-8)
    assert cis < trans[0]


@pytest.mark.parametrize("make", [zigzag_chain, armchair_chain])
@pytest.mark.parametrize(
    ("bond_length", "bond_angle", "message"),
    [
        (0, 120, "bond length of 0"),
        (-1.5, 120, "bond length of -1.5"),
        (math.nan, 120, "bond length of nan"),
        (math.inf, 120, "bond length of inf"),
        (1.5, 180, "bond angle of 180"),
        (1.5, 60, "bond angle of 60"),
        (1.5, math.nan, "bond angle of nan"),
    ],
)
def test_impossible_bonds(make, bond_length: float, bond_angle: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(bond_length, bond_angle)


def test_a_right_angled_armchair_would_cross_itself() -> None:
    assert len(zigzag_chain(1.5, 90)) == 2
    with pytest.raises(InputError, match="armchair chain: a bond angle of 90°"):
        armchair_chain(1.5, 90)


@pytest.mark.parametrize(("lengths", "each"), [(SHORT, 200), (LONG, 100)])
def test_the_papers_single_sets(lengths: tuple[int, int], each: int, long_chains) -> None:
    chains = long_chains if lengths == LONG else chain_set("single", lengths)
    assert len(chains) == 1400
    counts = np.bincount([len(chain) for _, chain in chains])
    assert {n: c for n, c in enumerate(counts) if c} == dict.fromkeys(range(*lengths), each)
    ids = [name for name, _ in chains]
    assert len(set(ids)) == 1400
    assert ids == sorted(ids)
    assert ids[0] == f"single-{lengths[0]:02d}-0000"


def test_the_mixed_set_is_half_double() -> None:
    chains = chain_set("mixed", SHORT)
    kinds = [name.split("-")[0] for name, _ in chains]
    assert (kinds.count("single"), kinds.count("double")) == (700, 700)
    for name, chain in chains:
        strands, n_atoms, _ = name.split("-")
        assert len(chain) == int(n_atoms) * (2 if strands == "double" else 1)


def test_a_chain_depends_on_its_id_and_the_seed_only() -> None:
    large = dict(chain_set("single", SHORT, n_chains=70, seed=3))
    for name, chain in chain_set("single", (4, 6), n_chains=6, seed=3):
        assert chain == large[name]
    mixed = dict(chain_set("mixed", SHORT, n_chains=70, seed=3))
    assert all(mixed[name] == large[name] for name in mixed if name.startswith("single"))
    assert large["single-04-0001"] == chain_of_set("single", 4, 1, seed=3)
    assert large["single-04-0001"] != chain_of_set("single", 4, 1, seed=4)


def test_a_chain_with_two_atoms_in_one_place_is_drawn_again() -> None:
    first = random_chain(40, np.random.default_rng([0, 0, 40, 107]))
    assert not first.is_valid(tol=0.1)
    chain = chain_of_set("single", 40, 107)
    assert len(chain) == 40
    assert chain.is_valid(tol=0.1)


def test_no_chain_occurs_alone_and_doubled() -> None:
    chains = chain_set("mixed", SHORT, n_chains=140)
    lengths = [chain.lattice.a for _, chain in chains]
    assert len(set(lengths)) == len(lengths)


def test_the_offset_reaches_the_double_chains() -> None:
    near, far = (chain_of_set("double", 4, 0, double_offset=offset) for offset in (3.0, 6.0))
    assert near.lattice == far.lattice
    assert far.get_distance(0, 4) == pytest.approx(6.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mix", SHORT), "did you mean 'mixed'"),
        (("single", (5, 5)), r"\[5, 5\)"),
        (("single", (0, 3)), "at least 1"),
        (("single", SHORT, 100), "give a multiple of 7"),
        (("mixed", SHORT, 7), "give a multiple of 14"),
        (("single", SHORT, 0), "0 chains"),
    ],
)
def test_impossible_sets(arguments: tuple, message: str) -> None:
    with pytest.raises(InputError, match=message):
        chain_set(*arguments)


@pytest.mark.parametrize("draw", [module.draw_figure for module in (figure3b, figure3c, figure3d)])
def test_drawings_fill_a_column_and_are_reproducible(draw, tmp_path) -> None:
    figure = draw()
    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(COLUMN)
    written = save(figure, tmp_path / "one" / "figure3")
    again = save(draw(), tmp_path / "two" / "figure3")
    assert [path.name for path in written] == ["figure3.png", "figure3.pdf"]
    assert [path.read_bytes() for path in written] == [path.read_bytes() for path in again]


def annotations(figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_drawings_say_what_the_structures_are() -> None:
    assert f"$a$ = {chain_of_set('single', 6, 74).lattice.a:.2f} Å" in annotations(figure3b.draw_figure())
    assert "5 Å" in annotations(figure3d.draw_figure(offset=5.0))
    figure = figure3c.draw_figure(1.4, 125)
    said = " ".join(annotations(figure))
    assert f"{zigzag_chain(1.4, 125).lattice.a:.2f} Å" in said
    assert f"{armchair_chain(1.4, 125).lattice.a:.2f} Å" in said
    entries = [text.get_text() for axes in figure.axes for text in axes.get_legend().get_texts()]
    assert len(entries) == 7
    assert f"1–4: {1.4 * (1 - 2 * math.cos(math.radians(125))):.2f} Å" in entries
