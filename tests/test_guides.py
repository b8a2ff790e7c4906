"""Every command and snippet of README and the guides runs."""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hybrid import cli, user_code
from hybrid.descriptors import registry
from hybrid.folder_files import structure_files
from hybrid.structures import read_structure
from hybrid.training.loop import Training
from reproduction import __main__ as paper
from reproduction.paths import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
NOT_HERE = ("pip install", "pre-commit install", "git clone")  # the first is what test_wheel does
SHORTER = {"train": ("--device", "cpu"), "probe": ("--device", "cpu")}


class OneEpoch(Training):
    """A training of one epoch, whatever the settings: the run is called as for the reader."""

    def __init__(self, *given: Any):
        *others, settings, job = given
        trainer = settings.trainer.model_copy(update={"epochs": 1})
        super().__init__(*others, settings.model_copy(update={"trainer": trainer}), job)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, and the file that the text before it names, if it does."""

    language: str
    text: str
    file: str | None

    @classmethod
    def of(cls, page: Path) -> "list[Block]":
        found = re.finditer(
            r"(?P<before>[^\n]*)\n+```(?P<language>\w+)\n(?P<text>.*?)```", page.read_text(), re.DOTALL
        )
        blocks = []
        for match in found:
            named = re.search(r"`([\w/]+\.(?:py|json))`", match["before"])
            is_file = match["language"] in ("python", "json") and named and match["before"].endswith(":")
            blocks.append(cls(match["language"], match["text"], named[1] if named and is_file else None))
        return blocks


def commands(block: Block) -> list[str]:
    """The commands of a block in shell language, without comments."""
    lines = block.text.replace("\\\n", " ").splitlines()
    return [line.split("  #")[0].strip() for line in lines if line.strip()]


@pytest.fixture
def work(crystal_folder: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in with the data that the guides speak of."""
    crystal_folder(20, ".cif", "my_folder")
    crystal_folder(12, ".cif", "other_folder", seed=1)
    (tmp_path / "other_folder" / "id_prop.csv").unlink()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(user_code, "_FILES", {})
    monkeypatch.setattr(user_code, "_OBJECTS", {})
    monkeypatch.setattr(registry, "_REGISTERED", {})
    monkeypatch.setattr("hybrid.training.fit_network.Training", OneEpoch)
    for name in ("vendor", "results", "reproduction"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def write_samples(folder: Callable[..., Path]) -> None:
    """Folders in the form of upstream's samples, where a reader has cloned their repositories."""
    cgcnn, alignn = Path("cgcnn/data"), Path("alignn/alignn/examples")
    for place, name, ending, n in (
        (cgcnn, "sample-regression", ".cif", 10),
        (cgcnn, "sample-classification", ".cif", 10),
        (alignn, "sample_data", ".vasp", 23),
    ):
        place.mkdir(parents=True, exist_ok=True)
        folder(n, ending, name).rename(place / name)
        rows = (place / name / "id_prop.csv").read_text().splitlines()
        if name == "sample-classification":
            rows = [f"x{i:02d},{i % 2}" for i in range(n)]
        elif name == "sample_data":
            rows = [row.replace(",", ".vasp,") for row in rows[:20]]
            (place / name / "config_example.json").write_text('{"dataset": "user_data", "use_lmdb": true}')
        (place / name / "id_prop.csv").write_text("\n".join(rows))


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=pytest.mark.slow if page.stem == "first_hour" else ()) for page in PAGES],
    ids=lambda page: page.stem,
)
def test_a_page(
    page: Path, work: Path, crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Runs a page from top to bottom: trainings for one epoch, figures and long tasks as `make -n`."""
    files = structure_files(Path("my_folder"))
    names: dict[str, Any] = {
        "structures": [read_structure(path) for path in files.values()],
        "targets": np.loadtxt("my_folder/id_prop.csv", delimiter=",", usecols=1),
    }
    new_figures: set[str] = set()
    write_files_of(ROOT / "docs" / "add_a_model.md")
    if page.stem == "first_hour":
        write_samples(crystal_folder)
    for block in Block.of(page):
        if block.file:
            if "/" not in block.file:
                Path(block.file).write_text(block.text)
            else:  # a figure, whose target is there once the file is
                exec(compile(block.text, block.file, "exec"), {})
                new_figures.add(Path(block.file).stem.replace("_", "-"))
        elif block.language == "python":
            exec(compile(block.text.replace("epochs=100", "epochs=1"), str(page), "exec"), names)
        elif block.language == "sh":
            for command in commands(block):
                if not (command.startswith("make") and command.split()[1] in new_figures):
                    run(command, capsys, with_scripts=page.stem == "first_hour")


def write_files_of(page: Path) -> None:
    for block in Block.of(page):
        if block.file and "/" not in block.file:
            Path(block.file).write_text(block.text)


def run(command: str, capsys: pytest.CaptureFixture[str], with_scripts: bool) -> None:
    """Runs a command; what would take long is only looked up."""
    words = shlex.split(command)
    if command.startswith(NOT_HERE):
        return
    if words[0] == "make":
        told = subprocess.run(
            ["make", "-n", f"PYTHON={sys.executable}", *words[1:]], cwd=ROOT, capture_output=True, text=True
        )
        assert told.returncode == 0, told.stderr
    elif words[:3] == ["python", "-m", "reproduction"]:
        paper._parser().parse_args(words[3:])
    elif words[0] == "python" and with_scripts:
        done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True)
        refused = "config_example.json: remove use_lmdb, which alignn 2024.2.4, pinned here, does not know"
        assert done.returncode == (2 if "example.json" in command else 0), done.stderr
        assert refused in done.stderr or not done.returncode
    elif words[0] == "python":
        assert_options_exist(words)
    elif words[0] == "head":
        assert any(Path().glob(words[-1]))
    elif words[:2] == ["hybrid", "dataset"] or "".join(words[2:3]).startswith("datasets/"):
        cli.parse(words[1:])
    else:
        assert words[0] == "hybrid"
        code = cli.main([*words[1:], *SHORTER.get(words[1], ())])
        told = capsys.readouterr()
        assert code == 0, f"{command}\n{told.err}"


def assert_options_exist(words: list[str]) -> None:
    """A script of upstream's has the options that it is called with."""
    told = subprocess.run(
        [sys.executable, words[1], "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for option in (word for word in words if word.startswith("--")):
        assert option in told, f"{words[1]} has no {option}"
