"""Embeddings of crystals by pretrained models, and by those trained here."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from pymatgen.core import Structure

from hybrid.atomic import locked_where_possible
from hybrid.data.folder import CrystalFolder
from hybrid.descriptors.many import kept_rows
from hybrid.errors import InputError, one_line, unknown_name
from hybrid.line_cache import LineCache
from hybrid.probing.embeddings import Embeddings
from hybrid.probing.force_fields import PRETRAINED, AtomVectors, atom_vectors, source
from hybrid.progress import Progress
from hybrid.readout import get_pooling
from hybrid.structures import content_key
from hybrid.trained.loading import load_one
from hybrid.trained.released import released_names

SUMMARY = ("sum", "deviation", "skewness", "smallest", "largest")
POOLINGS = {"mean": SUMMARY[:1], "sum": SUMMARY[:1], "cumulants": SUMMARY}
"""What of the distribution of a crystal's atom vectors a pooling needs."""
AT_ONCE = 16  # crystals in a forward pass
ROUNDING = 1e-3  # a standard deviation: the skewness of much smaller ones, which are rounding, is zero


def embed(
    folder: CrystalFolder, name: str, pooling: str | None = None, device: torch.device | None = None
) -> Embeddings:
    """The embeddings (n_crystals, n_features) of a folder's crystals by a model.

    What the poolings need of a pretrained model's atom vectors is cached in `.hybrid/<name>.jsonl` by the
    content of the structure file. A stopped call continues from there, and a crystal in several datasets is
    computed once.

    Args:
        folder: the crystals.
        name: a name from PRETRAINED, or the path of a run folder or checkpoint.
        pooling: mean or sum of the atom vectors, or cumulants: mean, standard deviation, skewness, minimum
            and maximum over the atoms; None: as the model itself pools, and mean for a pretrained one.
        device: where to compute; None: the CPU.

    Raises:
        InputError: the model or pooling is unknown, the model is not installed, or a crystal cannot be used.
    """
    if pooling is not None and pooling not in POOLINGS:
        raise unknown_name("pooling of vectors", pooling, POOLINGS)
    if name not in PRETRAINED and (Path(name).exists() or name in released_names()):
        return _learnt(folder, Path(name), pooling, device or torch.device("cpu"))
    pooling = pooling or "mean"
    prefix = f"{source(name)} "
    keys = [content_key(path, prefix) for path in folder.files.values()]
    cache = kept_rows(folder.path).with_name(f"{name}.jsonl")
    with locked_where_possible(cache.with_suffix(".lock")), LineCache(cache, required=False) as rows:
        needed = set(POOLINGS[pooling])
        missing = [i for i, key in enumerate(keys) if not needed <= rows.get(key, {}).keys()]
        if missing:
            vectors = atom_vectors(name, device or torch.device("cpu"))
            read = folder.take(missing).structures()
            crystals = iter(Progress(read, f"{name} vectors", len(missing), unit="crystals"))
            for first in range(0, len(missing), AT_ONCE):
                at = missing[first : first + AT_ONCE]
                batch = [next(crystals) for _ in at]
                found = _atom_vectors(vectors, batch, [folder.files[folder.ids[i]] for i in at])
                for i, atoms in zip(at, found, strict=True):
                    rows.add(keys[i], {"n_atoms": len(atoms), **_summary(atoms)})
        parts = [_pooled(rows[key], pooling) for key in keys]
    values = np.array([np.concatenate(list(part.values())) for part in parts])
    names = [f"{name}{what}_{i}" for what, numbers in parts[0].items() for i in range(len(numbers))]
    return Embeddings(pd.DataFrame(values, index=folder.ids, columns=names), folder.path)


def _learnt(folder: CrystalFolder, path: Path, pooling: str | None, device: torch.device) -> Embeddings:
    """The vectors of crystals after the last convolution of a trained network.

    Raises:
        InputError: the pooling is of pretrained models alone.
    """
    if pooling not in (None, "mean", "sum"):
        raise InputError(f"--pooling {pooling}: is for pretrained models; {path} has mean and sum")
    model = load_one(path)
    pooling = pooling or ("sum" if get_pooling(model.settings.pooling).extensive else "mean")
    graphs = replace(folder, atom_features=model.atom_features).graphs(model.graph, model.architecture.graphs)
    vectors = model.crystal_embeddings(graphs, device)
    if pooling == "sum" and model.architecture.poolings:
        raise InputError(f"--pooling sum: {model.settings.name} has mean pooling only")
    if pooling == "sum":
        vectors = vectors * graphs.n_atoms.numpy()[:, None]
    names = [f"{model.settings.name}_{i}" for i in range(vectors.shape[1])]
    return Embeddings(pd.DataFrame(vectors, index=folder.ids, columns=names), folder.path)


def _summary(vectors: np.ndarray) -> dict[str, list[float]]:
    """The distribution over the atoms of each number of their vectors (n_atoms, n_features): SUMMARY.

    The sum has the precision of the vectors, as a model adds them up itself.
    """
    exact = vectors.astype(np.float64)
    centred = exact - exact.mean(axis=0)
    variance = (centred**2).mean(axis=0)
    skewness = (centred**3).mean(axis=0) / (variance + ROUNDING**2) ** 1.5
    values = (vectors.sum(axis=0), np.sqrt(variance), skewness, exact.min(axis=0), exact.max(axis=0))
    return {name: [float(f"{value:.7g}") for value in row] for name, row in zip(SUMMARY, values, strict=True)}


def _pooled(row: dict[str, Any], pooling: str) -> dict[str, np.ndarray]:
    """A crystal's embedding, from what is cached of it, in parts (n_features,) named as its columns are."""
    total, *others = (np.array(row[name], dtype=np.float64) for name in POOLINGS[pooling])
    first = total if pooling == "sum" else total / row["n_atoms"]
    if not others:
        return {"": first}
    return {"_mean": first} | {f"_{name}": part for name, part in zip(SUMMARY[1:], others, strict=True)}


def _atom_vectors(vectors: AtomVectors, crystals: list[Structure], files: list[Path]) -> list[np.ndarray]:
    """The atom vectors of some crystals together or, if that fails, one by one to find which one fails."""
    try:
        return vectors(crystals)
    except (ValueError, RuntimeError, KeyError, IndexError) as error:
        if len(files) == 1:
            raise InputError(f"{files[0]}: the pretrained model cannot use it ({one_line(error)})") from error
        pairs = zip(crystals, files, strict=True)
        return [atoms for crystal, path in pairs for atoms in _atom_vectors(vectors, [crystal], [path])]
