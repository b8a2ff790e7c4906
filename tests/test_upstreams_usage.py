"""What ALIGNN's own repository tests at the pinned release, written anew.

Each test runs on a tree with the patch for the current stack alone, and on the patched tree: folders,
configurations and modes that upstream's users know go on working.
"""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import random_crystal
from pymatgen.io.vasp import Poscar

from reproduction.paths import ROOT
from reproduction.upstream import patch_queue, vendor

pytest.importorskip("dgl")

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
N, PARTS = 30, {"id_train": 24, "id_val": 3, "id_test": 3}  # the last batch to validate on holds one
TINY = {
    "alignn_layers": 1,
    "gcn_layers": 1,
    "edge_input_features": 8,
    "triplet_input_features": 8,
    "embedding_features": 8,
    "hidden_features": 16,
}
# the keys of the example configuration of 2021 to 2023, which later ones add to
EXAMPLE: dict[str, Any] = {
    "version": "0",
    "dataset": "user_data",
    "target": "target",
    "atom_features": "cgcnn",
    "neighbor_strategy": "k-nearest",
    "id_tag": "jid",
    "random_seed": 123,
    "classification_threshold": None,
    "n_val": None,
    "n_test": None,
    "n_train": None,
    "train_ratio": 0.8,
    "val_ratio": 0.1,
    "test_ratio": 0.1,
    "target_multiplication_factor": None,
    "epochs": 1,
    "batch_size": 2,
    "weight_decay": 1e-05,
    "learning_rate": 0.001,
    "filename": "sample",
    "warmup_steps": 2000,
    "criterion": "mse",
    "optimizer": "adamw",
    "scheduler": "onecycle",
    "pin_memory": False,
    "save_dataloader": False,
    "write_checkpoint": True,
    "write_predictions": True,
    "store_outputs": True,
    "progress": False,
    "log_tensorboard": False,
    "standard_scalar_and_pca": False,
    "use_canonize": True,
    "num_workers": 0,
    "cutoff": 8.0,
    "cutoff_extra": 3.0,
    "max_neighbors": 12,
    "keep_data_order": True,
    "normalize_graph_level_loss": False,
    "distributed": False,
    "data_parallel": False,
    "n_early_stopping": None,
    "output_dir": "temp",
}
LINKED = {
    "name": "alignn",
    "atom_input_features": 92,
    "output_features": 1,
    "link": "identity",
    "zero_inflated": False,
    "classification": False,
    **TINY,
}
FORCES = {
    "name": "alignn_atomwise",
    "atom_input_features": 92,
    "calculate_gradient": True,
    "atomwise_output_features": 0,
    "output_features": 1,
    "graphwise_weight": 0.85,
    "gradwise_weight": 0.05,
    "atomwise_weight": 0.0,
    "stresswise_weight": 0.05,
    **TINY,
}
ENERGIES = {**FORCES, "calculate_gradient": False, "gradwise_weight": 0, "stresswise_weight": 0}

# Each mode: the script's function, what differs from the example, the function's arguments.
Mode = tuple[str, dict[str, Any], dict[str, Any]]
QUICK: dict[str, Mode] = {
    "regression": ("folder", {}, {}),
    "several-targets": ("folder", {}, {"root_dir": "multi"}),
    "classification": ("folder", {}, {"classification_threshold": 0.01}),
    "zero-inflated": (
        "folder",
        {"model": {"name": "cgcnn", "zero_inflated": True}, "criterion": "zig", "write_predictions": False},
        {},
    ),
    "forces": ("forces", {"model": FORCES, "criterion": "l1", "store_outputs": False}, {}),
}
SLOW: dict[str, Mode] = {
    "restart": ("folder", {}, {"restart_model_path": "regression"}),
    "format": ("folder", {}, {"file_format": "poscar"}),
    "classification-by-config": ("folder", {"classification_threshold": 0.01}, {}),
    "early-stopping": ("folder", {"epochs": 2, "n_early_stopping": 2}, {}),
    "saved-loaders": ("folder", {"save_dataloader": True}, {}),
    "saved-loaders-again": ("folder", {"save_dataloader": True}, {}),
    "scaled": ("folder", {"standard_scalar_and_pca": True}, {}),
    "energies": ("folder", {"model": ENERGIES}, {}),
}
NETWORKS: dict[str, Mode] = {
    f"{name} {kind}": ("folder", {"model": {"name": name}, "write_predictions": False}, arguments)
    for name in ("dense_alignn", "alignn_layernorm", "cgcnn", "icgcnn", "alignn_cgcnn")
    for kind, arguments in {
        "regression": {},
        "several targets": {"root_dir": "multi"},
        "classification": {"classification_threshold": 0.01},
    }.items()
}

RUN = """
import json, sys, traceback
from pathlib import Path
tree = sys.argv[1]
sys.path.insert(0, tree)
import alignn
assert alignn.__file__.startswith(tree), alignn.__file__
from alignn.train_folder import train_for_folder
from alignn.train_folder_ff import train_for_folder as train_forces
outcome = {}
for name, (script, arguments) in json.loads(Path("jobs.json").read_text()).items():
    try:
        {"folder": train_for_folder, "forces": train_forces}[script](**arguments)
        outcome[name] = ""
    except BaseException:
        outcome[name] = traceback.format_exc()
Path("outcome.json").write_text(json.dumps(outcome))
"""


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where each tree is."""
    stack = tmp_path_factory.mktemp("stack") / "alignn"
    vendor.unpack_pristine("alignn", stack)
    patch_queue.start(stack, "the wheel")
    patch_queue.apply_patch(vendor.get_source("alignn").patches[0], stack)
    return {"current stack": stack, "patched": ROOT / "vendor" / "alignn"}


def _write_samples(work: Path) -> None:
    """Folders in the form of ALIGNN's samples: one target, several, energies with forces and stresses."""
    rng = np.random.default_rng(0)
    structures, labelled = [random_crystal(i, 2 + i % 3) for i in range(N)], []
    for name, n_targets in [("sample", 1), ("multi", 3)]:
        folder = work / name
        (folder / "scripts").mkdir(parents=True)
        rows = []
        for i, structure in enumerate(structures):
            Poscar(structure).write_file(folder / f"POSCAR-JVASP-{i}.vasp")
            values = [0.0 if i % 3 else structure.volume / 50 + n for n in range(n_targets)]
            rows.append(",".join([f"POSCAR-JVASP-{i}.vasp", *(f"{value:.6f}" for value in values)]))
        (folder / "id_prop.csv").write_text("\n".join(rows) + "\n")
        # what else lies there
        for i in range(N, N + 5):
            Poscar(random_crystal(i)).write_file(folder / f"POSCAR-JVASP-{i}.vasp")
        for other in ("config_example.json", "config_example_classification.json", "prediction_results.json"):
            (folder / other).write_text(json.dumps(EXAMPLE))
        (folder / "README.md").write_text("Samples\n")
        (folder / "scripts" / "generate.py").write_text("")
    for i, structure in enumerate(structures):
        labelled.append(
            {
                "jid": f"JVASP-{i}",
                "total_energy": -float(len(structure)) - i / N,
                "forces": rng.normal(size=(len(structure), 3)).tolist(),
                "stresses": rng.normal(size=(3, 3)).tolist(),
                "atoms": {
                    "lattice_mat": structure.lattice.matrix.tolist(),
                    "coords": structure.frac_coords.tolist(),
                    "elements": [site.specie.symbol for site in structure],
                    "abc": list(structure.lattice.abc),
                    "angles": list(structure.lattice.angles),
                    "cartesian": False,
                    "props": [""] * len(structure),
                },
            }
        )
    (work / "force_field").mkdir()
    (work / "force_field" / "id_prop.json").write_text(json.dumps(labelled))


def _run(tree: Path, work: Path, modes: dict[str, Mode]) -> dict[str, str]:
    """What each mode raises on a tree, or an empty string; outputs are in folders of the modes' names."""
    jobs = {}
    for name, (script, changes, arguments) in modes.items():
        config = work / f"{name}.json"
        config.write_text(json.dumps({**EXAMPLE, "model": LINKED, **changes}))
        root = "sample" if script == "folder" else "force_field"
        common = {"root_dir": root, "config_name": config.name, "output_dir": name}
        jobs[name] = script, {**common, **arguments}
    (work / "jobs.json").write_text(json.dumps(jobs))
    command = [sys.executable, "-W", "ignore", "-c", RUN, str(tree)]
    done = subprocess.run(command, cwd=work, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    outcome: dict[str, str] = json.loads((work / "outcome.json").read_text())
    return outcome


@pytest.fixture(scope="module")
def ran(trees: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where each tree has run the quick modes."""
    works = {name: tmp_path_factory.mktemp("run") for name in trees}
    for name, work in works.items():
        _write_samples(work)
        assert _run(trees[name], work, QUICK) == dict.fromkeys(QUICK, ""), name
    return works


def _check_outputs(output: Path) -> None:
    """What a mode leaves is complete and of the right crystals."""
    mode = output.name
    parts = json.loads((output / "ids_train_val_test.json").read_text())
    assert {part: len(ids) for part, ids in parts.items()} == PARTS
    assert parts["id_train"][0] == ("JVASP-0" if mode == "forces" else "POSCAR-JVASP-0.vasp")
    assert (output / "best_model.pt").exists()
    if mode in ("forces", "energies"):
        assert len(json.loads((output / "Test_results.json").read_text())) == PARTS["id_test"]
    elif mode == "several-targets":
        tested = json.loads((output / "multi_out_predictions.json").read_text())
        assert [row["id"] for row in tested] == parts["id_test"]
        assert {len(row["predictions"]) for row in tested} == {3}
    elif mode != "zero-inflated":
        with (output / "prediction_results_test_set.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [row["id"] for row in rows] == parts["id_test"]
        if mode.startswith("classification"):
            assert {int(row["prediction"]) for row in rows} <= {0, 1}


def _check_same(before: Path, after: Path) -> None:
    """Force fields are trained bit for bit as before."""
    weights = [torch.load(path / "best_model.pt", weights_only=True) for path in (before, after)]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(value, weights[1][key]) for key, value in weights[0].items())
    for file in ("history_train.json", "history_val.json", "Test_results.json", "ids_train_val_test.json"):
        assert (before / file).read_text() == (after / file).read_text()


def test_folders_classes_several_targets_and_forces(ran: dict[str, Path]) -> None:
    for work in ran.values():
        for mode in QUICK:
            _check_outputs(work / mode)
    _check_same(*(work / "forces" for work in ran.values()))


@pytest.mark.slow
def test_other_modes(trees: dict[str, Path], ran: dict[str, Path]) -> None:
    for name, work in ran.items():
        assert _run(trees[name], work, SLOW) == dict.fromkeys(SLOW, ""), name
        for mode in SLOW:
            _check_outputs(work / mode)
    _check_same(*(work / "energies" for work in ran.values()))


@pytest.mark.slow
def test_all_networks_learn_all_kinds_of_targets(trees: dict[str, Path], ran: dict[str, Path]) -> None:
    for name, work in ran.items():
        assert _run(trees[name], work, NETWORKS) == dict.fromkeys(NETWORKS, ""), name


CALCULATOR = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from ase.build import bulk
from alignn.ff.ff import AlignnAtomwiseCalculator
atoms = bulk("NaCl", "rocksalt", a=5.64)
atoms.rattle(0.05, seed=0)
atoms.calc = AlignnAtomwiseCalculator(path=sys.argv[2])
assert np.isfinite(atoms.get_potential_energy())
assert atoms.get_forces().shape == (2, 3)
assert np.abs(atoms.get_forces()).max() > 0
assert atoms.get_stress().shape == (6,)
"""

# Forces of a network on distances, once of the positions, once of the bonds, once by small displacements.
FORCE_REDUCTION = """
import sys
sys.path.insert(0, sys.argv[1])
import dgl, dgl.function as fn, torch
from dgl.nn import SumPooling
from alignn.models.alignn import EdgeGatedGraphConv
torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
embedding, layer, head = torch.nn.Linear(1, 8), EdgeGatedGraphConv(8, 8).eval(), torch.nn.Linear(8, 1)
start, kinds = torch.randn(10, 3) * 2, torch.randn(10, 8)

def energy(positions):
    graph = dgl.radius_graph(positions, 4)
    graph.ndata["x"] = positions
    graph.apply_edges(fn.v_sub_u("x", "x", "bond"))
    bonds = graph.edata.pop("bond")
    atoms, _ = layer(graph, kinds, embedding(bonds.norm(dim=1, keepdim=True)))
    return SumPooling()(graph, head(atoms)).squeeze(), bonds, graph

positions = start.clone().requires_grad_()
total, bonds, graph = energy(positions)
by_atom = -torch.autograd.grad(total, positions, retain_graph=True)[0]
pairs = -torch.autograd.grad(total, bonds)[0]
sources, targets = graph.edges()
by_bond = torch.zeros_like(start).index_add(0, targets, pairs).index_add(0, sources, -pairs)
torch.testing.assert_close(by_bond, by_atom)
assert by_atom.abs().max() > 1e-3
for atom, axis in [(0, 0), (4, 1), (9, 2)]:
    step = torch.zeros_like(start)
    step[atom, axis] = 1e-5
    with torch.no_grad():
        slope = (energy(start + step)[0] - energy(start - step)[0]) / 2e-5
    torch.testing.assert_close(-slope, by_atom[atom, axis], rtol=1e-3, atol=1e-5)
"""


def _python(code: str, *arguments: object) -> None:
    command = [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_trained_force_field_calculates(trees: dict[str, Path], ran: dict[str, Path]) -> None:
    for name, work in ran.items():
        _python(CALCULATOR, trees[name], work / "forces")


@pytest.mark.slow
def test_forces_of_positions_and_of_bonds_agree(trees: dict[str, Path]) -> None:
    for tree in trees.values():
        _python(FORCE_REDUCTION, tree)
