"""Writes dataset folders."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hybrid.atomic import atomic_folder
from hybrid.data.splits import write_split
from hybrid.data.written_folder import CrystalFile, write_crystals, write_manifest


def write_folder(
    path: Path,
    crystals: Iterable[CrystalFile],
    manifest: dict[str, Any],
    splits: Mapping[str, Mapping[str, str]] | None = None,
) -> None:
    """Writes a dataset folder atomically: CIF files, id_prop.csv, atom_init.json, splits, manifest.json.

    Args:
        path: the folder.
        crystals: with their targets.
        manifest: written last, so that entries can be added while the crystals are generated.
        splits: folds by id, by the split's name; only ids that were written appear in its file.
    """
    with atomic_folder(path) as folder:
        ids = write_crystals(folder, crystals)
        for name, folds in (splits or {}).items():
            kept = [identity for identity in ids if identity in folds]
            write_split(folder / "splits" / f"{name}.csv", kept, [folds[identity] for identity in kept])
        write_manifest(folder, {**manifest, "n_crystals": len(ids)})
