"""Crystal vectors of pretrained models."""

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from pymatgen.core import Structure
from tqdm import tqdm

from hybrid.atomic import locked
from hybrid.data.folder import CrystalFolder
from hybrid.data.structure_table import StructureTable
from hybrid.descriptors.many import kept_rows
from hybrid.errors import InputError, one_line, unknown_name
from hybrid.line_cache import LineCache
from hybrid.probe.embeddings import Embeddings
from hybrid.structures import content_key

POOLINGS = ("mean", "sum")
AT_ONCE = 16  # crystals a forward pass
SumVectors = Callable[[Sequence[Structure]], np.ndarray]
"""From crystals to the sums of their atom vectors, (n_crystals, n_features)."""


@dataclass(frozen=True)
class Pretrained:
    """A pretrained model.

    Attributes:
        package: that contains it with its weights.
        load: loads it on a device.
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

    They are kept in `.hybrid/<name>.jsonl` by the content of the structure file, so that a stopped call
    continues and a crystal that is in several datasets is computed once.

    Args:
        folder: the crystals.
        name: a name from PRETRAINED.
        pooling: mean or sum of the atom vectors.
        device: where to compute; None: the CPU.
        progress: show a progress bar.

    Raises:
        InputError: the model or pooling is unknown, the model is not installed, or a crystal cannot be used.
    """
    prefix = f"{source(name)} "
    if pooling not in POOLINGS:
        raise unknown_name("pooling of a pretrained model", pooling, POOLINGS)
    keys = [content_key(path, prefix) for path in folder.files]
    cache = kept_rows(folder.path).with_name(f"{name}.jsonl")
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # the folder cannot be written to
            stack.enter_context(locked(cache.with_suffix(".lock")))
        rows = stack.enter_context(LineCache(cache, required=False))
        missing = {key: path for key, path in zip(keys, folder.files, strict=True) if key not in rows}
        if missing:
            vectors = PRETRAINED[name].load(device or torch.device("cpu"))
            table = stack.enter_context(StructureTable(folder.path))
            bar = tqdm(total=len(missing), desc=f"{name} vectors", unit="crystal", disable=not progress)
            for first in range(0, len(missing), AT_ONCE):
                batch = dict(list(missing.items())[first : first + AT_ONCE])
                crystals = {path: table.read(path) for path in batch.values()}
                for key, path, row in zip(batch, crystals, _sums(vectors, crystals), strict=True):
                    numbers = [float(f"{value:.7g}") for value in row]
                    rows.add(key, {"n_atoms": len(crystals[path]), "sum": numbers})
                bar.update(len(batch))
            bar.close()
        found = [rows[key] for key in keys]
    sums = np.array([row["sum"] for row in found], dtype=np.float64)
    return sums if pooling == "sum" else sums / np.array([[row["n_atoms"]] for row in found])


def embed(
    folder: CrystalFolder,
    name: str,
    pooling: str = "mean",
    device: torch.device | None = None,
    progress: bool = True,
) -> Embeddings:
    """The vectors as a table; see `crystal_vectors`."""
    vectors = crystal_vectors(folder, name, pooling, device, progress)
    names = [f"{name}_{i}" for i in range(vectors.shape[1])]
    return Embeddings(pd.DataFrame(vectors, index=folder.ids, columns=names), folder.path)


def source(name: str) -> str:
    """The package and version of a pretrained model.

    Raises:
        InputError: the model is unknown or its package is not installed.
    """
    if name not in PRETRAINED:
        raise unknown_name("pretrained model", name, PRETRAINED)
    package = PRETRAINED[name].package
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        install = "pip install 'hybrid-crystal-gnn[force-field]'"
        raise InputError(f"{name} vectors need the package {package}; {install}") from None


def _sums(vectors: SumVectors, crystals: dict[Path, Structure]) -> np.ndarray:
    """The vectors of some crystals, computed together or, if that fails, one by one to find the bad one."""
    try:
        return vectors(list(crystals.values()))
    except (ValueError, RuntimeError, KeyError, IndexError) as error:
        if len(crystals) == 1:
            (path,) = crystals
            raise InputError(f"{path}: the pretrained model cannot use it ({one_line(error)})") from error
        return np.concatenate([_sums(vectors, {path: crystal}) for path, crystal in crystals.items()])


def _chgnet(device: torch.device) -> SumVectors:
    """CHGNet's `crystal_fea`: the sum of its atom vectors after the last convolution, of length 64.

    Atoms without neighbours within CHGNet's 6 Å, for which it gives no energy, have a vector too.
    """
    from chgnet.model import CHGNet

    with contextlib.redirect_stdout(io.StringIO()):  # it prints its number of parameters
        model = CHGNet.load(use_device=device.type, verbose=False).eval()
    model.graph_converter.set_isolated_atom_response("ignore")

    @torch.inference_mode()
    def vectors(structures: Sequence[Structure]) -> np.ndarray:
        graphs = [model.graph_converter(structure).to(device) for structure in structures]
        return np.asarray(model(graphs, task="e", return_crystal_feas=True)["crystal_fea"].cpu())

    return vectors


PRETRAINED = {"chgnet": Pretrained("chgnet", _chgnet)}
