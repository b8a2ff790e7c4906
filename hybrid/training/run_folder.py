"""Whether what stands in a run folder is the run that is asked for."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np

from hybrid.atomic import write_text
from hybrid.errors import InputError
from hybrid.graphs.crystal import CrystalGraphs
from hybrid.settings import RunSettings
from hybrid.training.samples import Samples


def discard_other_run(partial: Path, settings: RunSettings, data: str) -> None:
    """Starts afresh if the stopped run had other settings or saw other data."""
    file, wanted = partial / "settings.json", settings.model_dump_json(indent=2) + "\n"
    seen = partial / "checkpoints" / "data.sha256"
    if not (file.exists() and file.read_text() == wanted and seen.exists() and seen.read_text() == data):
        shutil.rmtree(partial / "checkpoints", ignore_errors=True)
        write_text(file, wanted)
        write_text(seen, data)


def fingerprint(samples: Samples, graphs: CrystalGraphs | None) -> str:
    """Changes with any graph, target, descriptor or fold."""
    digest = hashlib.sha256(json.dumps([samples.folder.ids, samples.folds.tolist()]).encode())
    tensors = []
    if graphs is not None:
        tensors += [graphs.species, graphs.neighbours, graphs.distances, graphs.n_atoms]
    if samples.descriptors is not None:
        tensors.append(samples.descriptors.rows(samples.folder.ids, gaps=True))
    for array in (samples.targets, *(tensor.numpy() for tensor in tensors)):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def refuse_other_settings(out: Path, settings: RunSettings) -> None:
    """A finished run is given back only if it is the one that is asked for."""
    try:
        same = RunSettings.model_validate_json((out / "settings.json").read_text()) == settings
    except (OSError, ValueError):  # not there, or of an older version with other keys
        same = False
    if not same:
        raise InputError(f"{out}: holds a run with other settings; remove it or choose another --out")
