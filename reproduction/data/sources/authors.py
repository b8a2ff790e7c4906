"""The labels and the training/test splits that the paper's authors published.

Heat capacity and internal energy of phonon calculations by mp-id (Tables 1 and 2), thermal conductivity by
ICSD number, and the descriptors of 47,862 Materials Project structures that the networks of Figure 2 learn;
of 139,367 for the crystal system (Figure 2c). Each quantity has its own split, except that the descriptors of
the 47,862 share one. There are no structures in these files.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

from hybrid.errors import InputError, unknown_name
from reproduction.data.files import data_file, open_text
from reproduction.data.sources.entries import Labels, parse_number

FOLDS = ("training", "test")


@dataclass(frozen=True)
class Quantity:
    """A quantity of the authors' files.

    Attributes:
        file: the name of its files, with the fold in braces.
        unit: of the values here.
        scale: of the values here, per value there.
    """

    file: str
    unit: str
    scale: float = 1


def _descriptor(name: str, unit: str) -> Quantity:
    return Quantity(f"gong2023/descriptors/{{fold}}_{name}.csv", unit)


QUANTITIES = {
    "cv": Quantity("gong2023/property/cv_{fold}.csv", "J/(mol K) per cell"),
    "u": Quantity("gong2023/property/internal_energy_{fold}.csv", "kJ/mol per cell", 1e-3),
    "log_kappa": Quantity("gong2023/property/kappa_{fold}.csv", "log10, the unit inside not stated"),
    "a": _descriptor("a", "Å"),
    "b": _descriptor("b", "Å"),
    "c": _descriptor("c", "Å"),
    "alpha": _descriptor("alpha", "degrees, truncated to an integer"),
    "structural_complexity_per_cell": _descriptor("structural_complexity_per_cell", "bits"),
    "crystal_system_int": _descriptor("crystal_system_int", "1 cubic to 7 triclinic"),
}
REFUSED = {
    "natoms": "its files hold every id three times, some with conflicting values, and most test ids also in "
    "training; count the atoms of the reduced cell and take the split of 'a'"
}


def labels(quantity: str) -> Labels:
    """The values and the split of a quantity, one of `QUANTITIES`, in its unit.

    Raises:
        InputError: no such quantity, one that cannot be used, or a row that cannot.
        MissingDataError: its files cannot be had.
    """
    if quantity in REFUSED:
        raise InputError(f"the authors' labels of {quantity} cannot be used: {REFUSED[quantity]}")
    if quantity not in QUANTITIES:
        raise unknown_name("quantity of the authors' labels", quantity, QUANTITIES)
    values: dict[str, float] = {}
    folds: dict[str, str] = {}
    for fold in FOLDS:
        path = data_file(QUANTITIES[quantity].file.format(fold=fold))
        for where, identity, value in _rows(path):
            if identity in folds:
                raise InputError(f"{where}: id '{identity}' stands in the {folds[identity]} set already")
            values[identity] = value * QUANTITIES[quantity].scale
            folds[identity] = fold
    return Labels(values, folds)


def _rows(path: Path) -> list[tuple[str, str, float]]:
    """Where it stands, id and value of each row; the header is row 1."""
    with open_text(path) as file:
        table = csv.DictReader(file)
        if not {"cif_id", "property"} <= set(table.fieldnames or ()):
            raise InputError(f"{path}: has no columns cif_id and property")
        rows = []
        for number, row in enumerate(table, start=2):
            where = f"{path}: row {number}"
            if not row["cif_id"]:
                raise InputError(f"{where}: has no id")
            rows.append((where, row["cif_id"], parse_number(where, "property", row["property"])))
    return rows
