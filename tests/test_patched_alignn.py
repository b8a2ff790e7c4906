"""Patched upstream ALIGNN: off, it is upstream's bit for bit; on, it computes eqs. 13 and 14.

Parity runs the unpatched and the patched tree in separate processes, since both are called alignn. The
unpatched one is given the names that pydantic 2 moved; nothing else of it is touched.
"""

import csv
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import import_vendored, random_crystal, write_malicious, write_structure
from pymatgen.core import Lattice, Structure
from torch import Tensor

from hybrid.cli import main
from hybrid.descriptors.table import DescriptorTable, Standardisation
from hybrid.errors import InputError
from hybrid.readout import Crystals, TargetScale
from reproduction.paths import ROOT
from reproduction.upstream import vendor

pytest.importorskip("dgl")
import_vendored("alignn")

import dgl  # noqa: E402
from alignn.config import TrainingConfig  # noqa: E402
from alignn.data import get_id_train_val_test  # noqa: E402
from alignn.folder import read_atoms, read_crystals  # noqa: E402
from alignn.graphs import Graph  # noqa: E402
from alignn.models.alignn import ALIGNN, ALIGNNConfig  # noqa: E402
from alignn.train_folder import train_for_folder  # noqa: E402

TREE = ROOT / "vendor" / "alignn"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
SIZES = {
    "alignn_layers": 1,
    "gcn_layers": 1,
    "edge_input_features": 8,
    "triplet_input_features": 8,
    "embedding_features": 8,
    "hidden_features": 16,
}


@pytest.fixture(autouse=True)
def _global_settings_as_before():
    """The trainer makes torch deterministic for the whole process."""
    yield
    torch.use_deterministic_algorithms(False)


# --- parity with the unpatched wheel ---

SHIM = """
import sys, types, typing
import pydantic, pydantic_settings
tree = sys.argv.pop(1)
sys.path.insert(0, tree)
if "pristine" in tree:
    root_validator = pydantic.root_validator
    pydantic.root_validator = lambda: root_validator(skip_on_failure=True)
    pydantic.BaseSettings = pydantic_settings.BaseSettings
    sys.modules["pydantic.typing"] = types.SimpleNamespace(Literal=typing.Literal)
import alignn
assert alignn.__file__.startswith(tree), alignn.__file__
"""

# Outputs, gradients and running statistics of fresh models on the graphs of a folder.
MODELS = (
    SHIM
    + """
from pathlib import Path
import dgl, torch
from jarvis.core.atoms import Atoms
from alignn.graphs import Graph
from alignn.models.alignn import ALIGNN, ALIGNNConfig
folder, result = sys.argv[1:]
atoms = [Atoms.from_poscar(str(path)) for path in sorted(Path(folder).glob("*.vasp"))]
graphs, line_graphs = zip(*[Graph.atom_dgl_multigraph(a, use_canonize=True) for a in atoms])
graph, line_graph = dgl.batch(graphs), dgl.batch(line_graphs)
results = {"graph": {"r": graph.edata["r"], "u": graph.edges()[0], "v": graph.edges()[1]}}
sizes = dict(name="alignn", alignn_layers=2, gcn_layers=2, hidden_features=16, embedding_features=8)
for options in [{}, {"classification": True}, {"output_features": 3}, {"link": "log"}, {"link": "logit"}]:
    torch.manual_seed(0)
    model = ALIGNN(ALIGNNConfig(**sizes, **options))
    for mode in ("eval", "train"):
        model.train(mode == "train")
        model.zero_grad()
        output = model((graph, line_graph))
        output.square().sum().backward()
        used = [(key, value.grad) for key, value in model.named_parameters() if value.grad is not None]
        gradients = {f"gradient {key}": gradient.clone() for key, gradient in used}
        state = {key: value.clone() for key, value in model.state_dict().items()}
        results[f"{options} {mode}"] = {"output": output.detach(), **gradients, **state}
torch.manual_seed(0)
model = ALIGNN(ALIGNNConfig(**sizes, extra_features=3)).eval()
descriptors = torch.randn(len(atoms), 3)
graph.ndata["extra_features"] = descriptors.repeat_interleave(graph.batch_num_nodes(), 0)
results["extra features"] = {"output": model((graph, line_graph)).detach(), **model.state_dict()}
torch.save(results, result)
"""
)

TRAINING = SHIM + '\nimport runpy\nrunpy.run_module("alignn.train_folder", run_name="__main__")\n'


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("upstream") / "pristine"
    vendor.unpack_pristine("alignn", path)
    return path


def _python(code: str, *arguments: object, cwd: Path | None = None) -> None:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    outcome = subprocess.run(command, env=ENVIRONMENT, cwd=cwd, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr


def _equal(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        assert torch.equal(ours[key], value), key


@pytest.mark.slow
def test_with_options_off_the_model_is_upstream_bit_for_bit(pristine: Path, tmp_path: Path) -> None:
    folder = _write_folder(tmp_path / "data", endings=(".vasp",))
    results = []
    for tree in (pristine, TREE):
        file = tmp_path / f"result{len(results)}.pt"
        _python(MODELS, tree, folder, file)
        results.append(torch.load(file))
    upstream, patched = results
    assert len(upstream) == 1 + 2 * 5 + 1
    assert upstream.keys() == patched.keys()
    for case, tensors in upstream.items():
        _equal(patched[case], tensors)


@pytest.mark.slow
def test_with_options_off_the_training_is_upstream_bit_for_bit(pristine: Path, tmp_path: Path) -> None:
    """Every epoch's weights and metrics, with ids as upstream wants them and no validation batch dropped."""
    folder = _write_folder(tmp_path / "data", endings=(".vasp",), suffix=True)
    config = _config(tmp_path, n_train=6, n_val=3, n_test=3, keep_data_order=True, random_seed=123)
    for name, tree in [("theirs", pristine), ("ours", TREE)]:
        options = ["--root_dir", folder, "--config_name", config, "--output_dir", tmp_path / name]
        _python(TRAINING, tree, *options, "--file_format", "poscar", cwd=tmp_path)
    for epoch in (1, 2):
        ours, theirs = (_checkpoint(tmp_path / name, f"checkpoint_{epoch}.pt") for name in ("ours", "theirs"))
        _equal(ours["model"], theirs["model"])
    for file in ("history_train.json", "history_val.json", "ids_train_val_test.json", "mad"):
        assert (tmp_path / "ours" / file).read_text() == (tmp_path / "theirs" / file).read_text()
    ours, theirs = ({path.name for path in (tmp_path / name).iterdir()} for name in ("ours", "theirs"))
    assert ours == theirs


def test_the_model_is_imported_without_dgl() -> None:
    code = f"""
import sys
sys.modules["dgl"] = None
sys.path.insert(0, {str(TREE)!r})
from alignn.models.alignn import ALIGNN, ALIGNNConfig
ALIGNN(ALIGNNConfig(name="alignn", pooling="sum", extra_features=2, hidden_features=8))
"""
    _python(code)


# --- the readout ---


def _graphs(structures: list[Structure]) -> tuple[Any, Any]:
    pairs = []
    for i, structure in enumerate(structures):
        file = Path(f"{i}.json")
        structure.to(filename=str(file))
        pairs.append(Graph.atom_dgl_multigraph(read_atoms(file), use_canonize=True))
    graphs, line_graphs = zip(*pairs, strict=True)
    return dgl.batch(list(graphs)), dgl.batch(list(line_graphs))


def _with_descriptors(graphs: tuple[Any, Any], descriptors: Tensor) -> tuple[Any, Any]:
    graph, line_graph = graphs
    graph.ndata["extra_features"] = descriptors.repeat_interleave(graph.batch_num_nodes(), 0)
    return graph, line_graph


def _model(**options: Any) -> Any:
    torch.manual_seed(0)
    return ALIGNN(ALIGNNConfig(name="alignn", **SIZES, **options))


def _last_atoms(model: Any, graphs: tuple[Any, Any]) -> tuple[Tensor, Tensor]:
    """The output, and the atom vectors after the last layer."""
    kept = []
    hook = model.gcn_layers[-1].register_forward_hook(lambda _module, _inputs, out: kept.append(out[0]))
    with torch.no_grad():
        output = model(graphs)
    hook.remove()
    return output, kept[0]


def _head(model: Any, atom: Tensor, descriptors: Tensor | None) -> Tensor:
    """FCN of the paper on one vector: upstream's fc, or with descriptors its extra_features head."""
    if descriptors is None:
        output: Tensor = model.fc(atom)
    else:
        vector = torch.cat([atom, model.extra_feature_embedding(descriptors[None])[0]])
        output = model.fc3(model.fc2(model.fc1(vector[None])))[0]
    return output


@pytest.mark.parametrize("n_descriptors", [0, 3])
@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_readout_is_the_papers(
    pooling: str, n_descriptors: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    structures = [random_crystal(i, n) for i, n in enumerate((2, 4, 1))]
    graphs = _graphs(structures)
    model = _model(pooling=pooling, extra_features=n_descriptors, output_features=2).eval()
    descriptors = torch.randn(3, n_descriptors) if n_descriptors else None
    if descriptors is not None:
        graphs = _with_descriptors(graphs, descriptors)
    output, last = _last_atoms(model, graphs)
    expected = []
    with torch.no_grad():
        for number, atoms in enumerate(last.split([len(s) for s in structures])):
            d = None if descriptors is None else descriptors[number]
            if pooling == "mean":
                expected.append(_head(model, sum(atoms) / len(atoms), d))  # eqs. 4, 14
            else:
                expected.append(sum(_head(model, atom, d) for atom in atoms))  # eq. 13
        again = model.read_out(last, Crystals.from_counts(graphs[0].batch_num_nodes()), descriptors)
    torch.testing.assert_close(output, torch.stack(expected), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(again, output)


def test_descriptors_are_embedded_once_a_crystal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batch statistics of the embedding count a crystal once, however many atoms it has."""
    monkeypatch.chdir(tmp_path)
    descriptors = torch.randn(3, 2)
    graphs = _with_descriptors(_graphs([random_crystal(i, n) for i, n in enumerate((2, 4, 1))]), descriptors)
    for pooling in ("mean", "sum"):
        model = _model(pooling=pooling, extra_features=2).train()
        model(graphs)
        linear, normalisation, _ = model.extra_feature_embedding.layer
        expected = 0.1 * linear(descriptors).mean(dim=0)
        torch.testing.assert_close(normalisation.running_mean, expected)


def test_sum_pooling_doubles_with_the_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = _model(pooling="sum").eval()
    single = model(_graphs([random_crystal(3, 3)]))
    graph, line_graph = _graphs([random_crystal(3, 3)] * 2)
    graph.set_batch_num_nodes(torch.tensor([6]))
    graph.set_batch_num_edges(graph.batch_num_edges().sum()[None])
    torch.testing.assert_close(model((graph, line_graph)), 2 * single)


# --- the folder script ---


def _crystal(i: int) -> Structure:
    """Rock salt for odd numbers, caesium chloride for even ones, a little out of shape."""
    strain = np.diag([1, 1 + 0.01 * i, 1.02])
    if i % 2:
        lattice = Lattice(np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) * (2.5 + 0.05 * i) @ strain)
        return Structure(lattice, ["Na", "Cl"], [[0] * 3, [0.5] * 3]) * (2, 1, 1)
    return Structure(Lattice(np.eye(3) * (3 + 0.1 * i) @ strain), ["Cs", "Cl"], [[0] * 3, [0.5] * 3])


def _target(i: int) -> float:
    return 100 + len(_crystal(i)) * (3 + 0.1 * i)


def _write_folder(
    path: Path, endings: tuple[str, ...] = (".cif", ".vasp", ".json"), suffix: bool = False
) -> Path:
    """Twelve crystals with ids that look like numbers, targets and descriptors."""
    path.mkdir()
    targets, descriptors = [], ["id,natoms,a,constant"]
    for i in range(12):
        crystal, ending = _crystal(i), endings[i % len(endings)]
        write_structure(crystal, path / f"{i:03d}{ending}")
        targets.append(f"{i:03d}{ending if suffix else ''},{_target(i)!r}")
        descriptors.append(f"{i:03d},{len(crystal)},{crystal.lattice.a!r},7")
    (path / "id_prop.csv").write_text("\n".join(targets) + "\n")
    (path / "descriptors.csv").write_text("\n".join(descriptors) + "\n")
    return path


def _config(path: Path, model: dict[str, Any] | None = None, **options: Any) -> Path:
    """A configuration for seconds of training: two epochs of a tiny network."""
    settings = {
        "dataset": "user_data",
        "target": "target",
        "epochs": 2,
        "batch_size": 3,
        "num_workers": 0,
        "progress": False,
        "random_seed": 1,
        **({} if "n_train" in options else {"train_ratio": 0.6, "val_ratio": 0.2, "test_ratio": 0.2}),
        **options,
        "model": {"name": "alignn", **SIZES, **(model or {})},
    }
    file = path / "config.json"
    file.write_text(json.dumps(settings))
    return file


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return _write_folder(tmp_path / "data")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory where the script has trained a sum-pooled model with descriptors."""
    work = tmp_path_factory.mktemp("trained")
    _write_folder(work / "data")
    _config(work)
    script = [sys.executable, str(TREE / "alignn_train_folder.py")]
    folder = ["--root_dir", "data", "--config_name", "config.json", "--output_dir", "out"]
    options = ["--pooling", "sum", "--descriptors", "descriptors.csv"]
    environment = {key: value for key, value in ENVIRONMENT.items() if key != "PYTHONPATH"}
    command = [*script, *folder, *options]
    outcome = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr
    return work


def _train(folder: Path, output: str = "out", *, config: Path | None = None, **options: Any) -> Path:
    train_for_folder(str(folder), str(config or _config(folder.parent)), output_dir=output, **options)
    return Path(output)


def _checkpoint(output: Path, file: str = "best_model.pt") -> dict[str, Any]:
    found: dict[str, Any] = torch.load(output / file, weights_only=False)
    return found


def _results(output: Path) -> dict[str, tuple[float, float]]:
    with (output / "prediction_results_test_set.csv").open() as file:
        rows = csv.DictReader(file)
        return {row["id"]: (float(row["target"]), float(row["prediction"])) for row in rows}


def _parts(output: Path) -> dict[str, list[str]]:
    parts: dict[str, list[str]] = json.loads((output / "ids_train_val_test.json").read_text())
    return parts


def _predict(folder: Path, output: Path, file: str = "best_model.pt") -> dict[str, float]:
    """What the network in a checkpoint predicts for each crystal of the folder, in the target's unit."""
    checkpoint = _checkpoint(output, file)
    model = ALIGNN(ALIGNNConfig(**json.loads((output / "config.json").read_text())["model"]))
    model.load_state_dict(checkpoint["model"])
    model.eval()
    scale = TargetScale(**checkpoint["normalizer"]) if "normalizer" in checkpoint else TargetScale(0, 1)
    found = {}
    for identity, atoms, _ in read_crystals(folder):
        graphs = Graph.atom_dgl_multigraph(atoms, use_canonize=True)
        if "descriptors" in checkpoint:
            standardisation = Standardisation.from_state_dict(checkpoint["descriptors"])
            table = standardisation.apply(DescriptorTable.read(folder / "descriptors.csv"))
            graphs = _with_descriptors(graphs, table.rows([identity]))
        with torch.no_grad():
            found[identity] = float(scale.restore(model(graphs)))
    return found


def test_the_script_writes_upstreams_files(trained: Path) -> None:
    assert {path.name for path in (trained / "out").iterdir()} == {
        "best_model.pt",
        "checkpoint_1.pt",
        "checkpoint_2.pt",
        "config.json",
        "history_train.json",
        "history_val.json",
        "ids_train_val_test.json",
        "mad",
        "prediction_results_test_set.csv",
        "prediction_results_train_set.csv",
        "sc.pkl",
        "test_data_data_range",
        "train_data_data_range",
        "val_data_data_range",
    }
    results = _results(trained / "out")
    assert list(results) == _parts(trained / "out")["id_test"]
    for identity, (target, _) in results.items():
        assert target == pytest.approx(_target(int(identity)), rel=1e-5)


def test_statistics_are_the_training_sets(trained: Path) -> None:
    checkpoint = _checkpoint(trained / "out")
    training = [int(i) for i in _parts(trained / "out")["id_train"]]
    assert len(training) == 7
    targets = np.array([_target(i) for i in training])
    assert checkpoint["normalizer"]["mean"] == 0  # sum pooling: no shift
    assert checkpoint["normalizer"]["std"] == pytest.approx(targets.std(ddof=1), rel=1e-5)
    natoms = np.array([len(_crystal(i)) for i in training])
    assert checkpoint["descriptors"]["names"] == ["natoms", "a", "constant"]
    assert float(checkpoint["descriptors"]["mean"][0]) == pytest.approx(natoms.mean())
    assert float(checkpoint["descriptors"]["std"][0]) == pytest.approx(natoms.std())
    assert float(checkpoint["descriptors"]["std"][2]) == 1


def test_predictions_are_the_best_models_in_the_targets_unit(trained: Path) -> None:
    predicted = _predict(trained / "data", trained / "out")
    for identity, (_, prediction) in _results(trained / "out").items():
        assert prediction == pytest.approx(predicted[identity], rel=1e-4, abs=2e-6)


def test_the_best_epoch_is_tested_not_the_last(folder: Path) -> None:
    config = _config(folder.parent, learning_rate=0.3, scheduler="none", epochs=4)
    output = _train(folder, config=config)
    errors = json.loads((output / "history_val.json").read_text())["mae"]
    assert min(errors) < errors[-1], "the last epoch is the best one; the test shows nothing"
    best, last = _predict(folder, output), _predict(folder, output, "checkpoint_4.pt")
    for identity, (_, prediction) in _results(output).items():
        assert prediction == pytest.approx(best[identity], rel=1e-4)
        assert prediction != pytest.approx(last[identity], rel=1e-3)
    validation = [abs(best[i] - _target(int(i))) for i in _parts(output)["id_val"]]
    assert np.mean(validation) == pytest.approx(min(errors), rel=1e-4)  # of every validation crystal
    with (output / "prediction_results_train_set.csv").open() as file:
        rows = [(float(row["target"]), float(row["prediction"])) for row in csv.DictReader(file)]
    by_target = {np.float32(_target(int(i))): value for i, value in best.items()}
    assert len(rows) == 6
    for target, prediction in rows:
        assert prediction == pytest.approx(by_target[np.float32(target)], rel=1e-4)


@pytest.mark.slow
def test_standardised_targets_are_restored(folder: Path) -> None:
    """Targets far from zero are met after a few epochs only if the shift is undone."""
    config = _config(folder.parent, standard_scalar_and_pca=True, epochs=20)
    output = _train(folder, config=config)
    targets = np.array([_target(int(i)) for i in _parts(output)["id_train"]])
    assert _checkpoint(output)["normalizer"]["mean"] == pytest.approx(targets.mean(), rel=1e-5)
    predicted = _predict(folder, output)
    for identity, (target, prediction) in _results(output).items():
        assert prediction == pytest.approx(predicted[identity], rel=1e-4)
        assert prediction == pytest.approx(target, rel=0.2)


def test_without_options_nothing_is_scaled(folder: Path) -> None:
    output = _train(folder)
    assert not {"normalizer", "descriptors"} & _checkpoint(output).keys()
    predicted = _predict(folder, output)
    for identity, (_, prediction) in _results(output).items():
        assert prediction == pytest.approx(predicted[identity], rel=1e-4, abs=2e-6)


def test_several_targets(folder: Path) -> None:
    """Each has its own scale."""
    table = folder / "id_prop.csv"
    table.write_text("".join(f"{i:03d},{_target(i)!r},{_target(i) / 1000!r}\n" for i in range(12)))
    output = _train(folder, pooling="sum")
    std = torch.as_tensor(_checkpoint(output)["normalizer"]["std"])
    torch.testing.assert_close(std[0], 1000 * std[1], rtol=1e-4, atol=0)
    results = json.loads((output / "multi_out_predictions.json").read_text())
    assert [row["id"] for row in results] == _parts(output)["id_test"]
    for row in results:
        i = int(row["id"])
        assert row["target"] == pytest.approx([_target(i), _target(i) / 1000], rel=1e-5)
        assert len(row["predictions"]) == 2


def test_the_seed_decides_numbers_and_split(folder: Path) -> None:
    for name, seed in [("one", 5), ("two", 5), ("three", 6)]:
        _train(folder, name, config=_config(folder.parent, random_seed=seed))
    one, two, three = (_results(Path(name)) for name in ("one", "two", "three"))
    assert one == two
    assert one.keys() != three.keys()


def test_the_order_of_the_data_is_not_the_split_unless_asked_for() -> None:
    assert TrainingConfig().keep_data_order is False
    common = {"total_size": 10, "n_train": 6, "n_val": 2, "n_test": 2}
    assert get_id_train_val_test(**common, keep_data_order=True)[2] == [8, 9]
    one, two = (get_id_train_val_test(**common, split_seed=seed)[2] for seed in (1, 2))
    assert one != two


def test_a_last_validation_batch_of_one_crystal_and_no_test_set(folder: Path) -> None:
    config = _config(folder.parent, n_train=8, n_val=4, n_test=0)
    output = _train(folder, config=config)
    assert len(json.loads((output / "history_val.json").read_text())["mae"]) == 2
    assert not (output / "prediction_results_test_set.csv").exists()


@pytest.mark.parametrize("suffix", [False, True])
def test_ids_with_and_without_the_files_ending(
    suffix: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = _write_folder(tmp_path / "data", suffix=suffix)
    config = _config(tmp_path, n_train=8, n_val=2, n_test=2)
    output = _train(folder, config=config, descriptors="descriptors.csv")
    ids = {line.split(",")[0] for line in (folder / "id_prop.csv").read_text().split()}
    assert {i for part in _parts(output).values() for i in part} == ids
    assert ("001.vasp" in ids) == suffix
    assert _checkpoint(output)["descriptors"]["names"] == ["natoms", "a", "constant"]


def test_structures_keep_their_cell(NaCl: Structure, tmp_path: Path) -> None:
    """Targets a cell need the cell of the file, not its primitive one."""
    for ending in (".cif", ".vasp", ".json"):
        write_structure(NaCl, tmp_path / f"NaCl{ending}")
        atoms = read_atoms(tmp_path / f"NaCl{ending}")
        assert atoms.num_atoms == 8
        assert sorted(atoms.elements) == ["Cl"] * 4 + ["Na"] * 4
        assert atoms.volume == pytest.approx(5.64**3)


def test_a_threshold_makes_two_classes(folder: Path) -> None:
    options = {"pooling": "sum", "descriptors": "descriptors.csv"}
    output = _train(folder, classification_threshold=110, **options)
    assert _checkpoint(output)["model"]["fc3.weight"].shape == (2, 19)
    assert "normalizer" not in _checkpoint(output)
    for identity, (label, prediction) in _results(output).items():
        assert label == (_target(int(identity)) > 110)
        assert prediction in (0, 1)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_restart_runs_no_code_of_a_checkpoint(folder: Path, zipped: bool) -> None:
    Path("before").mkdir()
    config = _config(Path("before"))
    write_malicious(Path("before", "best_model.pt"), Path("marker"), zipped, model=_model().state_dict())
    with pytest.raises(
        InputError, match=r"before/best_model\.pt: contains 'posix\.mkdir', which is not a weight"
    ):
        _train(folder, config=config, restart_model_path="before")
    assert not Path("marker").exists()


def test_a_restart_goes_on_from_the_weights(folder: Path) -> None:
    before = _train(folder, "before")
    for file in before.glob("checkpoint_*.pt"):  # upstream takes any
        file.unlink()
    config = _config(folder.parent, learning_rate=1e-12, epochs=1)
    after = _train(folder, "after", config=config, restart_model_path="before")
    for file in ("best_model.pt",):
        ours, theirs = (_checkpoint(path, file)["model"] for path in (after, before))
        for key, value in theirs.items():
            if "running" not in key and "num_batches" not in key:
                torch.testing.assert_close(ours[key], value, rtol=0, atol=1e-9)


def test_a_restart_of_a_scaled_network_is_refused(trained: Path, folder: Path) -> None:
    with pytest.raises(InputError, match=r"\.pt: a restart knows no scales; train anew"):
        _train(folder, restart_model_path=str(trained / "out"))


def test_saved_loaders_are_not_read(folder: Path) -> None:
    for part in ("train", "val", "test"):
        write_malicious(Path(f"mine_{part}.data"), Path("marker"), zipped=True)
    _train(folder, config=_config(folder.parent, save_dataloader=True, filename="mine"))
    assert not Path("marker").exists()


def test_what_is_not_listed_is_noted_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Structures without a row, outputs of former runs, texts."""
    table = folder / "id_prop.csv"
    table.write_text(table.read_text().replace(f"006,{_target(6)!r}\n", ""))
    for other in ("config_example.json", "history_val.json", "001.json", "README.md"):
        (folder / other).write_text("{}")
    output = _train(folder)
    assert "006" not in {i for part in _parts(output).values() for i in part}
    note = f"note: {folder}: 006.cif without a row in id_prop.csv left out\n"
    assert capsys.readouterr().err.count(note) == 1


def test_a_file_without_ending_is_a_poscar(folder: Path) -> None:
    """As upstream reads every file unless it is told otherwise."""
    table = folder / "id_prop.csv"
    (folder / "001.vasp").rename(folder / "POSCAR-1")
    table.write_text(table.read_text().replace("001,", "POSCAR-1,"))
    assert "POSCAR-1" in {i for part in _parts(_train(folder)).values() for i in part}


def test_formats_that_are_told(NaCl: Structure, tmp_path: Path) -> None:
    write_structure(NaCl, tmp_path / "NaCl.cif")
    assert read_atoms(tmp_path / "NaCl.cif", "cif").num_atoms == 8
    write_structure(NaCl, tmp_path / "NaCl.vasp")
    (tmp_path / "NaCl.vasp").rename(tmp_path / "POSCAR.cif")
    assert read_atoms(tmp_path / "POSCAR.cif", "poscar").num_atoms == 8
    (tmp_path / "water.xyz").write_text("3\nwater\nO 0 0 0\nH 0.8 0.6 0\nH -0.8 0.6 0\n")
    atoms = read_atoms(tmp_path / "water.xyz", "xyz")
    assert atoms.elements == ["O", "H", "H"]
    assert min(atoms.lattice.abc) == 500


def test_divergence_is_said(folder: Path) -> None:
    with pytest.raises(InputError, match="the training diverged"):
        _train(folder, config=_config(folder.parent, learning_rate=1e30, scheduler="none"))


# --- bad input ---


def _break_structure(folder: Path) -> None:
    (folder / "003.cif").write_text("data_nothing\n")


def _break_target(folder: Path) -> None:
    table = folder / "id_prop.csv"
    table.write_text(table.read_text().replace(f"004,{_target(4)!r}", "004,nan"))


def _repeat_row(folder: Path) -> None:
    with (folder / "id_prop.csv").open("a") as table:
        table.write("004.vasp,1\n")


def _drop_structure(folder: Path) -> None:
    (folder / "006.cif").unlink()


def _unknown_element(folder: Path) -> None:
    Structure(Lattice.cubic(3), ["Lr"], [[0, 0, 0]]).to(filename=str(folder / "006.cif"))


def _table_is_a_folder(folder: Path) -> None:
    (folder / "id_prop.csv").unlink()
    (folder / "id_prop.csv").mkdir()


def _table_in_utf_16(folder: Path) -> None:
    table = folder / "id_prop.csv"
    table.write_text(table.read_text(), encoding="utf-16")


def _drop_table(folder: Path) -> None:
    (folder / "id_prop.csv").unlink()


def _disorder(folder: Path) -> None:
    crystal = Structure(Lattice.cubic(3), [{"Fe": 0.4, "Co": 0.6}], [[0, 0, 0]])
    crystal.to(filename=str(folder / "006.cif"))


def _drop_descriptors(folder: Path) -> None:
    table = folder / "descriptors.csv"
    table.write_text("".join(line for line in table.open() if not line.startswith("005")))


def _nothing(folder: Path) -> None:
    """The settings are wrong, not the folder."""


@pytest.mark.parametrize(
    ("damage", "settings", "options", "message"),
    [
        (_nothing, {}, {"pooling": "smu"}, "unknown pooling 'smu'; did you mean 'sum'?"),
        (_nothing, {"model": {"pooling": "smu"}}, {}, "unknown pooling 'smu'; did you mean 'sum'?"),
        (_nothing, {"foo": 1}, {}, "config.json: remove foo, which alignn 2024.2.4, pinned here, does not"),
        (
            _nothing,
            {"use_lmdb": True, "model": {"hiden": 1}},
            {},
            "remove model.hiden, use_lmdb, which",
        ),
        (_nothing, {"epochs": "many"}, {}, "config.json: epochs: Input should be a valid integer"),
        (_nothing, {"model": {"name": "cgcnn2"}}, {}, "config.json: model: Input tag 'cgcnn2' found"),
        (_nothing, {"n_train": 12, "n_val": 1, "n_test": 1}, {}, "more than the 12 that there are"),
        (_nothing, {"n_train": 8, "n_val": 0, "n_test": 4}, {}, "the validation part of the 12 crystals is"),
        (_nothing, {"batch_size": 64}, {}, "batch_size is 64, more than the 7 training crystals"),
        (_nothing, {"model": {"extra_features": 3}}, {}, "name their table with --descriptors"),
        (_nothing, {}, {"descriptors": "none.csv"}, "none.csv: cannot be read"),
        (_nothing, {}, {"restart_model_path": "none"}, "none/config.json: cannot be read as a configuration"),
        (_break_structure, {}, {}, "data/003.cif: does not parse"),
        (_break_target, {}, {}, "row 5: target of '004' is 'nan'"),
        (_repeat_row, {}, {}, "row 13: id '004.vasp' appears twice"),
        (_drop_structure, {}, {}, "row 7: id '006' has no structure file"),
        (_unknown_element, {}, {}, "data/006.cif: site 1 is Lr, of which there are no crystals"),
        (_table_is_a_folder, {}, {}, "data/id_prop.csv: is a folder, not a file"),
        (_table_in_utf_16, {}, {}, "data/id_prop.csv: is text in UTF-16; save it as text in UTF-8"),
        (_nothing, {}, {"file_format": "poscar"}, "data/000.cif: does not parse as a structure"),
        (_drop_table, {}, {}, "data: has no id_prop.csv"),
        (_disorder, {}, {}, "data/006.cif: site 1 is 0.4 Fe / 0.6 Co; ordered structures only"),
        (_drop_descriptors, {}, {"descriptors": "descriptors.csv"}, "has no row for id '005'"),
    ],
)
def test_bad_input_is_one_sentence(
    folder: Path,
    damage: Callable[[Path], None],
    settings: dict[str, Any],
    options: dict[str, Any],
    message: str,
) -> None:
    damage(folder)
    with pytest.raises(InputError) as error:
        _train(folder, config=_config(folder.parent, **settings), **options)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert not Path("out", "config.json").exists()


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_the_script_ends_with_the_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ["--root_dir", "none", "--config_name", str(_config(folder.parent))]
    monkeypatch.setattr(sys, "argv", ["alignn_train_folder.py", *given])
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(TREE / "alignn_train_folder.py"), run_name="__main__")
    assert stop.value.code == 2
    assert capsys.readouterr().err == "error: none: no such folder\n"


# --- beside `hybrid train` ---


def _write_volumes(folder: Path, folds: dict[str, int]) -> Path:
    """Crystals out of shape, whose target is their cell's volume, and the file that puts them into folds."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    targets, rows = [], ["id,fold"]
    for i, fold in enumerate(fold for fold, size in folds.items() for _ in range(size)):
        crystal = _crystal(int(rng.integers(2, 24)))
        crystal.apply_strain(rng.normal(0, 0.02, 3))
        write_structure(crystal, folder / f"{i:03d}.vasp")
        targets.append(f"{i:03d},{crystal.volume!r}")
        rows.append(f"{i:03d},{fold}")
    (folder / "id_prop.csv").write_text("\n".join(targets) + "\n")
    (folder.parent / "folds.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.mark.slow
def test_the_script_and_hybrid_train_agree_within_the_spread_of_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same crystals, split, network and trainer: the same errors, but for what another seed changes."""
    monkeypatch.chdir(tmp_path)
    folder = _write_volumes(tmp_path / "data", {"training": 80, "validation": 20, "test": 80})
    parts = {"n_train": 80, "n_val": 20, "n_test": 80, "keep_data_order": True}
    sizes = {"hidden_features": 32, "embedding_features": 64, "edge_input_features": 80}
    errors = []
    for seed in range(3):
        config = _config(
            tmp_path,
            {**sizes, "triplet_input_features": 40},
            **parts,
            epochs=30,
            batch_size=8,
            learning_rate=0.01,
            weight_decay=0,
            random_seed=seed,
        )
        results = _results(_train(folder, f"theirs-{seed}", config=config, pooling="sum"))
        command = (
            "train data --model alignn --pooling sum --trainer paper --split-file folds.csv "
            "--alignn-layers 1 --gcn-layers 1 --hidden 32 --epochs 30 --batch-size 8 --learning-rate 0.01"
        )
        assert main([*command.split(), "--model-seed", str(seed), "--out", f"ours-{seed}"]) == 0
        metrics = json.loads(Path(f"ours-{seed}", "metrics.json").read_text())["test"]
        errors.append([np.mean([abs(t - p) for t, p in results.values()]), metrics["mae"]])
    theirs, ours = np.array(errors).T
    assert max(theirs.max(), ours.max()) < metrics["mad"] / 3, "too little is learnt for a comparison"
    spread = np.hypot(theirs.std(ddof=1), ours.std(ddof=1))
    assert abs(theirs.mean() - ours.mean()) < 2 * spread, errors
