"""The tool is a house of its own, nothing in it imports upwards, and a command loads what it needs."""

import ast
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import hybrid

HOUSE = Path(hybrid.__file__).parent
FLOORS = (  # from the ground up; a module imports from its own floor and from those below
    "allocator atomic cif device errors line_cache metrics paths processes processor progress reading "
    "user_code",
    "readout structures cells weights",
    "folder_files",
    "settings",
    "kernels",
    "graphs",
    "data",
    "descriptors",
    "models",
    "trained",
    "training",
    "report",
    "probing supercells",
    "commands api",
    "cli __main__",
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms.split()}
OTHER_HOUSES = {"reproduction", "cgcnn2", "alignn"}
HEAVY = {"sklearn", "matplotlib", "pandas", "scipy.stats", "matminer", "snakemake", "dgl"}


def modules() -> dict[str, Path]:
    """The tool's modules by name."""
    found = {}
    for path in HOUSE.rglob("*.py"):
        parts = path.relative_to(HOUSE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it, with names that may be modules."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def arrows() -> dict[str, set[str]]:
    """The modules of the tool that each imports; the package's version and docstring are no module."""
    known = modules()
    return {name: {to for to in imported(path) if to in known} - {"hybrid"} for name, path in known.items()}


def room(module: str) -> str:
    return module.split(".")[1]


def test_the_tool_knows_nothing_of_the_paper() -> None:
    for path in HOUSE.rglob("*.py"):
        for name in imported(path):
            assert name.split(".")[0] not in OTHER_HOUSES, f"{path} imports {name}"


def test_every_room_has_its_floor() -> None:
    assert {room(name) for name in modules() if name != "hybrid"} == set(FLOOR_OF)


def test_nothing_imports_upwards() -> None:
    up = [
        f"{name} -> {to}"
        for name, targets in arrows().items()
        if name != "hybrid"  # the public face, above all
        for to in targets
        if FLOOR_OF[room(to)] > FLOOR_OF[room(name)]
    ]
    assert not up


def test_no_modules_import_each_other() -> None:
    TopologicalSorter(arrows()).prepare()  # raises CycleError


# --- what a command loads ---


def loaded(*arguments: str | Path | int) -> set[str]:
    """The modules that are loaded at the end of a command in a process of its own."""
    code = (
        "import contextlib, io, sys\n"
        "from hybrid.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    sys.exit(main(sys.argv[1:]))\n"
        "print(*sys.modules)\n"
    )
    told = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(told, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_help_loads_next_to_nothing() -> None:
    for arguments in (["--help"], ["predict", "--help"], ["train", "--help"], ["train", "nowhere"]):
        assert not loaded(*arguments) & {*HEAVY, *OTHER_HOUSES, "torch", "pymatgen", "numpy"}


def test_help_comes_at_once() -> None:
    """Less than 0.3 s of processor time, which other processes on the machine do not prolong."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    loaded("--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.3


SMALL = {
    "de-cgcnn": ("--atom-fea-len", 8),
    "alignn": ("--alignn-layers", 1, "--gcn-layers", 1, "--hidden", 8),
}


@pytest.mark.parametrize("name", ["de-cgcnn", "alignn"])
def test_training_a_network_and_predicting_load_nothing_heavy(
    name: str, crystal_folder: Callable[..., Path], tmp_path: Path
) -> None:
    path, run, out = crystal_folder(10, ".cif"), tmp_path / "run", tmp_path / "predictions.csv"
    told = ("train", path, "--model", name, "--epochs", 1, "--device", "cpu", "--out", run, "--no-report")
    told += SMALL[name]
    assert not loaded(*told) & (HEAVY | OTHER_HOUSES)
    assert (run / "metrics.json").exists()
    (path / "descriptors.csv").unlink(missing_ok=True)  # they are computed again
    assert not loaded("predict", run, path, "--out", out) & (HEAVY | OTHER_HOUSES)
    assert len(out.read_text().splitlines()) == 11
