"""What a run is: its settings and what it learns from. Both are kept in its folder and compared there.

A folder is never taken for a run that it does not hold, finished or stopped.
"""

import hashlib
import io
import json
import shutil
from collections.abc import Iterator
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from hybrid.atomic import write_bytes, write_text
from hybrid.errors import InputError
from hybrid.reading import read_bytes, read_text
from hybrid.settings import RunSettings
from hybrid.trained.ensemble import ENSEMBLE
from hybrid.trained.learnt_from import OF_STRUCTURES
from hybrid.training.samples import Samples

SETTINGS, INPUTS = "settings.json", "inputs.json"
PARTS = ("folds", "structures", "targets", "descriptors")  # of a crystal, in the order of inputs.json
MOST = 4  # settings that a message names
_json = partial(json.dumps, ensure_ascii=False)


def inputs_of(samples: Samples, described: np.ndarray | None = None) -> bytes:
    """What a run learns from, by content: the JSON of element features, and of each crystal a value of PARTS.

    If the samples have no descriptors, `described` (n_crystals, n_descriptors) are what the model takes of
    the folder.
    """
    folder = samples.folder
    if samples.descriptors is not None:
        described = samples.descriptors.rows(folder.ids, gaps=True).numpy()
    rows = repeat("", len(folder)) if described is None else (_short(row.tobytes()) for row in described)
    parts = zip(folder.ids, samples.folds, folder.contents, samples.targets, rows, strict=True)
    features = _short(json.dumps(folder.atom_features).encode())
    text = io.BytesIO()  # hands over what was written without a copy
    hashed = "" if folder.stored else f'"{OF_STRUCTURES}": true, '
    text.write(f'{{"element features": "{features}", {hashed}"crystals": {{'.encode())
    for i, (name, fold, content, targets, row) in enumerate(parts):
        crystal = f"{_json(name)}: {_json([fold, content[:16], targets.tolist(), row])}"
        text.write(f"{', ' if i else ''}{crystal}".encode())
    text.write(b"}}\n")
    return text.getvalue()


def fingerprint(samples: Samples) -> str:
    """A hash of `inputs_of`."""
    return hashlib.sha256(inputs_of(samples)).hexdigest()


def refuse_occupied(out: Path) -> None:
    """Raises an InputError unless a folder for a new run is new or empty."""
    _refuse_several(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: exists already and is not a run folder; choose another --out")


def begin(partial: Path, settings: RunSettings, inputs: bytes) -> None:
    """Notes in a run folder what the run is, unless it is a stopped one to go on with.

    Folders of a run that came to nothing are removed.

    Raises:
        InputError: it is another stopped run.
    """
    try:
        refuse_other_run(partial, settings, inputs)
        return
    except InputError:
        if any((partial / "checkpoints").glob("*")):
            raise
    for left in filter(Path.is_dir, partial.iterdir()):
        shutil.rmtree(left, ignore_errors=True)
    write_bytes(partial / INPUTS, inputs)
    write_text(partial / SETTINGS, settings.model_dump_json(indent=2) + "\n")


def refuse_other_run(folder: Path, settings: RunSettings, inputs: bytes) -> None:
    """A finished run is given back, and a stopped one gone on with, only if it is the one asked for.

    Raises:
        InputError: it is another one; the message says what differs.
    """
    _refuse_several(folder)
    try:
        there = RunSettings.model_validate_json(read_text(folder / SETTINGS))
        found = _settings_that_differ(there, settings)
        seen = read_bytes(folder / INPUTS)
        if seen != inputs:
            found += _inputs_that_differ(json.loads(seen), json.loads(inputs))
    except (InputError, ValidationError, ValueError, KeyError, TypeError, AttributeError):
        found = ["it was written by an older version, or is damaged"]
    if found:
        raise InputError(
            f"{folder}: holds another run: {'; '.join(found)}; choose another --out, or remove this one"
        )


def _refuse_several(folder: Path) -> None:
    if (folder / ENSEMBLE).exists():
        raise InputError(f"{folder}: holds a run of several networks; choose another --out")


def _settings_that_differ(there: RunSettings, here: RunSettings) -> list[str]:
    """Such as `epochs 30, not 300`."""
    old, new = (dict(leaves(settings.model_dump())) for settings in (there, here))
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    found = [
        f"{name[-1]} has changed"
        if "code" in name
        else f"{name[-1].replace('_', '-')} {said(old.get(name))}, not {said(new.get(name))}"
        for name in names[:MOST]
    ]
    return found + ([f"{len(names) - MOST} more settings"] if len(names) > MOST else [])


def _inputs_that_differ(there: dict[str, Any], here: dict[str, Any]) -> Iterator[str]:
    """Such as `the targets of 12 crystals differ`."""
    old, new = there["crystals"], here["crystals"]
    both = old.keys() & new.keys()
    if len(new) > len(both):
        yield f"{_crystals(len(new) - len(both))} were not in it"
    if len(old) > len(both):
        yield f"it had {_crystals(len(old) - len(both))} more"
    for i, part in enumerate(PARTS):
        n = sum(old[identity][i] != new[identity][i] for identity in both)
        if n:
            yield f"the {part} of {_crystals(n)} differ"
    if there["element features"] != here["element features"]:
        yield "the element features differ"
    if old.keys() == new.keys() and list(old) != list(new):
        yield "the crystals are in another order"


def _crystals(n: int) -> str:
    return f"{n} crystal{'s' * (n > 1)}"


def leaves(block: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Settings by the names of their blocks and their own."""
    for name, value in block.items():
        if isinstance(value, dict):
            yield from leaves(value, (*above, name))
        else:
            yield (*above, name), value


def said(value: Any) -> str:
    """A setting's value in words."""
    if isinstance(value, list | tuple):
        return " ".join(map(str, value)) or "all"
    return "none" if value in (None, "") else str(value)


def _short(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
