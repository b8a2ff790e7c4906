"""Embeddings of crystals by pretrained models, and by those trained here."""

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from pymatgen.core import Structure

from hybrid.atomic import locked
from hybrid.data.folder import CrystalFolder
from hybrid.descriptors.many import kept_rows
from hybrid.errors import InputError, one_line, unknown_name
from hybrid.line_cache import LineCache
from hybrid.probing.embeddings import Embeddings
from hybrid.progress import Progress
from hybrid.structures import content_key
from hybrid.trained.loading import load_one
from hybrid.trained.released import released_names

POOLINGS = ("mean", "sum")
AT_ONCE = 16  # crystals in a forward pass
SumVectors = Callable[[Sequence[Structure]], np.ndarray]
"""Maps crystals to the sums of their atom vectors, (n_crystals, n_features)."""


@dataclass(frozen=True)
class Pretrained:
    """A pretrained model."""

    package: str  # which contains it and its weights
    load: Callable[[torch.device], SumVectors]  # loads it on a device


def embed(
    folder: CrystalFolder, name: str, pooling: str = "mean", device: torch.device | None = None
) -> Embeddings:
    """The embeddings (n_crystals, n_features) of a folder's crystals by a model.

    Those of a pretrained model are cached in `.hybrid/<name>.jsonl` by the content of the structure file. A
    stopped call continues from there, and a crystal in several datasets is computed once.

    Args:
        folder: the crystals.
        name: a name from PRETRAINED, or the path of a run folder or checkpoint.
        pooling: mean or sum of the atom vectors.
        device: where to compute; None: the CPU.

    Raises:
        InputError: the model or pooling is unknown, the model is not installed, or a crystal cannot be used.
    """
    if pooling not in POOLINGS:
        raise unknown_name("pooling of vectors", pooling, POOLINGS)
    if name not in PRETRAINED and (Path(name).exists() or name in released_names()):
        return _learnt(folder, Path(name), pooling, device or torch.device("cpu"))
    prefix = f"{source(name)} "
    keys = [content_key(path, prefix) for path in folder.files]
    cache = kept_rows(folder.path).with_name(f"{name}.jsonl")
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # the folder cannot be written to
            stack.enter_context(locked(cache.with_suffix(".lock")))
        rows = stack.enter_context(LineCache(cache, required=False))
        missing = [i for i, key in enumerate(keys) if key not in rows]
        if missing:
            vectors = PRETRAINED[name].load(device or torch.device("cpu"))
            crystals = iter(
                Progress(folder.take(missing).structures(), f"{name} vectors", len(missing), unit="crystals")
            )
            for first in range(0, len(missing), AT_ONCE):
                at = missing[first : first + AT_ONCE]
                batch = [next(crystals) for _ in at]
                sums = _sums(vectors, batch, [folder.files[i] for i in at])
                for i, crystal, row in zip(at, batch, sums, strict=True):
                    numbers = [float(f"{value:.7g}") for value in row]
                    rows.add(keys[i], {"n_atoms": len(crystal), "sum": numbers})
        found = [rows[key] for key in keys]
    values = np.array([row["sum"] for row in found], dtype=np.float64)
    if pooling == "mean":
        values /= np.array([[row["n_atoms"]] for row in found])
    names = [f"{name}_{i}" for i in range(values.shape[1])]
    return Embeddings(pd.DataFrame(values, index=folder.ids, columns=names), folder.path)


def _learnt(folder: CrystalFolder, path: Path, pooling: str, device: torch.device) -> Embeddings:
    """The vectors of crystals after the last convolution of a trained network."""
    model = load_one(path)
    graphs = replace(folder, atom_features=model.atom_features).graphs(model.graph, model.architecture.graphs)
    vectors = model.crystal_embeddings(graphs, device)
    if pooling == "sum":
        vectors = vectors * graphs.n_atoms.numpy()[:, None]
    names = [f"{model.settings.name}_{i}" for i in range(vectors.shape[1])]
    return Embeddings(pd.DataFrame(vectors, index=folder.ids, columns=names), folder.path)


def source(name: str) -> str:
    """The package and version of a pretrained model.

    Raises:
        InputError: the model is unknown or its package is not installed.
    """
    if name not in PRETRAINED:
        raise unknown_name("run folder, checkpoint or pretrained model", name, PRETRAINED)
    package = PRETRAINED[name].package
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        install = "pip install '.[force-field]' in the checkout"
        raise InputError(f"embeddings by {name} need the package {package}; {install}") from None


def _sums(vectors: SumVectors, crystals: list[Structure], files: list[Path]) -> np.ndarray:
    """The embeddings of some crystals together or, if that fails, one by one to find which one fails."""
    try:
        return vectors(crystals)
    except (ValueError, RuntimeError, KeyError, IndexError) as error:
        if len(files) == 1:
            raise InputError(f"{files[0]}: the pretrained model cannot use it ({one_line(error)})") from error
        pairs = zip(crystals, files, strict=True)
        return np.concatenate([_sums(vectors, [crystal], [path]) for crystal, path in pairs])


def _chgnet(device: torch.device) -> SumVectors:
    """CHGNet's `crystal_fea`: the sum of its atom vectors after the last convolution, of length 64.

    Atoms without neighbours within CHGNet's cut-off of 6 Å have a vector too, although they have no energy.
    """
    from chgnet.model import CHGNet

    with contextlib.redirect_stdout(io.StringIO()):  # CHGNet prints its number of parameters
        model = CHGNet.load(use_device=device.type, verbose=False).eval()
    model.graph_converter.set_isolated_atom_response("ignore")

    @torch.inference_mode()
    def vectors(structures: Sequence[Structure]) -> np.ndarray:
        graphs = [model.graph_converter(structure).to(device) for structure in structures]
        return np.asarray(model(graphs, task="e", return_crystal_feas=True)["crystal_fea"].cpu())

    return vectors


PRETRAINED = {"chgnet": Pretrained("chgnet", _chgnet)}
