"""Whether what stands in a run folder is the run that is asked for."""

import hashlib
import json
import shutil
from dataclasses import fields
from pathlib import Path

import numpy as np

from hybrid.atomic import write_text
from hybrid.errors import InputError
from hybrid.settings import RunSettings
from hybrid.training.samples import Samples


def discard_other_run(partial: Path, settings: RunSettings, data: str) -> None:
    """Starts afresh if the stopped run had other settings or saw other data."""
    seen = partial / "checkpoints" / "data.sha256"
    if not (_has_settings(partial, settings) and seen.exists() and seen.read_text() == data):
        shutil.rmtree(partial / "checkpoints", ignore_errors=True)
        write_text(partial / "settings.json", settings.model_dump_json(indent=2) + "\n")
        write_text(seen, data)


def fingerprint(samples: Samples) -> str:
    """Changes with any graph, target, descriptor or fold."""
    digest = hashlib.sha256(json.dumps([samples.folder.ids, samples.folds.tolist()]).encode())
    tensors = []
    if samples.graphs is not None:
        graphs = samples.graphs
        tensors += [getattr(graphs, f.name) for f in fields(graphs) if not f.name.startswith("first_")]
    if samples.descriptors is not None:
        tensors.append(samples.descriptors.rows(samples.folder.ids, gaps=True))
    for array in (samples.targets, *(tensor.numpy() for tensor in tensors)):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def refuse_other_settings(out: Path, settings: RunSettings) -> None:
    """A finished run is given back only if it is the one that is asked for."""
    if not _has_settings(out, settings):
        raise InputError(f"{out}: holds a run with other settings; remove it or choose another --out")


def _has_settings(folder: Path, settings: RunSettings) -> bool:
    try:
        return RunSettings.model_validate_json((folder / "settings.json").read_text()) == settings
    except (OSError, ValueError):  # not there, or of an older version with other keys
        return False
