"""The crystals for the measurements, as folders that every code can read."""

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pymatgen.core import Structure

from hybrid.data.written_folder import CrystalFile
from reproduction.data.chains import LONG, chain_set
from reproduction.data.folders import write_folder
from reproduction.data.registry import get_dataset

ALEXANDRIA = "matcalc/alexandria-binary-pbe-phonon-2025.1.json.gz"
N_SAMPLE = 40  # binaries that plain matminer describes


def _binaries() -> list[dict[str, Any]]:
    """Alexandria's, from the smallest cell to the largest."""
    with gzip.open(Path(os.environ["HYBRID_DATA"]) / ALEXANDRIA, "rt") as file:
        return sorted(json.load(file), key=lambda entry: len(entry["structure"]["sites"]))


def _write(folder: Path, entries: list[dict[str, Any]]) -> None:
    crystals = ((Structure.from_dict(entry["structure"]), entry["heat_capacity"]) for entry in entries)
    files = (
        CrystalFile.of(f"crystal-{n:04d}", crystal, target) for n, (crystal, target) in enumerate(crystals)
    )
    write_folder(folder, files, {})


def _evenly(folder: Path, count: int) -> None:
    entries = _binaries()
    _write(folder, entries[:: len(entries) // count][:count])


def _long(folder: Path) -> None:
    chains = chain_set("single", LONG)
    write_folder(folder, (CrystalFile.of(name, chain, chain.lattice.a) for name, chain in chains), {})


SIZES = 1000, 10_000, 140_000  # crystals, of the sets that show how time grows with the number

WRITERS: dict[str, Callable[[Path], object]] = {
    "long": _long,
    "crystals": lambda folder: _write(folder, _binaries()),
    "sample": lambda folder: _evenly(folder, N_SAMPLE),
    "ten": lambda folder: _evenly(folder, 10),
    "phonon-cv": lambda folder: get_dataset("phonon-cv").build(folder),
    "mp-descriptors": lambda folder: get_dataset("mp-descriptors").build(folder),
    **{f"strained-{count}": Path.mkdir for count in SIZES},  # its tasks write the crystals
}


def can_be_had(data: str) -> bool:
    """Whether the crystals are available: chains always, real ones if HYBRID_DATA contains them."""
    return data == "long" or (Path(os.environ.get("HYBRID_DATA", "")) / ALEXANDRIA).is_file()


def write(data: str, scratch: Path) -> Path:
    """The folder with the crystals, written if it does not exist."""
    folder = scratch / data
    if not folder.exists():
        WRITERS[data](folder)
    return folder
