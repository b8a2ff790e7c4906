"""The benchmark sets of matcalc: structures with what density functional theory gives for them.

| function | quantity | unit |
|---|---|---|
| `alexandria_phonons` | `cv`, heat capacity at 300 K | J/(mol K), a mole of the stored cell |
| `binary_elasticity` | `K_VRH`, `G_VRH` | GPa |
"""

import json
from collections.abc import Iterator

from pymatgen.core import Structure

from hybrid.errors import InputError
from reproduction.data.files import data_file, open_text
from reproduction.data.sources.entries import Entry, parse_number, parse_structure, without_duplicates


def alexandria_phonons() -> Iterator[Entry]:
    """1,170 binaries of the Alexandria database with their heat capacity; raises as `_entries`."""
    return _entries("alexandria-binary-pbe-phonon-2025.1", "mp_id", {"cv": "heat_capacity"})


def binary_elasticity() -> Iterator[Entry]:
    """3,953 binaries of the Materials Project with their elastic moduli; raises as `_entries`."""
    fields = {"K_VRH": "bulk_modulus_vrh", "G_VRH": "shear_modulus_vrh"}
    return _entries("mp-binary-pbe-elasticity-2025.1", "mp_id", fields)


def _entries(name: str, id_field: str, fields: dict[str, str]) -> Iterator[Entry]:
    """The entries of one file.

    Args:
        name: of the file.
        id_field: what the file calls an entry's id.
        fields: what it calls the quantities.

    Raises:
        MissingDataError: the file is not available.
        InputError: an entry cannot be used, or its id comes twice.
    """
    path = data_file(f"matcalc/{name}.json.gz")

    def parsed() -> Iterator[Entry]:
        with open_text(path) as file:
            try:
                records = json.load(file)
            except ValueError as error:
                raise InputError(f"{path}: is not JSON ({error})") from error
        for number, record in enumerate(records, start=1):
            where = f"{path}: entry {number}"
            lacking = [field for field in (id_field, "structure", *fields.values()) if field not in record]
            if lacking:
                raise InputError(f"{where}: has no {lacking[0]}")
            where = f"{where} ({record[id_field]})"
            values = {key: parse_number(where, field, record[field]) for key, field in fields.items()}
            structure = parse_structure(where, Structure.from_dict, record["structure"])
            yield Entry(record[id_field], structure, values)

    return without_duplicates(path, parsed())
