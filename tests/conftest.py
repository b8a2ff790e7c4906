"""Textbook crystals, named by formula; folders of small ones; made-up records; what needs a compiler."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor
from pymatgen.io.cif import CifWriter
from pymatgen.io.vasp import Poscar

from reproduction.data.chains import chain_of_set, zigzag_chain
from reproduction.paths import VENDOR
from reproduction.site.tables import TABLE, table_of

FCC = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
SPECIES = ("Li", "O", "Na", "Cl", "Si", "Fe", "Cu", "Cs")

needs_compiler = pytest.mark.skipif(
    not (os.environ.get("CXX") or any(map(shutil.which, ("c++", "g++", "clang++")))),
    reason="no C++ compiler",
)


@pytest.fixture(autouse=True)
def _threads_as_before():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def NaCl() -> Structure:
    """Rock salt, conventional cell, a = 5.64 Å: neighbours at a/2, a/√2, a√3/2."""
    chlorine = (np.array(FCC) + 0.5) % 1
    return Structure(Lattice.cubic(5.64), ["Na"] * 4 + ["Cl"] * 4, [*FCC, *chlorine])


@pytest.fixture
def NaCl_primitive() -> Structure:
    """Rock salt, primitive cell."""
    lattice = Lattice(np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) * 5.64 / 2)
    return Structure(lattice, ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


@pytest.fixture
def Si() -> Structure:
    """Diamond, primitive cell, a = 5.43 Å: 4 neighbours at a√3/4, 12 at a/√2."""
    lattice = Lattice(np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) * 5.43 / 2)
    return Structure(lattice, ["Si", "Si"], [[0, 0, 0], [0.25, 0.25, 0.25]])


@pytest.fixture
def Cu() -> Structure:
    """fcc, primitive cell of one atom, a = 3.61 Å: 12 neighbours at a/√2, all of them images of itself."""
    return Structure(Lattice(np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) * 3.61 / 2), ["Cu"], [[0, 0, 0]])


@pytest.fixture
def CsCl() -> Structure:
    """Caesium chloride, a = 4.12 Å: 8 neighbours at a√3/2, 6 at a."""
    return Structure(Lattice.cubic(4.12), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


@pytest.fixture
def C_zigzag() -> Structure:
    """A zigzag chain in vacuum: 1.5 Å bonds at 120°, and fewer than 12 neighbours within a few Å."""
    return zigzag_chain(1.5, 120)


@pytest.fixture
def C_long() -> Structure:
    """A random chain of 40 atoms, among them atoms with fewer than 12 neighbours within 8 Å."""
    return chain_of_set("single", 40, 0)


def import_vendored(name: str) -> None:
    """Puts a patched upstream code first on the import path."""
    assert (VENDOR / name).exists(), f"vendor/{name} is missing; run `make vendor`"
    if str(VENDOR / name) not in sys.path:
        sys.path.insert(0, str(VENDOR / name))


def random_crystal(seed: int, n_atoms: int | None = None) -> Structure:
    """A triclinic crystal of a few elements, no two atoms at the same position."""
    rng = np.random.default_rng(seed)
    n = n_atoms or int(rng.integers(1, 5))
    lattice = Lattice.from_parameters(*rng.uniform(3.5, 6, 3), *rng.uniform(70, 110, 3))
    places = (np.arange(n)[:, None] / n + rng.uniform(-0.1, 0.1, (n, 3)) + rng.random(3)) % 1
    return Structure(lattice, rng.choice(SPECIES, n), places)


def write_structure(structure: Structure, path: Path) -> None:
    """Writes a structure in the format of the path's ending, with all its digits where that can be."""
    match path.suffix:
        case ".cif":
            CifWriter(structure, significant_figures=14).write_file(path)
        case ".vasp" | ".poscar":
            Poscar(structure).write_file(path, significant_figures=15)
        case ".json":
            path.write_text(structure.to_json())
        case _:
            AseAtomsAdaptor.get_atoms(structure).write(path, format="extxyz")


def record_row(network: str, error: float, seed: int = 0, **changes: Any) -> dict[str, Any]:
    """A record's row of a finished run, made up but for its error (MAE/MAD)."""
    return {
        "panel": "",
        "dataset": "phonon-cv",
        "dataset_label": "Cv per cell",
        "target": "Cv",
        "unit": "J",
        "network": network,
        "network_label": network,
        "model": network.removesuffix("-tuned").removesuffix("-sum"),
        "pooling": "sum" if "-sum" in network else "mean",
        "descriptors": None,
        "variant": "tuned",
        "descriptor": None,
        "paper": None,
        "grouping": None,
        "training_share": 1.0,
        "seed": seed,
        "epochs": 3,
        "n_train": 9,
        "n_val": 3,
        "n_test": 3,
        "training_r2": 0.5,
        "status": "done",
        "note": "",
        "metrics": {"mae": 50 * error, "mad": 50.0, "mae_over_mad": error, "r2": 0.1},
        **changes,
    }


class MakesFolder:
    """What a malicious checkpoint holds: when it is unpickled, a folder appears."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.folder),)


def tables_in(path: Path) -> list[list[dict[str, str]]]:
    """The rows of each table in a Markdown file of ours."""
    return [table_of(lines).to_dict("records") for lines in TABLE.findall(path.read_text())]


def write_malicious(path: Path, folder: Path, zipped: bool, **entries: Any) -> None:
    """A checkpoint with these entries that makes a folder if it is read as a pickle; it has been tried."""
    content = {**entries, "extra": MakesFolder(folder)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    torch.load(path, weights_only=False)
    folder.rmdir()


def target_of(structure: Structure) -> float:
    """Something that can be learnt from a crystal, in odd units."""
    return 1000 + 2.5 * structure.volume / len(structure)


@pytest.fixture
def crystal_folder(tmp_path: Path) -> Callable[..., Path]:
    """Makes a dataset folder of `n` small crystals in the format of `ending`."""

    def make(n: int = 12, ending: str = ".json", name: str = "crystals", seed: int = 0) -> Path:
        path = tmp_path / name
        path.mkdir()
        rows = []
        for i in range(n):
            crystal = random_crystal(1000 * seed + i)
            write_structure(crystal, path / f"x{i:02d}{ending}")
            rows.append(f"x{i:02d},{target_of(crystal)!r}\n")
        (path / "id_prop.csv").write_text("".join(rows))
        return path

    return make


@pytest.fixture(scope="session")
def hybrid_data() -> Path:
    """The local copy of the public data sets, if there is one."""
    if "HYBRID_DATA" not in os.environ:
        pytest.skip("HYBRID_DATA names no folder of data")
    return Path(os.environ["HYBRID_DATA"])
