"""The structures that the comparisons run on, as folders that both sides read."""

import gzip
import json
import os
from pathlib import Path

from pymatgen.core import Structure

from reproduction.data.chains import LONG, chain_set
from reproduction.data.folders import write_folder
from reproduction.data.registry import get_dataset

N_SAMPLE = 80
CRYSTALS = "matcalc/alexandria-binary-pbe-phonon-2025.1.json.gz"


def write_inputs(scratch: Path) -> dict[str, Path]:
    """Writes the long chains and, where HYBRID_DATA has them, real crystals."""
    folders = {"long": scratch / "long"}
    chains = ((identity, chain, chain.lattice.a) for identity, chain in chain_set("single", LONG))
    write_folder(folders["long"], chains, {})
    source = Path(os.environ.get("HYBRID_DATA", "")) / CRYSTALS
    if not source.is_file():
        print(f"no real crystals: HYBRID_DATA has no {CRYSTALS}; their rows are left out")
        return folders
    with gzip.open(source, "rt") as file:
        entries = json.load(file)
    folders["crystals"] = scratch / "crystals"
    crystals = (
        (f"crystal-{number:04d}", Structure.from_dict(entry["structure"]), float(entry["heat_capacity"]))
        for number, entry in enumerate(entries)
    )
    write_folder(folders["crystals"], crystals, {})
    by_size = sorted(entries, key=lambda entry: len(entry["structure"]["sites"]))
    sample = by_size[:: len(by_size) // N_SAMPLE][:N_SAMPLE]
    folders["sample"] = scratch / "sample"
    write_folder(
        folders["sample"],
        ((f"sample-{i:02d}", Structure.from_dict(e["structure"]), 0.0) for i, e in enumerate(sample)),
        {},
    )
    for name in ("phonon-cv", "mp-descriptors"):
        folders[name] = scratch / name
        get_dataset(name).build(folders[name])
    return folders
