"""Every command survives a file system that fails: a sentence, no half-written file, the same result then."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest
from conftest import needs_compiler

from hybrid import user_code
from hybrid.cli import main
from hybrid.data.folder import read_folder

HERE = Path(__file__).parent
SMALL = ["--epochs", "1", "--atom-fea-len", "8", "--h-fea-len", "8", "--n-conv", "1", "--device", "cpu"]
SMALL += ["--no-report"]  # tests/test_report_of_run.py draws
pytestmark = [needs_compiler, pytest.mark.skipif(sys.platform != "linux", reason="preloads a library")]


def survive(names: list[str], most: int, path: Path, tmp_path: Path) -> dict[str, dict[str, object]]:
    """The commands with up to `most` calls failing, 0: all; what was counted."""
    base, library = tmp_path / "base", tmp_path / "faults.so"
    base.mkdir()
    with patch.object(user_code, "_FILES", {}):  # what other tests have run is not this model's
        assert main(["train", str(path), "--out", str(base / "model"), *SMALL]) == 0
    shutil.rmtree(path / ".hybrid")
    shutil.move(path, base / "data")
    ids = read_folder(base / "data").ids
    rows = (f"{identity},{i % 3},{i * i % 7}\n" for i, identity in enumerate(ids))
    (base / "vectors.csv").write_text("id,u,v\n" + "".join(rows))
    compiler = os.environ.get("CXX", "cc").split()[0].replace("++", "cc").replace("gcccc", "gcc")
    subprocess.run(
        [shutil.which("cc") or compiler, "-shared", "-fPIC", "-o", library, HERE / "faults.c", "-ldl"],
        check=True,
    )
    command = [
        sys.executable,
        HERE / "fault_injection.py",
        base,
        tmp_path / "work",
        ",".join(names),
        str(most),
    ]
    environment = {
        **os.environ,
        "LD_PRELOAD": str(library),
        "FAULTS": str(library),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, sys.path)]),
    }
    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", ["train with descriptors", "predict", "dataset"])
def test_a_command_survives_some_faults(
    name: str, crystal_folder: Callable[..., Path], tmp_path: Path
) -> None:
    found = survive([name], 6, crystal_folder(10), tmp_path)[name]
    assert found["wrong"] == []
    assert found["faults"] >= 8


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["train", "train with descriptors", "predict", "descriptors", "dataset", "probe", "reproduce"]
)
def test_a_command_survives_every_fault(
    name: str, crystal_folder: Callable[..., Path], tmp_path: Path
) -> None:
    found = survive([name], 0, crystal_folder(10), tmp_path)[name]
    print(name, found["calls"], found["faults"])
    assert found["wrong"] == []
