"""Training: reproducible, resumable after any kill, free of leakage, and in the target's unit."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from hybrid.atomic import locked
from hybrid.data.folder import CrystalFolder, read_folder
from hybrid.data.splits import FOLDS, random_split
from hybrid.device import resolve_device
from hybrid.errors import InputError
from hybrid.kernels.gated_sum import GatedSum
from hybrid.metrics import regression_metrics
from hybrid.settings import ModelSettings, RunSettings, TrainerSettings
from hybrid.training import loop
from hybrid.training.loop import RESUME_EVERY, cut, shuffled
from hybrid.training.model_registry import recipe
from hybrid.training.run import subset, train

SMALL = ModelSettings(atom_fea_len=8, n_conv=1, h_fea_len=8)


def run_settings(epochs: int = 4, pooling: str = "mean", **options: Any) -> RunSettings:
    trainer = recipe(ModelSettings(pooling=pooling)).trainer.model_copy(
        update={"epochs": epochs, "batch_size": 4}
    )
    return RunSettings(model=SMALL.model_copy(update={"pooling": pooling}), trainer=trainer, **options)


def run(
    folder: CrystalFolder, out: Path, settings: RunSettings | None = None, folds: np.ndarray | None = None
) -> dict[str, Any]:
    return train(folder, settings or run_settings(), out, folds, device="cpu", progress=False)


def predictions(out: Path) -> dict[str, tuple[str, float, float]]:
    """Fold, target and prediction by id."""
    with (out / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {row["id"]: (row["fold"], float(row["target"]), float(row["prediction"])) for row in rows}


@pytest.fixture
def folder(crystal_folder: Callable[..., Path]) -> CrystalFolder:
    return read_folder(crystal_folder(14))


# --- what a run leaves behind ---


def test_a_run_folder_is_whole_and_its_parts_agree(folder: CrystalFolder, tmp_path: Path) -> None:
    wanted = run_settings(epochs=5, split=(0.6, 0.2, 0.2), data_seed=3)
    metrics = run(folder, tmp_path / "run", wanted)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "inputs.json",
        "log.csv",
        "metrics.json",
        "model.ckpt",
        "predictions.csv",
        "settings.json",
    }
    assert {path.name for path in tmp_path.iterdir()} == {"crystals", "run"}
    assert RunSettings.model_validate_json((tmp_path / "run" / "settings.json").read_text()) == wanted
    assert json.loads((tmp_path / "run" / "metrics.json").read_text()) == metrics
    rows = predictions(tmp_path / "run")
    assert list(rows) == folder.ids
    assert folder.targets is not None
    assert [target for _, target, _ in rows.values()] == pytest.approx(folder.targets, rel=1e-6)
    assert [fold for fold, _, _ in rows.values()] == random_split(14, (0.6, 0.2, 0.2), 3).tolist()
    for fold in FOLDS:
        errors = np.array([(p - t) for f, t, p in rows.values() if f == fold])
        assert metrics[f"n_{fold}"] == len(errors)
        assert metrics[fold]["mae"] == pytest.approx(np.abs(errors).mean(), rel=1e-4)
    with (tmp_path / "run" / "log.csv").open() as file:
        log = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in log] == [1, 2, 3, 4, 5]
    best = min(log, key=lambda row: float(row["validation_error"]))
    assert metrics["best_epoch"] == int(best["epoch"])
    # The weights that predict are those of the best epoch.
    assert metrics["validation"]["mae"] == pytest.approx(float(best["validation_error"]), rel=1e-4)


def test_metrics_are_the_formulas() -> None:
    found = regression_metrics(np.array([1.0, 2.0, 6.0]), np.array([2.0, 2.0, 3.0]))
    assert found["mae"] == pytest.approx(4 / 3)  # errors 1, 0, -3
    assert found["mad"] == pytest.approx(2)  # deviations from 3: -2, -1, 3
    assert found["mae_over_mad"] == pytest.approx(2 / 3)
    assert found["r2"] == pytest.approx(1 - 10 / 14)
    assert found["rmse"] == pytest.approx((10 / 3) ** 0.5)


def test_metrics_of_perfect_of_mean_and_of_constant_targets() -> None:
    targets = np.array([1.0, 2.0, 6.0])
    perfect = regression_metrics(targets, targets)
    assert (perfect["mae"], perfect["r2"]) == (0, 1)
    mean = regression_metrics(targets, np.full(3, 3.0))
    assert (mean["mae_over_mad"], mean["r2"]) == (1, 0)
    constant = regression_metrics(np.full(3, 2.0), targets)
    assert np.isnan([constant["r2"], constant["mae_over_mad"]]).all()


# --- seeds ---


@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_the_same_seeds_give_the_same_numbers(pooling: str, folder: CrystalFolder, tmp_path: Path) -> None:
    for name in ("one", "two"):
        run(folder, tmp_path / name, run_settings(pooling=pooling))
    one, two = ((tmp_path / name / "predictions.csv").read_text() for name in ("one", "two"))
    assert one == two


def test_other_seeds_give_other_numbers(folder: CrystalFolder, tmp_path: Path) -> None:
    for name, seeds in {"a": (0, 0), "b": (0, 1), "c": (1, 0)}.items():
        run(folder, tmp_path / name, run_settings(data_seed=seeds[0], model_seed=seeds[1]))
    a, b, c = (predictions(tmp_path / name) for name in "abc")
    assert [row[0] for row in a.values()] == [row[0] for row in b.values()]  # model seed: same split
    assert [row[2] for row in a.values()] != [row[2] for row in b.values()]
    assert [row[0] for row in a.values()] != [row[0] for row in c.values()]  # data seed: another split


def test_a_subset_is_drawn_by_the_data_seed(folder: CrystalFolder) -> None:
    def ids(n: int | None, seed: int) -> list[str]:
        return subset(folder, RunSettings(n_structures=n, data_seed=seed)).ids

    assert ids(None, 0) == folder.ids
    assert len(ids(6, 0)) == len(set(ids(6, 0))) == 6
    assert ids(6, 0) == ids(6, 0)
    assert ids(6, 0) != ids(6, 1)
    assert ids(14, 2) == folder.ids
    with pytest.raises(InputError, match="holds 14 structures, not 15"):
        ids(15, 0)


# --- stopped and resumed ---

STOPPED = """
import os, signal, sys
from pathlib import Path
from hybrid.data.folder import read_folder
from hybrid.settings import RunSettings
from hybrid.training.log import Log
from hybrid.training.run import train
add = Log.add
def add_and_stop(log, *numbers):
    add(log, *numbers)
    if len(log.rows) == int(sys.argv[4]):
        os.kill(os.getpid(), signal.Signals[sys.argv[5]])
Log.add = add_and_stop
train(read_folder(Path(sys.argv[1])), RunSettings.model_validate_json(sys.argv[2]), Path(sys.argv[3]),
      device="cpu", progress=False)
"""


def stop(folder: Path, settings: RunSettings, out: Path, epoch: int, how: str = "SIGKILL") -> str:
    """A run in a process of its own that is sent a signal when `epoch` has been logged; its last words."""
    told = (folder, settings.model_dump_json(), out, epoch, how)
    command = [sys.executable, "-c", STOPPED, *map(str, told)]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert done.returncode == -(signal.SIGKILL if how == "SIGKILL" else signal.SIGINT), done.stderr
    return done.stderr


def same_numbers(one: Path, other: Path) -> bool:
    """Whether two runs have the same log, but for the time, and the same predictions and weights."""
    logs, weights = [], []
    for path in (one, other):
        with (path / "log.csv").open() as file:
            logs.append([{**row, "seconds": ""} for row in csv.DictReader(file)])
        weights.append(torch.load(path / "model.ckpt", weights_only=True)["state_dict"])
    predicted = [(path / "predictions.csv").read_text() for path in (one, other)]
    return (
        logs[0] == logs[1]
        and predicted[0] == predicted[1]
        and all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    )


# What a run has to go on with: the state of SGD and of its steps; that of AdamW and of its cycle; dropout.
ARCHITECTURES = {"steps": ("mean", "sgd"), "cycle": ("sum", "adamw"), "dropout": ("mean", "adam")}


def of_kind(kind: str, folder: CrystalFolder, epochs: int) -> tuple[CrystalFolder, RunSettings]:
    pooling, optimiser = ARCHITECTURES[kind]
    wanted = run_settings(epochs, pooling, task="classification" if kind == "dropout" else "regression")
    schedule = "steps" if kind == "steps" else "one-cycle"
    trainer = wanted.trainer.model_copy(update={"optimiser": optimiser, "schedule": schedule, "loss": "mse"})
    if kind == "dropout":
        folder = replace(folder, targets=np.arange(14) % 2.0)
    return folder, wanted.model_copy(update={"trainer": trainer})


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_a_killed_run_goes_on_to_the_same_numbers(
    kind: str, folder: CrystalFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(1)
    epochs = 2 * RESUME_EVERY + 5
    folder, wanted = of_kind(kind, folder, epochs)
    assert folder.targets is not None
    rows = zip(folder.ids, folder.targets.tolist(), strict=True)
    (folder.path / "id_prop.csv").write_text("".join(f"{identity},{target!r}\n" for identity, target in rows))
    run(folder, tmp_path / "whole", wanted)
    stop(folder.path, wanted, tmp_path / "killed", RESUME_EVERY + 4)
    assert not (tmp_path / "killed").exists()
    with (tmp_path / "killed.partial" / "log.csv").open() as file:
        assert len(list(csv.DictReader(file))) == RESUME_EVERY + 4
    drawn = []
    monkeypatch.setattr(loop, "shuffled", lambda *given: (drawn.append(given[2]), shuffled(*given))[1])
    run(folder, tmp_path / "killed", wanted)
    assert drawn == list(range(RESUME_EVERY, epochs))  # it went on; it did not begin again
    assert same_numbers(tmp_path / "whole", tmp_path / "killed")
    assert not (tmp_path / "killed.partial").exists()


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT"])
def test_a_run_that_is_asked_to_stop_goes_on_to_the_same_numbers(
    how: str, folder: CrystalFolder, tmp_path: Path
) -> None:
    torch.set_num_threads(1)
    wanted = run_settings(RESUME_EVERY + 3)
    words = stop(folder.path, wanted, tmp_path / "run", RESUME_EVERY + 1, how)
    assert words.splitlines()[-1] == "KeyboardInterrupt"  # of which a command makes a sentence
    for name in ("run", "fresh"):
        run(folder, tmp_path / name, wanted)
    assert same_numbers(tmp_path / "run", tmp_path / "fresh")


def test_of_long_epochs_a_stopped_run_loses_one_at_most(
    folder: CrystalFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LONGEST", 0.0)
    drawn: list[int] = []

    def until_the_third(indices: Tensor, seed: int, epoch: int) -> Tensor:
        drawn.append(epoch)
        if drawn == [0, 1, 2]:
            raise KeyboardInterrupt
        return shuffled(indices, seed, epoch)

    monkeypatch.setattr(loop, "shuffled", until_the_third)
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "run", run_settings(4))
    run(folder, tmp_path / "run", run_settings(4))
    assert drawn == [0, 1, 2, 2, 3]


def test_after_training_sigterm_is_what_it_was(folder: CrystalFolder, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    run(folder, tmp_path / "run", run_settings(1))
    assert signal.getsignal(signal.SIGTERM) == before


def test_training_needs_no_main_thread(folder: CrystalFolder, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(run, folder, tmp_path / "run", run_settings(1)).result()["status"] == "done"


def truncated(checkpoint: Path) -> None:
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1000])


def empty(checkpoint: Path) -> None:
    checkpoint.write_bytes(b"")


def foreign(checkpoint: Path) -> None:
    torch.save({"state_dict": {"weight": torch.ones(3)}}, checkpoint)


def of_another_network(checkpoint: Path) -> None:
    """It fits as far as the first tensors go, which are not to be kept."""
    state = torch.load(checkpoint, weights_only=True)
    for parameter in state["network"].values():
        parameter += 1
    state["optimiser"]["param_groups"][0]["params"].pop()
    torch.save(state, checkpoint)


def test_a_checkpoint_that_cannot_be_used_is_discarded(
    folder: CrystalFolder, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    torch.set_num_threads(1)
    wanted = run_settings(RESUME_EVERY + 3, pooling="sum")
    stop(folder.path, wanted, tmp_path / "run", RESUME_EVERY + 1)
    run(folder, tmp_path / "fresh", wanted)
    for spoil in (truncated, empty, foreign, of_another_network):
        out = tmp_path / spoil.__name__
        partial = Path(shutil.copytree(tmp_path / "run.partial", f"{out}.partial"))
        checkpoint = partial / "checkpoints" / "last.ckpt"
        spoil(checkpoint)
        run(folder, out, wanted)
        assert capsys.readouterr().err == f"{checkpoint}: cannot be used; training starts again\n"
        assert same_numbers(out, tmp_path / "fresh"), spoil.__name__


def other(what: str, folder: CrystalFolder) -> tuple[CrystalFolder, dict[str, Any], np.ndarray | None]:
    """Something else to train on: crystals, changed settings and folds."""
    assert folder.targets is not None
    file, settings, folds = folder.files[folder.ids[3]], {}, None
    match what:
        case "settings":
            settings = {"epochs": 30, "model_seed": 5}
        case "targets":
            folder = replace(folder, targets=np.append(folder.targets[:12] * 10, folder.targets[12:]))
        case "fewer":
            folder = folder.take(range(13))
        case "folds":
            folds = random_split(14, (0.8, 0.1, 0.1), 0)[::-1].copy()
        case "order":
            folds = random_split(14, (0.8, 0.1, 0.1), 0)[::-1].copy()
            folder = folder.take(range(13, -1, -1))
        case "structure":  # of the same size and time
            before = file.stat()
            text = file.read_text()
            digit = text.rindex("1")
            file.write_text(text[:digit] + "2" + text[digit + 1 :])
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
            folder = read_folder(folder.path)
        case "elements":
            features = {z: [2 * value for value in row] for z, row in folder.atom_features.items()}
            folder = replace(folder, atom_features=features)
    return folder, settings, folds


@pytest.mark.parametrize("state", ["finished", "stopped"])
@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("settings", r"epochs 25, not 30; model-seed 0, not 5;"),
        ("targets", r"the targets of 12 crystals differ;"),
        ("fewer", r"it had 1 crystal more;"),
        ("folds", r"the folds of \d+ crystals differ;"),
        ("order", r"the crystals are in another order;"),
        ("structure", r"the structures of 1 crystal differ;"),
        ("elements", r"the element features differ;"),
    ],
)
def test_a_run_is_not_taken_for_another_one(
    state: str, what: str, told: str, folder: CrystalFolder, tmp_path: Path
) -> None:
    """Weights that have seen a crystal must not go on where that crystal is tested, either."""
    torch.set_num_threads(1)
    out = tmp_path / ("run" if state == "finished" else "run.partial")
    if state == "finished":
        run(folder, tmp_path / "run", run_settings(25))
    else:
        stop(folder.path, run_settings(25), tmp_path / "run", RESUME_EVERY + 1)
    before = {path: path.stat().st_mtime_ns for path in out.iterdir() if path.name != "lock"}
    folder, changes, folds = other(what, folder)
    wanted = run_settings(**{"epochs": 25, **changes})
    with pytest.raises(InputError, match=f"^{out}: holds another run: .*{told} choose another --out"):
        run(folder, tmp_path / "run", wanted, folds)
    assert {path: path.stat().st_mtime_ns for path in out.iterdir() if path.name != "lock"} == before


def test_a_run_that_was_stopped_before_its_first_checkpoint_leaves_nothing_to_keep(
    folder: CrystalFolder, tmp_path: Path
) -> None:
    torch.set_num_threads(1)
    stop(folder.path, run_settings(30), tmp_path / "run", 2)
    assert run(folder, tmp_path / "run", run_settings(2))["epochs"] == 2


@pytest.mark.parametrize("lost", ["inputs.json", "settings.json"])
def test_a_finished_run_that_does_not_say_what_it_is_is_not_given_back(
    lost: str, folder: CrystalFolder, tmp_path: Path
) -> None:
    run(folder, tmp_path / "run")
    (tmp_path / "run" / lost).write_text("[]")
    with pytest.raises(InputError, match="written by an older version, or is damaged"):
        run(folder, tmp_path / "run")


def test_two_processes_do_not_train_into_one_folder(folder: CrystalFolder, tmp_path: Path) -> None:
    busy = pytest.raises(InputError, match="run: is being trained by another process; wait for it")
    with locked(tmp_path / "run.partial" / "lock"), busy:
        run(folder, tmp_path / "run")
    assert run(folder, tmp_path / "run")["status"] == "done"


def test_a_run_that_another_process_finished_meanwhile_is_compared_too(
    folder: CrystalFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(folder, tmp_path / "kept")
    monkeypatch.setattr(
        "hybrid.training.run.resolve_device",
        lambda name: (shutil.copytree(tmp_path / "kept", tmp_path / "run"), torch.device(name))[1],
    )
    with pytest.raises(InputError, match="epochs 4, not 5"):
        run(folder, tmp_path / "run", run_settings(5))
    assert {path.name for path in tmp_path.iterdir()} == {"crystals", "kept", "run"}


def test_a_finished_run_is_not_trained_again(folder: CrystalFolder, tmp_path: Path) -> None:
    first = run(folder, tmp_path / "run")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").iterdir()}
    again = train(folder, run_settings(), tmp_path / "run", fit=lambda *_: pytest.fail("trained again"))
    assert again == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run").iterdir()} == before
    assert {path.name for path in tmp_path.iterdir()} == {"crystals", "run"}


def test_a_folder_with_something_else_is_not_replaced(folder: CrystalFolder, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "settings.json").write_text("{}")
    with pytest.raises(InputError, match="notes: exists already and is not a run folder"):
        run(folder, tmp_path / "notes")
    assert {path.name for path in tmp_path.iterdir()} == {"crystals", "notes"}
    assert [path.name for path in (tmp_path / "notes").iterdir()] == ["settings.json"]


# --- no leakage ---


def test_only_training_targets_enter_statistics_and_weights(folder: CrystalFolder, tmp_path: Path) -> None:
    """Other validation targets choose another epoch at most; other test targets change nothing at all."""
    folds = random_split(14, (0.6, 0.2, 0.2), 0)
    assert folder.targets is not None
    changed = {"same": folder.targets}
    for name, fold in (("validation", "validation"), ("test", "test")):
        targets = folder.targets.copy()
        targets[folds == fold] = targets[folds == fold] * -3 + 1e5
        changed[name] = targets
    scales, found = {}, {}
    for name, targets in changed.items():
        run(replace(folder, targets=targets), tmp_path / name, folds=folds)
        checkpoint = torch.load(tmp_path / name / "model.ckpt", weights_only=True)
        scales[name] = {key: float(value) for key, value in checkpoint["normalizer"].items()}
        found[name] = checkpoint["epoch"], [row[2] for row in predictions(tmp_path / name).values()]
    training = folder.targets[folds == "training"]
    assert scales["same"]["mean"] == pytest.approx(training.mean())
    assert scales["same"]["std"] == pytest.approx(training.std(ddof=1), rel=1e-5)
    assert scales["same"] == scales["validation"] == scales["test"]
    assert found["same"] == found["test"]


# --- units ---


@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_predictions_are_in_the_targets_unit(
    pooling: str, crystal_folder: Callable[..., Path], tmp_path: Path
) -> None:
    """Another unit of the target is another factor on the same predictions."""
    folder = read_folder(crystal_folder(14))
    assert folder.targets is not None
    wanted = run_settings(8, pooling=pooling)
    run(folder, tmp_path / "one", wanted)
    run(replace(folder, targets=folder.targets * 64), tmp_path / "other", wanted)
    one, other = (
        np.array([row[2] for row in predictions(tmp_path / name).values()]) for name in ("one", "other")
    )
    np.testing.assert_allclose(other, 64 * one, rtol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "shifted-sum"])
def test_an_offset_of_a_thousand_is_learnt_at_once(
    pooling: str, folder: CrystalFolder, tmp_path: Path
) -> None:
    metrics = run(folder, tmp_path / "run", run_settings(pooling=pooling))
    assert folder.targets is not None
    spread = folder.targets.std()
    assert folder.targets.mean() > 1000
    assert metrics["training"]["mae"] < 3 * spread


def test_something_is_learnt(folder: CrystalFolder, tmp_path: Path) -> None:
    run(folder, tmp_path / "run", run_settings(40))
    with (tmp_path / "run" / "log.csv").open() as file:
        losses = [float(row["training_loss"]) for row in csv.DictReader(file)]
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:3])


# --- what goes wrong ---


def test_diverged_training_is_one_sentence(folder: CrystalFolder, tmp_path: Path) -> None:
    trainer = TrainerSettings(epochs=30, batch_size=4, learning_rate=1e30)
    with pytest.raises(InputError, match=r"training diverged in epoch \d+: .*--learning-rate") as caught:
        run(folder, tmp_path / "run", RunSettings(model=SMALL, trainer=trainer))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_folder_without_targets(crystal_folder: Callable[..., Path], tmp_path: Path) -> None:
    folder = read_folder(crystal_folder(4), targets=False)
    with pytest.raises(InputError, match="there are no targets to train on"):
        run(folder, tmp_path / "run")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cuda_where_there_is_none() -> None:
    assert resolve_device("auto").type == "cpu"
    with pytest.raises(InputError, match="no CUDA GPU"):
        resolve_device("cuda")


# --- batches ---


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 40), size=st.integers(1, 20), seed=st.integers(0, 9), epoch=st.integers(0, 9))
def test_batches_cover_every_crystal_once(n: int, size: int, seed: int, epoch: int) -> None:
    indices = torch.arange(n) + 100
    order = shuffled(indices, seed, epoch)
    batches = cut(order, size)
    assert torch.cat(list(batches)).tolist() == order.tolist()
    assert sorted(order.tolist()) == indices.tolist()
    assert all(len(batch) == size for batch in batches[:-1])
    assert len(batches[-1]) <= size + 1
    if n > 1 and size > 1:
        assert len(batches[-1]) > 1
    assert order.tolist() == shuffled(indices, seed, epoch).tolist()


class Readings(TorchDispatchMode):
    """Counts how often a number is read from a tensor, for which a GPU would have to be waited for."""

    n = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.n += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **kwargs or {})


def test_no_step_waits_for_its_numbers(
    folder: CrystalFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Losses are read once an epoch, however many batches it has, where the CPU's kernel is not used."""
    monkeypatch.setattr(GatedSum, "get", lambda *_: None)
    readings = []
    for size in (2, 12):
        wanted = run_settings(pooling="sum")
        trainer = wanted.trainer.model_copy(update={"batch_size": size})
        with Readings() as counted:
            run(folder, tmp_path / str(size), wanted.model_copy(update={"trainer": trainer}))
        readings.append(counted.n)
    assert readings[0] == readings[1] > 0


def test_every_epoch_and_every_seed_has_its_own_order() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return shuffled(torch.arange(50), seed, epoch).tolist()

    assert order(0, 1) == order(0, 1)
    assert order(0, 1) != order(0, 2)
    assert order(0, 1) != order(1, 1)


def test_a_training_set_of_one_crystal_of_one_atom(
    crystal_folder: Callable[..., Path], tmp_path: Path
) -> None:
    """Batch normalisation over atoms has nothing to normalise by; the user is told so."""
    folder = read_folder(crystal_folder(14))
    single = [i for i, structure in enumerate(folder.structures()) if len(structure) == 1][:1]
    others = [i for i in range(14) if i not in single][:2]
    folds = np.array(["training", "validation", "test"], dtype=object)
    with pytest.raises(InputError, match="one atom"):
        run(folder.take([*single, *others]), tmp_path / "run", folds=folds)
