"""The tool from Python, on structures in memory, with the user's own networks, poolings and descriptors."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from conftest import random_crystal, target_of
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor
from torch import Tensor, nn

import hybrid
from hybrid import readout, user_code
from hybrid.cli import main
from hybrid.errors import InputError
from hybrid.models.network import CrystalNetwork
from hybrid.readout import Pooling

NETWORK = """
from torch import nn
from hybrid import CrystalNetwork

class Elements(CrystalNetwork):
    def __init__(self, n_outputs, pooling, n_descriptors, width=8):
        super().__init__()
        self.pooling = pooling
        self.vectors = nn.Embedding(119, width)
        self.output = nn.Linear(width + n_descriptors, n_outputs)

    def atom_vectors(self, batch):
        return self.vectors(batch.species)

    def head(self, rows):
        return self.output(rows)
"""


@pytest.fixture(autouse=True)
def _no_code_of_other_tests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(user_code, "_FILES", {})
    monkeypatch.setattr(user_code, "_OBJECTS", {})
    monkeypatch.setattr(readout, "POOLINGS", dict(readout.POOLINGS))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def structures() -> list[Structure]:
    return [random_crystal(i) for i in range(16)]


@pytest.fixture
def targets(structures: list[Structure]) -> list[float]:
    return [target_of(structure) for structure in structures]


@pytest.mark.parametrize("model", ["de-cgcnn", "mine"])
def test_five_lines_train_save_load_and_predict(
    model: str, structures: list[Structure], targets: list[float]
) -> None:
    if model == "mine":
        Path("mine.py").write_text(NETWORK)
        model = "mine.py:Elements"
    trained = hybrid.train(structures, targets, model=model, pooling="sum", epochs=2, device="cpu")
    trained.save("model.ckpt")
    found = hybrid.load("model.ckpt").predict(structures, device="cpu")
    assert isinstance(found, pd.Series)
    assert list(found.index) == [str(i) for i in range(16)]
    atoms = {f"x{i}": AseAtomsAdaptor.get_atoms(structure) for i, structure in enumerate(structures)}
    from_ase = hybrid.load("model.ckpt").predict(atoms, device="cpu")
    assert list(from_ase.index) == list(atoms)
    assert from_ase.to_numpy() == pytest.approx(found.to_numpy(), rel=1e-4)
    assert not [path.name for path in Path().iterdir() if path.name not in ("model.ckpt", "mine.py")]


def test_a_model_asks_for_the_file_that_it_was_trained_with(
    structures: list[Structure], targets: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("mine.py").write_text(NETWORK)
    hybrid.train(structures, targets, model="mine.py:Elements", epochs=1, width=3, device="cpu", out="run")
    monkeypatch.setattr(user_code, "_FILES", {})
    with pytest.raises(InputError, match=r"trained with this file; give it by --code mine\.py"):
        hybrid.load("run")
    Path("mine.py").write_text(NETWORK + "\n# changed\n")
    with pytest.raises(InputError, match=r"mine\.py: has changed since the model was trained"):
        hybrid.load("run", code="mine.py")
    monkeypatch.setattr(user_code, "_FILES", {})
    Path("mine.py").write_text(NETWORK)
    assert hybrid.load("run", code="mine.py").network.module.vectors.embedding_dim == 3
    plain = hybrid.train(structures, targets, epochs=1, device="cpu")
    assert plain.settings.code == {}  # what was run for another model
    assert repr(plain) == "TrainedModel(cgcnn, mean)"


def test_a_file_that_the_users_file_imports_counts_as_part_of_it(
    structures: list[Structure], targets: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("a_layer.py").write_text("SCALE = 2.0\n")
    Path("mine.py").write_text(f"import a_layer\n{NETWORK}")
    hybrid.train(structures, targets, model="mine.py:Elements", epochs=1, device="cpu", out="run")
    assert hybrid.load("run").settings.code.keys() == {"mine.py"}
    Path("a_layer.py").write_text("SCALE = 3.0\n")
    with pytest.raises(InputError, match=r"mine\.py: it, or a file that it imports, has changed since"):
        hybrid.train(structures, targets, model="mine.py:Elements", epochs=1, device="cpu")
    monkeypatch.setattr(user_code, "_FILES", {})
    with pytest.raises(InputError, match=r"trained, or a file that it imports has"):
        hybrid.load("run", code="mine.py")


def test_a_crystal_of_ase_with_partial_occupancies_is_refused(
    structures: list[Structure], targets: list[float]
) -> None:
    crystal = AseAtomsAdaptor.get_atoms(structures[0])
    crystal.info["occupancy"] = {"0": {"Na": 1.0}}
    trained = hybrid.train([crystal, *structures[1:]], targets, epochs=1, device="cpu")
    crystal.info["occupancy"] = {"0": {"Na": 0.5, "K": 0.5}}
    with pytest.raises(InputError, match=r"structure 0: has partial occupancies; ordered structures only"):
        trained.predict([crystal], device="cpu")


def test_settings_of_a_network_of_ones_own(
    crystal_folder: Callable[..., Path], structures: list[Structure], targets: list[float]
) -> None:
    """Its names may be those of the package, and a further training keeps them."""
    head = "class Elements(CrystalNetwork):"
    own = f"from hybrid.settings import GraphSettings\n{head}\n    graph = GraphSettings(radius=5.0)"
    named = NETWORK.replace("width=8", "width=8, hidden=1, momentum=0.5")
    Path("mine.py").write_text(named.replace(head, own))
    train = ["train", str(crystal_folder(16)), "--epochs", "1", "--device", "cpu", "--no-report"]
    changes = ["--set", "hidden=3", "--set", "momentum=0.1", "--radius", "8"]
    assert main([*train, "--model", "mine.py:Elements", *changes, "--out", "first"]) == 0
    assert main([*train, "--init-from", "first", "--out", "second"]) == 0
    for run in ("first", "second"):
        settings = json.loads(Path(run, "settings.json").read_text())
        assert settings["model"]["own"] == {"hidden": 3, "momentum": 0.1}
        assert settings["graph"]["radius"] == 8
    network = hybrid.train(structures, targets, model="mine.py:Elements", epochs=1, device="cpu", hidden=2)
    assert network.settings.own == {"hidden": 2}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "name=3"], "--set name: cgcnn is not a network of your own"),
        (["--model", "cgcnn", "--freeze"], "--freeze: needs --init-from"),
        (["--folds", "2", "--split", "0.6", "0.2", "0.2"], "makes its own splits"),
    ],
)
def test_options_that_do_not_go_together(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(Path()), *options]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": 0}, "seeds 0: at least 1"),
        ({"seeds": 2, "folds": 2}, "give seeds or folds"),
        ({"folds": 2, "split": (0.6, 0.2, 0.2)}, "makes its own splits"),
        ({"folds": 2, "training_share": 0.5}, "makes its own splits"),
        ({"head": "new"}, "head: needs --init-from"),
        ({"model": "forest"}, "forest: is not a network"),
        ({"descriptor_limit": 5.0}, "descriptor-limit: cgcnn does not use it"),
        ({"vectors": "chgnet"}, "unknown setting"),
        ({"name": "mine"}, "unknown setting"),
    ],
)
def test_arguments_that_do_not_go_together(
    changes: dict[str, Any], message: str, structures: list[Structure], targets: list[float]
) -> None:
    with pytest.raises(InputError, match=message):
        hybrid.train(structures, targets, **changes)


class Volumes(nn.Module):
    """Outputs of the shape of the neighbours' distances; takes no pooling and no descriptors."""

    def __init__(self, n_outputs: int):
        super().__init__()
        self.output = nn.Linear(12, n_outputs)

    def forward(self, batch: object) -> Tensor:
        return readout.crystal_mean(self.output(batch.distances), batch.crystals)


def test_a_class_is_given_as_it_is(structures: list[Structure], targets: list[float]) -> None:
    trained = hybrid.train(structures, targets, model=Volumes, epochs=1, device="cpu")
    assert len(trained.predict(structures[:3], device="cpu")) == 3
    with pytest.raises(InputError, match="Volumes has mean pooling only"):
        hybrid.train(structures, targets, model=Volumes, pooling="sum", epochs=1, device="cpu")
    known = hybrid.probe(Volumes, structures, descriptors=("vpa",), epochs=1, device="cpu")
    assert "vpa" in known.to_string()


def test_a_pooling_of_ones_own(structures: list[Structure], targets: list[float]) -> None:
    def largest(rows: Tensor, crystals: object) -> Tensor:
        return torch.stack([rows[crystals.of_row == i].amax(dim=0) for i in range(len(crystals.n_atoms))])

    hybrid.register_pooling(Pooling("largest", atoms=largest, outputs=None, extensive=False))
    trained = hybrid.train(structures, targets, pooling="largest", epochs=1, device="cpu")
    assert trained.settings.pooling == "largest"


def test_a_series_of_targets_goes_by_its_index(structures: list[Structure], targets: list[float]) -> None:
    named = {f"c{i}": structure for i, structure in enumerate(structures)}
    series = pd.Series(dict(zip(named, targets, strict=True))).sort_values()
    assert list(series.index) != list(named)
    hybrid.train(named, series, epochs=1, device="cpu", out="run")
    written = pd.read_csv("run/predictions.csv", index_col="id")["target"]
    assert written.to_dict() == pytest.approx(series.to_dict())
    with pytest.raises(InputError, match="c0"):
        hybrid.train(named, series.drop("c0"), epochs=1)


def test_ids_may_be_numbers(structures: list[Structure], targets: list[float]) -> None:
    hybrid.train(dict(enumerate(structures)), pd.Series(targets), epochs=1, device="cpu", out="run")
    assert pd.read_csv("run/predictions.csv")["target"].tolist() == pytest.approx(targets)
    with pytest.raises(InputError, match="two have the same id"):
        hybrid.train({"a": structures[0], " a": structures[1]}, targets[:2])


def test_a_run_from_python_knows_its_crystals_on_disk(
    structures: list[Structure], targets: list[float], tmp_path: Path
) -> None:
    folder = tmp_path / "crystals"
    folder.mkdir()
    files = {f"x{i}": folder / f"x{i}.json" for i in range(16)}
    for structure, file in zip(structures, files.values(), strict=True):
        structure.to(filename=str(file))
    lines = [f"{name},{target}\n" for name, target in zip(files, targets, strict=True)]
    (folder / "id_prop.csv").write_text("".join(lines))
    hybrid.train(files, targets, epochs=1, device="cpu", out="run")
    assert main(["predict", "run", str(folder), "--out", "p.csv"]) == 0
    found = pd.read_csv("p.csv", index_col="id")["fold"]
    assert found.to_dict() == pd.read_csv("run/predictions.csv", index_col="id")["fold"].to_dict()
    assert main(["report", "run", "--folder", str(folder)]) == 0
    hybrid.train(folder, epochs=1, device="cpu", out="on-disk")
    hybrid.train(structures, targets, init_from="on-disk", epochs=1, device="cpu", out="after")
    assert json.loads(Path("after/metrics.json").read_text())["n_test_known"] is None


def test_a_part_of_the_structures(structures: list[Structure], targets: list[float]) -> None:
    hybrid.train(structures, targets, epochs=1, n_structures=12, device="cpu", out="run")
    assert len(pd.read_csv("run/predictions.csv")) == 12


def test_a_descriptor_whose_code_has_changed_is_computed_anew(
    structures: list[Structure], targets: list[float], tmp_path: Path
) -> None:
    """Also if the change is in a function that it calls."""
    folder = tmp_path / "crystals"
    folder.mkdir()
    rows = []
    for i, (structure, target) in enumerate(zip(structures, targets, strict=True)):
        structure.to(filename=str(folder / f"x{i}.json"))
        rows.append(f"x{i},{target}\n")
    (folder / "id_prop.csv").write_text("".join(rows))
    code = "import hybrid\n\ndef helper(cell):\n    return {} + len(cell)\n\n"
    code += "hybrid.register_descriptor('mine', lambda cell: float(helper(cell)))\n"
    means, tables = [], []
    for first in (0, 100):
        Path(f"own{first}").mkdir()
        Path(f"own{first}", "own.py").write_text(code.format(first))
        command = ["--model", "de-cgcnn", "--descriptors", "mine", "--epochs", "1", "--device", "cpu"]
        command += ["--code", f"own{first}/own.py", "--out", f"run{first}", "--no-report"]
        program = [sys.executable, "-m", "hybrid"]
        subprocess.run([*program, "descriptors", str(folder), "--code", f"own{first}/own.py"], check=True)
        tables.append((folder / "descriptors.csv").read_bytes())
        (folder / "descriptors.csv").write_bytes(tables[0])  # at the second time it is an older one
        subprocess.run([*program, "train", str(folder), *command], check=True)
        mean = f"hybrid.load('run{first}', 'own{first}/own.py').standardisation.mean.item()"
        said = subprocess.run(
            [sys.executable, "-c", f"import hybrid; print({mean})"], capture_output=True, check=True
        )
        means.append(float(said.stdout))
    assert means[1] - means[0] == pytest.approx(100)


def test_a_column_of_ones_own_is_missed_by_its_name(
    structures: list[Structure], crystal_folder: Callable[..., Path]
) -> None:
    folder = crystal_folder()
    rows = ["id,heaviness", *(f"x{i:02d},{i}" for i in range(12))]
    (folder / "descriptors.csv").write_text("\n".join(rows) + "\n")
    model = hybrid.train(folder, model="de-cgcnn", descriptors=["heaviness"], epochs=1, out="run")
    with pytest.raises(InputError, match=r"the crystals lack heaviness, .* call register_descriptor first"):
        model.predict(structures[:1])


def test_descriptors_as_a_table(NaCl: Structure) -> None:
    table = hybrid.describe({"salt": NaCl}, ["natoms", "a"])
    assert table.loc["salt", "natoms"] == 2
    assert table.loc["salt", "a"] == pytest.approx(5.64 / 2**0.5)


def test_errors_name_the_structure_or_setting(structures: list[Structure], targets: list[float]) -> None:
    for arguments, settings, told in (
        ((structures, targets[:-1]), {}, "there are 16 structures"),
        ((structures, [*targets[:-1], float("nan")]), {}, "structure 15: its target is not a finite number"),
        (([*structures, "x.cif"], None), {}, "x.cif"),
        (
            ([*structures, 3], None),
            {},
            "structure 16: is of the type int|of the type int",
        ),
        ((structures, targets), {"hidden": 3}, "--hidden: cgcnn does not use it"),
        ((structures, targets), {"descriptors": ("a",)}, "--descriptors: cgcnn does not use it"),
        ((structures, targets), {"epoch": 3}, "unknown setting 'epoch'; did you mean 'epochs'"),
        ((structures, targets), {"epochs": -3}, "--epochs -3"),
        ((structures, None), {}, "there are no targets"),
    ):
        with pytest.raises(InputError, match=told):
            hybrid.train(*arguments, device="cpu", **settings)


def test_the_names_of_the_public_face() -> None:
    assert {"cgcnn", "de-alignn", "forest"} <= set(hybrid.model_names())
    assert hybrid.CrystalNetwork is CrystalNetwork
    assert set(hybrid.api.__all__) <= set(dir(hybrid))
    with pytest.raises(AttributeError, match="hybrid has no trian"):
        hybrid.trian  # noqa: B018
