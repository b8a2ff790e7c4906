"""The data sources: on the real files where they are at hand, and on damaged ones made here."""

import csv
import gzip
import hashlib
import json
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Structure

from hybrid.cells import reduced_cell
from hybrid.data.folder import read_folder
from hybrid.errors import InputError
from reproduction.data import files, structures
from reproduction.data.files import MissingDataError, pinned
from reproduction.data.registry import REGISTRY
from reproduction.data.sources import authors, matcalc, mp_all, mp_tables
from reproduction.data.sources.entries import Entry, Labels
from reproduction.data.structures import LOCAL, MP_2018, Chain

R = 8.314462618  # J/(mol K)


@pytest.fixture(scope="module")
def real(hybrid_data: Path, tmp_path_factory: pytest.TempPathFactory):
    """The real files, checked into a cache of our own."""
    if not (hybrid_data / structures.FILES[0]).exists():
        pytest.skip(f"{hybrid_data / structures.FILES[0]} is not there")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HYBRID_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, bytes], None]:
    """Pins made-up contents as files of HYBRID_DATA."""
    monkeypatch.setenv("HYBRID_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HYBRID_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(files, "FILES", tmp_path / "files.toml")
    tables: list[str] = []

    def put(name: str, content: bytes) -> None:
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        table = f'[t{len(tables)}]\nfolder = ""\norigin = "a test"\nlicence = "CC0"\n'
        tables.append(f'{table}files = {{"{name}" = "{sha256}"}}\n')
        (tmp_path / "files.toml").write_text("".join(tables))

    return put


# The authors' labels


def test_heat_capacity_and_internal_energy_of_the_authors(real: None) -> None:
    cv, u = authors.labels("cv"), authors.labels("u")
    for labels in (cv, u):
        assert list(labels.folds.values()).count("training") == 1224
        assert list(labels.folds.values()).count("test") == 288
        assert labels.values.keys() == labels.folds.keys()
    assert cv.folds != u.folds, "each has its own split"
    assert cv.values["mp-149"] == pytest.approx(39.90708499309008)  # silicon, two atoms
    assert cv.folds["mp-149"] == "test"
    assert u.values["mp-8291"] == pytest.approx(70.6606154272561)  # kJ/mol
    assert u.folds["mp-29396"] == "test"


def test_descriptors_of_the_authors(real: None) -> None:
    a, alpha = authors.labels("a"), authors.labels("alpha")
    assert len(a.values) == 47_862
    assert list(a.folds.values()).count("test") == 4_787
    assert a.values["mp-557976"] == 10.471024
    assert alpha.values["mp-557976"] == 92
    for quantity in ("b", "c", "alpha", "structural_complexity_per_cell"):
        assert authors.labels(quantity).folds == a.folds
    crystal_systems = authors.labels("crystal_system_int")
    assert len(crystal_systems.values) == 139_367
    assert set(crystal_systems.values.values()) == {1, 2, 3, 4, 5, 6, 7}


def test_thermal_conductivity_of_the_authors(real: None) -> None:
    kappa = authors.labels("log_kappa")
    assert len(kappa.values) == 2_668
    assert kappa.values["23465"] == 0.045323
    assert kappa.folds["248222"] == "test"


def test_quantities_that_cannot_be_had() -> None:
    with pytest.raises(InputError, match=r"natoms cannot be used: .*every id three times") as error:
        authors.labels("natoms")
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match=r"unknown quantity of the authors' labels 'Cv'; did you mean 'cv'"):
        authors.labels("Cv")


@pytest.mark.parametrize(
    ("training", "test", "message"),
    [
        ("1,mp-1,2.5\n2,mp-2,x\n", "", r"cv_training\.csv: row 3: property is 'x', not a number"),
        ("1,mp-1,nan\n", "", r"cv_training\.csv: row 2: property is 'nan', not a number"),
        ("1,mp-1\n", "", r"cv_training\.csv: row 2: has 2 columns instead of 3"),
        ("1,,2.5\n", "", r"cv_training\.csv: row 2: has no id"),
        (
            "1,mp-1,2.5\n",
            "1,mp-1,2.5\n",
            r"cv_test\.csv: row 2: id 'mp-1' stands in the training set already",
        ),
        (
            "1,mp-1,2.5\n2,mp-1,2.5\n",
            "",
            r"cv_training\.csv: row 3: id 'mp-1' stands in the training set already",
        ),
    ],
)
def test_bad_label_rows(local: Callable, training: str, test: str, message: str) -> None:
    local("gong2023/property/cv_training.csv", f",cif_id,property\n{training}".encode())
    local("gong2023/property/cv_test.csv", f",cif_id,property\n{test}".encode())
    with pytest.raises(InputError, match=message):
        authors.labels("cv")


def test_label_file_without_columns(local: Callable) -> None:
    local("gong2023/property/cv_training.csv", b"id,cv\nmp-1,2\n")
    with pytest.raises(InputError, match=r"cv_training\.csv: has no columns cif_id and property"):
        authors.labels("cv")


# The test sets that others published


def test_labels_of_seven_properties(real: None) -> None:
    """No test label is cut; those of K, G and ν that are not listed come from the normalised test values."""
    counts = {"K": (13_065, 2_494, 9), "G": (12_973, 2_359, 97), "poisson_ratio": (12_812, 2_365, 268)}
    counts |= {
        "eps_electronic": (6_953, 1_413, 102),
        "eps_total": (6_907, 1_347, 148),
        "n": (7_003, 1_414, 48),
    }
    counts |= {"piezo_modulus": (3_303, 645, 48)}
    for quantity, (n_all, n_test, n_cut) in counts.items():
        found = authors.labels(quantity)
        folds = list(found.folds.values())
        assert found.values.keys() == found.folds.keys()
        assert (len(folds), folds.count("test")) == (n_all, n_test), quantity
        assert found.notes["outliers left out"] == n_cut
    assert authors.labels("K").values["mp-10014"] == 18.0
    assert min(authors.labels("G").values.values()) < 0, "the authors kept what is negative"


def test_the_normaliser_is_the_authors(real: None, hybrid_data: Path) -> None:
    path = hybrid_data / "mp_labels" / "gong_collaborative_normalizer.csv.gz"
    with gzip.open(path, "rt") as file:
        rows = {row["property"]: row for row in csv.DictReader(file)}
    for known in authors.SELECTED.values():
        row = rows[known.folder]
        assert (known.median, *known.percentiles) == tuple(float(row[c]) for c in ("median", "p5", "p95"))


@pytest.mark.parametrize(("quantity", "error"), [("K", 0.217), ("G", 0.397), ("poisson_ratio", 0.790)])
def test_the_authors_own_predictions(quantity: str, error: float, real: None) -> None:
    """Their MAE/MAD on the test set; K and G have those of CGCNN in Table S1."""
    labels = authors.labels(quantity)
    truths = np.array([labels.values[i] for i in labels.predictions])
    predictions = np.array(list(labels.predictions.values()))
    assert {labels.folds[i] for i in labels.predictions} == {"test"}
    mad = np.abs(truths - truths.mean()).mean()
    assert np.abs(truths - predictions).mean() / mad == pytest.approx(error, abs=5e-4)


TABLE_S1 = {"K": 56.4, "G": 30.6, "poisson_ratio": 0.064, "piezo_modulus": 0.555}
TABLE_S1 |= {"eps_electronic": 2.82, "eps_total": 9.06, "n": 0.590}


@pytest.mark.parametrize(("quantity", "mad"), TABLE_S1.items())
def test_the_test_sets_have_the_spread_of_table_s1(quantity: str, mad: float, real: None) -> None:
    labels = authors.labels(quantity)
    found = np.array([value for i, value in labels.values.items() if labels.folds[i] == "test"])
    assert np.abs(found - found.mean()).mean() == pytest.approx(mad, rel=0.01)


def test_outliers_are_cut_and_unlisted_test_values_filled_in(local: Callable) -> None:
    """Of K the spread is 214 GPa and the median 85: at most 513 GPa stay."""
    local("gong2023/selected/K_VRH/fetched_ids.csv", b"ID,K_VRH\nmp-1,100.0\nmp-2,513\nmp-3,514\nmp-4,85\n")
    local("gong2023/selected/K_VRH/paper_test_ids.csv", b"mp-4,0.0,0.5\nmp-5,-0.25,0.0\n")
    labels = authors.labels("K")
    assert labels.values == {"mp-1": 100.0, "mp-2": 513.0, "mp-4": 85.0, "mp-5": 31.5}
    assert labels.folds == {"mp-1": "training", "mp-2": "training", "mp-4": "test", "mp-5": "test"}
    assert labels.predictions == {"mp-4": 192.0, "mp-5": 85.0}
    assert labels.model == "cgcnn"
    assert labels.notes["outliers left out"] == 1


def test_test_ids_alone(local: Callable) -> None:
    local("gong2023/selected/eij_max/fetched_ids.csv", b"ID,eij_max\nmp-1,1.0\nmp-2,2.0\n")
    local("gong2023/selected/eij_max/paper_test_ids.csv", b"mp-2\nmp-3\n")
    labels = authors.labels("piezo_modulus")
    assert labels.folds == {"mp-1": "training", "mp-2": "test"}
    assert (labels.predictions, labels.notes["test ids without a label"]) == ({}, 1)


@pytest.mark.parametrize(
    ("rows", "tested", "message"),
    [
        ("mp-1,1\nmp-1,1\n", "", r"fetched_ids\.csv: row 3: id 'mp-1' occurs twice"),
        ("mp-1,hard\n", "", r"fetched_ids\.csv: row 2: K_VRH is 'hard', not a number"),
        ("mp-1\n", "", r"fetched_ids\.csv: row 2: has 1 columns instead of 2"),
        ("mp-1,1\n", "mp-1,0,x\n", r"paper_test_ids\.csv: row 1: a normalised value is 'x', not a number"),
    ],
)
def test_bad_selected_rows(local: Callable, rows: str, tested: str, message: str) -> None:
    local("gong2023/selected/K_VRH/fetched_ids.csv", f"ID,K_VRH\n{rows}".encode())
    local("gong2023/selected/K_VRH/paper_test_ids.csv", tested.encode())
    with pytest.raises(InputError, match=message):
        authors.labels("K")


# Thermal conductivity, by Materials Project id


def test_no_crystal_of_thermal_conductivity_is_in_two_folds(real: None) -> None:
    labels = authors.thermal_conductivity()
    assert len(labels.values) == 1_488
    folds_of: dict[str, set[str]] = {}
    for identity, crystal in labels.crystals.items():
        folds_of.setdefault(crystal, set()).add(labels.folds[identity])
    assert all(len(folds) == 1 for folds in folds_of.values())
    published = authors.labels("log_kappa").folds
    tested = [i for i, fold in labels.folds.items() if fold == "test"]
    assert {published[i.removeprefix("icsd-")] for i in tested} == {"test"}
    trained = [fold for folds in folds_of.values() for fold in folds if fold != "test"]
    assert trained.count("validation") / len(trained) == pytest.approx(0.25, abs=0.001)


def test_crystals_with_several_thermal_conductivities(local: Callable) -> None:
    """Those on both sides train; ids guessed from the formula are left out."""
    training = "".join(f"{i},{i},0.{i}\n" for i in range(1, 9))
    local("gong2023/property/kappa_training.csv", f",cif_id,property\n{training}".encode())
    local("gong2023/property/kappa_test.csv", b",cif_id,property\n1,11,1.1\n2,12,1.2\n3,13,1.3\n")
    known = "".join(f"{i},training,{i},mp-{i},Si,map,1\n" for i in range(1, 9))
    known += "11,test,1,mp-1,Si,map+formula_confirmed,1\n12,test,1,mp-12,Si,map,1\n"
    known += "13,test,1,mp-13,Si,tentative_unique_formula,1\n"
    header = "icsd,split,log10_kappa,mp_id,formula,how,structure_available\n"
    local("mp_labels/kappa_icsd_to_mp.csv.gz", (header + known).encode())
    labels = authors.thermal_conductivity()
    assert labels.values.keys() == {f"icsd-{i}" for i in [*range(1, 9), 11, 12]}
    assert labels.values["icsd-12"] == 1.2
    assert labels.folds["icsd-11"] == labels.folds["icsd-1"] != "test"
    assert labels.folds["icsd-12"] == "test"
    assert list(labels.folds.values()).count("validation") in (2, 3)
    assert labels.notes == {"labels of unknown crystals": 1}


# Tables of the Materials Project of 2018 and 2019


def test_tables_of_the_materials_project(real: None) -> None:
    counts = {"magnetization": 69_640, "formula_units": 51_915, "band_gap": 120_612}
    counts |= {"formation_energy": 109_439, "final_energy": 109_439}
    tables = {quantity: mp_tables.labels(quantity).values for quantity in counts}
    assert {quantity: len(table) for quantity, table in tables.items()} == counts
    assert tables["band_gap"]["mp-1"] == 0
    assert tables["final_energy"]["mp-10"] == pytest.approx(-4.5506654950, abs=0.02)  # the real one


# Structures


CU = {"lattice": np.eye(3).tolist(), "species": ["Cu"], "frac": [[0, 0, 0]], "source": "s"}


def json_line(identity: str, **changes: object) -> str:
    return json.dumps({"id": identity, **CU, **changes}, separators=(",", ":")) + "\n"


def test_structures_at_hand_cover_the_authors_labels(real: None) -> None:
    everything = LOCAL.having(authors.labels("crystal_system_int").values)
    assert len(everything) == 87_540
    for quantity, n in (("a", 28_951), ("cv", 1_512), ("u", 1_512)):
        assert len(LOCAL.having(authors.labels(quantity).values)) == n
    for quantity, n in (("magnetization", 59_441), ("band_gap", 94_277), ("final_energy", 86_650)):
        assert len(LOCAL.having(mp_tables.labels(quantity).values)) == n


def test_structures_are_those_stored(real: None) -> None:
    found = dict(LOCAL.structures({"mp-10", "mp-149", "mp-none"}))
    assert found.keys() == {"mp-10", "mp-149"}
    arsenic = found["mp-10"]
    assert arsenic.composition.formula == "As2"
    assert arsenic.lattice.matrix[2] == pytest.approx([0, 0, 3.871425])
    assert arsenic.frac_coords.tolist() == [[0.25] * 3, [0.75] * 3]
    assert reduced_cell(found["mp-149"]).composition.formula == "Si2"


def test_heat_capacities_stay_below_dulong_petit(real: None) -> None:
    """Cv of the paper's primitive cell is at most 3NR; N of a conventional cell would be too large."""
    cv = authors.labels("cv").values
    chosen = np.random.default_rng(0).permutation(sorted(cv))[:200]
    ratios = [
        cv[identity] / (3 * len(reduced_cell(structure)) * R)
        for identity, structure in LOCAL.structures(set(chosen.tolist()))
    ]
    assert len(ratios) == 200
    assert max(ratios) <= 1
    assert np.median(ratios) > 0.75


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{\n", r"mp_snapshot\.jsonl\.gz: line 2: does not begin with an id"),
        ("[1]\n", r"line 2: does not begin with an id"),
        ('{"id":"mp-2"}\n', r"line 2 \(mp-2\): does not parse as a structure \('lattice'\)"),
        (json_line("mp-1"), r"line 2: id 'mp-1' occurs twice"),
        (json_line("mp-2")[:40], r"line 2 \(mp-2\): does not parse as a structure"),
        (json_line("mp-2", species=[], frac=[]), r"line 2 \(mp-2\): has no atoms"),
        (json_line("mp-2", species=["Xx"]), r"line 2 \(mp-2\): site 1 is 'Xx', which is not an element"),
        (json_line("mp-2", frac=[[float("nan"), 0, 0]]), r"line 2 \(mp-2\): a coordinate is not a number"),
    ],
)
def test_bad_lines_of_structures(local: Callable, line: str, message: str) -> None:
    local(structures.FILES[0], (json_line("mp-1") + line).encode())
    pinned_too(local)
    with pytest.raises(InputError, match=message):
        list(LOCAL.structures())


def pinned_too(local: Callable) -> None:
    """The other files of structures, empty."""
    for name in structures.FILES[1:]:
        local(name, b"")


def test_those_files_of_structures_that_are_there(local: Callable, tmp_path: Path) -> None:
    for number, name in enumerate(structures.FILES):
        local(name, json_line(f"mp-{number}").encode())
    (tmp_path / "data" / structures.FILES[2]).unlink()
    assert LOCAL.having([f"mp-{i}" for i in range(9)]) == {"mp-0", "mp-1", "mp-3", "mp-4"}
    assert [identity for identity, _ in LOCAL.structures(["mp-4", "mp-1"])] == ["mp-1", "mp-4"]


def test_no_files_of_structures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HYBRID_DATA", raising=False)
    monkeypatch.setenv("HYBRID_CACHE", str(tmp_path))
    with pytest.raises(MissingDataError, match=r"mp_snapshot.*30,914 structures.*HYBRID_DATA") as error:
        LOCAL.having(["mp-1"])
    assert "\n" not in str(error.value)


class Toy:
    """A source of copper under some ids, or one that cannot be had."""

    def __init__(self, name: str, ids: str, missing: str = "") -> None:
        self.name, self._ids, self._missing = name, set(ids), missing
        self.asked: list[set[str]] = []

    def having(self, ids: Collection[str]) -> set[str]:
        self.asked.append(set(ids))
        if self._missing:
            raise MissingDataError(self._missing)
        return self._ids & set(ids)

    def structures(self, ids: Collection[str]) -> Iterator[tuple[str, Structure]]:
        return ((i, Structure(CU["lattice"], CU["species"], CU["frac"])) for i in sorted(ids))


def test_each_source_is_asked_for_what_those_before_it_lack(caplog: pytest.LogCaptureFixture) -> None:
    first, gone, second, last = Toy("1", "ab"), Toy("2", "", "no network"), Toy("3", "bc"), Toy("4", "cd")
    told: dict[str, int | str] = {}
    found = [i for i, _ in Chain((first, gone, second, last)).structures("abcx", told)]
    assert found == ["a", "b", "c"]
    assert (gone.asked, second.asked, last.asked) == ([{"c", "x"}], [{"c", "x"}], [{"x"}])
    assert told == {"1": 2, "2": "not at hand", "3": 1, "4": 0}
    assert caplog.messages == ["1 of 4 crystals have no structure here: no network"]


def test_no_source_is_asked_without_need() -> None:
    first, second = Toy("1", "ab"), Toy("2", "", "no network")
    assert [i for i, _ in Chain((first, second)).structures("ab")] == ["a", "b"]
    assert second.asked == []


def test_every_missing_source_says_why() -> None:
    chain = Chain((Toy("1", "", "no folder"), Toy("2", "", "no key")))
    with pytest.raises(MissingDataError, match=r"^no folder; or no key$"):
        list(chain.structures("a"))


def test_a_download_with_a_key_that_fails_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        raise MissingDataError("the Materials Project does not answer")

    monkeypatch.setattr(structures.materials_project, "download", busy)
    chain = Chain((Toy("1", "a"), structures.Database()))
    monkeypatch.delenv("MP_API_KEY", raising=False)
    assert [i for i, _ in chain.structures("ab")] == ["a"]
    monkeypatch.setenv("MP_API_KEY", "k")
    with pytest.raises(InputError, match="does not answer"):
        list(chain.structures("ab"))


def test_the_database_gives_what_it_still_has(monkeypatch: pytest.MonkeyPatch, Cu: Structure) -> None:
    class Downloaded:
        manifest = {"missing_ids": ["mp-2"]}  # noqa: RUF012

    monkeypatch.setattr(structures.materials_project, "download", lambda ids, _: Downloaded)
    monkeypatch.setattr(
        structures.materials_project, "entries", lambda ids, _: (Entry(i, Cu, {}) for i in ids)
    )
    found = Chain((structures.Database(),)).structures({"mp-1", "mp-2"})
    assert list(found) == [("mp-1", Cu)]


def test_several_labels_of_one_crystal() -> None:
    labels = Labels({"x": 1.0, "y": 2.0, "b": 3.0, "z": 4.0}, crystals={"x": "a", "y": "a", "z": "nowhere"})
    found = Chain((Toy("1", "ab"),)).labelled(labels, "q", {})
    assert [(entry.id, entry.values) for entry in found] == [
        ("x", {"q": 1.0}),
        ("y", {"q": 2.0}),
        ("b", {"q": 3.0}),
    ]


# matminer's copy of the Materials Project


def table_of_2018(path: Path, **changes: list) -> bytes:
    """A file in the format of mp_all_20181018: its columns, written by matminer itself."""
    pd = pytest.importorskip("pandas")
    io = pytest.importorskip("matminer.utils.io")
    rock_salt = Structure.from_spacegroup(
        "Fm-3m", np.eye(3) * 5.6, ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    mixed = Structure(np.eye(3) * 4, [{"Cu": 0.5, "Au": 0.5}], [[0, 0, 0]])
    iron = Structure(np.eye(3) * 2.8, ["Fe", "Fe"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    columns = {
        "mpid": ["mp-1", "mp-2", "mp-3"],
        "formula": ["NaCl", "AuCu", "Fe"],
        "e_hull": [0.0, 0.1, 0.0],
        "gap pbe": [5.0, 0.0, None],
        "mu_b": [-1e-4, 0.0, 4.4],
        "elastic anisotropy": [None, None, 1.0],
        "bulk modulus": [24.0, None, 182.0],
        "shear modulus": [14.0, None, 90.0],
        "e_form": [-2.1, 0.1, float("nan")],
        "initial structure": [rock_salt, mixed, iron],
        "structure": [rock_salt, mixed, iron],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    io.store_dataframe_as_json(pd.DataFrame(columns | changes), str(path), compression="gz", pbar=False)
    return path.read_bytes()


@pytest.mark.parametrize("piece", [97, 1 << 22])
def test_the_copy_of_2018_is_read_row_by_row(
    piece: int, local: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mp_all, "PIECE", piece)
    local(mp_all.FILE, gzip.decompress(table_of_2018(tmp_path / "table.json.gz")))
    assert MP_2018.having(["mp-1", "mp-2", "mp-3", "mp-4"]) == {"mp-1", "mp-3"}
    found = dict(MP_2018.structures(["mp-1", "mp-3"]))
    assert found["mp-1"].composition.formula == "Na4 Cl4"
    assert found["mp-1"].lattice.abc == pytest.approx((5.6, 5.6, 5.6))
    assert found["mp-3"].frac_coords.tolist() == [[0, 0, 0], [0.5, 0.5, 0.5]]
    assert mp_all.values("magnetization") == {"mp-1": -1e-4, "mp-3": 4.4}
    assert mp_all.values("formula_units") == {"mp-1": 4, "mp-3": 2}
    assert mp_all.values("band_gap") == {"mp-1": 5.0}
    assert mp_all.values("formation_energy") == {"mp-1": -2.1}
    (tmp_path / "data" / mp_all.FILE).write_bytes(b"")  # it is not read again
    monkeypatch.setattr(mp_all, "_rows", None)
    monkeypatch.setattr(mp_all, "data_file", lambda name: tmp_path / name)
    assert MP_2018.having(["mp-1"]) == {"mp-1"}


def test_the_copy_of_2018_stands_in_for_the_tables(local: Callable, tmp_path: Path) -> None:
    local(mp_all.FILE, gzip.decompress(table_of_2018(tmp_path / "table.json.gz")))
    for name in {name for name, _ in mp_tables.COLUMNS.values()}:
        local(name, b"")
        (tmp_path / "data" / name).unlink()
    labels = mp_tables.labels("magnetization")
    assert labels.values == {"mp-1": -1e-4, "mp-3": 4.4}
    assert labels.notes == {"labels": "matminer's mp_all_20181018"}
    with pytest.raises(MissingDataError, match="derived_final_energy"):
        mp_tables.labels("final_energy")


def test_phonons_are_built_with_a_network_and_no_key(
    local: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of downloads alone: the authors' labels, and structures from the copy of 2018."""
    monkeypatch.delenv("MP_API_KEY", raising=False)
    local("gong2023/property/cv_training.csv", b",cif_id,property\n0,mp-1,47.8\n1,mp-9,30.0\n")
    local("gong2023/property/cv_test.csv", b",cif_id,property\n0,mp-3,24.0\n")
    local(mp_all.FILE, gzip.decompress(table_of_2018(tmp_path / "table.json.gz")))
    for name in structures.FILES:
        local(name, b"")
        (tmp_path / "data" / name).unlink()
    REGISTRY["phonon-cv"].build(tmp_path / "phonon-cv")
    folder = read_folder(tmp_path / "phonon-cv")
    assert dict(zip(folder.ids, folder.targets, strict=True)) == {"mp-1": 47.8, "mp-3": 24.0}
    assert [len(cell) for cell in folder.structures()] == [2, 1]
    said = json.loads((folder.path / "manifest.json").read_text())
    assert said["structures"] == {
        "HYBRID_DATA": "not at hand",
        mp_all.NAME: 2,
        structures.Database.name: "not at hand",
    }
    assert (folder.path / "without_structure.txt").read_text() == "mp-9\n"


def test_a_damaged_copy_of_2018(local: Callable, tmp_path: Path) -> None:
    whole = gzip.decompress(table_of_2018(tmp_path / "table.json.gz"))
    for content in (whole[: len(whole) // 2], b"[]", b""):
        local(mp_all.FILE, content)
        with pytest.raises(InputError, match=r"mp_all_20181018\.json\.gz: is not matminer's table"):
            MP_2018.having(["mp-1"])


def test_the_copy_of_2018_is_the_one_that_matminer_describes() -> None:
    datasets = pytest.importorskip("matminer.datasets")
    described = {
        key: datasets.get_dataset_attribute("mp_all_20181018", key) for key in ("url", "hash", "columns")
    }
    file = pinned()[mp_all.FILE]
    assert (file.url, file.sha256) == (described["url"], described["hash"])
    assert {"mpid", "structure", *mp_all.COLUMNS.values()} <= described["columns"].keys()


# matcalc's benchmark sets


def test_alexandria_phonons(real: None) -> None:
    entries = {entry.id: entry for entry in matcalc.alexandria_phonons()}
    assert len(entries) == 1_170
    assert entries["mp-1105"].structure.composition.formula == "Ba1 O2"
    assert entries["mp-1105"].values == {"cv": 65.7436504}
    assert all(e.values["cv"] <= 3 * len(e.structure) * R for e in entries.values())


def test_binary_elasticity(real: None) -> None:
    entries = {entry.id: entry for entry in matcalc.binary_elasticity()}
    assert len(entries) == 3_953
    assert entries["mp-975512"].structure.composition.formula == "In1 Sb3"
    assert entries["mp-975512"].values == {"K_VRH": 53.357, "G_VRH": 12.164}


def test_bad_matcalc_entries(local: Callable, NaCl_primitive: Structure, tmp_path: Path) -> None:
    name = "matcalc/alexandria-binary-pbe-phonon-2025.1.json.gz"
    good = {"mp_id": "mp-1", "structure": NaCl_primitive.as_dict(), "heat_capacity": 49.0}
    for records, message in [
        (
            [good, {**good, "mp_id": "mp-2", "heat_capacity": None}],
            r"entry 2 \(mp-2\): heat_capacity is 'None'",
        ),
        ([{k: v for k, v in good.items() if k != "mp_id"}], "entry 1: has no mp_id"),
        ([good, good], "id 'mp-1' occurs twice"),
        ([{**good, "structure": {}}], r"entry 1 \(mp-1\): does not parse as a structure"),
    ]:
        local(name, json.dumps(records).encode())
        with pytest.raises(InputError, match=rf"{name}: {message}"):
            list(matcalc.alexandria_phonons())
    local(name, b"[")
    with pytest.raises(InputError, match="is not JSON"):
        list(matcalc.alexandria_phonons())
