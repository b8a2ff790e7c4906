"""Datasets: whole and right, from the paper's sources and from a user's own folder."""

import csv
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator
from dataclasses import replace
from os.path import relpath
from pathlib import Path

import numpy as np
import pytest
from conftest import FCC, random_crystal, write_structure
from pymatgen.core import Lattice, Structure
from scipy.constants import R

from hybrid.cli import main
from hybrid.data.extensive_targets import n_units, renormalise
from hybrid.data.folder import read_folder
from hybrid.data.groups import formula, prototype
from hybrid.data.splits import read_split
from hybrid.errors import InputError
from hybrid.structures import read_structure
from reproduction.data import files, recipe_book, recipes, registry, structures
from reproduction.data.files import MissingDataError
from reproduction.data.recipes import Recipe
from reproduction.data.registry import REGISTRY, get_dataset
from reproduction.data.sources import authors, mp_tables
from reproduction.data.sources.entries import Entry, Labels
from reproduction.data.structures import LOCAL, MP_2018, Chain
from reproduction.data.thermal import check_dulong_petit
from reproduction.paths import DATASETS

RECORDED = {  # the names that records may carry
    "chains-short",
    "chains-long",
    "chains-mixed-short",
    "chains-mixed-long",
    "mp-descriptors",
    "mp-crystal-system",
    "phonon-cv",
    "phonon-u",
    "elastic-k",
    "elastic-g",
    "elastic-poisson",
    "piezo-modulus",
    "dielectric-electronic",
    "dielectric-total",
    "refractive-index",
    "band-gap",
    "formation-energy",
    "final-energy",
    "alexandria-cv",
    "binary-k",
    "log-kappa",
    "magnetization",
    "magnetization-per-atom",
    "magnetization-per-cell",
}
PUBLISHED = {  # crystals at hand with the authors' labels and test set
    "mp-descriptors": 28_951,
    "mp-crystal-system": 87_540,
    **dict.fromkeys(("phonon-cv", "phonon-cv-per-atom", "phonon-u", "phonon-u-per-atom"), 1_512),
    "elastic-k": 12_451,
    "elastic-g": 12_380,
    "elastic-poisson": 12_254,
    "piezo-modulus": 2_925,
    "dielectric-electronic": 6_456,
    "dielectric-total": 6_414,
    "refractive-index": 6_505,
    "log-kappa": 1_485,
    "natoms-as-published": 4_590,
    **dict.fromkeys(("phonon-cv-by-formula", "phonon-u-by-formula"), 1_512),
    "elastic-k-uncut": 12_459,
    "elastic-g-uncut": 12_454,
    "elastic-poisson-uncut": 12_461,
    "piezo-modulus-uncut": 2_967,
    **dict.fromkeys(("dielectric-electronic-uncut", "dielectric-total-uncut"), 6_552),
    "refractive-index-uncut": 6_549,
}
COUNTS = {
    **PUBLISHED,
    "natoms-by-crystal": 4_590,
    **dict.fromkeys(("magnetization", "magnetization-per-atom", "magnetization-per-cell"), 59_441),
    "band-gap": 94_277,
    "formation-energy": 86_650,
    "final-energy": 86_650,
    "alexandria-cv": 1_170,
    "binary-k": 3_953,
}
BY_KEY = [name for name, dataset in REGISTRY.items() if registry.BY_KEY in dataset.description]


def rock_salt(cation: str = "Na", anion: str = "Cl", a: float = 5.64) -> Structure:
    """The conventional cell of 8 atoms."""
    return Structure(
        Lattice.cubic(a), [cation] * 4 + [anion] * 4, [*FCC, *((np.array(FCC) + 0.5) % 1).tolist()]
    )


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


# --- names ---


def test_every_name_that_records_may_carry_is_registered() -> None:
    assert REGISTRY.keys() >= RECORDED
    assert get_dataset("phonon-cv") is REGISTRY["phonon-cv"]
    with pytest.raises(InputError, match="unknown dataset 'phonon-cy'; did you mean 'phonon-cv'"):
        get_dataset("phonon-cy")


def test_every_dataset_that_needs_no_key_is_counted_here() -> None:
    built = {name for name in REGISTRY if not name.startswith("chains-")} - set(BY_KEY)
    assert built == COUNTS.keys()


def test_the_readme_lists_every_dataset() -> None:
    text = (DATASETS / "README.md").read_text()
    for name, dataset in REGISTRY.items():
        row = f"| `{name}` | {dataset.description} | {dataset.target} | {dataset.unit or '-'} |"
        assert row in text, f"datasets/README.md lacks this row:\n{row}"
    rows_of_four = re.findall(r"^\| `([^|]*)` \|[^|]*\|[^|]*\|[^|]*\|$", text, re.MULTILINE)
    assert sorted(rows_of_four) == sorted(REGISTRY)


# --- what a target belongs to ---


def test_units_of_rock_salt(NaCl: Structure, NaCl_primitive: Structure) -> None:
    assert [n_units(NaCl, per) for per in ("cell", "atom", "formula")] == [1, 8, 4]
    assert [n_units(NaCl_primitive, per) for per in ("cell", "atom", "formula")] == [1, 2, 1]
    with pytest.raises(InputError, match="unknown normalisation 'fromula'; did you mean 'formula'"):
        n_units(NaCl, "fromula")


@pytest.mark.parametrize(
    ("given", "of_primitive", "of_atom", "of_formula"),
    [("cell", 100, 50, 100), ("atom", 800, 400, 800), ("formula", 400, 200, 400)],
)
def test_a_value_of_the_conventional_cell(
    NaCl: Structure,
    NaCl_primitive: Structure,
    given: str,
    of_primitive: float,
    of_atom: float,
    of_formula: float,
) -> None:
    """400 given per cell of 8 atoms, per atom, or per formula unit."""
    for per, expected in (("cell", of_primitive), ("atom", of_atom), ("formula", of_formula)):
        assert renormalise(400, NaCl, given, NaCl_primitive, per) == pytest.approx(expected)
        back = renormalise(expected, NaCl_primitive, per, NaCl, given)
        assert back == pytest.approx(400)


@pytest.mark.parametrize(
    ("element", "n_atoms", "n_formulas"),
    [
        ("Cu", 4, 4),
        ("Cu", 1, 1),
        ("O", 8, 4),
        ("O", 2, 1),
        ("O", 1, 0.5),
        ("N", 6, 3),
        ("C", 2, 2),
        ("S", 8, 8),
    ],
)
def test_the_formula_unit_of_an_element(element: str, n_atoms: int, n_formulas: float) -> None:
    """One atom, but the molecule for H2, N2, O2, F2 and Cl2."""
    places = [[i / n_atoms, 0, 0] for i in range(n_atoms)]
    crystal = Structure(Lattice.orthorhombic(3 * n_atoms, 3, 3), [element] * n_atoms, places)
    assert n_units(crystal, "formula") == n_formulas


# --- a recipe ---


def toy(values: list[float], **settings: object) -> Recipe:
    """Rock salts in the conventional cell, with a quantity given for it."""

    def entries() -> Iterator[Entry]:
        for i, value in enumerate(values):
            yield Entry(f"x{i}", rock_salt(a=5 + 0.01 * i), {"q": value})

    units = {"given_per": "cell", "per": "cell", **settings}
    return Recipe("a test", "CC0", entries=entries, quantity="q", **units)


@pytest.fixture
def crystals(monkeypatch: pytest.MonkeyPatch) -> dict[str, Structure]:
    """What all sources together have, by id: to be filled."""
    found: dict[str, Structure] = {}

    class Toy:
        name = "a toy"

        def having(self, ids: Collection[str]) -> set[str]:
            return set(found) & set(ids)

        def structures(self, ids: Collection[str]) -> Iterator[tuple[str, Structure]]:
            return ((identity, found[identity]) for identity in sorted(ids))

    monkeypatch.setattr(recipes, "STRUCTURES", Chain((Toy(),)))
    return found


@pytest.mark.parametrize(("per", "expected"), [("cell", 48), ("atom", 24), ("formula", 48), (None, 192)])
def test_targets_belong_to_the_cell_that_is_written(per: str | None, expected: float, tmp_path: Path) -> None:
    toy([192.0, 96.0], per=per).build(tmp_path / "data", "q", "J")
    folder = read_folder(tmp_path / "data")
    assert [len(structure) for structure in folder.structures()] == [2, 2]
    assert folder.targets is not None
    assert folder.targets.tolist() == pytest.approx([expected, expected / 2])
    assert manifest(tmp_path / "data")["normalisation"] == (per and f"per {per}")


@pytest.mark.parametrize("per", ["cell", "atom"])
def test_a_heat_capacity_above_3nr_is_dropped_and_listed(per: str, tmp_path: Path) -> None:
    possible, impossible = 8 * 3 * R * 0.95, 8 * 3 * R * 1.05
    recipe = toy([possible] * 10 + [impossible] + [possible] * 9, per=per, check=check_dulong_petit)
    recipe.build(tmp_path / "data", "Cv", "J/(mol K)")
    said = manifest(tmp_path / "data")
    assert said["n_crystals"] == 19
    assert len(said["dropped"]) == 1
    of_cell = impossible / (4 if per == "cell" else 8)
    assert said["dropped"][0].startswith(
        f"x10: heat capacity {of_cell:.2f} J/(mol K) is not between 0 and 3NR"
    )
    assert not (tmp_path / "data" / "x10.cif").exists()
    assert "x10" not in read_folder(tmp_path / "data").ids


def test_more_than_one_refused_in_twenty_stops_the_build(tmp_path: Path) -> None:
    for n, built in ((20, True), (19, False)):
        recipe = toy([1.0] * (n - 1) + [1e6], check=check_dulong_petit)
        if built:
            recipe.build(tmp_path / f"of {n}", "Cv", "J/(mol K)")
            continue
        with pytest.raises(InputError, match="1 of 19 entries cannot be right; first x18: heat cap"):
            recipe.build(tmp_path / f"of {n}", "Cv", "J/(mol K)")
    assert [path.name for path in tmp_path.iterdir()] == ["of 20"]


def test_an_id_that_comes_twice_stops_the_build(tmp_path: Path) -> None:
    whole = toy([1.0, 2.0])
    recipe = Recipe("a test", "CC0", entries=lambda: 2 * list(whole.entries()), quantity="q")
    with pytest.raises(InputError, match="data: id 'x0' occurs twice"):
        recipe.build(tmp_path / "data", "q", "")
    assert list(tmp_path.iterdir()) == []


def test_a_published_split_is_written_and_validation_carved_from_training(
    tmp_path: Path, crystals: dict[str, Structure]
) -> None:
    published = {f"x{i:02d}": "test" if i % 5 == 0 else "training" for i in range(60)}
    crystals |= {identity: rock_salt(a=5 + i / 100) for i, identity in enumerate(list(published)[:40])}
    labels = Labels(
        dict.fromkeys(published, 1.0),
        published,
        predictions={"x00": 0.5, "x05": 1.5, "x55": 2.5},
        model="cgcnn",
        notes={"said": "so"},
    )
    Recipe("a test", "CC0", labels=lambda: labels, published=True, quantity="q").build(
        tmp_path / "data", "q", ""
    )
    split = tmp_path / "data" / "splits" / "authors.csv"
    assert rows(split) == [["id", "fold"], *([i, published[i]] for i in crystals)]
    said = manifest(tmp_path / "data")
    assert (said["labels without a structure"], said["structures"], said["said"]) == (20, {"a toy": 40}, "so")
    assert rows(tmp_path / "data" / recipes.WITHOUT) == [[f"x{i}"] for i in range(40, 60)]
    assert rows(tmp_path / "data" / recipes.PREDICTIONS) == [
        ["id", "prediction", "model"],
        ["x00", "0.5", "cgcnn"],
        ["x05", "1.5", "cgcnn"],
    ]
    ids = read_folder(tmp_path / "data").ids
    folds = read_split(split, ids, seed=0)
    assert [int((folds == fold).sum()) for fold in ("training", "validation", "test")] == [24, 8, 8]
    assert {i for i, fold in zip(ids, folds, strict=True) if fold == "test"} == {
        f"x{i:02d}" for i in range(0, 40, 5)
    }


def test_a_folder_of_an_older_version_is_not_taken_for_todays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(path: Path, jobs: int) -> None:
        toy([192.0, 96.0]).build(path, "q", "J", jobs)

    monkeypatch.setattr(registry, "DATASETS", tmp_path)
    monkeypatch.setitem(REGISTRY, "binary-k", replace(REGISTRY["binary-k"], build=build))
    assert registry.dataset_folder("binary-k").ids == registry.dataset_folder("binary-k").ids == ["x0", "x1"]
    monkeypatch.setitem(registry.VERSIONS, "binary-k", 2)
    with pytest.raises(InputError, match="binary-k: is version 1 of the data set, not 2; remove it"):
        registry.dataset_folder("binary-k")
    shutil.rmtree(tmp_path / "binary-k")
    registry.dataset_folder("binary-k")
    assert manifest(tmp_path / "binary-k")["version"] == 2


def test_a_folder_without_anything_to_say_beside_it(tmp_path: Path) -> None:
    toy([1.0, 2.0]).build(tmp_path / "data", "q", "")
    assert not {recipes.WITHOUT, recipes.PREDICTIONS} & {path.name for path in (tmp_path / "data").iterdir()}


# --- groups ---


def test_a_structure_type_is_one_prototype(
    CsCl: Structure, NaCl: Structure, NaCl_primitive: Structure
) -> None:
    periclase = rock_salt("Mg", "O", 4.21)
    assert prototype(NaCl) == prototype(NaCl_primitive) == prototype(periclase)
    assert prototype(NaCl) != prototype(CsCl)
    assert prototype(NaCl) == prototype(NaCl * (2, 1, 1))


def test_polymorphs_are_one_formula(NaCl: Structure, NaCl_primitive: Structure, CsCl: Structure) -> None:
    high_pressure = Structure(CsCl.lattice, ["Na", "Cl"], CsCl.frac_coords)
    assert formula(NaCl) == formula(NaCl_primitive) == formula(high_pressure) == "NaCl"
    assert formula(CsCl) == "CsCl"
    assert prototype(NaCl) != prototype(high_pressure)


# --- the paper's datasets ---


def refuse(file: files.DataFile, *_: object) -> None:
    """Takes the place of a download."""
    raise files.missing(file, "tests download nothing")


@pytest.fixture
def at_hand(hybrid_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is downloaded: data are in HYBRID_DATA or the cache, or the test is skipped."""
    if not (hybrid_data / structures.FILES[0]).exists():
        pytest.skip(f"{hybrid_data / structures.FILES[0]} is not there")
    monkeypatch.setattr(files, "_download", refuse)
    monkeypatch.delenv("MP_API_KEY", raising=False)


def check_whole(path: Path, name: str) -> None:
    """What holds of every dataset, however many crystals of it."""
    folder = read_folder(path)
    assert folder.targets is not None
    assert np.isfinite(folder.targets).all()
    said = manifest(path)
    assert said["n_crystals"] == len(folder) > 0
    assert (said["target"], said["unit"]) == (REGISTRY[name].target, REGISTRY[name].unit)
    assert len(folder) == len({file.name for file in path.glob("*.cif")})
    if name in PUBLISHED and name != "log-kappa":  # whose validation part is drawn by crystal
        folds = read_split(path / "splits" / "authors.csv", folder.ids, seed=0)
        assert ((folds == "validation").sum() / (folds != "test").sum()) == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(
    "name",
    [
        *("mp-descriptors", "mp-crystal-system", "phonon-cv", "phonon-u-per-atom", "elastic-k", "log-kappa"),
        *("dielectric-total", "magnetization-per-atom", "band-gap", "final-energy", "alexandria-cv"),
    ],
)
def test_a_sample_of_each_kind_of_dataset(
    name: str, at_hand: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipes, "Progress", lambda entries, *_, **__: itertools.islice(entries, 40))
    REGISTRY[name].build(tmp_path / name)
    check_whole(tmp_path / name, name)
    said = manifest(tmp_path / name)
    assert said["n_crystals"] + len(said["dropped"]) == 40


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, n in COUNTS.items() if n < 30_000])
def test_each_dataset_whole(name: str, at_hand: None, tmp_path: Path) -> None:
    REGISTRY[name].build(tmp_path / name)
    check_whole(tmp_path / name, name)
    said = manifest(tmp_path / name)
    assert said["n_crystals"] + len(said["dropped"]) == COUNTS[name]
    if name in ("phonon-cv", "phonon-u"):
        published = authors.labels(name.removeprefix("phonon-")).values
        assert said["dropped"] == []
        for identity, target in rows(tmp_path / name / "id_prop.csv"):
            assert float(target) == pytest.approx(published[identity]), identity


def test_the_authors_values_are_of_the_primitive_cell(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    crystals: dict[str, Structure],
    NaCl: Structure,
    CsCl: Structure,
) -> None:
    """They stay as published, whether a cell was stored as a conventional one or as a supercell by a hair."""
    distorted = CsCl * (2, 1, 1)
    distorted.translate_sites([0], [0, 0.02, 0], frac_coords=False)
    crystals |= {"mp-22862": NaCl, "distorted": distorted}
    values = {"mp-22862": 47.844, "distorted": 49.0}
    labels = Labels(values, {"mp-22862": "training", "distorted": "test"})
    monkeypatch.setattr(authors, "labels", lambda _: labels)
    for per, divisor in (("cell", 1), ("atom", 2)):
        recipe_book.phonon("cv", per).build(tmp_path / per, "Cv", "J/(mol K)")
        folder = read_folder(tmp_path / per)
        found = dict(zip(folder.ids, folder.targets, strict=True))
        assert found == pytest.approx({i: value / divisor for i, value in values.items()})
        assert [len(structure) for structure in folder.structures()] == [2, 2]


@pytest.mark.parametrize(("per", "expected"), [("formula", 3.0), ("atom", 1.5), ("cell", 3.0)])
def test_magnetizations_are_of_the_databases_cell(
    per: str,
    expected: float,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    crystals: dict[str, Structure],
    NaCl: Structure,
) -> None:
    """The database's cell has as many formula units as it says; if it is silent the cell is primitive."""
    crystals |= {"listed": NaCl, "silent": NaCl}
    tables = {"magnetization": {"listed": -24.0, "silent": 3.0}, "formula_units": {"listed": 8.0}}
    monkeypatch.setattr(mp_tables, "labels", lambda quantity: Labels(tables[quantity]))
    recipe_book._formula_units.cache_clear()
    recipe_book.magnetization(per).build(tmp_path / "data", "M", "μB")
    recipe_book._formula_units.cache_clear()
    folder = read_folder(tmp_path / "data")
    assert folder.targets is not None
    assert folder.targets.tolist() == pytest.approx([expected, expected])


def test_final_energies_come_by_key_where_there_is_no_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, Cu: Structure
) -> None:
    def missing(_: str) -> Labels:
        raise MissingDataError("no table")

    def database(ids: None, quantities: list[str]) -> Iterator[Entry]:
        return iter([Entry("mp-30", Cu, {quantities[0]: -4.1})])

    monkeypatch.setattr(mp_tables, "labels", missing)
    monkeypatch.setattr(recipe_book.materials_project, "entries", database)
    recipe_book.final_energy(check=None).build(tmp_path / "data", "Efin", "eV/atom")
    assert rows(tmp_path / "data" / "id_prop.csv") == [["mp-30", "-4.1"]]
    with pytest.raises(MissingDataError, match="no table"):
        recipe_book.tabulated("band_gap").build(tmp_path / "data", "Eg", "eV")


def test_phonons_need_a_network_and_no_key() -> None:
    """Their structures are in matminer's copy of the database; it and the labels have an address."""
    assert structures.STRUCTURES.sources == (LOCAL, MP_2018, structures.STRUCTURES.sources[-1])
    names = {authors.QUANTITIES[q].file.format(fold=fold) for q in ("cv", "u") for fold in authors.FOLDS}
    pinned = files.pinned()
    assert all(pinned[name].url for name in (*names, structures.mp_all.FILE))


def test_phonons_are_in_the_copy_of_2018(at_hand: None) -> None:
    """Its magnetizations are of the same ids, though not of all."""
    ids = mp_tables.labels("magnetization").values.keys()
    assert authors.labels("cv").values.keys() <= ids


def test_the_mp_dataset_drawn_anew_is_thinned_by_space_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 60 crystals with P1 about 56 stay, of 60 with Fm-3m about 4; the same again with the same seed."""
    cell = rock_salt()

    def database(ids: None, quantities: list[str]) -> Iterator[Entry]:
        assert quantities == ["space_group_number"]
        return (Entry(f"mp-{i}", cell, {"space_group_number": 1 if i < 60 else 225}) for i in range(120))

    monkeypatch.setattr(recipe_book.materials_project, "entries", database)
    for name in ("first", "second"):
        get_dataset("mp-thinned").build(tmp_path / name)
    kept = [row[0] for row in rows(tmp_path / "first" / "id_prop.csv")]
    assert kept == [row[0] for row in rows(tmp_path / "second" / "id_prop.csv")]
    low = sum(int(identity[3:]) < 60 for identity in kept)
    assert 50 <= low < 60
    assert 0 < len(kept) - low <= 12


# --- the command, for the paper's datasets ---


@pytest.fixture
def nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of datasets, and no data, network or key."""
    monkeypatch.delenv("HYBRID_DATA", raising=False)
    monkeypatch.delenv("MP_API_KEY", raising=False)
    monkeypatch.setenv("HYBRID_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(registry, "DATASETS", tmp_path / "datasets")
    monkeypatch.setattr(files, "_download", refuse)
    return tmp_path / "datasets"


def toy_chains(folder: Path) -> list[str]:
    """Stands in for the chains, so that they are there already."""
    names = [name for name in REGISTRY if name.startswith("chains-")]
    for name in names:
        toy([1.0, 2.0, 3.0]).build(folder / name, "a", "Å")
    return names


def test_what_cannot_be_had_is_one_line_each(nothing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chains = toy_chains(nothing)
    capsys.readouterr()
    assert main(["dataset"]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines() == [f"{name}: 3 structures; {relpath(nothing / name)}" for name in chains]
    lines = told.err.splitlines()
    assert [line.split(": ")[0] for line in lines] == [name for name in REGISTRY if name not in chains]
    for line in lines:
        assert re.search(r"not built: .*(put it at|MP_API_KEY)", line), line
    assert sorted(path.name for path in nothing.iterdir()) == sorted([".hybrid", *chains])


def test_a_dataset_that_was_asked_for_and_cannot_be_had(
    nothing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy_chains(nothing)
    capsys.readouterr()
    assert main(["dataset", "chains-long", "mp-cv", "binary-k"]) == 2
    told = capsys.readouterr()
    assert told.out == f"chains-long: 3 structures; {relpath(nothing / 'chains-long')}\n"
    assert told.err.splitlines()[-1] == "error: not built: mp-cv, binary-k"


def test_the_list(nothing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(REGISTRY)
    assert main(["dataset", "--list", "phonon-u"]) == 0
    assert capsys.readouterr().out.split(maxsplit=1)[1].strip() == REGISTRY["phonon-u"].description
    assert not nothing.exists()


@pytest.mark.slow
def test_the_command_itself_without_data_and_network(tmp_path: Path) -> None:
    toy_chains(tmp_path / "datasets")
    code = """
import sys
from pathlib import Path
from hybrid.cli import main
from reproduction.data import files
from reproduction.data import registry
files.BACKOFF = 0
registry.DATASETS = Path("datasets")
sys.exit(main(["dataset"]))
"""
    hidden = ("HYBRID_DATA", "MP_API_KEY", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment |= {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "HYBRID_CACHE": str(tmp_path / "cache"),
        "PIP_NO_INDEX": "1",
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
    }
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0
    of_chains = [name for name in REGISTRY if name.startswith("chains-")]
    assert [line.split(": ")[0] for line in ran.stdout.splitlines()] == of_chains
    lines = ran.stderr.splitlines()
    assert [line.split(": ")[0] for line in lines] == [name for name in REGISTRY if name not in of_chains]
    assert sum("there is no connection to the server" in line for line in lines) == len(COUNTS) - 1
    assert sum("needs a key" in line for line in lines) == len(BY_KEY) + 1


# --- the command, for a user's own structures ---


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Rock salts in the conventional cell, as CIF, and small crystals as POSCAR, JSON and extended XYZ."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "mine"
    folder.mkdir()
    table = []
    for cation, anion, a in (("Na", "Cl", 5.64), ("Mg", "O", 4.21), ("Li", "F", 4.03), ("K", "Br", 6.6)):
        write_structure(rock_salt(cation, anion, a), folder / f"{cation}{anion}.cif")
        table.append(f"{cation}{anion},{a * 100!r}\n")
    for i, ending in enumerate((".vasp", ".json", ".extxyz") * 4):
        write_structure(random_crystal(i), folder / f"x{i:02d}{ending}")
        table.append(f"x{i:02d},{i}.5\n")
    (folder / "id_prop.csv").write_text("".join(table))
    return folder


def own(*options: str) -> int:
    return main(["dataset", "--from", "mine", "--out", "out", *options])


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one sentence of a command that cannot be done, and that it wrote nothing."""
    before = sorted(Path().iterdir())
    capsys.readouterr()
    assert main(["dataset", *arguments]) == 2
    told = capsys.readouterr()
    assert sorted(Path().iterdir()) == before
    assert told.out == ""
    sentence = told.err.splitlines()[-1]
    assert sentence.startswith("error: ")
    return sentence.removeprefix("error: ")


def test_intensive_targets_stay_and_cells_are_reduced(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert own() == 0
    assert capsys.readouterr().out == "16 crystals, 4 in a smaller cell; out\n"
    folder = read_folder(Path("out"))
    assert folder.ids == read_folder(mine).ids
    assert rows(Path("out/id_prop.csv"))[:2] == [["NaCl", "564.0"], ["MgO", "421.0"]]
    cell = read_structure(Path("out/NaCl.cif"))
    assert len(cell) == 2
    assert cell.lattice.abc == pytest.approx([5.64 / np.sqrt(2)] * 3)
    said = manifest(Path("out"))
    assert said["source"] == str(mine)
    assert said["normalisation"] is None
    assert (said["n_crystals"], said["n_reduced"], said["dropped"]) == (16, 4, [])
    assert not Path("out/splits").exists()


@pytest.mark.parametrize(
    ("given", "per", "factor"),
    [("cell", "cell", 1 / 4), ("cell", "atom", 1 / 8), ("cell", "formula", 1 / 4), ("atom", "cell", 2)],
)
def test_extensive_targets_are_brought_to_the_reduced_cell(
    mine: Path, given: str, per: str, factor: float
) -> None:
    """From 8 atoms to 2; a cell that is primitive keeps its value."""
    assert own("--given-per", given, "--per", per) == 0
    targets = {identity: float(value) for identity, value in rows(Path("out/id_prop.csv"))}
    assert targets["NaCl"] == pytest.approx(564 * factor)
    assert targets["KBr"] == pytest.approx(660 * factor)
    if given == per:
        assert targets["x04"] == pytest.approx(4.5)
    said = manifest(Path("out"))
    assert (said["given"], said["normalisation"]) == (f"per {given}", f"per {per}")


def test_splits_are_files_that_are_read_back(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--random-split", "0.5", "0.25", "0.25", "--grouped-split", "prototype", "formula")
    assert own(*options, "--data-seed", "3") == 0
    assert "splits/random-3.csv: 8 training, 4 validation, 4 test\n" in capsys.readouterr().out
    assert sorted(path.name for path in Path("out/splits").iterdir()) == [
        "formula-3.csv",
        "prototype-3.csv",
        "random-3.csv",
    ]
    ids = read_folder(Path("out")).ids
    said = manifest(Path("out"))["splits"]
    for name, counts in said.items():
        folds = read_split(Path(f"out/splits/{name}.csv"), ids, seed=0)
        assert {fold: int((folds == fold).sum()) for fold in counts} == counts
    folds = dict(zip(ids, read_split(Path("out/splits/prototype-3.csv"), ids, 0), strict=True))
    assert len({folds[name] for name in ("NaCl", "MgO", "LiF", "KBr")}) == 1
    assert main(["dataset", "--from", "mine", "--out", "again", *options, "--data-seed", "3"]) == 0
    for name in said:
        assert Path(f"out/splits/{name}.csv").read_bytes() == Path(f"again/splits/{name}.csv").read_bytes()


def test_a_grouped_split_alone_is_80_10_10(mine: Path) -> None:
    assert own("--grouped-split", "formula") == 0
    assert manifest(Path("out"))["splits"] == {"formula-0": {"training": 12, "validation": 2, "test": 2}}


def test_own_element_features_are_kept(mine: Path) -> None:
    features = {str(z): [float(z)] for z in range(1, 101)}
    (mine / "atom_init.json").write_text(json.dumps(features))
    assert own() == 0
    assert json.loads(Path("out/atom_init.json").read_text()) == features


def spoil(folder: Path) -> None:
    """A structure, a row, and a cell with two atoms in one place."""
    (folder / "x01.json").write_text("{}")
    table = (folder / "id_prop.csv").read_text()
    (folder / "id_prop.csv").write_text(table.replace("x03,3.5", "x03,nan"))
    on_one_place = Structure(Lattice.cubic(4), ["Cu", "Cu"], [[0, 0, 0], [1e-6, 0, 0]])
    write_structure(on_one_place, folder / "x04.json")


def test_bad_rows_and_structures_stop_it(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(mine)
    arguments = ("--from", "mine", "--out", "out")
    assert refused(capsys, *arguments).startswith("mine/id_prop.csv: row 8: target of 'x03' is 'nan'")
    table = (mine / "id_prop.csv").read_text()
    (mine / "id_prop.csv").write_text(table.replace("nan", "3.5"))
    assert refused(capsys, *arguments).startswith("mine/x01.json: does not parse as a structure")
    write_structure(random_crystal(1), mine / "x01.json")
    assert refused(capsys, *arguments).startswith("mine/x04.json: sites 1 and 2 are less than 0.1 Å apart")


def test_skip_bad_leaves_them_out_and_lists_them(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(mine)
    assert own("--skip-bad", "--random-split", "0.6", "0.2", "0.2") == 0
    told = capsys.readouterr()
    said = manifest(Path("out"))
    assert said["n_crystals"] == sum(said["splits"]["random-0"].values()) == 13
    assert [reason.split(": ")[0] for reason in said["dropped"]] == [
        "mine/id_prop.csv",
        "mine/x01.json",
        "mine/x04.json",
    ]
    for reason in said["dropped"]:
        assert f"left out: {reason}\n" in told.err
    assert {"x01", "x03", "x04"}.isdisjoint(read_folder(Path("out")).ids)


def test_nothing_left_to_use(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    on_one_place = Structure(Lattice.cubic(4), ["Cu", "Cu"], [[0, 0, 0], [1e-6, 0, 0]])
    for path in mine.iterdir():
        path.unlink()
    write_structure(on_one_place, mine / "x.json")
    (mine / "id_prop.csv").write_text("x,1\n")
    message = refused(capsys, "--from", "mine", "--out", "out", "--skip-bad")
    assert message == "mine: contains no structures that can be used"


def test_ids_with_endings_lose_them_and_a_targets_name_is_kept(mine: Path) -> None:
    given = read_folder(mine)
    rows = [
        f"{file.name},{target}\n" for file, target in zip(given.files.values(), given.targets, strict=True)
    ]
    (mine / "id_prop.csv").write_text("".join(["id,Cv\n", *rows]))
    assert own("--random-split", "0.6", "0.2", "0.2") == 0
    for every in (False, True):
        found = read_folder(Path("out"), every=every)
        assert found.ids == given.ids
        assert found.target == "Cv"
    as_files = [f"{name}.cif" for name in found.ids]
    folds = read_split(Path("out/splits/random-0.csv"), as_files, 0)
    assert np.array_equal(folds, read_split(Path("out/splits/random-0.csv"), found.ids, 0))


def test_an_id_with_a_comma_or_a_folder(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = (mine / "id_prop.csv").read_text()
    write_structure(random_crystal(50), mine / "a,b.json")
    (mine / "id_prop.csv").write_text(f'{table}"a,b",3.5\n')
    assert own() == 0
    assert "a,b" in read_folder(Path("out")).ids
    write_structure(random_crystal(51), Path("up.cif"))
    kept = Path("up.cif").read_bytes()
    (mine / "id_prop.csv").write_text(f"{table}../up,1.5\n")
    message = refused(capsys, "--from", "mine", "--out", "other")
    assert message == "mine/id_prop.csv: row 17: id '../up' names a folder"
    assert Path("up.cif").read_bytes() == kept


OUT = ("--from", "mine", "--out", "out")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*OUT, "--per", "atom"), "--per atom needs --given-per"),
        ((*OUT, "--given-per", "cell"), "--given-per cell needs --per"),
        ((*OUT, "--given-per", "sell", "--per", "atom"), "unknown normalisation 'sell'; did you mean 'cell'"),
        ((*OUT, "--given-per", "cell", "--per", "mole"), "unknown normalisation 'mole'; "),
        ((*OUT, "--grouped-split", "prototyp"), "unknown grouping 'prototyp'; did you mean 'prototype'"),
        ((*OUT, "--random-split", "0.6", "0.2", "0.3"), "three positive fractions that add up to 1"),
        (("--from", "mine", "--out", "mine"), "mine: exists already"),
        (("--from", "nowhere", "--out", "out"), "nowhere: no such folder"),
        (("--from", "mine"), "--from FOLDER needs --out"),
        ((*OUT, "phonon-cv"), "leave out names"),
        (("--out", "out"), "--out can be used with --from FOLDER only"),
        (("phonon-cv", "--given-per", "cell"), "--given-per can be used with --from FOLDER only"),
    ],
)
def test_options_that_cannot_be(
    arguments: tuple[str, ...], message: str, mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refused(capsys, *arguments)


def test_too_few_to_split(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in mine.glob("x*"):
        path.unlink()
    table = (mine / "id_prop.csv").read_text().splitlines()[:4]
    (mine / "id_prop.csv").write_text("\n".join(table))
    message = refused(capsys, *OUT, "--grouped-split", "prototype")
    assert message == "1 groups cannot be split; training, validation and test need one each"
