"""Values by mp-id of the Materials Project of 2018 and 2019, from tables in HYBRID_DATA.

| quantity | unit | version |
|---|---|---|
| `magnetization`, total, with its sign | μB, the stored cell | October 2018 |
| `formula_units`, of the stored cell, for three materials in four | | October 2018 |
| `band_gap` | eV | July 2019 |
| `formation_energy` | eV/atom | 2018 and 2019 |
| `final_energy`, before the database's corrections | eV/atom | derived |

Final energies are derived from formation energies, elemental references and the database's corrections of
that time: against 8,994 real ones the mean error is 12 meV/atom, of oxides 21. Without the tables, the values
of October 2018 come from matminer's copy of the database.
"""

from reproduction.data.files import MissingDataError, data_file
from reproduction.data.sources import mp_all
from reproduction.data.sources.entries import Labels, parse_number, table_rows

ENERGIES = "mp_labels/mp_formation_energy_and_derived_final_energy.csv.gz"
MAGNETS = "mp_labels/mp2018_magnetization.csv.gz"
COLUMNS = {
    "magnetization": (MAGNETS, "total_magnetization_muB_cell"),
    "formula_units": (MAGNETS, "n_formula_units"),
    "band_gap": ("mp_labels/mp2019_band_gap.csv.gz", "band_gap_eV"),
    "formation_energy": (ENERGIES, "formation_energy_eV_atom"),
    "final_energy": (ENERGIES, "DERIVED_final_energy_eV_atom"),
}


def labels(quantity: str) -> Labels:
    """The values of a quantity, one of `COLUMNS`; the notes say which version they are of.

    Raises:
        MissingDataError: they are neither in HYBRID_DATA nor in matminer's copy.
        InputError: a row cannot be used.
    """
    name, column = COLUMNS[quantity]
    try:
        path = data_file(name)
    except MissingDataError:
        if quantity not in mp_all.QUANTITIES:
            raise
        return Labels(mp_all.values(quantity), notes={"labels": mp_all.NAME})
    rows = table_rows(path, "mp_id", column)
    values = {identity: parse_number(where, column, value) for where, (identity, value) in rows if value}
    return Labels(values, notes={"labels": f"{name}, column {column}"})
