"""Coverage-guided fuzzing of everything that reads a user's file: `make fuzz`.

Whatever a file holds, a reader gives what can be used or raises an InputError, within 20 s and 4 GB. One
target a process: `python tests/fuzz/readers.py cif -max_total_time=60`.
"""

import io
import math
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["hybrid", "pymatgen.io", "ase.io"]):
    import numpy as np
    import torch
    from pymatgen.core import Lattice, Structure

    from hybrid.data.folder import read_folder
    from hybrid.data.splits import read_split
    from hybrid.descriptors.table import DescriptorTable
    from hybrid.errors import InputError
    from hybrid.graphs.crystal import CrystalGraphs
    from hybrid.line_cache import LineCache
    from hybrid.probing.embeddings import Embeddings
    from hybrid.settings import GraphSettings
    from hybrid.structures import read_structure
    from hybrid.trained.checkpoint import load

KEPT = Path(os.environ.get("FUZZ_CORPUS", "build/fuzz"))
NaCl = Structure(Lattice.cubic(4), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def structure(path: Path) -> None:
    """A crystal that is read can be used."""
    found = read_structure(path)
    assert len(found)
    assert np.isfinite(found.cart_coords).all()
    assert found.volume > 0
    assert all(1 <= site.specie.Z <= 100 for site in found)


def id_prop(path: Path) -> None:
    """Targets are finite, and ids are those of files."""
    for identity in ("x0", "x1"):
        (path.parent / f"{identity}.json").touch()
    folder = read_folder(path.parent)
    assert folder.targets is not None
    assert set(folder.ids) <= {"x0", "x1"}
    assert np.isfinite(folder.targets).all()


def split(path: Path) -> None:
    """Every crystal has one fold."""
    assert len(read_split(path, ["x0", "x1", "x2"], 0)) == 3


def descriptors(path: Path) -> None:
    """What is no number is a crystal's error."""
    table = DescriptorTable.read(path)
    for identity, row in zip(table.ids, table.values.tolist(), strict=True):
        assert identity in table.errors or all(map(math.isfinite, row))


def embeddings(path: Path) -> None:
    """Rows that are given are finite."""
    table = Embeddings.read(path)
    ids = list(table.table.index[:3])
    if ids:
        assert np.isfinite(table.rows(ids)).all()


def graphs(path: Path) -> None:
    """A cache is whole or none."""
    CrystalGraphs.load(path)


def lines(path: Path) -> None:
    """Entries are those that were kept."""
    with LineCache(path, required=False) as cache:
        assert set(cache) <= {"a"}
        assert not cache or cache["a"] == {"value": 1}


def npz(**arrays: np.ndarray) -> bytes:
    """A file of numpy arrays."""
    written = io.BytesIO()
    np.savez(written, **arrays)  # type: ignore[arg-type]
    return written.getvalue()


def saved(content: object) -> bytes:
    """A file of torch."""
    written = io.BytesIO()
    torch.save(content, written)
    return written.getvalue()


def kept_line() -> bytes:
    """A cache with one entry."""
    with tempfile.TemporaryDirectory() as folder:
        with LineCache(Path(folder, "x")) as cache:
            cache.add("a", {"value": 1})
        return Path(folder, "x").read_bytes()


def kept_graphs() -> bytes:
    """A cache of graphs."""
    with tempfile.TemporaryDirectory() as folder:
        CrystalGraphs.save([CrystalGraphs.from_structures([NaCl], GraphSettings())], Path(folder, "x"))
        return Path(folder, "x").read_bytes()


XYZ = '1\nLattice="3 0 0 0 3 0 0 0 3" Properties=species:S:1:pos:R:3 pbc="T T T"\nCu 0 0 0\n'
TARGETS: dict[str, tuple[str, Callable[[Path], object], bytes]] = {
    "cif": ("x.cif", structure, NaCl.to(fmt="cif").encode()),
    "poscar": ("x.vasp", structure, NaCl.to(fmt="poscar").encode()),
    "json": ("x.json", structure, NaCl.to_json().encode()),
    "extxyz": ("x.extxyz", structure, XYZ.encode()),
    "id_prop": ("id_prop.csv", id_prop, b"x0,1.5\nx1,-2e3\n"),
    "split": ("x.csv", split, b"id,fold\nx0,training\nx1,validation\nx2,test\n"),
    "descriptors": ("x.csv", descriptors, b"id,a,error\nx0,1,\nx1,,failed\n"),
    "embeddings-csv": ("x.csv", embeddings, b"id,u,v\nx0,1,2\n"),
    "embeddings-npz": ("x.npz", embeddings, npz(id=np.array(["x0"]), u=np.ones((1, 2)))),
    "checkpoint": ("x.ckpt", load, saved({"state_dict": {"w": torch.ones(2)}, "args": {}, "normalizer": {}})),
    "graphs": ("x.columns", graphs, kept_graphs()),
    "lines": ("x.jsonl", lines, kept_line()),
}
"""The name of a file, what reads and checks it, and an example."""


def main() -> None:
    """Fuzzes one target."""
    target, *options = sys.argv[1:]
    name, read, example = TARGETS[target]
    corpus = KEPT / target
    corpus.mkdir(parents=True, exist_ok=True)
    (corpus / "example").write_bytes(example)
    warnings.simplefilter("ignore")

    def once(content: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, name)
            path.write_bytes(content)
            try:
                read(path)
            except InputError as error:
                assert str(path.parent) in str(error), error  # noqa: PT017

    limits = ["-timeout=20", "-rss_limit_mb=4096", f"-artifact_prefix={corpus}/crash-"]
    atheris.Setup([sys.argv[0], *limits, *options, str(corpus)], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
