"""Our ALIGNN against unpatched upstream's in a process of its own; checkpoints, training and invariances."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import import_vendored, random_crystal
from pymatgen.core import Structure
from test_line_graph import real_crystals
from torch import Tensor

from hybrid.cli import main
from hybrid.data.folder import ATOM_INIT, CrystalFolder, read_atom_features, read_folder
from hybrid.descriptors.table import Standardisation
from hybrid.errors import InputError
from hybrid.graphs.line_graph import LineBatch, LineGraphs
from hybrid.models.alignn import ALIGNN
from hybrid.models.cgcnn import atom_feature_table
from hybrid.readout import TargetScale
from hybrid.settings import (
    ALIGNNSettings,
    GraphSettings,
    ModelSettings,
    RunSettings,
    TrainerSettings,
)
from hybrid.trained.checkpoint import load
from hybrid.trained.model import TrainedModel
from hybrid.training.model_registry import recipe
from hybrid.training.run import train
from reproduction.upstream import vendor

SMALL = ALIGNNSettings(
    alignn_layers=2, gcn_layers=2, hidden=24, embedding=8, bond_features=10, angle_features=9
)
FEATURES = atom_feature_table(read_atom_features(ATOM_INIT))

# Outputs, gradients and running statistics of unpatched upstream with given weights, on the graphs of
# given structures; the names that pydantic 2 moved are given back to it.
UPSTREAM = """
import json, sys, types, typing
import pydantic, pydantic_settings
tree, structures, weights, result = sys.argv[1:]
sys.path.insert(0, tree)
root_validator = pydantic.root_validator
pydantic.root_validator = lambda: root_validator(skip_on_failure=True)
pydantic.BaseSettings = pydantic_settings.BaseSettings
sys.modules["pydantic.typing"] = types.SimpleNamespace(Literal=typing.Literal)
import alignn, dgl, numpy, torch
assert alignn.__file__.startswith(tree), alignn.__file__
from jarvis.core.atoms import Atoms
from alignn.graphs import Graph
from alignn.models.alignn import ALIGNN, ALIGNNConfig
with open(structures) as file:
    atoms = [Atoms(lattice_mat=m, coords=x, elements=e) for m, x, e in json.load(file)]
results = {}
for case, (config, state) in torch.load(weights).items():
    dtype = state["fc.weight"].dtype
    torch.set_default_dtype(dtype)
    pairs = [Graph.atom_dgl_multigraph(a, use_canonize=True) for a in atoms]
    torch.set_default_dtype(torch.float32)
    graph, line_graph = (dgl.batch(list(graphs)) for graphs in zip(*pairs))
    model = ALIGNN(ALIGNNConfig(**config)).to(dtype)
    model.load_state_dict(state)
    for mode in ("eval", "train"):
        model.train(mode == "train")
        model.zero_grad()
        output = model((graph, line_graph))
        (output - torch.linspace(-1, 1, output.numel()).reshape(output.shape)).square().mean().backward()
        used = [(key, p.grad) for key, p in model.named_parameters() if p.grad is not None]
        gradients = {key: gradient.clone() for key, gradient in used}
        buffers = {key: value.clone() for key, value in model.named_buffers()}
        results[case, mode] = output.detach(), gradients, buffers
torch.save(results, result)
"""


def network(sizes: ALIGNNSettings = SMALL, pooling: str = "mean", **options: Any) -> ALIGNN:
    torch.manual_seed(3)
    model = ModelSettings(name="alignn", pooling=pooling, alignn=sizes)
    return ALIGNN(FEATURES, GraphSettings(), model, **options)


def upstream_config(model: ALIGNN, sizes: ALIGNNSettings, n_descriptors: int = 0) -> dict[str, Any]:
    """Upstream's settings of the same network with mean pooling."""
    return {
        "name": "alignn",
        "alignn_layers": sizes.alignn_layers,
        "gcn_layers": sizes.gcn_layers,
        "atom_input_features": FEATURES.shape[1],
        "edge_input_features": sizes.bond_features,
        "triplet_input_features": sizes.angle_features,
        "embedding_features": sizes.embedding,
        "hidden_features": sizes.hidden,
        "output_features": 1 if model.classification else model.n_outputs,
        "classification": model.classification,
        "num_classes": model.n_outputs if model.classification else 2,
        "extra_features": n_descriptors,
    }


def every(graphs: LineGraphs) -> LineBatch:
    return graphs.batch(torch.arange(len(graphs)))


def of_upstream(
    tmp_path: Path, crystals: list[Structure], models: dict[str, ALIGNN], sizes: ALIGNNSettings = SMALL
) -> dict[Any, Any]:
    """What unpatched upstream makes of the crystals with the models' weights."""
    pytest.importorskip("dgl")
    tree = tmp_path / "pristine"
    vendor.unpack_pristine("alignn", tree)
    plain = [
        (c.lattice.matrix.tolist(), c.frac_coords.tolist(), [s.symbol for s in c.species]) for c in crystals
    ]
    (tmp_path / "structures.json").write_text(json.dumps(plain))
    states = {case: (upstream_config(model, sizes), model.state_dict()) for case, model in models.items()}
    torch.save(states, tmp_path / "weights.pt")
    files = [str(tmp_path / name) for name in ("structures.json", "weights.pt", "result.pt")]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", UPSTREAM, str(tree), *files]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    results: dict[Any, Any] = torch.load(tmp_path / "result.pt")
    return results


def assert_upstreams(
    model: ALIGNN, graphs: LineGraphs, results: dict[Any, Any], case: str, tolerance: float
) -> None:
    """Compares outputs, gradients relative to the largest of all, and running statistics."""
    batch = every(graphs)
    for mode in ("eval", "train"):
        expected, gradients, buffers = results[case, mode]
        model.train(mode == "train")
        model.zero_grad()
        output = model(batch)
        assert output.shape == (len(graphs), model.n_outputs)
        (output - torch.linspace(-1, 1, output.numel()).reshape(output.shape)).square().mean().backward()
        scale = max(1.0, float(expected.abs().max()))  # fresh weights let some outputs grow
        assert_close(output.detach().reshape(expected.shape), expected, scale * tolerance, f"{case} {mode}")
        largest = max(float(gradient.abs().max()) for gradient in gradients.values())
        found = {k: p.grad for k, p in model.named_parameters() if p.grad is not None}
        assert found.keys() == gradients.keys()
        for name, gradient in gradients.items():
            assert_close(found[name], gradient, 100 * tolerance * largest, f"gradient of {name}")
        for name, buffer in model.named_buffers():
            if name in buffers:
                assert_close(
                    buffer, buffers[name], 100 * tolerance * max(1.0, float(buffer.abs().max())), name
                )


def assert_close(found: Tensor, expected: Tensor, tolerance: float, what: str) -> None:
    difference = float((found - expected).abs().max())
    assert difference <= tolerance, f"{what}: {difference:.1e} is over {tolerance:.1e}"


@pytest.mark.parametrize("options", [{}, pytest.param({"n_outputs": 3}, marks=pytest.mark.slow)], ids=str)
def test_outputs_and_gradients_are_upstreams(
    options: dict[str, Any], tmp_path: Path, NaCl: Structure, Cu: Structure, CsCl: Structure
) -> None:
    """With and without merging; textbook crystals have tied shells and, Cu, self-image bonds only."""
    crystals = [NaCl, Cu, CsCl, *(random_crystal(seed) for seed in range(2))]
    models = {"single": network(**options), "double": network(**options).double()}
    if options:
        models["classes"] = network(classification=True, **options).double()
    results = of_upstream(tmp_path, crystals, models)
    for case, model in models.items():
        state = {key: value.clone() for key, value in model.state_dict().items()}
        for tolerance in (None, 1e-5):
            graphs = LineGraphs.from_structures(crystals, GraphSettings(), tolerance, model.fc.weight.dtype)
            model.load_state_dict(state)
            assert_upstreams(model, graphs, results, case, 1e-5 if case == "single" else 1e-10)


@pytest.mark.slow
def test_outputs_of_real_crystals_are_upstreams(hybrid_data: Path, tmp_path: Path) -> None:
    """200 crystals, as deep as the default network."""
    crystals = real_crystals(hybrid_data, 200)
    sizes = ALIGNNSettings(hidden=32, embedding=16)
    for number in range(0, len(crystals), 20):
        models = {"single": network(sizes), "double": network(sizes).double()}
        some = crystals[number : number + 20]
        (tmp_path / str(number)).mkdir()
        results = of_upstream(tmp_path / str(number), some, models, sizes)
        for case, tolerance in (("single", 1e-5), ("double", 1e-10)):
            dtype = models[case].fc.weight.dtype
            graphs = LineGraphs.from_structures(some, GraphSettings(), dtype=dtype)
            assert_upstreams(models[case], graphs, results, case, tolerance)


# --- merging changes nothing ---


def gradients_of(model: ALIGNN, graphs: LineGraphs, descriptors: Tensor | None) -> dict[str, Tensor]:
    model.zero_grad()
    output = model(every(graphs), descriptors)
    (output - torch.linspace(-1, 1, len(graphs))[:, None]).square().mean().backward()
    found = {key: p.grad.clone() for key, p in model.named_parameters() if p.grad is not None}
    buffers = {key: buffer.clone() for key, buffer in model.named_buffers()}
    return {"output": output.detach(), **found, **buffers}


@pytest.mark.parametrize("pooling", ["mean", "sum"])
@pytest.mark.parametrize("n_descriptors", [0, 3])
def test_merged_graphs_give_the_same(
    pooling: str, n_descriptors: int, NaCl: Structure, Si: Structure, Cu: Structure
) -> None:
    crystals = [NaCl, Si, Cu, Cu * (3, 2, 1), random_crystal(1)]
    torch.manual_seed(1)
    descriptors = torch.randn(len(crystals), n_descriptors).double() if n_descriptors else None
    whole, merged = (
        LineGraphs.from_structures(crystals, GraphSettings(), tolerance, torch.float64)
        for tolerance in (None, 1e-6)
    )
    assert len(merged.cosines) < len(whole.cosines) / 2
    found = [
        gradients_of(network(pooling=pooling, n_descriptors=n_descriptors).double().train(), g, descriptors)
        for g in (whole, merged)
    ]
    for name, value in found[0].items():
        torch.testing.assert_close(found[1][name], value, rtol=1e-8, atol=1e-10, msg=name)


def test_equal_lengths_and_cosines_are_embedded_once(Si: Structure) -> None:
    model = network()
    batch = every(LineGraphs.from_structures([Si], GraphSettings(), tolerance=None))
    embedded: list[int] = []
    for embedding in (model.edge_embedding, model.angle_embedding):
        embedding[0].register_forward_hook(lambda _, __, rows: embedded.append(len(rows)))
    model(batch)
    assert embedded == [len(batch.equal_lengths.first), len(batch.equal_cosines.first)]
    assert embedded[1] < len(batch.cosines) / 10


# --- parameters and readout ---


@pytest.mark.parametrize("n_outputs", [None, 5])
@pytest.mark.parametrize("classification", [False, True])
@pytest.mark.parametrize("n_descriptors", [0, 5])
@pytest.mark.parametrize(("sizes", "pooling"), [(ALIGNNSettings(), "mean"), (SMALL, "sum")])
def test_the_same_seed_gives_upstreams_initial_weights(
    sizes: ALIGNNSettings, pooling: str, n_descriptors: int, classification: bool, n_outputs: int | None
) -> None:
    import_vendored("alignn")
    from alignn.models import alignn as upstream

    options = {"n_descriptors": n_descriptors, "classification": classification, "n_outputs": n_outputs}
    ours = network(sizes, pooling, **options)
    config = {**upstream_config(ours, sizes, n_descriptors), "pooling": pooling}
    torch.manual_seed(3)
    theirs = upstream.ALIGNN(upstream.ALIGNNConfig(**config))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    for key, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[key], value), key


@pytest.fixture(scope="module")
def graphs() -> LineGraphs:
    return LineGraphs.from_structures([random_crystal(seed) for seed in range(6)], GraphSettings())


@pytest.mark.parametrize("pooling", ["mean", "sum"])
@pytest.mark.parametrize("n_descriptors", [0, 3])
@pytest.mark.parametrize("merged", [False, True])
def test_readout_is_the_papers(
    merged: bool, pooling: str, n_descriptors: int, graphs: LineGraphs, NaCl: Structure
) -> None:
    """FCN(mean a_i ⊕ d) of eq. 14, and sum FCN(a_i ⊕ d)."""
    if merged:
        graphs = LineGraphs.from_structures([NaCl, random_crystal(1), NaCl], GraphSettings())
    model = network(pooling=pooling, n_descriptors=n_descriptors, n_outputs=2).eval()
    descriptors = torch.randn(len(graphs), n_descriptors) if n_descriptors else None
    batch = every(graphs)

    def head(vector: Tensor, crystal: int) -> Tensor:
        if descriptors is None:
            return model.fc(vector)
        embedded = model.extra_feature_embedding(descriptors[crystal : crystal + 1])[0]
        return model.fc3(model.fc2(model.fc1(torch.cat([vector, embedded])[None])))[0]

    with torch.no_grad():
        rows = model.atom_vectors(batch).repeat_interleave(batch.crystals.atoms_of_row.long(), dim=0)
        assert (len(rows) > len(batch.species)) == merged
        atoms = rows.split(batch.crystals.n_atoms.tolist())
        found = model(batch, descriptors)
        for number, vectors in enumerate(atoms):
            if pooling == "mean":
                expected = head(vectors.mean(dim=0), number)
            else:
                expected = torch.stack([head(vector, number) for vector in vectors]).sum(dim=0)
            torch.testing.assert_close(found[number], expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(
            model.crystal_embeddings(batch), torch.stack([vectors.mean(dim=0) for vectors in atoms])
        )


def test_one_crystal_with_one_output_keeps_its_shape(graphs: LineGraphs) -> None:
    assert network().eval()(graphs.batch(torch.tensor([2]))).shape == (1, 1)


def test_a_crystals_output_does_not_depend_on_its_batch(graphs: LineGraphs) -> None:
    model = network().eval()
    alone = torch.cat([model(graphs.batch(torch.tensor([i]))) for i in range(len(graphs))])
    torch.testing.assert_close(model(every(graphs)), alone)


def test_a_supercell_doubles_the_sum_and_leaves_the_mean(Cu: Structure) -> None:
    cells = [Cu * (3, 3, 3), Cu * (6, 3, 3)]
    doubled = LineGraphs.from_structures(cells, GraphSettings(), dtype=torch.float64)
    for pooling, factor in (("mean", 1), ("sum", 2)):
        one, two = network(pooling=pooling).double().eval()(every(doubled))[:, 0].tolist()
        assert two == pytest.approx(factor * one, rel=1e-6)


def test_rotation_and_order_change_nothing() -> None:
    """Of a crystal without equal distances; where a shell is tied, upstream's graph depends on rounding."""
    rng = np.random.default_rng(0)
    cell = random_crystal(0, n_atoms=3) * (2, 2, 2)
    places = cell.frac_coords + rng.normal(0, 0.01, (24, 3))
    crystal = Structure(cell.lattice, cell.species, places)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    rotated = Structure(crystal.lattice.matrix @ rotation, crystal.species, crystal.frac_coords)
    permuted = Structure.from_sites([crystal[i] for i in rng.permutation(24)])
    graphs = LineGraphs.from_structures([crystal, rotated, permuted], GraphSettings(), dtype=torch.float64)
    found = network().double().eval()(every(graphs))
    torch.testing.assert_close(found[1:], found[:1].expand(2, 1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_the_network_runs_on_another_device(pooling: str, graphs: LineGraphs) -> None:
    """On the meta device any tensor made on the CPU on the way would be an error."""
    model = network(pooling=pooling, n_descriptors=2).to("meta")
    batch = every(graphs)
    moved: dict[str, Any] = {}
    for field in fields(batch):
        value = getattr(batch, field.name)
        if isinstance(value, Tensor):
            moved[field.name] = value.to("meta")
        else:
            moved[field.name] = type(value)(**{key: t.to("meta") for key, t in vars(value).items()})
    for mode in (False, True):
        output = model.train(mode)(LineBatch(**moved), torch.zeros(len(graphs), 2, device="meta"))
        assert (output.device.type, output.shape) == ("meta", (len(graphs), 1))
    output.sum().backward()


# --- training, checkpoints, predictions ---


def run_settings(name: str, pooling: str, **options: Any) -> RunSettings:
    model = ModelSettings(name=name, pooling=pooling, alignn=SMALL)
    trainer = TrainerSettings(epochs=3, batch_size=4, optimiser="adamw", learning_rate=0.003)
    return RunSettings(model=model, trainer=trainer, split=(0.6, 0.2, 0.2), **options)


@pytest.fixture
def folder(crystal_folder: Callable[..., Path]) -> CrystalFolder:
    return read_folder(crystal_folder(14))


@pytest.mark.parametrize(("name", "pooling"), [("alignn", "mean"), ("de-alignn", "sum")])
def test_train_and_predict(name: str, pooling: str, folder: CrystalFolder, tmp_path: Path) -> None:
    """The run's predictions are those of its checkpoint, by the command line too."""
    out = tmp_path / "run"
    metrics = train(folder, run_settings(name, pooling), out, device="cpu", progress=False)
    assert metrics["status"] == "done"
    model = load(out)
    assert isinstance(model.network, ALIGNN)
    assert model.network.pooling.name == pooling
    assert (model.standardisation is not None) == name.startswith("de-")
    predictions = model.predict_folder(folder, torch.device("cpu"))[:, 0]
    assert np.ptp(predictions) > 0
    for path, column in ((out / "predictions.csv", 3), (tmp_path / "told.csv", 3)):
        if not path.exists():
            assert main(["predict", str(out), str(folder.path), "--out", str(path)]) == 0
        told = [float(row.split(",")[column]) for row in path.read_text().splitlines()[1:]]
        assert told == pytest.approx(predictions, rel=1e-5)


@pytest.mark.slow
def test_something_is_learnt(folder: CrystalFolder, tmp_path: Path) -> None:
    trainer = recipe(ModelSettings(name="alignn")).trainer.model_copy(
        update={"epochs": 40, "batch_size": 4, "learning_rate": 0.01}
    )
    settings = run_settings("alignn", "mean").model_copy(update={"trainer": trainer})
    metrics = train(folder, settings, tmp_path / "run", device="cpu", progress=False)
    assert metrics["training"]["mae_over_mad"] < 0.5


def test_classes_are_learnt(folder: CrystalFolder, tmp_path: Path) -> None:
    labelled = replace(folder, targets=np.arange(14) % 3 + 5.0)
    settings = run_settings("alignn", "mean", task="classification")
    train(labelled, settings, tmp_path / "run", device="cpu", progress=False)
    model = load(tmp_path / "run")
    assert model.classes == (5, 6, 7)
    assert set(model.predict_folder(folder, torch.device("cpu"))[:, 0]) <= {5, 6, 7}


@pytest.mark.parametrize("model", ["de-alignn", "cgcnn-lattice"])
def test_a_batch_of_one_crystal_is_refused_where_crystals_are_normalised(
    folder: CrystalFolder, tmp_path: Path, model: str
) -> None:
    settings = run_settings(model, "mean")
    trainer = settings.trainer.model_copy(update={"batch_size": 1})
    with pytest.raises(InputError, match="a training batch would contain only one crystal"):
        train(folder, settings.model_copy(update={"trainer": trainer}), tmp_path / "run", progress=False)


def upstream_output(path: Path, model: ALIGNN, config: dict[str, Any], checkpoint: dict[str, Any]) -> Path:
    """A folder as the training script leaves it."""
    path.mkdir()
    (path / "config.json").write_text(json.dumps({"use_canonize": True, "max_neighbors": 12, **config}))
    torch.save(
        {"model": model.state_dict(), "optimizer": {}, "trainer": {}, **checkpoint}, path / "best_model.pt"
    )
    return path / "best_model.pt"


def test_upstreams_checkpoints_are_read(graphs: LineGraphs, tmp_path: Path) -> None:
    model = network(pooling="sum", n_descriptors=2).eval()
    standardisation = Standardisation(("a", "b"), *torch.ones(3, 2))
    file = upstream_output(
        tmp_path / "patched",
        model,
        {"model": {"name": "alignn", "pooling": "sum", "link": "identity"}},
        {"normalizer": {"mean": 0.0, "std": 4.0}, "descriptors": standardisation.state_dict()},
    )
    loaded = load(file)
    assert loaded.standardisation is not None
    assert loaded.standardisation.names == ("a", "b")
    descriptors = torch.randn(len(graphs), 2)
    with torch.no_grad():
        expected = 4 * model(every(graphs), descriptors).double()
    found = loaded.predict_graphs(graphs, torch.device("cpu"), descriptors, batch_size=3)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_weights_without_config_are_those_of_average_pooling(graphs: LineGraphs, tmp_path: Path) -> None:
    model = network().eval()
    file = upstream_output(tmp_path / "old", model, {}, {})
    (tmp_path / "old" / "config.json").unlink()
    with torch.no_grad():
        expected = model(every(graphs))
    np.testing.assert_allclose(load(file).predict_graphs(graphs, torch.device("cpu")), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"use_canonize": False}, "use_canonize is False"),
        ({"neighbor_strategy": "radius_graph"}, "neighbor_strategy is radius_graph"),
        ({"model": {"link": "log"}}, "link is log; only identity"),
    ],
)
def test_what_another_graph_or_network_needs_is_refused(
    config: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        load(upstream_output(tmp_path / "other", network(), config, {}))


@pytest.mark.slow
def test_the_patched_scripts_model_predicts_what_it_told(folder: CrystalFolder, tmp_path: Path) -> None:
    pytest.importorskip("dgl")
    sizes = {"alignn_layers": 1, "gcn_layers": 1, "hidden_features": 16, "embedding_features": 8}
    config = {"dataset": "user_data", "target": "target", "epochs": 2, "batch_size": 3, "num_workers": 0}
    (tmp_path / "config.json").write_text(json.dumps({**config, "model": {"name": "alignn", **sizes}}))
    script = vendor.get_source("alignn").tree / "alignn_train_folder.py"
    options = ["--root_dir", str(folder.path), "--config_name", "config.json", "--output_dir", "out"]
    done = subprocess.run(
        [sys.executable, str(script), *options, "--pooling", "sum"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    found = load(tmp_path / "out" / "best_model.pt").predict_folder(folder, torch.device("cpu"))[:, 0]
    table = (tmp_path / "out" / "prediction_results_test_set.csv").read_text().splitlines()[1:]
    assert table
    for row in table:
        identity, _, prediction = row.split(",")
        assert found[folder.ids.index(identity)] == pytest.approx(float(prediction), rel=1e-4)


def test_runs_of_cgcnn_keep_their_names() -> None:
    """A run's name hashes the settings that are not the defaults."""
    assert RunSettings().model_dump_json(exclude_defaults=True) == "{}"


def test_models_saved_and_loaded_are_the_same(graphs: LineGraphs, tmp_path: Path) -> None:
    settings = ModelSettings(name="alignn", alignn=SMALL)
    trained = TrainedModel(network(), settings, scale=TargetScale(1000.0, 2.5))
    trained.save(tmp_path / "model.ckpt")
    expected = trained.predict_graphs(graphs, torch.device("cpu"))
    assert (load(tmp_path).predict_graphs(graphs, torch.device("cpu")) == expected).all()
    assert load(tmp_path).crystal_embeddings(graphs, torch.device("cpu")).shape == (len(graphs), SMALL.hidden)
