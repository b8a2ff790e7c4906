"""The data sources: on the real files where they are at hand, and on damaged ones made here."""

import gzip
import hashlib
import json
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Structure

from hybrid.cells import reduced_cell
from hybrid.errors import InputError
from reproduction.data import files
from reproduction.data.files import MissingDataError
from reproduction.data.sources import authors, matcalc, matminer_datasets, matminer_release, snapshot

R = 8.314462618  # J/(mol K)


@pytest.fixture(scope="module")
def real(hybrid_data: Path, tmp_path_factory: pytest.TempPathFactory):
    """The real files, checked into a cache of our own."""
    if not (hybrid_data / snapshot.FILE).exists():
        pytest.skip(f"{hybrid_data / snapshot.FILE} is not there")
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
        ("1,mp-1\n", "", r"cv_training\.csv: row 2: property is 'None', not a number"),
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


# The snapshot


def test_snapshot_covers_the_authors_labels(real: None) -> None:
    ids = snapshot.ids()
    assert len(ids) == len(set(ids)) == 30_914
    assert len(set(ids) & authors.labels("a").values.keys()) == 9_753
    assert len(set(ids) & authors.labels("cv").values.keys()) == 1_503
    assert len(set(ids) & authors.labels("crystal_system_int").values.keys()) == 30_487


def test_structures_are_those_stored(real: None) -> None:
    found = dict(snapshot.structures({"mp-10", "mp-149", "mp-none"}))
    assert found.keys() == {"mp-10", "mp-149"}
    arsenic = found["mp-10"]
    assert arsenic.composition.formula == "As2"
    assert arsenic.lattice.matrix[2] == pytest.approx([0, 0, 3.871425])
    assert arsenic.frac_coords.tolist() == [[0.25] * 3, [0.75] * 3]
    assert reduced_cell(found["mp-149"]).composition.formula == "Si2"
    assert snapshot.origins()["mp-10"] == "matminer032_flla_3938"


def test_heat_capacities_stay_below_dulong_petit(real: None) -> None:
    """Cv of the paper's primitive cell is at most 3NR; N of a conventional cell would be too large."""
    cv = authors.labels("cv").values
    chosen = np.random.default_rng(0).permutation(sorted(cv))[:200]
    ratios = [
        cv[identity] / (3 * len(reduced_cell(structure)) * R)
        for identity, structure in snapshot.structures(set(chosen.tolist()))
    ]
    assert len(ratios) > 190
    assert max(ratios) <= 1
    assert np.median(ratios) > 0.75


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"mp_snapshot\.jsonl\.gz: line 2: is not an entry with id and source"),
        ("[1]", r"line 2: is not an entry"),
        ('{"id": "mp-2"}', r"line 2: is not an entry with id and source \('source'\)"),
        ('{"id": "mp-1", "source": "s"}', r"line 2: id 'mp-1' occurs twice"),
        ('{"id": "mp-2", "source": "s"}', r"line 2 \(mp-2\): does not parse as a structure"),
        (
            '{"id": "mp-2", "source": "s", "lattice": [[3,0,0],[0,3,0],[0,0,3]], "species": [], "frac": []}',
            r"line 2 \(mp-2\): has no atoms",
        ),
        (
            '{"id": "mp-2", "source": "s", "lattice": [[3,0,0],[0,3,0],[0,0,3]], "species": ["Xx"], '
            '"frac": [[0,0,0]]}',
            r"line 2 \(mp-2\): site 1 is 'Xx', which is not an element",
        ),
        (
            '{"id": "mp-2", "source": "s", "lattice": [[3,0,0],[0,3,0],[0,0,3]], "species": ["Cu"], '
            '"frac": [[NaN,0,0]]}',
            r"line 2 \(mp-2\): a coordinate is not a number",
        ),
    ],
)
def test_bad_snapshot_lines(local: Callable, line: str, message: str) -> None:
    good = {"id": "mp-1", "source": "s", "lattice": np.eye(3).tolist(), "species": ["H"], "frac": [[0, 0, 0]]}
    local(snapshot.FILE, f"{json.dumps(good)}\n{line}\n".encode())
    with pytest.raises(InputError, match=message):
        list(snapshot.structures())


def test_no_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HYBRID_DATA", raising=False)
    monkeypatch.setenv("HYBRID_CACHE", str(tmp_path))
    with pytest.raises(MissingDataError, match=r"mp_snapshot.*30,914 structures.*HYBRID_DATA") as error:
        snapshot.ids()
    assert "\n" not in str(error.value)


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


def test_wbm_equilibrium(real: None) -> None:
    entries = {entry.id: entry for entry in matcalc.wbm_equilibrium()}
    assert len(entries) == 972
    assert entries["wbm-3-38149"].structure.composition.formula == "Sm2 Mg4 Sn4"
    assert entries["wbm-3-38149"].values == {
        "energy": -34.79162033,
        "corrected_energy": -34.79162033,
        "formation_energy": -0.291504044,
        "corrected_formation_energy": -0.291504044,
    }
    for entry in entries.values():  # both corrections are one, of the cell and of an atom of it
        of_cell = entry.values["corrected_energy"] - entry.values["energy"]
        of_atom = entry.values["corrected_formation_energy"] - entry.values["formation_energy"]
        assert of_cell / len(entry.structure) == pytest.approx(of_atom, abs=1e-6)


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


# The tables inside matminer 0.3.2

POSCAR = "Na1 Cl1\\n1.0\\n3 0 0\\n0 3 0\\n0 0 3\\nNa Cl\\n1 1\\ndirect\\n0 0 0 Na\\n.5 .5 .5 Cl".replace(
    "\\n", "\n"
)
ROW = f'0,0,1.5,2,"{POSCAR}",mp-1\n'


def piezoelectric(*rows: str) -> bytes:
    return ("# ref: a paper\nidx,eij_max,nsites,poscar,material_id\n" + "".join(rows)).encode()


def test_release_table(local: Callable) -> None:
    local("matminer-0.3.2/piezoelectric_tensor.csv", piezoelectric(ROW))
    [entry] = matminer_release.entries("piezoelectric")
    assert entry.id == "mp-1"
    assert entry.values == {"eij_max": 1.5}
    assert entry.structure.composition.formula == "Na1 Cl1"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ROW, "id 'mp-1' occurs twice"),
        (
            ROW.replace(",2,", ",3,").replace("mp-1", "mp-2"),
            r"row 3 \(mp-2\): has 2 atoms, not 3 as the table says",
        ),
        (ROW.replace("1.5", "").replace("mp-1", "mp-2"), r"row 3 \(mp-2\): eij_max is '', not a number"),
        (ROW.replace("direct", "").replace("mp-1", "mp-2"), r"row 3 \(mp-2\): does not parse as a structure"),
        ("1,2\n", r"row 3: has 2 columns, not 5"),
    ],
)
def test_bad_release_rows(local: Callable, row: str, message: str) -> None:
    local("matminer-0.3.2/piezoelectric_tensor.csv", piezoelectric(ROW, row))
    with pytest.raises(InputError, match=rf"piezoelectric_tensor\.csv: {message}"):
        list(matminer_release.entries("piezoelectric"))


def test_release_table_without_a_column(local: Callable) -> None:
    local("matminer-0.3.2/piezoelectric_tensor.csv", b"# ref: a paper\nidx,nsites,poscar,material_id\n")
    with pytest.raises(InputError, match="has no column eij_max"):
        list(matminer_release.entries("piezoelectric"))


def test_unknown_release_table() -> None:
    with pytest.raises(InputError, match="did you mean 'elastic'"):
        matminer_release.entries("elastics")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package index with one source distribution, whose setup.py leaves a trace, and its pin."""
    root = tmp_path / "toy-1.0"
    (root / "tables").mkdir(parents=True)
    (root / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    trace = tmp_path / "trace"
    (root / "setup.py").write_text(f"open({str(trace)!r}, 'w').close()\n")
    (root / "tables" / "piezoelectric_tensor.csv").write_bytes(piezoelectric(ROW))
    (tmp_path / "index").mkdir()
    archive = tmp_path / "index" / "toy-1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as opened:
        opened.add(root, root.name)
    hashes = [hashlib.sha256(content).hexdigest() for content in (archive.read_bytes(), piezoelectric(ROW))]
    (tmp_path / "files.toml").write_text(
        '[toy]\nfolder = "matminer-0.3.2"\norigin = "a toy"\nlicence = "CC0"\n'
        f'files = {{"piezoelectric_tensor.csv" = "{hashes[1]}"}}\n'
        f'[toy.archive]\npackage = "toy"\nversion = "1.0"\nfile = "{archive.name}"\nsha256 = "{hashes[0]}"\n'
        'folder = "toy-1.0/tables"\n'
    )
    monkeypatch.setattr(files, "FILES", tmp_path / "files.toml")
    monkeypatch.delenv("HYBRID_DATA", raising=False)
    monkeypatch.setenv("HYBRID_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return archive


def test_release_is_unpacked_and_never_run(index: Path, tmp_path: Path) -> None:
    assert [entry.id for entry in matminer_release.entries("piezoelectric")] == ["mp-1"]
    assert not (tmp_path / "trace").exists(), "setup.py was run"
    index.unlink()
    assert [entry.id for entry in matminer_release.entries("piezoelectric")] == ["mp-1"], "it is in the cache"
    cached = [p.name for p in (tmp_path / "cache" / "data" / "matminer-0.3.2").iterdir()]
    assert cached == ["piezoelectric_tensor.csv"]


def test_another_release_of_the_same_name(index: Path, tmp_path: Path) -> None:
    pin = (tmp_path / "files.toml").read_text()
    archive_hash = hashlib.sha256(index.read_bytes()).hexdigest()
    (tmp_path / "files.toml").write_text(pin.replace(archive_hash, "0" * 64))
    with pytest.raises(MissingDataError, match=rf"toy-1\.0\.tar\.gz .* has sha256 {archive_hash}, not 0000"):
        list(matminer_release.entries("piezoelectric"))
    assert not (tmp_path / "cache" / "data" / "matminer-0.3.2").exists()


def test_no_package_index(index: Path) -> None:
    index.unlink()
    with pytest.raises(MissingDataError, match=r"pip cannot download toy==1\.0: .*put it at") as error:
        list(matminer_release.entries("piezoelectric"))
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_the_release_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HYBRID_DATA", raising=False)
    monkeypatch.setenv("HYBRID_CACHE", str(tmp_path))
    tables = {t: {e.id: e for e in matminer_release.entries(t)} for t in matminer_release.TABLES}
    counts = {"elastic": 1_181, "dielectric": 1_056, "piezoelectric": 941, "flla": 3_938}
    assert {name: len(table) for name, table in tables.items()} == counts
    elastic, dielectric, flla = (tables[t] for t in ("elastic", "dielectric", "flla"))
    assert elastic["mp-10003"].structure.composition.formula == "Nb8 Co2 Si2"
    assert elastic["mp-10003"].values["K_VRH"] == pytest.approx(194.268884359)
    for entry in elastic.values():  # of an isotropic solid; 37 are rounded to three digits
        k, g, poisson_ratio = (entry.values[q] for q in ("K_VRH", "G_VRH", "poisson_ratio"))
        assert poisson_ratio == pytest.approx((3 * k - 2 * g) / (6 * k + 2 * g), abs=5e-4)
    assert dielectric["mp-441"].values == {
        "band_gap": 1.88,
        "n": 1.86,
        "poly_electronic": 3.44,
        "poly_total": 6.23,
    }
    assert tables["piezoelectric"]["mp-22925"].values == {"eij_max": 0.091464}
    assert flla["mp-10"].values["formation_energy"] == pytest.approx(0.10740506)  # eV/atom, of two atoms


# matminer's own datasets


@pytest.fixture
def phonons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, NaCl: Structure, Si: Structure) -> Path:
    """A file of two crystals in the place of matbench_phonons."""
    pd = pytest.importorskip("pandas")
    retrieval = pytest.importorskip("matminer.datasets.dataset_retrieval")
    from matminer.utils.io import store_dataframe_as_json

    path = tmp_path / "matminer" / "matbench_phonons.json.gz"
    path.parent.mkdir()
    table = pd.DataFrame({"structure": [NaCl, Si], "last phdos peak": [250.0, None]})
    store_dataframe_as_json(table, str(path), compression="gz", pbar=False)
    retrieval.get_available_datasets(print_format=None)
    known = {**retrieval._dataset_dict["matbench_phonons"], "url": "http://127.0.0.1:9/phonons"}
    known["hash"] = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setitem(retrieval._dataset_dict, "matbench_phonons", known)
    monkeypatch.setenv("HYBRID_DATA", str(tmp_path))
    monkeypatch.setenv("HYBRID_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(files, "BACKOFF", 0.01)
    return path


def test_matminer_dataset(phonons: Path, NaCl: Structure) -> None:
    first, second = matminer_datasets.entries("matbench_phonons", ["last phdos peak"])
    assert first.id == "matbench_phonons-0"
    assert first.structure == NaCl
    assert first.values == {"last phdos peak": 250}
    assert second.values == {}
    with pytest.raises(
        InputError, match=r"unknown column of matbench_phonons 'phdos peak'; did you mean 'last phdos"
    ):
        matminer_datasets.entries("matbench_phonons", ["phdos peak"])


def test_matminer_dataset_without_network(phonons: Path) -> None:
    phonons.unlink()
    with pytest.raises(
        MissingDataError, match=r"matbench_phonons\.json\.gz is missing \(there is no conn"
    ) as error:
        matminer_datasets.entries("matbench_phonons", [])
    assert "\n" not in str(error.value)


def test_datasets_that_matminer_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matminer.datasets")
    with pytest.raises(
        InputError, match="unknown matminer dataset 'matbench_mp_gaps'; did you mean 'matbench_mp_gap"
    ):
        matminer_datasets.entries("matbench_mp_gaps", [])
    with pytest.raises(InputError, match="citrine_thermal_conductivity has no structures"):
        matminer_datasets.entries("citrine_thermal_conductivity", [])
    monkeypatch.setitem(sys.modules, "matminer.datasets", None)
    with pytest.raises(MissingDataError, match="matminer is not installed"):
        matminer_datasets.entries("matbench_mp_gap", [])
