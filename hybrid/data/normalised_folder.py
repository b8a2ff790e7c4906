"""Normalises a user's dataset folder: reduced cells, targets that belong to these cells, and splits."""

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pymatgen.core import Structure

from hybrid.atomic import atomic_folder
from hybrid.cells import reduced_cell
from hybrid.data.extensive_targets import NORMALISATIONS, renormalise
from hybrid.data.folder import ATOM_INIT, read_folder
from hybrid.data.groups import GROUPINGS
from hybrid.data.splits import FOLDS, grouped_split, random_split, write_split
from hybrid.data.written_folder import CrystalFile, write_crystals, write_manifest
from hybrid.errors import InputError, unknown_name
from hybrid.processes import check_jobs, in_parallel
from hybrid.progress import Progress
from hybrid.structures import without_ending

FRACTIONS = (0.8, 0.1, 0.1)


def normalise_folder(
    source: Path,
    out: Path,
    *,
    given_per: str | None = None,
    per: str | None = None,
    skip_bad: bool = False,
    random: bool = False,
    groupings: Sequence[str] = (),
    fractions: Sequence[float] = FRACTIONS,
    seed: int = 0,
    jobs: int = 1,
) -> dict[str, Any]:
    """Writes a dataset folder with the crystals of another one, and returns its manifest.

    Each cell becomes the Niggli cell of its primitive cell. An `atom_init.json` of the source is copied.

    Args:
        source: a folder with id_prop.csv and structure files.
        out: the folder to write.
        given_per: what the targets in `source` belong to: cell, atom or formula; None if they are intensive.
        per: what the new targets belong to.
        skip_bad: leave out what cannot be used and list it in the manifest, instead of stopping.
        random: write a random split, such as `splits/random-0.csv`.
        groupings: names from `hybrid.data.groups.GROUPINGS`; for each, write a split in which all crystals of
            a group are in the same fold, such as `splits/formula-0.csv`.
        fractions: of training, validation and test.
        seed: of the splits.
        jobs: processes; -1: one for each core.

    Raises:
        InputError: an option, the folder, a row or a structure cannot be used, or `out` exists already.
    """
    _check_units(given_per, per)
    for name in groupings:
        if name not in GROUPINGS:
            raise unknown_name("grouping", name, GROUPINGS)
    if out.exists():
        raise InputError(f"{out}: exists already")
    check_jobs(jobs)
    folder = read_folder(source, skip_bad=skip_bad)
    assert folder.targets is not None
    if random or groupings:
        random_split(len(folder), fractions, seed)  # an error comes before the work
    targets, dropped = folder.targets.tolist(), list(folder.dropped)
    groups: list[list[str]] = []  # of each crystal, in each grouping
    n_reduced = 0
    normalise = partial(_normalised, given_per=given_per, per=per, groupings=groupings, skip_bad=skip_bad)

    def crystals() -> Iterator[CrystalFile]:
        nonlocal n_reduced
        structures = Progress(folder.structures(), "reducing cells", len(folder), unit="crystals")
        items = zip(folder.files.items(), targets, structures, strict=True)
        for made in in_parallel(normalise, items, jobs, order=True):
            if isinstance(made, str):
                dropped.append(made)
                continue
            crystal, of_crystal, is_smaller = made
            groups.append(of_crystal)
            n_reduced += is_smaller
            yield crystal

    with atomic_folder(out) as scratch:
        ids = write_crystals(scratch, crystals())
        if not ids:
            raise InputError(f"{folder.path}: contains no structures that can be used")
        if (source / ATOM_INIT.name).exists():
            shutil.copy(source / ATOM_INIT.name, scratch)
        splits = {"random": random_split(len(ids), fractions, seed)} if random else {}
        for i, name in enumerate(groupings):
            splits[name] = grouped_split([of_crystal[i] for of_crystal in groups], fractions, seed)
        for name, folds in splits.items():
            write_split(scratch / "splits" / f"{name}-{seed}.csv", ids, folds.tolist())
        about = {"target": folder.target_name, "unit": "" if per else folder.unit}
        manifest = {
            **{entry: text for entry, text in about.items() if text},
            "source": str(source.resolve()),
            "sha256 of id_prop.csv": hashlib.sha256((source / "id_prop.csv").read_bytes()).hexdigest(),
            "given": given_per and f"per {given_per}",
            "normalisation": per and f"per {per}",
            "cell": "Niggli cell of the primitive cell",
            "n_reduced": n_reduced,
            "splits": {
                f"{name}-{seed}": {fold: int((folds == fold).sum()) for fold in FOLDS}
                for name, folds in splits.items()
            },
            "dropped": dropped,
            "n_crystals": len(ids),
        }
        write_manifest(scratch, manifest)
    return manifest


def _normalised(
    item: tuple[tuple[str, Path], float, Structure],
    given_per: str | None,
    per: str | None,
    groupings: Sequence[str],
    skip_bad: bool,
) -> tuple[CrystalFile, list[str], bool] | str:
    """A crystal, its group in each grouping, and whether its cell is smaller; or why it is left out."""
    (identity, path), target, given = item
    try:
        cell = reduced_cell(given)
        groups = [GROUPINGS[name](cell) for name in groupings]
    except InputError as error:
        if not skip_bad:
            raise InputError(f"{path}: {error}") from error
        return f"{path}: {error}"
    if given_per and per:
        target = renormalise(target, given, given_per, cell, per)
    return CrystalFile.of(without_ending(identity), cell, target), groups, len(cell) < len(given)


def _check_units(given_per: str | None, per: str | None) -> None:
    for name in (given_per, per):
        if name and name not in NORMALISATIONS:
            raise unknown_name("normalisation", name, NORMALISATIONS)
    if per and not given_per:
        raise InputError(
            f"--per {per} needs --given-per too: are the targets in id_prop.csv per cell, atom or formula?"
        )
    if given_per and not per:
        raise InputError(
            f"--given-per {given_per} needs --per too: should the new targets be per cell, atom or formula?"
        )
