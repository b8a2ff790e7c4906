"""Roost and the forest on the formula: upstream's graphs and outputs, invariances, runs, models on disk."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import random_crystal
from pymatgen.core import Composition, Element, Lattice, Structure

from hybrid.cli import main
from hybrid.data.folder import CrystalFolder, read_folder
from hybrid.data.groups import formula, formula_overlap
from hybrid.graphs.composition import CompositionBatch, CompositionGraphs
from hybrid.settings import ModelSettings, RoostSettings, RunSettings, TrainerSettings
from hybrid.trained.checkpoint import load
from hybrid.training.model_registry import recipe
from hybrid.training.run import train
from reproduction.models.magpie import composition_features

CPU = torch.device("cpu")
SMALL = RoostSettings(elem_fea_len=8, n_graph=2, heads=2)
FORMULAS = ("Na1 Cl1", "Cu1", "Al2 Si1 Ca3 O12", "Li1 O2 Co1", "O3 Fe2", "H4 C1", "F6 U1")


def atoms_of(text: str) -> np.ndarray:
    """The atomic numbers of a formula's atoms."""
    counts = Composition(text).get_el_amt_dict()
    return np.concatenate([[Element(symbol).Z] * int(amount) for symbol, amount in counts.items()])


def graphs_of(formulas: tuple[str, ...] = FORMULAS, dtype: torch.dtype = torch.float32) -> CompositionGraphs:
    return CompositionGraphs.from_atoms([atoms_of(text) for text in formulas], dtype)


def every(graphs: CompositionGraphs) -> CompositionBatch:
    return graphs.batch(torch.arange(len(graphs)))


def crystal_of(text: str) -> Structure:
    """A crystal of a formula, whatever its geometry."""
    numbers = atoms_of(text)
    return Structure(Lattice.cubic(9), numbers, np.arange(len(numbers))[:, None] / [len(numbers), 7, 3])


def network(**options: Any) -> Any:
    from hybrid.models.roost import Roost

    torch.manual_seed(0)
    return Roost(ModelSettings(name="roost", roost=SMALL), **options)


# --- upstream ---


@pytest.fixture
def collated() -> tuple[torch.Tensor, ...]:
    """Upstream's own batch of the same formulas, elements in the order of their atomic number."""
    data = pytest.importorskip("aviary.roost.data")
    frame = pytest.importorskip("pandas")
    by_number = [
        "".join(f"{e.symbol}{n:g}" for e, n in sorted(Composition(f).items(), key=lambda pair: pair[0].Z))
        for f in FORMULAS
    ]
    table = frame.DataFrame({"material_id": FORMULAS, "composition": by_number, "y": 0.0})
    rows = data.CompositionData(table, {"y": "regression"})
    inputs: tuple[torch.Tensor, ...] = data.collate_batch([rows[i] for i in range(len(rows))])[0]
    return inputs


def test_packed_graphs_are_upstreams(collated: tuple[torch.Tensor, ...]) -> None:
    batch = every(graphs_of())
    found = (batch.weights, batch.species, batch.target, batch.source, batch.of_element)
    for ours, theirs in zip(found, collated, strict=True):
        assert ours.shape == theirs.shape
        assert torch.equal(ours, theirs.to(ours.dtype))


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("classification", [False, True])
def test_outputs_are_upstreams(
    n_outputs: int, classification: bool, collated: tuple[torch.Tensor, ...]
) -> None:
    upstream = pytest.importorskip("aviary.roost.model")
    n_outputs += classification
    tasks = {"y": "classification"} if classification else dict.fromkeys("abc"[:n_outputs], "regression")
    torch.manual_seed(7)
    theirs = upstream.Roost(
        robust=False,
        n_targets=[n_outputs] if classification else [1] * n_outputs,
        task_dict=tasks,
        elem_fea_len=8,
        n_graph=2,
        elem_heads=2,
        cry_heads=2,
    )
    theirs.double().eval().requires_grad_(False)
    weights, species, *edges = collated
    expected = torch.cat(theirs(weights.double(), species.long(), *(e.long() for e in edges)), dim=1)
    if classification:
        expected = torch.log(torch.softmax(expected, dim=1))
    ours = network(n_outputs=n_outputs, classification=classification).double().eval().requires_grad_(False)
    ours.load_state_dict(theirs.state_dict())
    found = ours(every(graphs_of().to("cpu", torch.float64)))
    assert found.shape == (len(FORMULAS), n_outputs)
    assert float((found - expected).abs().max()) < 1e-10


def test_default_sizes_are_upstreams() -> None:
    upstream = pytest.importorskip("aviary.roost.model")
    from hybrid.models.roost import Roost

    theirs = upstream.Roost(robust=False, n_targets=[1], task_dict={"y": "regression"})
    shapes = {name: weights.shape for name, weights in theirs.state_dict().items()}
    ours = Roost(ModelSettings(name="roost")).state_dict()
    assert {name: weights.shape for name, weights in ours.items()} == shapes


# --- graphs ---


def test_a_batch_by_hand() -> None:
    """Salt, and copper alone, whose only edge is its own."""
    batch = graphs_of(("O3 Fe2", "Na1 Cl1", "Cu1")).batch(torch.tensor([2, 0]))
    assert batch.species.tolist() == [29, 8, 26]
    assert batch.weights[:, 0].tolist() == pytest.approx([1, 0.6, 0.4])
    assert list(zip(batch.target.tolist(), batch.source.tolist(), strict=True)) == [
        (0, 0),
        (1, 1),
        (1, 2),
        (2, 1),
        (2, 2),
    ]
    assert batch.of_element.tolist() == [0, 1, 1]


def test_formulas_are_those_of_the_reduced_formula(NaCl: Structure, NaCl_primitive: Structure) -> None:
    crystals = [NaCl, NaCl_primitive, *map(random_crystal, range(40))]
    ours = CompositionGraphs.from_structures(crystals).formulas()
    theirs = [formula(crystal) for crystal in crystals]
    assert ours[:2] == ["Na0.5 Cl0.5"] * 2
    assert len(set(theirs)) < len(crystals)
    for i in range(len(crystals)):
        assert [name == ours[i] for name in ours] == [name == theirs[i] for name in theirs]


def test_graphs_are_kept_as_they_are(tmp_path: Path) -> None:
    graphs = graphs_of()
    CompositionGraphs.save([graphs], tmp_path / "graphs.columns")
    found = CompositionGraphs.load(tmp_path / "graphs.columns")
    assert found.formulas() == graphs.formulas()
    assert torch.equal(found.weights, graphs.weights)


# --- invariances ---


def test_an_output_does_not_depend_on_the_batch() -> None:
    model, graphs = network(n_outputs=2).double().eval(), graphs_of(dtype=torch.float64)
    together = model(every(graphs)).detach()
    for i in range(len(graphs)):
        assert torch.allclose(model(graphs.batch(torch.tensor([i])))[0], together[i], rtol=0, atol=1e-10)
    order = torch.tensor([4, 1, 6, 1])
    assert torch.allclose(model(graphs.batch(order)), together[order], rtol=0, atol=1e-10)
    assert float(together.std(dim=0).min()) > 1e-4  # what is compared is not the same for all


def test_an_output_does_not_depend_on_the_order_of_the_elements() -> None:
    model, batch = network().double().eval(), graphs_of(("Al2 Si1 Ca3 O12",), torch.float64).batch
    straight = batch(torch.tensor([0]))
    turned = CompositionBatch(
        straight.species.flip(0),
        straight.weights.flip(0),
        straight.target,
        straight.source,
        straight.of_element,
    )
    assert torch.allclose(model(straight), model(turned), rtol=0, atol=1e-10)
    embeddings = [model.crystal_embeddings(batch) for batch in (straight, turned)]
    assert torch.allclose(*embeddings, rtol=0, atol=1e-10)


def test_polymorphs_and_supercells_are_the_same_to_it(NaCl: Structure, CsCl: Structure) -> None:
    other = CsCl.copy()
    other.replace(0, "Na")
    model, crystals = network().eval(), [NaCl, other, NaCl * (3, 1, 1)]
    # one by one, as some processors round the rows of a batch differently
    outputs = torch.cat([model(every(CompositionGraphs.from_structures([crystal]))) for crystal in crystals])
    assert outputs.unique().numel() == 1


# --- runs ---


def run_settings(name: str = "roost", **options: Any) -> RunSettings:
    trainer = TrainerSettings(epochs=3, batch_size=4, optimiser="adamw", learning_rate=0.001, loss="l1")
    return RunSettings(model=ModelSettings(name=name, roost=SMALL), trainer=trainer, **options)  # type: ignore[arg-type]


@pytest.fixture
def folder(crystal_folder: Callable[..., Path]) -> CrystalFolder:
    return read_folder(crystal_folder(16))


def with_columns(folder: CrystalFolder) -> CrystalFolder:
    """The folder with two columns to learn together."""
    rows = [f"{name},{i % 5},{i * 0.3:.2f}\n" for i, name in enumerate(folder.ids)]
    (folder.path / "descriptors.csv").write_text("".join(["id,mine,yours\n", *rows]))
    return folder


def run(folder: CrystalFolder, out: Path, settings: RunSettings) -> dict[str, Any]:
    return train(folder, settings, out, device="cpu", progress=False)


def written(out: Path, column: str = "prediction") -> list[float]:
    with (out / "predictions.csv").open() as file:
        return [float(row[column]) for row in csv.DictReader(file)]


def test_a_trained_roost_comes_back_from_disk(folder: CrystalFolder, tmp_path: Path) -> None:
    metrics = run(folder, tmp_path / "run", run_settings())
    model = load(tmp_path / "run")
    assert model.settings.name == "roost"
    assert model.predict_folder(folder, CPU)[:, 0] == pytest.approx(written(tmp_path / "run"), rel=1e-5)
    graphs = folder.graphs(model.graph, CompositionGraphs)
    assert model.crystal_embeddings(graphs, CPU).shape == (16, SMALL.elem_fea_len)
    formulas = [formula(structure) for structure in folder.structures()]
    with (tmp_path / "run" / "predictions.csv").open() as file:
        folds = np.array([row["fold"] for row in csv.DictReader(file)])
    assert metrics["formula_overlap"] == formula_overlap(formulas, folds)


@pytest.mark.slow
def test_training_learns(tmp_path: Path) -> None:
    """The share of oxygen, which the formula says: almost all of it is learnt in a few epochs."""
    path, rows = tmp_path / "oxides", []
    path.mkdir()
    for i in range(60):
        n_oxygen, n_metal = 1 + i % 6, 1 + i // 6 % 5
        crystal = crystal_of(f"O{n_oxygen} {('Fe', 'Li')[i % 2]}{n_metal}")
        (path / f"x{i:02d}.json").write_text(crystal.to_json())
        rows.append(f"x{i:02d},{100 * n_oxygen / (n_oxygen + n_metal)}\n")
    (path / "id_prop.csv").write_text("".join(rows))
    trainer = recipe(ModelSettings(name="roost")).trainer.model_copy(update={"epochs": 30, "batch_size": 8})
    settings = run_settings().model_copy(update={"trainer": trainer})
    assert run(read_folder(path), tmp_path / "run", settings)["test"]["r2"] > 0.9


@pytest.mark.parametrize("name", ["roost", "composition-forest"])
def test_several_targets_are_learnt_together(name: str, folder: CrystalFolder, tmp_path: Path) -> None:
    settings = run_settings(name, targets=("mine", "yours"))
    metrics = run(with_columns(folder), tmp_path / "run", settings)
    assert set(metrics["test"]) == {"mine", "yours"}
    if name == "roost":
        model = load(tmp_path / "run")
        predictions = model.predict_folder(folder, CPU)
        for column, found in zip(("mine", "yours"), predictions.T, strict=True):
            expected = written(tmp_path / "run", f"prediction {column}")
            assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", ["roost", "composition-forest"])
def test_classes_are_learnt(name: str, folder: CrystalFolder, tmp_path: Path) -> None:
    rows = [f"{identity},{(3, 5, 8)[i % 3]}\n" for i, identity in enumerate(folder.ids)]
    (folder.path / "id_prop.csv").write_text("".join(rows))
    metrics = run(read_folder(folder.path), tmp_path / "run", run_settings(name, task="classification"))
    assert 0 <= metrics["test"]["accuracy"] <= 1
    assert set(written(tmp_path / "run")) <= {3, 5, 8}
    if name == "roost":
        predictions = load(tmp_path / "run").predict_folder(folder, CPU)
        assert predictions[:, 0].tolist() == written(tmp_path / "run")


def test_train_and_predict_from_the_command_line(
    folder: CrystalFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", str(folder.path), "--model", "roost", "--epochs", "1"]) == 0
    trained = json.loads((tmp_path / "crystals-roost-mean-epochs-1" / "settings.json").read_text())["trainer"]
    chosen = recipe(ModelSettings(name="roost")).trainer.model_copy(update={"epochs": 1})
    assert TrainerSettings(**trained) == chosen
    assert main(["predict", "crystals-roost-mean-epochs-1", str(folder.path), "--out", "found.csv"]) == 0
    with (tmp_path / "found.csv").open() as file:
        found = [float(row["prediction"]) for row in csv.DictReader(file)]
    assert found == pytest.approx(written(tmp_path / "crystals-roost-mean-epochs-1"), rel=1e-5)
    assert "16 predictions; found.csv" in capsys.readouterr().out


# --- what cannot be ---


def test_a_formula_has_no_sum_pooling(folder: CrystalFolder, capsys: pytest.CaptureFixture) -> None:
    assert main(["train", str(folder.path), "--model", "roost", "--pooling", "sum"]) == 2
    assert capsys.readouterr().err.splitlines() == ["error: --pooling sum: roost has mean pooling only"]


def test_vectors_of_a_formula_have_no_sum(
    folder: CrystalFolder, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run(folder, tmp_path / "run", run_settings())
    assert main(["embed", str(folder.path), "--model", str(tmp_path / "run"), "--pooling", "sum"]) == 2
    assert capsys.readouterr().err.splitlines() == ["error: --pooling sum: roost has mean pooling only"]


def test_supercells_of_a_formula_are_not_compared(
    folder: CrystalFolder, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run(folder, tmp_path / "run", run_settings())
    assert main(["supercells", str(tmp_path / "run"), str(folder.path)]) == 2
    assert "error: roost: supercells can be compared for a CGCNN only" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "package"), [("roost", "aviary-models"), ("composition-forest", "matminer")]
)
def test_a_missing_package_is_one_sentence(
    model: str,
    package: str,
    folder: CrystalFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    from reproduction.models import magpie as composition

    composition._elements.cache_clear()
    monkeypatch.delitem(sys.modules, "hybrid.models.roost", raising=False)
    for module in ("aviary", "aviary.roost", "aviary.roost.model", "matminer.featurizers.composition"):
        monkeypatch.setitem(sys.modules, module, None)
    out = tmp_path / "run"
    assert main(["train", str(folder.path), "--model", model, "--out", str(out)]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert f"needs the package {package}" in errors[0]
    assert not out.exists()


@pytest.mark.slow
def test_roosts_package_is_imported_only_when_it_is_asked_for() -> None:
    code = """if True:
        import sys
        import hybrid.trained.checkpoint, reproduction.workflow.plan, hybrid.training.run
        assert not {"aviary", "wandb", "matminer"} & set(sys.modules)
    """
    subprocess.run([sys.executable, "-c", code], check=True)


# --- the formula alone ---


def test_overlap_by_hand() -> None:
    """Of four test crystals, two have the formula of a training crystal; one has a validation crystal's."""
    folds = np.array(["training"] * 3 + ["validation"] + ["test"] * 4)
    formulas = ["NaCl", "Si", "Si", "LiF", "NaCl", "Si", "LiF", "MgO"]
    assert formula_overlap(formulas, folds) == 0.5
    assert formula_overlap([*formulas[:4], "LiF", "Al", "Cu", "MgO"], folds) == 0


def test_a_split_by_formula_has_no_overlap(folder: CrystalFolder, tmp_path: Path) -> None:
    by_formula = run_settings("composition-forest", grouping="formula", split=(0.5, 0.25, 0.25))
    assert run(folder, tmp_path / "run", by_formula)["formula_overlap"] == 0


def test_features_are_matminers() -> None:
    composition = pytest.importorskip("matminer.featurizers.composition")
    magpie = composition.ElementProperty.from_preset("magpie", impute_nan=True)
    formulas = (*FORMULAS, "Pu1 Np2 Tc1", "Xe1 F2")
    names, found = composition_features(graphs_of(formulas, torch.float64))
    assert names == [label.removeprefix("MagpieData ") for label in magpie.feature_labels()]
    for row, text in zip(found, formulas, strict=True):
        assert row == pytest.approx(magpie.featurize(Composition(text)), rel=1e-9, abs=1e-9)


def test_the_forest_sees_the_formula_alone(crystal_folder: Callable[..., Path], tmp_path: Path) -> None:
    folder = read_folder(crystal_folder(40))  # some share a formula
    metrics = run(folder, tmp_path / "run", run_settings("composition-forest"))
    assert len(metrics["importance"]) == 132
    assert sum(metrics["importance"].values()) == pytest.approx(1)
    by_formula: dict[str, set[float]] = {}
    for structure, prediction in zip(folder.structures(), written(tmp_path / "run"), strict=True):
        by_formula.setdefault(formula(structure), set()).add(prediction)
    assert len(by_formula) < len(folder)
    assert all(len(predictions) == 1 for predictions in by_formula.values())


def test_unknown_element_features_are_refused() -> None:
    with pytest.raises(ValueError, match="element_features"):
        RoostSettings(element_features="mine")  # type: ignore[arg-type]
