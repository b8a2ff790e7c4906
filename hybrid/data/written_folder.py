"""Writes dataset folders."""

import contextlib
import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pymatgen.core import Structure

from hybrid.atomic import write_csv, write_text
from hybrid.data.folder import ATOM_INIT
from hybrid.data.structure_table import StructureTable
from hybrid.errors import InputError


@dataclass(frozen=True)
class CrystalFile:
    """A crystal as it is written into a folder."""

    id: str
    cif: str
    target: float

    @classmethod
    def of(cls, identity: str, structure: Structure, target: float) -> Self:
        """The file of a crystal."""
        from pymatgen.io.cif import CifWriter  # loads symmetry analysis, which reading a folder does not need

        return cls(identity, str(CifWriter(structure)), float(target))


def write_crystals(folder: Path, crystals: Iterable[CrystalFile]) -> list[str]:
    """Writes CIF files, id_prop.csv, atom_init.json and the table of structures, and returns the ids."""
    rows = {}
    with StructureTable(folder) as table:
        for crystal in crystals:
            if Path(crystal.id).name != crystal.id:
                raise InputError(f"id '{crystal.id}': names a folder; a data set has its files in one")
            path = folder / f"{crystal.id}.cif"
            path.write_text(crystal.cif, encoding="utf-8")
            with contextlib.suppress(InputError):  # said when the crystal is used
                table.read(path)
            rows[crystal.id] = repr(crystal.target)
    write_csv(folder / "id_prop.csv", rows.items(), "\n")
    shutil.copy(ATOM_INIT, folder / "atom_init.json")
    return list(rows)


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Writes manifest.json into a folder, atomically."""
    write_text(folder / "manifest.json", json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
