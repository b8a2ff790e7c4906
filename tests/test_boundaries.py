"""Caches, kernels, code of others, settings, processes: what is broken costs a sentence or time, no more."""

import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import needs_compiler

from hybrid.atomic import atomic_file, atomic_folder, write_text
from hybrid.cli import main
from hybrid.data.folder import read_folder
from hybrid.errors import InputError
from hybrid.kernels import compiler
from hybrid.kernels.neighbours import SOURCE
from hybrid.line_cache import LineCache
from hybrid.settings import GraphSettings
from hybrid.trained.checkpoint import load
from hybrid.weights import read_weights, save_weights

SMALL = ["--epochs", "1", "--atom-fea-len", "8", "--h-fea-len", "8", "--n-conv", "1", "--device", "cpu"]
SMALL += ["--no-report"]  # tests/test_report_of_run.py draws


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What a command says that cannot be done."""
    capsys.readouterr()
    assert main(list(map(str, arguments))) == 2
    told = capsys.readouterr().err
    assert "Traceback (most recent" not in told.partition("error: ")[0]
    return told.partition("error: ")[2]


# --- kernels ---


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], object]:
    """Loads a kernel as a new process does, with a cache of its own."""
    monkeypatch.setenv("HYBRID_CACHE", str(tmp_path / "cache"))
    compiler.compiled.cache_clear()
    yield lambda: (compiler.compiled.cache_clear(), compiler.compiled(SOURCE, exact=True))[1]
    compiler.compiled.cache_clear()


@needs_compiler
@pytest.mark.parametrize("damage", ["cut", "flipped", "foreign", "empty", "a folder"])
def test_a_damaged_kernel_is_made_anew(damage: str, kernel: Callable[[], object], tmp_path: Path) -> None:
    """In a process of its own: a library that is mapped already must not change."""
    assert kernel() is not None
    (file,) = (tmp_path / "cache" / "kernels").iterdir()
    whole = file.read_bytes()
    file.unlink()
    match damage:
        case "a folder":
            file.mkdir()
        case _:
            flipped = bytearray(whole)
            flipped[len(whole) // 2] ^= 8
            spoilt = {
                "cut": whole[:5000],
                "flipped": bytes(flipped),
                "foreign": b"\x7fELF" * 99,
                "empty": b"",
            }
            file.write_bytes(spoilt[damage])
    code = "from hybrid.kernels.neighbours import Neighbours; print(Neighbours.get() is not None)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == f"{damage != 'a folder'}\n", done.stderr
    if damage != "a folder":
        assert file.read_bytes()[-32:] == compiler._checksum(file.read_bytes()[:-32])


@pytest.mark.parametrize("broken", ["fails", "writes nothing", "writes rubbish", "is none", "cache", "full"])
def test_whatever_goes_wrong_with_a_kernel_is_logged_in_one_line(
    broken: str,
    kernel: Callable[[], object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    script = tmp_path / "cxx"
    write = 'for last; do :; done; echo rubbish > "$last"'
    script.write_text(f"#!/bin/sh\n{ {'fails': 'exit 1', 'writes rubbish': write}.get(broken, 'true') }\n")
    script.chmod(0o755)
    monkeypatch.setenv("CXX", "/nowhere/c++ -m64" if broken == "is none" else str(script))
    if broken == "cache":
        (tmp_path / "cache").touch()
    if broken == "full":
        monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    with caplog.at_level(logging.WARNING):
        assert kernel() is None
    assert len(caplog.records) == 1
    assert "PyTorch is used instead" in caplog.text
    assert not list((tmp_path / "cache").glob("kernels/*"))


@needs_compiler
def test_a_kernel_is_compiled_by_a_launcher(
    kernel: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", f"env {os.environ.get('CXX') or shutil.which('c++') or shutil.which('g++')}")
    assert kernel() is not None


# --- caches ---


@pytest.mark.parametrize("damage", ["cut", "flipped", "foreign", "other crystals", "a folder", "a pipe"])
def test_damaged_graphs_are_made_anew(damage: str, crystal_folder: Callable[..., Path]) -> None:
    folder = read_folder(crystal_folder(4))
    wanted = folder.graphs(GraphSettings())
    (file,) = (folder.path / ".hybrid").glob("graphs-*.columns")
    whole = file.read_bytes()
    file.unlink()
    match damage:
        case "a folder":
            file.mkdir()
        case "a pipe":
            os.mkfifo(file)
        case "other crystals":
            folder.take([0]).graphs(GraphSettings())
            (other,) = (folder.path / ".hybrid").glob("graphs-*.columns")
            other.rename(file)
        case "foreign":
            np.savez(file, species=np.ones(3))
        case _:
            flipped = bytearray(whole)
            flipped[len(whole) // 2] ^= 8
            file.write_bytes(whole[:-100] if damage == "cut" else bytes(flipped))
    found = read_folder(folder.path).graphs(GraphSettings())
    assert torch.equal(found.distances, wanted.distances)
    assert torch.equal(found.neighbours, wanted.neighbours)


def test_lines_that_are_not_whole_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    with LineCache(path) as cache:
        for i in range(5):
            cache.add(f"k{i}", {"value": 1.25 * i})
    lines = path.read_bytes().splitlines()
    lines[1] = lines[1].replace(b"1.25", b"1.35")
    lines[2] = lines[2][:-4]
    lines[3] = b'{"key":"k3","value":7}'
    path.write_bytes(b"\n".join([*lines, b"[" * 9999, b"\xff\x00"]))
    with LineCache(path) as cache:
        assert dict(cache) == {"k0": {"value": 0.0}, "k4": {"value": 5.0}}


def test_a_folder_that_cannot_be_written_to_is_used_without_a_cache(
    crystal_folder: Callable[..., Path], tmp_path: Path
) -> None:
    path = crystal_folder(4)
    assert main(["train", str(path), "--model", "de-cgcnn", "--out", str(tmp_path / "run"), *SMALL]) == 0
    other = crystal_folder(4, name="other")
    (other / ".hybrid").touch()  # as root may write anywhere
    assert main(["predict", str(tmp_path / "run"), str(other), "--out", str(tmp_path / "p.csv")]) == 0


# --- checkpoints ---


@pytest.mark.parametrize("entry", ["state_dict", "normalizer"])
def test_a_model_that_is_not_finite_is_refused(
    entry: str, crystal_folder: Callable[..., Path], tmp_path: Path
) -> None:
    assert main(["train", str(crystal_folder(6)), "--out", str(tmp_path / "run"), *SMALL]) == 0
    model = tmp_path / "run" / "model.ckpt"
    content = read_weights(model)
    next(iter(content[entry].values())).fill_(float("nan"))
    save_weights(model, content)
    with pytest.raises(InputError, match=r"model\.ckpt: '.*' contains NaN or infinity"):
        load(model)


# --- writing ---


def test_a_killed_write_leaves_nothing_for_long(tmp_path: Path) -> None:
    for kind in ("file", "folder"):
        code = (
            "import os, sys; from pathlib import Path; from hybrid.atomic import atomic_file, atomic_folder\n"
            f"with atomic_{kind}(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
        )
        subprocess.run([sys.executable, "-c", code, str(tmp_path / f"x.{kind}")])
    (tmp_path / ".x.mine.tmp.file").touch()
    assert len(list(tmp_path.iterdir())) == 3
    write_text(tmp_path / "x.file", "whole")
    with atomic_folder(tmp_path / "x.folder"), atomic_file(tmp_path / "x.file"):
        write_text(tmp_path / "x.file", "another process writes meanwhile")
        assert len(list(tmp_path.iterdir())) == 4
    assert {path.name for path in tmp_path.iterdir()} == {".x.mine.tmp.file", "x.file", "x.folder"}


def test_who_may_read_what_is_written_is_the_users_choice(tmp_path: Path) -> None:
    code = "from pathlib import Path; from hybrid.atomic import atomic_folder, write_text\n"
    code += "write_text(Path('x.txt'), 'x')\nwith atomic_folder(Path('y')): pass"
    for mask, file, folder in ((0o022, 0o644, 0o755), (0o077, 0o600, 0o700)):
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, umask=mask, check=True)
        modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("x.txt", "y")]
        assert modes == [file, folder]


def test_workers_do_not_outlive_a_killed_command(crystal_folder: Callable[..., Path]) -> None:
    path = crystal_folder(60)
    slow = path.with_name("slow.py")
    slow.write_text(
        "import time\nimport hybrid\nhybrid.register_descriptor('slow', lambda cell: time.sleep(1) or 1.0)\n"
    )
    mark = f"HYBRID_TEST_MARK={path}"
    command = [sys.executable, "-m", "hybrid", "descriptors", str(path), "--jobs", "2", "--code", str(slow)]
    environment = {**os.environ, "HYBRID_TEST_MARK": str(path)}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def others() -> set[int]:
        """Processes of this command but the first."""
        found = set()
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if mark.encode() in (place / "environ").read_bytes():
                    found.add(int(place.name))
            except OSError:
                continue
        return found - {process.pid}

    deadline = time.monotonic() + 120
    while not (path / ".hybrid" / "descriptors.jsonl").exists() or not others():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 20
    while others():
        assert time.monotonic() < deadline
        time.sleep(0.1)


# --- other people's code ---

NETWORK = """
import torch
from torch import nn
class Mine(nn.Module):
    def __init__(self):
        super().__init__()
        {init}
    def forward(self, batch):
        {forward}
"""
ESTIMATOR = """
class Mine:
    def fit(self, structures, targets):
        {fit}
    def predict(self, structures):
        {predict}
"""
GOOD = "self.layer = nn.Linear(1, 1)"
CODES = {
    "raises": (NETWORK, GOOD, "return batch.nothing", r", line 9: AttributeError"),
    "exits": (NETWORK, GOOD, "raise SystemExit(3)", r", line 9: SystemExit"),
    "no parameters": (NETWORK, "pass", "return None", "has no parameters"),
    "string": (NETWORK, GOOD, "return 'x'", "forward returns str"),
    "wrong shape": (NETWORK, GOOD, "return self.layer(torch.ones(3, 1))", r"forward returns \(3, 1\)"),
    "complex": (
        NETWORK,
        GOOD,
        "return self.layer(torch.ones(len(batch.crystals.n_atoms), 1)) + 1j",
        "forward returns complex numbers",
    ),
    "no gradient": (
        NETWORK,
        GOOD,
        "return torch.ones(len(batch.crystals.n_atoms), 1)",
        "does not depend on its parameters",
    ),
    "syntax": ("class Mine(:\n{a}{b}", "", "", "cannot be run"),
    "strings": (ESTIMATOR, "pass", "return ['x'] * len(structures)", "gives no array of numbers|returns"),
    "ragged": (ESTIMATOR, "pass", "return [[1], [1, 2]]", "array of numbers|returns"),
    "short": (ESTIMATOR, "pass", "return [1.0]", r"shape \(1,\)"),
    "not finite": (ESTIMATOR, "pass", "return [float('nan')] * len(structures)", "not a finite number"),
    "fit raises": (ESTIMATOR, "1 / 0", "return 1", r", line 4: ZeroDivisionError"),
}


@pytest.mark.parametrize("case", CODES)
@pytest.mark.parametrize("file", ["mine.py", "torch.py"])
def test_what_is_wrong_with_a_users_code_is_said_with_file_and_line(
    case: str,
    file: str,
    crystal_folder: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if file == "torch.py" and case not in ("raises", "fit raises"):
        pytest.skip("the name is the same for all")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hybrid.user_code._FILES", {})
    text, one, other, told = CODES[case]
    for name in ("init", "fit", "a"):
        text = text.replace(f"{{{name}}}", one)
    for name in ("forward", "predict", "b"):
        text = text.replace(f"{{{name}}}", other)
    Path(file).write_text(text)
    said = refused(capsys, "train", crystal_folder(6), "--model", f"{file}:Mine", "--device", "cpu")
    assert file in said.splitlines()[0]
    with pytest.raises(InputError, match=told):
        raise InputError(said)
    assert "hybrid/training" not in said


# --- settings that would fail later, and sizes that no machine has ---


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--data-seed", "-1"], "--data-seed -1"),
        (["--model-seed", str(2**40)], "--model-seed"),
        (["--split", "nan", "nan", "nan"], "split|finite"),
        (["--split", "inf", "0.1", "0.1"], "split|finite"),
        (["--radius", "inf"], "--radius inf"),
        (["--learning-rate", "nan"], "--learning-rate nan"),
        (["--max-neighbours", "1000", "--model", "alignn"], r"x\d+\.json: its graph would have"),
        (["--radius", "1000"], r"x\d+\.json: its graph would have"),
        (["--radius", "3000"], "--radius 3000.0: Input should be less than or equal to 1000"),
        (["--atom-fea-len", str(10**10)], "out of memory"),
        (["--targets", "vpa", "vpa"], "a target is named twice"),
        (["--model", "de-cgcnn", "--descriptors", "vpa", "vpa"], "a descriptor is named twice"),
        (["--model", "forest", "--pooling", "sum"], "--pooling: forest does not use it"),
        (["--model", "forest", "--trainer", "paper"], "--trainer: forest does not use it"),
        (["--model", "roost", "--radius", "5"], "--radius: roost does not use it"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_the_work(
    options: list[str],
    told: str,
    crystal_folder: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    small = (
        SMALL if {"alignn", "--atom-fea-len", "forest", "roost"}.isdisjoint(options) else ["--device", "cpu"]
    )
    said = refused(capsys, "train", crystal_folder(4), "--out", tmp_path / "run", *small, *options)
    with pytest.raises(InputError, match=told):
        raise InputError(said)


@pytest.mark.parametrize("command", ["probe", "supercells", "embed"])
def test_no_command_writes_over_a_table_of_the_folder(
    command: str, crystal_folder: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, vectors = crystal_folder(4), tmp_path / "vectors.csv"
    assert main(["train", str(path), "--out", str(tmp_path / "run"), *SMALL]) == 0
    vectors.write_text("id,u\n")
    told = {
        "probe": (path, "--embeddings", vectors),
        "supercells": (tmp_path / "run", path),
        "embed": (path, "--model", tmp_path / "run"),
    }
    ending = ".csv" if command == "embed" else ""
    for place in (path / "id_prop", vectors.with_suffix("") if command == "probe" else path / "id_prop"):
        said = refused(capsys, command, *told[command], "--out", f"{place}{ending}")
        assert "is an input and is not overwritten" in said
    if command != "embed":
        assert "is a folder" in refused(capsys, command, *told[command], "--out", ".")


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["supercells", "run", "crystals", "--sizes", "300x300x300"], "atoms in supercells are too many"),
        (["descriptors", "crystals", "--jobs", "0"], "0 processes: there can be 1 to 1000"),
        (["probe", "crystals", "--embeddings", "v.csv", "--beside", "b.json"], "is not a record of networks"),
    ],
)
def test_what_would_only_fail_later_is_refused(
    command: list[str],
    told: str,
    crystal_folder: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = crystal_folder(10)
    monkeypatch.chdir(tmp_path)
    if command[0] == "supercells":
        assert main(["train", "crystals", "--out", "run", *SMALL]) == 0
    ids = read_folder(path).ids
    Path("v.csv").write_text("id,u\n" + "".join(f"{identity},{i}\n" for i, identity in enumerate(ids)))
    Path("b.json").write_text('{"rows": [{"status": "done"}]}')
    split = ["--descriptors", "vpa", "--split", "0.6", "0.2", "0.2"] if command[0] == "probe" else []
    assert told in refused(capsys, *command, *split)


def test_a_run_folder_with_pipes_and_rubbish_does_not_hang(
    crystal_folder: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, run = crystal_folder(6), tmp_path / "run"
    command = ["train", path, "--out", run, *SMALL]
    assert main(list(map(str, command))) == 0
    os.mkfifo(path / "manifest.json")
    assert main(list(map(str, command))) == 0
    for rubbish in ("{}", "[1]", '{"crystals": {"x": 3}}'):
        (run / "inputs.json").write_text(rubbish)
        assert "inputs.json: is damaged" in refused(capsys, "predict", run, path, "--out", tmp_path / "p.csv")
    for name in ("inputs.json", "settings.json"):
        (run / name).unlink()
        os.mkfifo(run / name)
        assert "holds another run" in refused(capsys, *command)


def test_a_name_that_is_no_text_and_a_loop_of_links_are_sentences(
    crystal_folder: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(4)
    os.link(path / "x00.json", os.fsencode(path) + b"/\xff.json")
    assert r"'\udcff.json' is not text in UTF-8" in refused(capsys, "descriptors", path)
    Path(os.fsdecode(os.fsencode(path) + b"/\xff.json")).unlink()
    (path / "descriptors.csv").unlink(missing_ok=True)
    (path / "descriptors.csv").symlink_to("descriptors.csv")
    assert "Symlink loop" in refused(capsys, "descriptors", path)


def test_a_tiny_radius_needs_no_memory(crystal_folder: Callable[..., Path]) -> None:
    """The cells of the search for neighbours are not smaller than there are atoms."""
    graphs = read_folder(crystal_folder(3)).graphs(GraphSettings(radius=1e-9))
    assert (graphs.distances > 1e-9).all()


def test_epochs_of_a_probe_are_checked(
    crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(4)
    for epochs in (-3, 0):
        assert f"--epochs {epochs}" in refused(
            capsys, "probe", path, "--network", "cgcnn", "--epochs", epochs
        )


def test_a_terminal_without_letters_of_ours_gets_their_numbers(crystal_folder: Callable[..., Path]) -> None:
    path = crystal_folder(4, name="größe")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "hybrid", "train", str(path), "--out", str(path.parent / "ö"), *SMALL]
    done = subprocess.run(command, env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert b"R\\xb2" in done.stdout
