"""Crystal vectors of pretrained models, kept as they are made."""

import contextlib
import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch
from pymatgen.core import Structure
from tqdm import tqdm

from hybrid.atomic import locked
from hybrid.data.folder import CrystalFolder
from hybrid.data.structure_table import StructureTable
from hybrid.descriptors.many import kept_rows
from hybrid.errors import InputError, unknown_name
from hybrid.line_cache import LineCache
from hybrid.probe.embeddings import Embeddings

POOLINGS = ("mean", "sum")
AT_ONCE = 16  # crystals a forward pass
SumVectors = Callable[[Sequence[Structure]], np.ndarray]
"""From crystals to the sums of their atom vectors, (n_crystals, n_features)."""


@dataclass(frozen=True)
class Pretrained:
    """A pretrained model that gives vectors.

    Attributes:
        package: that brings it with its weights.
        load: makes it ready on a device.
    """

    package: str
    load: Callable[[torch.device], SumVectors]


def crystal_vectors(
    folder: CrystalFolder,
    name: str,
    pooling: str = "mean",
    device: torch.device | None = None,
    progress: bool = True,
) -> np.ndarray:
    """The vectors (n_crystals, n_features) of a folder's crystals by a pretrained model.

    What is made is kept in `.hybrid/<name>.jsonl` by the content of the structure file, so that a stopped
    call goes on and crystals that are in several of the project's datasets are done once.

    Args:
        folder: the crystals.
        name: from PRETRAINED.
        pooling: mean or sum of the atom vectors.
        device: where to compute; none: the CPU.
        progress: show a progress bar.

    Raises:
        InputError: model or pooling are unknown, its package is not there, or a crystal cannot be used.
    """
    made_by = source(name)
    if pooling not in POOLINGS:
        raise unknown_name("pooling of a pretrained model", pooling, POOLINGS)
    keys = [_key(path, made_by) for path in folder.files]
    with _kept(kept_rows(folder.path).with_name(f"{name}.jsonl")) as rows:
        missing = [i for i, key in enumerate(keys) if key not in rows]
        bar = tqdm(
            initial=len(keys) - len(missing),
            total=len(keys),
            desc=f"{name} vectors",
            unit="crystal",
            disable=not (progress and missing),
        )
        if missing:
            vectors = PRETRAINED[name].load(device or torch.device("cpu"))
            _make(rows, folder.take(missing), [keys[i] for i in missing], vectors, bar)
        found = [rows[key] for key in keys]
    sums = np.array([row["sum"] for row in found], dtype=np.float64)
    return sums if pooling == "sum" else sums / np.array([[row["n_atoms"]] for row in found])


def source(name: str) -> str:
    """The package and version that a pretrained model comes from.

    Raises:
        InputError: the model is unknown, or its package is not there.
    """
    if name not in PRETRAINED:
        raise unknown_name("pretrained model", name, PRETRAINED)
    package = PRETRAINED[name].package
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        raise InputError(
            f"{name} vectors need the package {package}; "
            "pip install 'hybrid-crystal-gnn[force-field]' brings it"
        ) from None


@contextlib.contextmanager
def _kept(path: Path) -> Iterator[LineCache]:
    """The vectors in a file, held by one process; nothing is kept where nothing can be written."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            stack.enter_context(locked(path.with_suffix(".lock")))
        try:
            rows = LineCache(path)
        except InputError:
            rows = LineCache()
        yield stack.enter_context(contextlib.closing(rows))


def embed(
    folder: CrystalFolder,
    name: str,
    pooling: str = "mean",
    device: torch.device | None = None,
    progress: bool = True,
) -> Embeddings:
    """The same as a table; see `crystal_vectors`."""
    vectors = crystal_vectors(folder, name, pooling, device, progress)
    names = tuple(f"{name}_{i}" for i in range(vectors.shape[1]))
    return Embeddings(tuple(folder.ids), names, vectors, folder.path)


def _make(rows: LineCache, crystals: CrystalFolder, keys: list[str], vectors: SumVectors, bar: tqdm) -> None:
    """Computes and keeps the vectors of `crystals`, a batch at a time."""
    with bar, StructureTable(crystals.path) as table:
        for first in range(0, len(keys), AT_ONCE):
            files = crystals.files[first : first + AT_ONCE]
            structures = [table.read(path) for path in files]
            for key, structure, row in zip(
                keys[first:], structures, _attempt(vectors, structures, files), strict=False
            ):
                numbers = [float(f"{value:.7g}") for value in row]
                rows.add(key, {"n_atoms": len(structure), "sum": numbers})
            bar.update(len(files))


def _attempt(vectors: SumVectors, structures: list[Structure], files: list[Path]) -> np.ndarray:
    try:
        return vectors(structures)
    except (ValueError, RuntimeError, KeyError, IndexError) as error:
        if len(files) == 1:
            reason = " ".join(str(error).split())[:160]
            raise InputError(f"{files[0]}: the pretrained model cannot take it ({reason})") from error
        pairs = zip(structures, files, strict=True)  # one by one says which it is
        return np.concatenate([_attempt(vectors, [crystal], [path]) for crystal, path in pairs])


def _key(path: Path, made_by: str) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    return hashlib.sha256(f"{made_by} {path.suffix}\0".encode() + content).hexdigest()[:32]


def _chgnet(device: torch.device) -> SumVectors:
    """CHGNet's `crystal_fea`: the sum of its atom vectors after the last convolution, 64 long.

    An atom with no neighbour within CHGNet's 6 Å, where CHGNet gives no energy, has a vector all the same.
    """
    from chgnet.model import CHGNet

    with contextlib.redirect_stdout(io.StringIO()):  # it says how many parameters it has
        model = CHGNet.load(use_device=device.type, verbose=False).eval()
    model.graph_converter.set_isolated_atom_response("ignore")

    @torch.inference_mode()
    def vectors(structures: Sequence[Structure]) -> np.ndarray:
        graphs = [model.graph_converter(structure).to(device) for structure in structures]
        return np.asarray(model(graphs, task="e", return_crystal_feas=True)["crystal_fea"].cpu())

    return vectors


PRETRAINED = {"chgnet": Pretrained("chgnet", _chgnet)}
