"""Descriptors in the readout, several targets, classes, baselines: trained, saved, predicted."""

import csv
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import random_crystal

from hybrid.cli import main
from hybrid.data.folder import CrystalFolder, read_folder
from hybrid.descriptors.of_folder import atom_counts
from hybrid.descriptors.table import DescriptorTable, Standardisation
from hybrid.errors import InputError
from hybrid.graphs.merged_crystal import MergedCrystalGraphs
from hybrid.settings import GraphSettings, ModelSettings, RunSettings, TrainerSettings
from hybrid.trained.checkpoint import load
from hybrid.training.model_registry import get_model
from hybrid.training.results import Job
from hybrid.training.run import train
from hybrid.training.samples import Samples
from reproduction.models.frozen import fit_frozen

CPU = torch.device("cpu")
SIZES = {"atom_fea_len": 8, "n_conv": 1, "h_fea_len": 8}


def run_settings(name: str = "de-cgcnn", epochs: int = 3, **options: Any) -> RunSettings:
    model = ModelSettings(
        name=name, **SIZES, **{k: options.pop(k) for k in ("pooling", "descriptors") if k in options}
    )
    trainer = TrainerSettings(epochs=epochs, batch_size=4, optimiser="adam", learning_rate=0.003)
    return RunSettings(**{"model": model, "trainer": trainer, "split": (0.6, 0.2, 0.2), **options})


def run(folder: CrystalFolder, out: Path, settings: RunSettings, **options: Any) -> dict[str, Any]:
    return train(folder, settings, out, device="cpu", progress=False, **options)


def write_descriptors_csv(path: Path, columns: dict[str, list[float | str]]) -> None:
    ids = [row.split(",")[0] for row in (path / "id_prop.csv").read_text().splitlines()]
    with (path / "descriptors.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", *columns, "error"])
        for i, identity in enumerate(ids):
            cells = [values[i] for values in columns.values()]
            writer.writerow([identity, *cells, "cannot be computed" if "" in cells else ""])


@pytest.fixture
def path(crystal_folder: Callable[..., Path]) -> Path:
    return crystal_folder(14)


@pytest.fixture
def own(path: Path) -> Path:
    """A folder with two descriptors of its user's own."""
    rng = np.random.default_rng(0)
    write_descriptors_csv(path, {"x": rng.normal(5, 3, 14).tolist(), "y": rng.normal(size=14).tolist()})
    return path


# --- descriptors in the readout ---


def test_descriptors_are_computed_for_training_and_for_prediction(
    crystal_folder: Callable[..., Path], path: Path, tmp_path: Path
) -> None:
    metrics = run(read_folder(path), tmp_path / "run", run_settings())
    assert metrics["status"] == "done"
    header = (path / "descriptors.csv").read_text().splitlines()[0].split(",")
    assert len(header) == 31  # id, the paper's 29, error
    model = load(tmp_path / "run")
    assert model.standardisation is not None
    assert model.standardisation.names == tuple(header[1:-1])
    with (tmp_path / "run" / "predictions.csv").open() as file:
        told = [float(row["prediction"]) for row in csv.DictReader(file)]
    (path / "descriptors.csv").unlink()
    again = model.predict_folder(read_folder(path), CPU)
    assert again[:, 0] == pytest.approx(told, rel=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_descriptors_change_the_output_and_supercells_scale_it_as_the_pooling_does(
    pooling: str, own: Path, tmp_path: Path
) -> None:
    run(read_folder(own), tmp_path / "run", run_settings(pooling=pooling))
    model = load(tmp_path / "run")
    crystal = random_crystal(3)
    graphs = MergedCrystalGraphs.from_structures([crystal, crystal * (2, 1, 1)], GraphSettings())
    once, other = torch.tensor([[0.5, -1.0]] * 2), torch.tensor([[-2.0, 1.0]] * 2)
    (single,), (double,) = model.predict_graphs(graphs, CPU, once)
    assert double == pytest.approx(single * (2 if pooling == "sum" else 1), rel=1e-4)
    assert abs(model.predict_graphs(graphs, CPU, other)[0, 0] - single) > 1e-3 * abs(single)


def test_only_training_descriptors_enter_the_standardisation(own: Path, tmp_path: Path) -> None:
    folder = read_folder(own)
    folds = np.array(["training"] * 8 + ["validation"] * 3 + ["test"] * 3)
    run(folder, tmp_path / "first", run_settings(), folds=folds)
    table = (own / "descriptors.csv").read_text().splitlines()
    moved = [row if i < 12 else ",".join([row.split(",")[0], "1e3", "-7", ""]) for i, row in enumerate(table)]
    (own / "descriptors.csv").write_text("\n".join(moved) + "\n")
    run(folder, tmp_path / "second", run_settings(), folds=folds)
    first, second = load(tmp_path / "first"), load(tmp_path / "second")
    assert first.standardisation is not None
    assert second.standardisation is not None
    for key in ("mean", "std", "median"):
        assert torch.equal(getattr(first.standardisation, key), getattr(second.standardisation, key))
    weights = zip(first.network.parameters(), second.network.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in weights)


def test_a_missing_value_is_the_training_median_and_counted(path: Path, tmp_path: Path) -> None:
    values: list[float | str] = [float(i) for i in range(14)]
    values[2] = ""
    write_descriptors_csv(path, {"x": values, "y": list(np.linspace(0, 1, 14))})
    folds = np.array(["training"] * 8 + ["validation"] * 3 + ["test"] * 3)
    metrics = run(read_folder(path), tmp_path / "run", run_settings(), folds=folds)
    assert metrics["n_filled"] == 1
    table = DescriptorTable.read(path / "descriptors.csv")
    ids = read_folder(path).ids
    fitted = Standardisation.fit(table, ids[:8], gaps=True)
    assert fitted.median[0] == 4  # of 0, 1, 3, 4, 5, 6, 7
    rows, n_filled = fitted.filled(table, ids)
    assert n_filled == 1
    assert rows[2, 0] == pytest.approx(float((4 - fitted.mean[0]) / fitted.std[0]))


def test_a_descriptor_without_any_value_is_refused(path: Path, tmp_path: Path) -> None:
    write_descriptors_csv(path, {"x": [""] * 14, "y": [1.0] * 14})
    with pytest.raises(InputError, match="no training crystal has a value of 'x'"):
        run(read_folder(path), tmp_path / "run", run_settings())
    assert not (tmp_path / "run").exists()


def test_own_columns_by_the_command_line(
    own: Path, crystal_folder: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    options = [
        "--epochs",
        "2",
        "--batch-size",
        "4",
        "--atom-fea-len",
        "8",
        "--h-fea-len",
        "8",
        "--out",
        str(out),
    ]
    assert main(["train", str(own), "--model", "de-cgcnn", "--descriptors", "y", "natoms", *options]) == 0
    assert load(out).standardisation.names == ("y", "natoms")  # natoms is computed, y is the user's
    assert main(["predict", str(out), str(own), "--out", str(tmp_path / "p.csv")]) == 0
    (own / "descriptors.csv").unlink()
    capsys.readouterr()
    assert main(["predict", str(out), str(own), "--out", str(tmp_path / "q.csv")]) == 2
    assert "lacks y" in capsys.readouterr().err
    assert not (tmp_path / "q.csv").exists()


# --- several targets, classes ---


def test_several_targets_are_learnt_together(own: Path, tmp_path: Path) -> None:
    metrics = run(read_folder(own), tmp_path / "run", run_settings("cgcnn", targets=("y", "x")))
    assert set(metrics["test"]) == {"x", "y"}
    with (tmp_path / "run" / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    table = DescriptorTable.read(own / "descriptors.csv")
    assert [float(row["target x"]) for row in rows] == pytest.approx(table.values[:, 0].tolist(), rel=1e-5)
    test = [row for row in rows if row["fold"] == "test"]
    errors = [abs(float(row["prediction x"]) - float(row["target x"])) for row in test]
    assert metrics["test"]["x"]["mae"] == pytest.approx(np.mean(errors), rel=1e-4)
    model = load(tmp_path / "run")
    assert model.targets == ("y", "x")
    assert model.predict_folder(read_folder(own), CPU).shape == (14, 2)


def test_a_target_of_another_size_does_not_drown_the_others(own: Path, tmp_path: Path) -> None:
    """Every target is learnt on its own scale."""
    table = DescriptorTable.read(own / "descriptors.csv")
    x, y = table.values.T.tolist()
    write_descriptors_csv(own, {"x": [1e6 * v for v in x], "y": y})
    large = run(read_folder(own), tmp_path / "large", run_settings("cgcnn", targets=("x", "y")))
    write_descriptors_csv(own, {"x": x, "y": y})
    small = run(read_folder(own), tmp_path / "small", run_settings("cgcnn", targets=("x", "y")))
    assert large["test"]["y"]["mae"] == pytest.approx(small["test"]["y"]["mae"], rel=1e-3)
    assert large["test"]["x"]["r2"] == pytest.approx(small["test"]["x"]["r2"], rel=1e-3)


def test_classes_are_predicted_as_they_are_called(path: Path, tmp_path: Path) -> None:
    ids = read_folder(path).ids
    (path / "id_prop.csv").write_text("".join(f"{name},{(3, 5, 7)[i % 3]}\n" for i, name in enumerate(ids)))
    metrics = run(read_folder(path), tmp_path / "run", run_settings("cgcnn", task="classification"))
    assert 0 <= metrics["test"]["accuracy"] <= 1
    model = load(tmp_path / "run")
    assert model.classes == (3, 5, 7)
    assert set(model.predict_folder(read_folder(path), CPU)[:, 0].tolist()) <= {3, 5, 7}


def test_a_class_that_is_no_whole_number(path: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a class"):
        run(read_folder(path), tmp_path / "run", run_settings("cgcnn", task="classification"))


# --- what needs no graph ---


def fitted(name: str, path: Path, targets: list[float], **options: Any) -> np.ndarray:
    ids = [row.split(",")[0] for row in (path / "id_prop.csv").read_text().splitlines()]
    (path / "id_prop.csv").write_text("".join(f"{i},{t}\n" for i, t in zip(ids, targets, strict=True)))
    folds = np.array(["training"] * 8 + ["validation"] * 3 + ["test"] * 3)
    settings = run_settings(name, **options)
    samples = Samples.of(read_folder(path), settings, folds)
    return get_model(name).fit(samples, settings, Job(path, torch.device("cpu"))).predictions[:, 0]


def test_baselines_by_hand(path: Path) -> None:
    targets = [float(i) for i in range(14)]
    assert fitted("mean-baseline", path, targets) == pytest.approx(3.5)
    natoms = [len(structure) for structure in read_folder(path).structures()]
    assert fitted("natoms-baseline", path, [2.5 * n for n in natoms]) == pytest.approx(
        [2.5 * n for n in natoms]
    )
    assert fitted("line-baseline", path, [2.5 * n - 4 for n in natoms]) == pytest.approx(
        [2.5 * n - 4 for n in natoms]
    )
    classes = [1.0] * 5 + [2.0] * 3 + [2.0] * 6
    assert (fitted("majority-baseline", path, classes, task="classification") == 1).all()


def test_atoms_are_counted_where_no_file_says_how_many_there_are(path: Path) -> None:
    folder = read_folder(path)
    assert atom_counts(folder).tolist() == [len(structure) for structure in folder.structures()]
    table = path / "descriptors.csv"
    assert not table.exists()
    table.write_text("id,natoms\n" + "".join(f"{name},7\n" for name in folder.ids))
    assert (atom_counts(folder) == 7).all()
    table.write_text(table.read_text().replace(f"{folder.ids[3]},7", f"{folder.ids[3]},"))
    with pytest.raises(InputError, match=f"'{folder.ids[3]}'.*natoms"):
        atom_counts(folder)


def test_a_single_target_that_has_the_name_of_a_descriptor_is_none(path: Path, tmp_path: Path) -> None:
    rows = (path / "id_prop.csv").read_text()
    (path / "id_prop.csv").write_text(f"id,density\n{rows}")
    run(read_folder(path), tmp_path / "run", run_settings())
    standardisation = load(tmp_path / "run").standardisation
    assert standardisation is not None
    assert "density" not in standardisation.names
    assert len(standardisation.names) == 28
    with pytest.raises(InputError, match="density: is a target"):
        run(read_folder(path), tmp_path / "other", run_settings(descriptors=("density",)))


def test_a_target_that_is_not_learnt_is_no_descriptor_either(own: Path, tmp_path: Path) -> None:
    lines = (own / "id_prop.csv").read_text().split()
    (own / "id_prop.csv").write_text("id,k,y\n" + "".join(f"{line},{i}\n" for i, line in enumerate(lines)))
    folder = read_folder(own, several_targets=True)
    run(folder, tmp_path / "run", run_settings(targets=("k",)))
    assert load(tmp_path / "run").standardisation.names == ("x",)
    run(folder, tmp_path / "asked", run_settings(targets=("k",), descriptors=("y",)))
    assert load(tmp_path / "asked").standardisation.names == ("y",)


def test_a_column_without_a_name_is_refused(own: Path, tmp_path: Path) -> None:
    rows = (own / "descriptors.csv").read_text().splitlines()
    text = "\n".join([f",{rows[0]}", *(f"{i},{row}" for i, row in enumerate(rows[1:]))])
    (own / "descriptors.csv").write_text(text)
    with pytest.raises(InputError, match="a column has no name"):
        run(read_folder(own), tmp_path / "run", run_settings())


def test_classes_of_several_targets_are_refused(own: Path, tmp_path: Path) -> None:
    settings = run_settings(name="forest").model_copy(
        update={"task": "classification", "targets": ("natoms", "a")}
    )
    with pytest.raises(InputError, match="learns one target"):
        run(read_folder(own), tmp_path / "run", settings)


def test_a_model_of_numbers_is_no_classifier(path: Path, tmp_path: Path) -> None:
    (path / "id_prop.csv").write_text("".join(f"x{i:02d},{i % 2}\n" for i in range(13)))
    settings = run_settings(name="mean-baseline").model_copy(update={"task": "classification"})
    with pytest.raises(InputError, match="mean-baseline predicts numbers that are no classes"):
        run(read_folder(path), tmp_path / "run", settings)


def test_the_forest_sees_descriptors_and_no_test_target(own: Path) -> None:
    targets = [float(i) for i in range(14)]
    one = fitted("forest", own, targets)
    other = fitted("forest", own, [*targets[:11], 100.0, 200.0, 300.0])
    assert one == pytest.approx(other)
    assert len(set(one.tolist())) > 1


def test_a_head_on_frozen_vectors(own: Path, tmp_path: Path) -> None:
    """Eq. S5: the convolutions are those of the CGCNN that was trained without descriptors."""
    settings = run_settings("cgcnn+descriptors")
    plain = run_settings("cgcnn")
    run(read_folder(own), tmp_path / "base", plain)
    before = (tmp_path / "base" / "model.ckpt").read_bytes()
    given = run(
        read_folder(own), tmp_path / "given", settings, fit=partial(fit_frozen, base=tmp_path / "base")
    )
    assert (tmp_path / "base" / "model.ckpt").read_bytes() == before
    trained = run(read_folder(own), tmp_path / "trained", settings)
    assert given["test"] == pytest.approx(trained["test"])
    assert not (tmp_path / "trained" / "base").exists()
    assert (
        json.loads((tmp_path / "given" / "settings.json").read_text())["model"]["name"] == settings.model.name
    )
