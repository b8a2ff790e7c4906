"""What a network or a table of vectors knows of the descriptors: with models whose answer is known."""

import csv
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import random_crystal, write_structure
from pymatgen.core import Structure
from scipy.stats import skew
from torch import nn

from hybrid import cli
from hybrid import user_code as files
from hybrid.data.folder import read_folder
from hybrid.errors import InputError
from hybrid.line_cache import LineCache
from hybrid.probing import pretrained
from hybrid.probing.embeddings import Embeddings, check_format
from hybrid.probing.force_fields import Pretrained
from hybrid.probing.pretrained import embed
from hybrid.probing.probe import probe
from hybrid.probing.probed_models import on_crystals
from hybrid.probing.report import as_table, write
from hybrid.readout import crystal_mean
from hybrid.settings import ModelSettings, ProbeSettings, RunSettings, TrainerSettings
from hybrid.training.run import train

N = 60


@pytest.fixture
def folder(crystal_folder: Callable[..., Path]) -> Path:
    """Crystals with two columns of their own: `size`, linear in the vectors of `vectors`, and `noise`."""
    path = crystal_folder(N)
    x = features()
    size, noise = x @ [1.0, -2.0, 0.5, 3.0] + 7, np.random.default_rng(9).normal(size=N)
    write_descriptors(path, {"size": size, "noise": noise, "crys_sys": 1.0 + (x[:, 0] > 0)})
    return path


def features() -> np.ndarray:
    return np.random.default_rng(3).normal(size=(N, 4))


def write_descriptors(path: Path, columns: dict[str, np.ndarray]) -> None:
    with (path / "descriptors.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", *columns])
        for i, values in enumerate(zip(*columns.values(), strict=True)):
            writer.writerow([f"x{i:02d}", *map(repr, map(float, values))])


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    table = pd.DataFrame(features(), index=[f"x{i:02d}" for i in range(N)], columns=["p", "q", "r", "s"])
    Embeddings(table, Path()).write(tmp_path / "mine.csv")
    return tmp_path / "mine.csv"


def vectors_of(*given: Any) -> np.ndarray:
    return embed(*given).table.to_numpy()


def row_of(record: dict[str, Any], descriptor: str, model: str) -> dict[str, Any]:
    (row,) = [r for r in record["rows"] if r["descriptor"] == descriptor and model in r["network_label"]]
    return row


def quiet(given: Any, path: Path, *descriptors: str, **options: Any) -> dict[str, Any]:
    settings = ProbeSettings(descriptors=descriptors, split=(0.6, 0.2, 0.2), seeds=options.pop("seeds", (0,)))
    return probe(given, path, settings, progress=False, device="cpu", **options)


class Volumes:
    """Knows the volume per atom without learning anything."""

    def fit(self, structures: list[Structure], targets: np.ndarray) -> None:
        assert len(structures) == len(targets) == 36

    def predict(self, structures: list[Structure]) -> list[float]:
        return [structure.volume / len(structure) for structure in structures]


class Mean:
    """Gives what it has seen on average, and can be told to learn classes."""

    def __init__(self, seed: int, task: str):
        self.seed, self.task = seed, task

    def fit(self, structures: list[Structure], targets: np.ndarray) -> "Mean":
        self.mean = targets.mean(axis=0)
        if self.task == "classification":
            self.mean = np.round(self.mean)
        return self

    def predict(self, structures: list[Structure]) -> np.ndarray:
        return np.tile(self.mean, (len(structures), 1))


# --- answers that are known ---


def test_who_gives_the_true_descriptor_knows_it(crystal_folder: Callable[..., Path]) -> None:
    record = quiet(Volumes, crystal_folder(N), "vpa")
    known = row_of(record, "vpa", "Volumes")["metrics"]
    assert known["r2"] == pytest.approx(1, abs=1e-8)
    assert known["mae"] == pytest.approx(0, abs=1e-4)
    assert row_of(record, "vpa", "training mean")["metrics"]["r2"] < 0.01
    assert row_of(record, "vpa", "Volumes")["unit"] == "Å³"


def test_who_gives_the_mean_knows_as_much_as_the_trivial_row(folder: Path) -> None:
    record = quiet(Mean, folder, "size", "noise", "crys_sys")
    for name in ("size", "noise"):
        mine, trivial = row_of(record, name, "Mean"), row_of(record, name, "training mean")
        assert mine["metrics"] == pytest.approx(trivial["metrics"])
        assert -0.5 < mine["metrics"]["r2"] <= 0
    assert row_of(record, "crys_sys", "Mean")["metrics"]["accuracy"] > 0.3


def test_linear_probe_finds_what_is_linear_in_the_vectors(folder: Path, vectors: Path) -> None:
    record = quiet(vectors, folder, "size", "noise", "crys_sys")
    assert row_of(record, "size", "mine, linear")["metrics"]["r2"] == pytest.approx(1, abs=1e-8)
    assert row_of(record, "noise", "mine, linear")["metrics"]["r2"] < 0.3
    assert 0.3 < row_of(record, "size", "mine, forest")["metrics"]["r2"] < 1
    assert row_of(record, "noise", "mine, forest")["metrics"]["r2"] < 0.3
    for model in ("linear", "forest"):
        assert row_of(record, "crys_sys", model)["metrics"]["accuracy"] > 0.8


def test_vectors_that_are_noise_know_nothing(folder: Path) -> None:
    noise = np.random.default_rng(4).normal(size=(N, 8))
    table = pd.DataFrame(noise, index=[f"x{i:02d}" for i in range(N)], columns=list("abcdefgh"))
    record = quiet(Embeddings(table, Path("noise.csv")), folder, "size")
    assert all(row["metrics"]["r2"] < 0.3 for row in record["rows"])


def test_shuffled_test_targets_change_nothing_that_is_learnt(
    folder: Path, vectors: Path, tmp_path: Path
) -> None:
    ids = [f"x{i:02d}" for i in range(N)]
    folds = ["training"] * 36 + ["validation"] * 12 + ["test"] * 12
    split = tmp_path / "split.csv"
    split.write_text("id,fold\n" + "".join(f"{i},{f}\n" for i, f in zip(ids, folds, strict=True)))
    values = features() @ [1.0, -2.0, 0.5, 3.0] + np.random.default_rng(1).normal(size=N)
    settings = ProbeSettings(descriptors=("size",), split=split)
    before, after = [], []
    for rows, order in ((before, range(12)), (after, np.random.default_rng(0).permutation(12))):
        write_descriptors(folder, {"size": np.concatenate([values[:48], values[48:][order]])})
        for given in (vectors, Mean):
            rows += probe(given, folder, settings, progress=False, device="cpu")["rows"]
    for one, other in zip(before, after, strict=True):
        assert (one["validation"], one["training_r2"]) == (other["validation"], other["training_r2"])
    linear = [rows[0]["metrics"]["r2"] for rows in (before, after)]
    assert linear[0] > 0.5 > linear[1]


def test_the_same_call_gives_the_same_numbers_and_seeds_differ(folder: Path, vectors: Path) -> None:
    records = [quiet(vectors, folder, "size", "noise", seeds=(0, 1)) for _ in range(2)]
    first, second = ([row["metrics"] for row in record["rows"]] for record in records)
    assert first == second
    noise = [
        row for row in records[0]["rows"] if row["descriptor"] == "noise" and row["variant"] == "linear-probe"
    ]
    assert {row["seed"] for row in noise} == {0, 1}
    assert noise[0]["metrics"] != noise[1]["metrics"]
    assert as_table(records[0]).loc["noise", "mine, linear"] == pytest.approx(
        np.mean([row["metrics"]["r2"] for row in noise])
    )


def test_a_class_that_cannot_be_told_of_classes_learns_none(folder: Path) -> None:
    class Numbers(Mean):
        def __init__(self) -> None:
            super().__init__(0, "regression")

    record = quiet(Numbers, folder, "size", "crys_sys")
    row = next(row for row in record["rows"] if row["descriptor"] == "crys_sys")
    assert row["status"] == "not run"
    assert "task" in row["note"]


def test_a_descriptor_that_does_not_vary_is_left_out(folder: Path, vectors: Path) -> None:
    right = 90 + 1e-13 * np.sin(np.arange(N))  # angles, but for rounding
    write_descriptors(folder, {"size": np.arange(N), "flat": np.ones(N), "angle": right})
    record = quiet(vectors, folder, "size", "flat", "angle")
    for name in ("flat", "angle"):
        assert [row["status"] for row in record["rows"] if row["descriptor"] == name] == ["not run"]
    assert as_table(record).index.tolist() == ["size"]


# --- torch modules ---


class Sizes(nn.Module):
    """Sees the distances to the neighbours and nothing else."""

    trainer = TrainerSettings(epochs=60, batch_size=16, optimiser="adam", learning_rate=0.01)

    def __init__(self, n_outputs: int):
        super().__init__()
        self.head = nn.Sequential(nn.Linear(12, 32), nn.SiLU(), nn.Linear(32, n_outputs))

    def forward(self, batch: Any) -> torch.Tensor:
        return self.head(crystal_mean(batch.distances, batch.crystals))


def test_a_torch_module_is_trained_on_packed_graphs(crystal_folder: Callable[..., Path]) -> None:
    record = quiet(Sizes, crystal_folder(N), "vpa", "crys_sys")
    assert row_of(record, "vpa", "Sizes")["metrics"]["r2"] > 0.6
    assert row_of(record, "vpa", "Sizes")["epochs"] == 60


def test_a_torch_module_learns_classes(folder: Path) -> None:
    vpa = [crystal.volume / len(crystal) for crystal in read_folder(folder).structures()]
    write_descriptors(folder, {"crys_sys": 2.0 + (vpa > np.median(vpa))})
    record = quiet(Sizes, folder, "crys_sys")
    assert row_of(record, "crys_sys", "Sizes")["metrics"]["accuracy"] > 0.7
    assert row_of(record, "crys_sys", "most frequent")["metrics"]["accuracy"] < 0.7


def test_training_that_diverges_is_a_result(crystal_folder: Callable[..., Path]) -> None:
    class Infinite(Sizes):
        def forward(self, batch: Any) -> torch.Tensor:
            return super().forward(batch) * torch.inf

    record = quiet(Infinite, crystal_folder(12), "vpa")
    assert row_of(record, "vpa", "Infinite")["status"] == "diverged"


# --- a stopped call ---


def test_a_stopped_call_goes_on(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import numpy as np\n"
        "class Once:\n"
        "    fits = []\n"
        "    def fit(self, structures, targets):\n"
        "        self.fits.append(targets.shape)\n"
        "        if len(self.fits) == 2:\n"
        "            raise KeyboardInterrupt\n"
        "    def predict(self, structures):\n"
        "        return np.zeros(len(structures))\n"
    )
    network = on_crystals(f"{tmp_path / 'own.py'}:Once")
    settings = ProbeSettings(descriptors=("size", "noise"), one_by_one=True)
    keep = tmp_path / "out.partial"
    with pytest.raises(KeyboardInterrupt):
        probe(network, folder, settings, keep=keep, progress=False)
    assert keep.is_dir()
    record = probe(network, folder, settings, keep=keep, progress=False)
    assert len(files.user_code("own.py:Once").value.fits) == 3  # the first is not done again
    assert not keep.exists()
    assert {row["descriptor"] for row in record["rows"] if row["model"] == "Once"} == {"size", "noise"}


# --- pretrained models ---


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A pretrained model, `numbers`, with the atom vectors Z and Z²; and how many crystals it was given."""
    seen: list[int] = []

    def vectors(structures: Sequence[Structure]) -> list[np.ndarray]:
        if any("Kr" in structure.composition for structure in structures):
            raise ValueError("no krypton, please")
        seen.append(len(structures))
        return [np.array([[z, z * z] for z in structure.atomic_numbers]) for structure in structures]

    monkeypatch.setitem(pretrained.PRETRAINED, "numbers", Pretrained("numpy", lambda path, device: vectors))
    return seen


def test_vectors_are_made_once_and_pooled(crystal_folder: Callable[..., Path], counted: list[int]) -> None:
    folder = read_folder(crystal_folder(20))
    n_atoms = np.array([len(structure) for structure in folder.structures()])
    total = vectors_of(folder.take(range(5)), "numbers", "sum")
    mean = vectors_of(folder, "numbers", "mean")
    assert mean[:5] * n_atoms[:5, None] == pytest.approx(total)
    assert sum(counted) == 20
    assert embed(folder, "numbers", "sum").rows(folder.ids[:5]) == pytest.approx(total)
    assert sum(counted) == 20


def test_cumulants_are_of_the_atoms_of_a_crystal(
    crystal_folder: Callable[..., Path], counted: list[int]
) -> None:
    folder = read_folder(crystal_folder(20))
    table = embed(folder, "numbers", "cumulants").table
    cumulants = ("mean", "deviation", "skewness", "smallest", "largest")
    assert list(table) == [f"numbers_{name}_{i}" for name in cumulants for i in (0, 1)]
    for row, structure in zip(table.to_numpy(), folder.structures(), strict=True):
        z = np.array([[z, z * z] for z in structure.atomic_numbers], dtype=float)
        expected = (z.mean(0), z.std(0), np.nan_to_num(skew(z)), z.min(0), z.max(0))
        assert row == pytest.approx(np.concatenate(expected), rel=1e-5, abs=1e-6)
    assert np.abs(table["numbers_skewness_0"]).max() > 0.3
    embed(folder, "numbers", "sum")
    assert sum(counted) == 20


def test_rounding_among_equal_atoms_has_no_skewness(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    atoms = 0.3 + np.array([[0, 0, 3e-7]], dtype=np.float32).T
    nearly = Pretrained("numpy", lambda path, device: lambda structures: [atoms for _ in structures])
    monkeypatch.setitem(pretrained.PRETRAINED, "nearly", nearly)
    row = embed(read_folder(folder), "nearly", "cumulants").table.iloc[0]
    assert row.to_numpy() == pytest.approx([0.3, 0, 0, 0.3, 0.3], abs=1e-6)


def test_what_was_cached_for_means_serves_means_and_is_completed_for_cumulants(
    crystal_folder: Callable[..., Path], counted: list[int]
) -> None:
    folder = read_folder(crystal_folder(20))
    cache = folder.path / ".hybrid" / "numbers.jsonl"
    table = embed(folder, "numbers", "cumulants").table
    with LineCache(cache) as rows:
        old = {key: {"n_atoms": row["n_atoms"], "sum": row["sum"]} for key, row in rows.items()}
    cache.unlink()
    with LineCache(cache) as rows:
        for key, row in old.items():
            rows.add(key, row)
    assert vectors_of(folder, "numbers", "mean") == pytest.approx(table.to_numpy()[:, :2])
    assert sum(counted) == 20
    assert embed(folder, "numbers", "cumulants").table.equals(table)
    assert sum(counted) == 40


def test_a_crystal_that_a_pretrained_model_cannot_take_is_named(
    tmp_path: Path, Cu: Structure, counted: list[int]
) -> None:
    Cu.replace(0, "Kr")
    write_structure(Cu, tmp_path / "bad.json")
    write_structure(random_crystal(1), tmp_path / "good.json")
    with pytest.raises(InputError, match=r"bad\.json: .*no krypton"):
        vectors_of(read_folder(tmp_path, targets=False), "numbers")


def test_probes_of_pretrained_vectors_are_models_of_experiments(
    crystal_folder: Callable[..., Path], counted: list[int], tmp_path: Path
) -> None:
    folder = read_folder(crystal_folder(N))
    z = vectors_of(folder, "numbers")
    write_descriptors(folder.path, {"heavy": z @ [2.0, 0.1], "light": -z[:, 0]})
    for model in ("linear-probe", "forest-probe"):
        settings = RunSettings(
            model=ModelSettings(name=model, vectors="numbers"),
            targets=("heavy", "light"),
            split=(0.6, 0.2, 0.2),
        )
        metrics = train(folder, settings, tmp_path / model, progress=False)
        assert metrics["note"].startswith("2-long vectors of numpy")
        assert all(metrics["test"][name]["r2"] > 0.8 for name in ("heavy", "light"))


# --- the command line ---


def hybrid(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = cli.main([str(argument) for argument in arguments])
    told = capsys.readouterr()
    return code, told.out, told.err


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    code, out, err = hybrid(capsys, *arguments)
    assert (code, out) == (2, "")
    sentence = err.splitlines()[-1]
    assert sentence.startswith("error: ")
    return sentence


@pytest.fixture
def _work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(files, "_FILES", {})


@pytest.mark.usefixtures("_work")
def test_probe_of_a_table_from_end_to_end(
    folder: Path, vectors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    built_in = Path("figure2.json")
    record = quiet(vectors, folder, "size", name="theirs")
    theirs = {**record["rows"][0], "dataset_label": "elsewhere", "dataset": "e", "network_label": "CGCNN"}
    built_in.write_text(json.dumps({**record, "rows": [{**theirs, "model": "cgcnn", "pooling": "mean"}]}))
    asked = ("--descriptors", "size", "noise", "crys_sys", "--seeds", 0, 1, "--split", 0.6, 0.2, 0.2)
    code, out, _ = hybrid(capsys, "probe", folder, "--embeddings", vectors, *asked, "--beside", built_in)
    assert code == 0
    assert "crystals-mine-probe.png" in out
    stem = "crystals-mine-probe"
    written = json.loads(Path(f"{stem}.json").read_text())
    assert {"experiment", "scale", "created", "code", "environment", "hardware", "rows"} <= written.keys()
    assert {row["model"] for row in written["rows"]} == {"mine", "mean-baseline", "majority-baseline"}
    table = Path(f"{stem}.md").read_text()
    assert "| elsewhere | size | CGCNN |" in table
    assert "| crystals | size | mine, linear |" in table
    assert all(Path(f"{stem}.{ending}").stat().st_size > 0 for ending in ("csv", "png", "pdf"))
    assert not Path(f"{stem}.partial").exists()
    other = ("--beside", "nowhere.json", "--out", "x")
    assert "no such record" in refused(capsys, "probe", folder, "--embeddings", vectors, *other)
    write(record, Path("alone"))
    assert "elsewhere" not in Path("alone.md").read_text()


@pytest.mark.usefixtures("_work")
def test_formats_of_tables(folder: Path, vectors: Path, tmp_path: Path) -> None:
    read = Embeddings.read(vectors)
    ids = [f"x{i:02d}" for i in range(N)]
    assert read.rows(ids) == pytest.approx(features())
    read.write(tmp_path / "mine.npz")
    assert Embeddings.read(tmp_path / "mine.npz").rows(ids[::-1]) == pytest.approx(features()[::-1])
    np.savez(tmp_path / "two.npz", id=ids, first=features()[:, 0], rest=features()[:, 1:])
    assert [*Embeddings.read(tmp_path / "two.npz").table] == ["first", "rest_0", "rest_1", "rest_2"]
    pytest.importorskip("pyarrow")
    read.write(tmp_path / "mine.parquet")
    assert Embeddings.read(tmp_path / "mine.parquet").rows(ids) == pytest.approx(features())


def test_a_format_whose_package_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybrid.probing.embeddings.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"mine\.parquet: the format needs the package pyarrow"):
        check_format(Path("mine.parquet"))


@pytest.mark.usefixtures("_work")
def test_tables_that_cannot_be_used(folder: Path, vectors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = vectors.read_text().splitlines()

    def told(*rows: str, name: str = "bad.csv", options: tuple[str, ...] = ()) -> str:
        Path(name).write_text("\n".join(rows) + "\n")
        asked = ("probe", folder, "--embeddings", name, "--descriptors", "size")
        return refused(capsys, *asked, *options)

    assert "bad.csv: has no row for id 'x58' and for 1 others" in told(*lines[:-2])
    assert "row 3 below the header ('x02'), column 'q': is not a finite number" in told(
        *lines[:3], "x02,1,,3,4", *lines[4:]
    )
    assert "column 'q': is not a finite number" in told(*lines[:3], "x02,1,many,3,4", *lines[4:])
    assert "id 'x00' occurs twice" in told(*lines, lines[1])
    assert "has no column 'id'" in told("name,p", "x00,1")
    assert "has no feature column" in told("id", "x00")
    assert "unknown format '.txt'" in told("id,p", name="bad.txt")
    assert "cannot be read as a table" in told("nothing", name="bad.npz")
    assert "gone.csv: cannot be read" in refused(capsys, "probe", folder, "--embeddings", "gone.csv")
    assert "fractions that add up to 1" in told(*lines, options=("--split", "0.5", "0.5", "0.5"))
    assert "not 99" in told(*lines, options=("--n-structures", "99"))
    assert "--n-structures 2" in told(*lines, options=("--n-structures", "2"))
    assert "--epochs can be used with --network only" in told(*lines, options=("--epochs", "2"))
    assert "lacks weight" in refused(
        capsys, "probe", folder, "--embeddings", vectors, "--descriptors", "weight"
    )


@pytest.mark.usefixtures("_work")
def test_crystals_without_a_vector_are_left_out_if_asked(
    folder: Path, vectors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("few.csv").write_text("\n".join(vectors.read_text().splitlines()[:41]) + "\n")
    asked = (
        "probe",
        folder,
        "--embeddings",
        "few.csv",
        "--descriptors",
        "size",
        "--skip-bad",
        "--out",
        "found",
    )
    code, _, err = hybrid(capsys, *asked)
    assert code == 0
    assert "left out 20 in all" in err
    row = json.loads(Path("found.json").read_text())["rows"][0]
    assert row["n_train"] + row["n_val"] + row["n_test"] == 40


@pytest.mark.usefixtures("_work")
def test_networks_that_cannot_be_used(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("own.py").write_text(
        "import numpy as np\n"
        "from torch import nn\n"
        "class NoFit:\n"
        "    def predict(self, structures): return []\n"
        "class Half(NoFit):\n"
        "    def fit(self, structures, targets): pass\n"
        "class Nan(Half):\n"
        "    def predict(self, structures): return np.full((len(structures), 2), np.nan)\n"
        "class Needy(Half):\n"
        "    def __init__(self, width): pass\n"
        "class Fixed(nn.Module):\n"
        "    def __init__(self): super().__init__()\n"
        "class Wide(nn.Module):\n"
        "    def __init__(self, n_outputs):\n"
        "        super().__init__()\n"
        "        self.out = nn.Linear(12, n_outputs + 1)\n"
        "    def forward(self, batch): return self.out(batch.distances)\n"
        "ready = Wide(1)\n"
        "class Strange(nn.Module):\n"
        "    def __init__(self, n): super().__init__()\n"
    )

    def told(network: str, *options: str) -> str:
        asked = ("probe", folder, "--network", network, "--descriptors", "size", "noise", "--device", "cpu")
        return refused(capsys, *asked, *options)

    assert "NoFit: has no fit" in told("own.py:NoFit")
    assert "Half: predict gives an array of shape (0,); for 60 crystals and 2 targets" in told("own.py:Half")
    assert "Nan: the prediction for 'x00' is not a finite number" in told("own.py:Nan")
    assert "Needy: cannot be called with" in told("own.py:Needy")
    assert "Strange: cannot be called with" in told("own.py:Strange")
    assert re.search(r"Wide: forward returns \(\d+, 3\); for \d+ crystals and 2 outputs", told("own.py:Wide"))
    assert "ready: is a torch module" in told("own.py:ready")
    assert "did you mean 'NoFit'" in told("own.py:NoFitt")
    assert "should be FILE.py:NAME" in told("own.py")
    assert "gone.py: no such Python file" in told("gone.py:Net")
    assert "--epochs is for networks" in told("own.py:Half", "--epochs", "3")
    assert "forest: is given the descriptors" in told("forest")
    Path("broken.py").write_text("import no_such_module_anywhere\n")
    code, _, err = hybrid(capsys, "probe", folder, "--network", "broken.py:Net")
    assert code == 2
    assert "broken.py, line 1: ModuleNotFoundError: No module named 'no_such_module_anywhere'" in err
    assert "user_code.py" not in err, "their traceback has our lines"


@pytest.mark.usefixtures("_work")
def test_embed_writes_a_table_that_probe_reads(
    crystal_folder: Callable[..., Path], counted: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(20)
    asked = ("embed", path, "--model", "numbers", "--pooling", "sum", "--out", "z.npz")
    assert hybrid(capsys, *asked)[0] == 0
    assert sum(counted) == 20
    code, out, _ = hybrid(capsys, "probe", path, "--embeddings", "z.npz", "--descriptors", "natoms", "vpa")
    assert code == 0
    assert "z, linear" in out
    assert "unknown format" in refused(capsys, "embed", path, "--out", "z.txt")
    assert "unknown pooling" in refused(capsys, "embed", path, "--pooling", "max")
