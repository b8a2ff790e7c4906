"""Patched upstream CGCNN: off, it is upstream's bit for bit; on, it computes eqs. 13 and 14.

Parity runs the unpatched and the patched tree in separate processes, since both are called cgcnn2.
"""

import csv
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import import_vendored, write_malicious
from pymatgen.core import Lattice, Structure
from pymatgen.io.vasp import Poscar
from torch import Tensor
from torch.nn import functional as F

from hybrid.descriptors.table import DescriptorTable
from hybrid.readout import Crystals
from reproduction.paths import ROOT
from reproduction.upstream import vendor

import_vendored("cgcnn2")

import cgcnn2.data  # noqa: E402
import cgcnn2.utils  # noqa: E402
from cgcnn2.cli import cgcnn_ft, cgcnn_pr, cgcnn_tr  # noqa: E402
from cgcnn2.model import CrystalGraphConvNet  # noqa: E402

TREE = ROOT / "vendor" / "cgcnn2"
SHIPPED = TREE / "cgcnn2" / "pretrained_models"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}

# Outputs, crystal vectors, gradients and running statistics of shipped and fresh models on random graphs.
PARITY = """
import sys
from pathlib import Path
tree, shipped, result = sys.argv[1:]
sys.path.insert(0, tree)
import torch
import cgcnn2
from cgcnn2.model import CrystalGraphConvNet
assert cgcnn2.__file__.startswith(tree), cgcnn2.__file__

def graph(seed, n_atoms=(3, 1, 40, 7), n_features=92, n_gaussians=41):
    draw = torch.Generator().manual_seed(seed)
    first, neighbours, lists = 0, [], []
    for n in n_atoms:
        lists.append(torch.arange(first, first + n))
        neighbours.append(first + torch.randint(n, (n, 12), generator=draw))
        first += n
    atoms = torch.rand(first, n_features, generator=draw)
    return atoms, torch.rand(first, 12, n_gaussians, generator=draw), torch.cat(neighbours), lists

def models():
    for path in sorted(Path(shipped).glob("*.pth.tar")):
        checkpoint = torch.load(path, map_location="cpu", weights_only=False)
        model = CrystalGraphConvNet(92, 41, atom_fea_len=64, n_conv=4, h_fea_len=32, n_h=1,
                                    classification="classification" in path.name)
        model.load_state_dict(checkpoint["state_dict"])
        yield path.name, model
    for n_h in (1, 3):
        for classification in (False, True):
            torch.manual_seed(n_h)
            model = CrystalGraphConvNet(92, 41, n_h=n_h, classification=classification)
            yield f"fresh {n_h} {classification}", model

results = {}
for name, model in models():
    for mode in ("eval", "train"):
        model.train(mode == "train")
        model.zero_grad()
        torch.manual_seed(7)  # of the dropout
        output, vectors = model(*graph(1))
        (output.square().sum() + vectors.sum()).backward()
        gradients = {f"gradient {key}": value.grad.clone() for key, value in model.named_parameters()}
        state = {key: value.clone() for key, value in model.state_dict().items()}
        outputs = {"output": output.detach(), "vectors": vectors.detach()}
        results[f"{name} {mode}"] = {**outputs, **gradients, **state}
torch.save(results, result)
"""


def test_with_options_off_it_is_upstream_bit_for_bit(tmp_path: Path) -> None:
    vendor.unpack_pristine("cgcnn2", tmp_path / "pristine")
    results = []
    for tree in (tmp_path / "pristine", TREE):
        file = tmp_path / f"result{len(results)}.pt"
        command = [sys.executable, "-c", PARITY, str(tree), str(SHIPPED), str(file)]
        subprocess.run(command, env=ENVIRONMENT, check=True)
        results.append(torch.load(file))
    upstream, patched = results
    assert len(upstream) == 2 * (8 + 4)
    assert upstream.keys() == patched.keys()
    for case, tensors in upstream.items():
        assert tensors.keys() == patched[case].keys()
        for key, value in tensors.items():
            assert torch.equal(value, patched[case][key]), f"{case}: {key}"


def _graph(n_atoms: tuple[int, ...] = (2, 5, 1)) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
    draw = torch.Generator().manual_seed(3)
    total = sum(n_atoms)
    lists = list(torch.arange(total).split(n_atoms))
    neighbours = torch.cat(
        [atoms[torch.randint(len(atoms), (len(atoms), 4), generator=draw)] for atoms in lists]
    )
    atoms = torch.rand(total, 6, generator=draw, dtype=torch.float64)
    return atoms, torch.rand(total, 4, 3, generator=draw, dtype=torch.float64), neighbours, lists


def _head(model: Any, atom: Tensor, descriptors: Tensor | None) -> Tensor:
    """FCN of the paper: upstream's head on one vector, descriptors joined after the first softplus."""
    vector = F.softplus(atom)
    if descriptors is not None:
        vector = torch.cat([vector, descriptors])
    vector = F.softplus(model.conv_to_fc(vector))
    for layer in getattr(model, "fcs", []):
        vector = F.softplus(layer(vector))
    output: Tensor = model.fc_out(vector)
    return output


@pytest.mark.parametrize("n_h", [1, 2])
@pytest.mark.parametrize("n_descriptors", [0, 3])
@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_readout_is_the_papers(pooling: str, n_descriptors: int, n_h: int) -> None:
    torch.manual_seed(0)
    model = (
        CrystalGraphConvNet(6, 3, 8, 2, 5, n_h, pooling=pooling, n_descriptors=n_descriptors).double().eval()
    )
    atoms, edges, neighbours, lists = _graph()
    descriptors = torch.randn(3, n_descriptors, dtype=torch.float64) if n_descriptors else None
    output, vectors = model(atoms, edges, neighbours, lists, descriptors)
    last = model.embedding(atoms)
    for layer in model.convs:
        last = layer(last, edges, neighbours)
    expected = []
    for number, indices in enumerate(lists):
        d = None if descriptors is None else descriptors[number]
        if pooling == "mean":
            expected.append(_head(model, sum(last[i] for i in indices) / len(indices), d))  # eqs. 4, 14
        else:
            expected.append(sum(_head(model, last[i], d) for i in indices))  # eq. 13
    torch.testing.assert_close(output, torch.stack(expected), rtol=1e-12, atol=1e-12)
    assert vectors.shape == (3, 5)
    again = model.read_out(last, Crystals.of(lists), descriptors)[0]
    torch.testing.assert_close(again, output, rtol=1e-12, atol=1e-12)


def test_sum_pooling_doubles_with_the_cell() -> None:
    model = CrystalGraphConvNet(6, 3, 8, 2, 5, pooling="sum").double().eval()
    atoms, edges, neighbours, _ = _graph((5,))
    twice = torch.cat([atoms, atoms]), torch.cat([edges, edges]), torch.cat([neighbours, neighbours + 5])
    single = model(atoms, edges, neighbours, [torch.arange(5)])[0]
    torch.testing.assert_close(model(*twice, [torch.arange(10)])[0], 2 * single)


# --- the scripts ---


SODIUM = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
CHLORINE = [[0.5, 0.5, 0.5], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]]


def _crystal(i: int) -> Structure:
    """Rock salt for odd numbers, caesium chloride for even ones."""
    if i % 2:
        return Structure(Lattice.cubic(5 + 0.1 * i), ["Na"] * 4 + ["Cl"] * 4, SODIUM + CHLORINE)
    return Structure(Lattice.cubic(3 + 0.1 * i), ["Cs", "Cl"], [[0] * 3, [0.5] * 3])


def _target(i: int) -> float:
    return 1e4 + len(_crystal(i)) * (3 + 0.1 * i)


def _write_folder(path: Path) -> Path:
    """Twelve crystals in three formats, with ids that look like numbers, targets and descriptors."""
    path.mkdir()
    targets, descriptors = [], ["id,natoms,a,constant"]
    for i in range(12):
        crystal = _crystal(i)
        if i % 3 == 0:
            crystal.to(filename=str(path / f"{i:03d}.cif"))
        elif i % 3 == 1:
            Poscar(crystal).write_file(path / f"{i:03d}.vasp")
        else:
            crystal.to(filename=str(path / f"{i:03d}.json"))
        targets.append(f"{i:03d},{_target(i)!r}")
        descriptors.append(f"{i:03d},{len(crystal)},{crystal.lattice.a!r},7")
    (path / "id_prop.csv").write_text("\n".join(targets) + "\n")
    (path / "descriptors.csv").write_text("\n".join(descriptors) + "\n")
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return _write_folder(tmp_path / "data")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory where the folder script has trained a sum-pooled model with descriptors."""
    work = tmp_path_factory.mktemp("trained")
    _write_folder(work / "data")
    options = ["--pooling", "sum", "--descriptors", "descriptors.csv", "--epoch", "2", "--job-id", "a"]
    command = [sys.executable, str(TREE / "cgcnn_train_folder.py"), "data", *options, "--disable-cuda"]
    environment = {key: value for key, value in ENVIRONMENT.items() if key != "PYTHONPATH"}
    outcome = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr
    assert "Losses are in units of the training targets' variance" in outcome.stdout
    return work


def _run(script: Callable[[], None], *arguments: object) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["script", *map(str, arguments), "--disable-cuda"])
        script()


def _results(path: Path) -> dict[str, tuple[float, float]]:
    with path.open() as file:
        return {row["cif_id"]: (float(row["true"]), float(row["pred"])) for row in csv.DictReader(file)}


def _checkpoint(work: Path, job: str) -> dict[str, Any]:
    found: dict[str, Any] = torch.load(work / f"output_{job}" / "best_model.ckpt", weights_only=False)
    return found


def _training_ids(folder: Path, seed: int = 42) -> list[str]:
    parts = cgcnn2.data.full_set_split(str(folder), 0.6, 0.2, random_seed=seed, test_ratio=0.2)
    ids: list[str] = cgcnn2.data.CIFData(parts[0]).folder.ids
    return ids


def test_training_writes_upstreams_files(trained: Path) -> None:
    files = {path.name for path in (trained / "output_a").iterdir()}
    assert files == {"best_model.ckpt", "test_results.csv", "parity_plot.png"}
    results = _results(trained / "output_a" / "test_results.csv")
    assert len(results) == 3
    for identity, (target, _) in results.items():
        assert target == pytest.approx(_target(int(identity)), rel=1e-6)


def test_statistics_are_the_training_sets(trained: Path) -> None:
    checkpoint = _checkpoint(trained, "a")
    training = _training_ids(trained / "data")
    assert len(training) == 7
    targets = np.array([_target(int(i)) for i in training])
    assert float(checkpoint["normalizer"]["mean"]) == 0  # sum pooling: no shift
    assert float(checkpoint["normalizer"]["std"]) == pytest.approx(targets.std(ddof=1), rel=1e-6)
    natoms = np.array([len(_crystal(int(i))) for i in training])
    assert checkpoint["descriptors"]["names"] == ["natoms", "a", "constant"]
    assert float(checkpoint["descriptors"]["mean"][0]) == pytest.approx(natoms.mean())
    assert float(checkpoint["descriptors"]["std"][0]) == pytest.approx(natoms.std())
    assert float(checkpoint["descriptors"]["std"][2]) == 1


def test_predict_script_repeats_the_test_predictions(trained: Path, tmp_path: Path) -> None:
    model, table = trained / "output_a" / "best_model.ckpt", trained / "data" / "descriptors.csv"
    script = [sys.executable, str(TREE / "cgcnn_predict_folder.py"), str(model), str(trained / "data")]
    command = [*script, "--descriptors", str(table), "--job-id", "p", "--disable-cuda"]
    outcome = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr
    predicted = _results(tmp_path / "output_p" / "results.csv")
    tested = _results(trained / "output_a" / "test_results.csv")
    assert len(predicted) == 12
    for identity, (_, prediction) in tested.items():
        assert predicted[identity][1] == pytest.approx(prediction, rel=1e-5)


def test_predictions_are_in_the_targets_unit(trained: Path) -> None:
    """Outputs of the bare network times the stored standard deviation are what the table holds."""
    checkpoint = _checkpoint(trained, "a")
    model = CrystalGraphConvNet(92, 41, **cgcnn2.utils.checkpoint_options(checkpoint))
    model.load_state_dict(checkpoint["state_dict"])
    table = DescriptorTable.read(trained / "data" / "descriptors.csv")
    mean, std = checkpoint["descriptors"]["mean"], checkpoint["descriptors"]["std"]
    dataset = cgcnn2.data.CIFData(str(trained / "data"))
    for identity, (_, prediction) in _results(trained / "output_a" / "test_results.csv").items():
        graph, _, _ = cgcnn2.data.collate_pool([dataset[dataset.folder.ids.index(identity)]])
        descriptors = ((table.rows([identity]) - mean) / std).float()
        with torch.no_grad():
            output = model.eval()(*graph, descriptors)[0].item()
        assert prediction == pytest.approx(output * float(checkpoint["normalizer"]["std"]), rel=1e-4)


def test_mean_pooling_starts_near_the_targets(folder: Path, tmp_path: Path) -> None:
    _run(cgcnn_tr.main, "-as", folder, "--epoch", "3", "--job-id", "m")
    checkpoint = _checkpoint(tmp_path, "m")
    targets = np.array([_target(int(i)) for i in _training_ids(folder)])
    assert float(checkpoint["normalizer"]["mean"]) == pytest.approx(targets.mean(), rel=1e-6)
    for target, prediction in _results(tmp_path / "output_m" / "test_results.csv").values():
        assert abs(prediction - target) < 0.1 * target


def test_the_seed_decides_numbers_and_split(folder: Path, tmp_path: Path) -> None:
    common = ["-as", folder, "--pooling", "sum", "--epoch", "2", "--batch-size", "3"]
    for job, seed in [("one", 5), ("two", 5), ("three", 6)]:
        _run(cgcnn_tr.main, *common, "--random-seed", seed, "--job-id", job)
    one, two, three = (
        _results(tmp_path / f"output_{job}" / "test_results.csv") for job in ("one", "two", "three")
    )
    assert one == two
    assert one.keys() != three.keys()


def test_the_test_ratio_is_honoured(folder: Path) -> None:
    parts = cgcnn2.data.full_set_split(str(folder), 0.5, 0.25, test_ratio=0.08)
    assert [len(cgcnn2.data.CIFData(part)) for part in parts] == [6, 3, 1]
    parts = cgcnn2.data.full_set_split(str(folder), 0.5, 0.25)
    assert [len(cgcnn2.data.CIFData(part)) for part in parts] == [6, 3, 3]


def test_gradient_clip(folder: Path, tmp_path: Path) -> None:
    """Sum pooling clips by default, mean pooling does not; both can be told."""
    for job, options, limit in [
        ("s", ["--pooling", "sum"], 1.0),
        ("s0", ["--pooling", "sum", "--gradient-clip", "0"], 0.0),
        ("m", [], 0.0),
        ("m5", ["--gradient-clip", "1e-9"], 1e-9),
    ]:
        _run(cgcnn_tr.main, "-as", folder, "--epoch", "1", "--job-id", job, *options)
        assert _checkpoint(tmp_path, job)["args"]["gradient_clip"] == limit
    free, clipped = (_checkpoint(tmp_path, job)["state_dict"]["fc_out.bias"] for job in ("m", "m5"))
    assert not torch.equal(free, clipped)


def test_divergence_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--learning-rate", "1e30", "--epoch", "2", "--job-id", "x"]
    with pytest.raises(SystemExit) as error:
        _run(cgcnn_tr.main, "-as", folder, *options)
    assert error.value.code == 2
    assert "error: the training diverged" in capsys.readouterr().err


def _break_structure(folder: Path) -> None:
    (folder / "003.cif").write_text("data_nothing\n")


def _break_target(folder: Path) -> None:
    table = folder / "id_prop.csv"
    table.write_text(table.read_text().replace(f"004,{_target(4)!r}", "004,nan"))


def _drop_structure(folder: Path) -> None:
    (folder / "006.cif").unlink()


def _disorder(folder: Path) -> None:
    crystal = Structure(Lattice.cubic(3), [{"Fe": 0.4, "Co": 0.6}], [[0, 0, 0]])
    crystal.to(filename=str(folder / "006.cif"))


def _drop_descriptors(folder: Path) -> None:
    table = folder / "descriptors.csv"
    table.write_text("".join(line for line in table.open() if not line.startswith("005")))


def _nothing(folder: Path) -> None:
    """The options are wrong, not the folder."""


@pytest.mark.parametrize(
    ("damage", "options", "message"),
    [
        (_nothing, ["--pooling", "smu"], "unknown pooling 'smu'; did you mean 'sum'?"),
        (_nothing, ["--train-ratio", "0.9"], "sum to 1 at most"),
        (
            _nothing,
            ["-trr", "0.98", "-vr", "0.01", "-tr", "0.01"],
            "the validation part of its 12 crystals is empty",
        ),
        (_nothing, ["--task", "classification"], "classes are 0 and 1"),
        (_nothing, ["--descriptors", "none.csv"], "none.csv: cannot be read"),
        (_break_structure, [], "data/003.cif: does not parse"),
        (_break_target, [], "row 5: target of '004' is 'nan'"),
        (_drop_structure, [], "row 7: id '006' has no structure file"),
        (_disorder, [], "data/006.cif: site 1 is 0.4 Fe / 0.6 Co; ordered structures only"),
        (_drop_descriptors, ["--descriptors", "data/descriptors.csv"], "has no row for id '005'"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], None],
    options: list[str],
    message: str,
) -> None:
    damage(folder)
    with pytest.raises(SystemExit) as error:
        _run(cgcnn_tr.main, "-as", folder, "--job-id", "bad", *options)
    assert error.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert message in said
    assert not Path("output_bad").exists()


def test_predict_errors(trained: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = trained / "output_a" / "best_model.ckpt"
    Path("short.csv").write_text("id,a\n000,1\n")
    Path("text.ckpt").write_text("not a checkpoint")
    bulk = SHIPPED / "bulk-moduli.pth.tar"
    for arguments, message in [
        (["none.ckpt"], "none.ckpt: cannot be read"),
        (["text.ckpt"], "text.ckpt: is not a checkpoint"),
        ([model], "trained with descriptors (natoms, a, constant)"),
        ([model, "--descriptors", "short.csv"], "short.csv: lacks the descriptors natoms, constant"),
        ([bulk, "--descriptors", "short.csv"], "trained without descriptors"),
    ]:
        with pytest.raises(SystemExit) as error:
            _run(cgcnn_pr.main, "-as", folder, "--job-id", "bad", "-mp", *arguments)
        assert error.value.code == 2
        assert message in capsys.readouterr().err
        assert not Path("output_bad").exists()


def _bare_outputs(name: str, folder: Path) -> dict[str, Tensor]:
    """Outputs of a shipped network by id, as the network gives them."""
    checkpoint = torch.load(SHIPPED / name, map_location="cpu", weights_only=False)
    two = "classification" in name
    model = CrystalGraphConvNet(92, 41, n_conv=4, h_fea_len=32, classification=two).eval()
    model.load_state_dict(checkpoint["state_dict"])
    dataset = cgcnn2.data.CIFData(str(folder))
    with torch.no_grad():
        return {item[2]: model(*cgcnn2.data.collate_pool([item])[0])[0][0] for item in dataset}


def test_shipped_classifier_gives_probabilities(folder: Path, tmp_path: Path) -> None:
    name = "semi-metal-classification.pth.tar"
    expected = {key: math.exp(output[1]) for key, output in _bare_outputs(name, folder).items()}
    _run(cgcnn_pr.main, "-as", folder, "-mp", SHIPPED / name, "--job-id", "c")
    script = {key: value[1] for key, value in _results(tmp_path / "output_c" / "results.csv").items()}
    function = cgcnn2.utils.cgcnn_pred(str(SHIPPED / name), str(folder), verbose=0)[0]
    assert script == pytest.approx(expected, rel=1e-4, abs=1e-9)
    assert function == pytest.approx([expected[key] for key in sorted(expected)], rel=1e-4, abs=1e-9)


def test_shipped_regressor_predicts_in_its_unit(folder: Path, tmp_path: Path) -> None:
    name = "bulk-moduli.pth.tar"
    # mean and standard deviation of log10(K / GPa) that the checkpoint's authors trained with
    restored = {
        k: float(v) * 0.3341568293238605 + 1.9753183792829514 for k, v in _bare_outputs(name, folder).items()
    }
    function = cgcnn2.utils.cgcnn_pred(str(SHIPPED / name), str(folder), verbose=0)[0]
    assert function == pytest.approx([restored[key] for key in sorted(restored)], rel=1e-4)
    (folder / "id_prop.csv").unlink()  # nothing to compare with: the script predicts all the same
    _run(cgcnn_pr.main, "-as", folder, "-mp", SHIPPED / name, "--job-id", "u")
    script = _results(tmp_path / "output_u" / "results.csv")
    assert {key: value[1] for key, value in script.items()} == pytest.approx(restored, rel=1e-4)
    assert all(math.isnan(value[0]) for value in script.values())


def test_checkpoints_of_the_unpatched_trainer_are_not_rescaled() -> None:
    state = {"mean": torch.tensor(3.0), "std": torch.tensor(2.0)}
    for args, expected in [
        ({"bias_temperature": -1.0}, 1.0),
        ({"bias_temperature": -1.0, "pooling": "mean"}, 5.0),
    ]:
        normalizer = cgcnn2.utils.checkpoint_normalizer({"args": args, "normalizer": state})
        assert normalizer.denorm(1.0) == expected


def test_class_loss_is_the_negative_log_likelihood() -> None:
    outputs, classes = torch.randn(5, 2).log_softmax(dim=1), torch.tensor([0, 1, 1, 0, 1])
    expected = F.nll_loss(outputs, classes, reduction="none")
    assert torch.equal(cgcnn2.utils.class_loss(outputs, classes.float().unsqueeze(1)).squeeze(1), expected)


def test_classifiers_learn(folder: Path, tmp_path: Path) -> None:
    """Rock salt from caesium chloride; told apart after a few epochs, with some crystals to validate on."""
    (folder / "id_prop.csv").write_text("".join(f"{i:03d},{i % 2}\n" for i in range(12)))
    split = ["-trr", "0.5", "-vr", "0.4", "-tr", "0.1"]
    options = ["--task", "classification", "--epoch", "60", "-bs", "3", "-lr", "0.003", "--job-id", "k"]
    _run(cgcnn_tr.main, "-as", folder, *options, *split)
    _run(cgcnn_pr.main, "-as", folder, "-mp", "output_k/best_model.ckpt", "--job-id", "kp")
    results = _results(tmp_path / "output_kp" / "results.csv")
    assert all(0 <= probability <= 1 for _, probability in results.values())
    assert sum(round(probability) == label for label, probability in results.values()) >= 11


def test_fine_tuning_is_for_upstreams_networks(
    trained: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["-as", folder, "--epoch", "1", "--job-id", "f"]
    _run(cgcnn_ft.main, "-mp", SHIPPED / "bulk-moduli.pth.tar", *options)
    assert _results(tmp_path / "output_f" / "test_results.csv")
    with pytest.raises(SystemExit) as error:
        _run(cgcnn_ft.main, "-mp", trained / "output_a" / "best_model.ckpt", *options)
    assert error.value.code == 2
    assert "which fine-tuning does not know" in capsys.readouterr().err


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("script", [cgcnn_pr.main, cgcnn_ft.main])
def test_no_code_of_a_checkpoint_is_run(
    script: Callable[[], None], zipped: bool, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = torch.load(SHIPPED / "bulk-moduli.pth.tar", map_location="cpu", weights_only=True)
    write_malicious(Path("model.ckpt"), Path("marker"), zipped, **shipped)
    with pytest.raises(SystemExit) as error:
        _run(script, "-as", folder, "-mp", "model.ckpt", "--job-id", "evil")
    assert error.value.code == 2
    said = capsys.readouterr().err
    assert "model.ckpt: contains 'posix.mkdir', which is not a weight" in said
    assert said.count("\n") == 1
    assert not Path("marker").exists()


def test_a_folder_in_alignns_form(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ids with the files' endings, structures that are not listed, and files that are none."""
    rows = [f"{i:03d}{('.cif', '.vasp', '.json')[i % 3]},{_target(i)!r}" for i in range(11)]
    (folder / "id_prop.csv").write_text("\n".join(rows) + "\n")
    (folder / "012.cif").write_text("not listed, not read")
    for other in ("config.json", "history_train.json", "001.json"):
        (folder / other).write_text("{}")
    (folder / "README.md").write_text("")
    _run(cgcnn_tr.main, "-as", folder, "--epoch", "1", "--job-id", "e", "--descriptors", "descriptors.csv")
    results = _results(tmp_path / "output_e" / "test_results.csv")
    assert len(results) == 3
    assert {Path(identity).suffix for identity in results} <= {".cif", ".vasp", ".json"}
    assert capsys.readouterr().err.count("without a row in id_prop.csv left out") == 1


def test_without_a_table_outputs_are_no_structures(folder: Path, tmp_path: Path) -> None:
    (folder / "id_prop.csv").unlink()
    for other in ("config.json", "history_train.json"):
        (folder / other).write_text("{}")
    _run(cgcnn_pr.main, "-as", folder, "-mp", SHIPPED / "bulk-moduli.pth.tar", "--job-id", "n")
    assert len(_results(tmp_path / "output_n" / "results.csv")) == 12


def _unknown_element(folder: Path) -> None:
    Structure(Lattice.cubic(3), ["Lr"], [[0, 0, 0]]).to(filename=str(folder / "006.cif"))


def _table_is_a_folder(folder: Path) -> None:
    (folder / "id_prop.csv").unlink()
    (folder / "id_prop.csv").mkdir()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_unknown_element, "data/006.cif: site 1 is Lr, of which there are no crystals"),
        (_table_is_a_folder, "data/id_prop.csv: is a folder, not a file"),
    ],
)
@pytest.mark.parametrize("script", [cgcnn_tr.main, cgcnn_pr.main, cgcnn_ft.main])
def test_every_script_says_what_is_wrong_with_the_folder(
    script: Callable[[], None],
    damage: Callable[[Path], None],
    message: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    damage(folder)
    model = [] if script is cgcnn_tr.main else ["-mp", SHIPPED / "bulk-moduli.pth.tar"]
    with pytest.raises(SystemExit) as error:
        _run(script, "-as", folder, *model, "--job-id", "bad")
    assert error.value.code == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
