"""`hybrid descriptors` killed in the middle: the same command goes on and ends with the same bytes."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import random_crystal, write_structure

from hybrid.cli import main
from hybrid.data.folder import read_folder
from hybrid.descriptors import many
from hybrid.descriptors.of_folder import folder_descriptors
from reproduction.data.structures import FILES, LOCAL


def kill_after(folder: Path, n_rows: int) -> bytes:
    """Starts the command, kills it once there are `n_rows` rows, and gives what it left."""
    rows = folder / ".hybrid" / "descriptors.jsonl"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "hybrid", "descriptors", str(folder)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 1800
    while not (rows.exists() and rows.read_bytes().count(b"\n") >= n_rows):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (folder / "descriptors.csv").exists()
    return rows.read_bytes()


def check_resumes(folder: Path, n_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills the command, repeats it, and compares with one on a copy that nobody disturbed."""
    undisturbed = folder.with_name("undisturbed")
    shutil.copytree(folder, undisturbed)
    left = kill_after(folder, n_rows)
    n_files, n_done = len(list(folder.glob("x*.json"))), left.count(b"\n")
    assert n_rows <= n_done < n_files

    computed: list[object] = []
    compute = many.descriptor_row
    monkeypatch.setattr(many, "descriptor_row", lambda *task: computed.append(task[0]) or compute(*task))
    assert main(["descriptors", str(folder)]) == 0
    assert len(computed) == n_files - n_done
    kept = (folder / ".hybrid" / "descriptors.jsonl").read_bytes()
    assert kept.startswith(left), "finished rows are not touched"
    assert len({json.loads(line)["key"] for line in kept[len(left) :].splitlines() if line}) == len(computed)

    assert main(["descriptors", str(undisturbed)]) == 0
    table = (folder / "descriptors.csv").read_bytes()
    assert table == (undisturbed / "descriptors.csv").read_bytes()
    assert table.count(b"\n") == 1 + n_files


def test_a_killed_command_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "crystals"
    folder.mkdir()
    for i in range(30):
        write_structure(random_crystal(i, n_atoms=4), folder / f"x{i:02d}.json")
    check_resumes(folder, 5, monkeypatch)


@pytest.mark.slow
def test_a_killed_command_goes_on_with_2000_crystals(
    hybrid_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (hybrid_data / FILES[0]).exists():
        pytest.skip(f"{hybrid_data / FILES[0]} is not there")
    folder = tmp_path / "crystals"
    folder.mkdir()
    for identity, structure in itertools.islice(LOCAL.structures(), 2000):
        write_structure(structure, folder / f"x-{identity}.json")
    check_resumes(folder, 1000, monkeypatch)


def test_of_a_part_of_a_folder_that_part_is_described(
    crystal_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = read_folder(crystal_folder(5))
    computed: list[object] = []
    compute = many.descriptor_row
    monkeypatch.setattr(many, "descriptor_row", lambda *task: computed.append(task[0]) or compute(*task))
    part = folder_descriptors(folder.take([3, 1]))
    assert part.ids == (folder.ids[3], folder.ids[1])
    assert len(computed) == 2
    at = part.names.index("natoms")
    assert not (folder.path / "descriptors.csv").exists()
    assert (
        folder_descriptors(folder.take([3, 1]), ["natoms"]).rows(part.ids).equal(part.rows(part.ids)[:, [at]])
    )
    assert len(computed) == 2, "others of its descriptors need no more work"
    whole = folder_descriptors(folder)
    assert len(computed) == 5, "what was described is kept"
    assert whole.rows(part.ids).equal(part.rows(part.ids))
    assert (folder.path / "descriptors.csv").exists()
