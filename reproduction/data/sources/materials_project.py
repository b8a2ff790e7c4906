"""Structures and properties from the Materials Project, through mp-api (an optional package) and a key.

| quantity | unit | field there |
|---|---|---|
| `u`, internal energy at 300 K | kJ/mol, a mole of the stored cell | phonon density of states |
| `cv`, heat capacity at 300 K | J/(mol K), a mole of the stored cell | phonon density of states |
| `K_VRH`, `G_VRH` | GPa | `bulk_modulus`, `shear_modulus`: `vrh` |
| `poisson_ratio` | | `homogeneous_poisson` |
| `band_gap` | eV | `band_gap` |
| `eij_max`, piezoelectric modulus | C/m² | `e_ij_max` |
| `poly_electronic`, `poly_total`, polycrystalline dielectric constants | | `e_electronic`, `e_total` |
| `n`, refractive index | | `n` |
| `magnetization` | μB, the stored cell | `total_magnetization` |
| `energy_per_atom`, after the database's corrections | eV/atom | `energy_per_atom` |
| `uncorrected_energy_per_atom` | eV/atom | `uncorrected_energy_per_atom` |
| `space_group_number` | 1 to 230 | `symmetry`: `number` |

These are twelve of the paper's thirteen properties (Table 1; thermal conductivity is of another database);
which of the two energies its final energy is, the paper does not say, and its magnetization is per formula.
The paper used the database of 2021-03-22; the manifest of a download says which version that is of. An id
that is no longer there is left out.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymatgen.core import Structure

from hybrid.errors import InputError, unknown_name
from reproduction.data import thermal
from reproduction.data.sources.entries import Entry, parse_structure
from reproduction.data.sources.materials_project_client import DENSITY_OF_STATES, Query, connect_with_key
from reproduction.data.sources.materials_project_pages import Download, download_pages


@dataclass(frozen=True)
class Quantity:
    """A value that the database has of some materials.

    Attributes:
        field: where it is in a document.
        group: what the database calls the calculations that give it.
        above: values at or below it are unphysical.
        below: values at or above it are unphysical.
    """

    field: tuple[str, ...]
    group: str
    above: float = -math.inf
    below: float = math.inf


QUANTITIES = {
    "u": Quantity((DENSITY_OF_STATES,), "phonon"),
    "cv": Quantity((DENSITY_OF_STATES,), "phonon"),
    "K_VRH": Quantity(("bulk_modulus", "vrh"), "elasticity", above=0),
    "G_VRH": Quantity(("shear_modulus", "vrh"), "elasticity", above=0),
    "poisson_ratio": Quantity(("homogeneous_poisson",), "elasticity", above=-1, below=0.5),  # so if K, G > 0
    "band_gap": Quantity(("band_gap",), "electronic_structure"),
    "eij_max": Quantity(("e_ij_max",), "piezoelectric"),
    "poly_electronic": Quantity(("e_electronic",), "dielectric"),
    "poly_total": Quantity(("e_total",), "dielectric"),
    "n": Quantity(("n",), "dielectric"),
    "magnetization": Quantity(("total_magnetization",), "magnetism"),
    "energy_per_atom": Quantity(("energy_per_atom",), "thermo"),
    "uncorrected_energy_per_atom": Quantity(("uncorrected_energy_per_atom",), "thermo"),
    "space_group_number": Quantity(("symmetry", "number"), "materials"),
}
THERMAL = {"u": thermal.internal_energy, "cv": thermal.heat_capacity}
FIELDS = tuple(sorted({quantity.field[0] for quantity in QUANTITIES.values()} - {DENSITY_OF_STATES}))


def entries(
    ids: Sequence[str] | None,
    quantities: Sequence[str],
    *,
    cache: Path | None = None,
    connect: Callable[[], Any] = connect_with_key,
    left_out: Counter[str] | None = None,
) -> Iterator[Entry]:
    """Structures with those of the quantities that the database has of them, downloaded if need be.

    Left out are materials that have none of the quantities, values that are not numbers, moduli that are not
    positive, Poisson ratios that positive moduli do not allow, and heat capacities and internal energies from
    a density of states of another cell than the stored one, or above the classical limit.

    Args:
        ids: such as mp-149, or None for the whole catalogue; its non-commercial part (GNoME) is excluded.
        quantities: some of `QUANTITIES`; with none, structures alone.
        cache: the folder that downloads are kept in.
        connect: gives an open `MPRester` that returns plain documents.
        left_out: counts what was left out, by reason.

    Raises:
        InputError: an unknown quantity, a wrong id, or a request that the database refuses.
        MissingDataError: there is no key or no mp-api, or the server does not answer.
    """
    return entries_of(download(ids, quantities, cache=cache, connect=connect), quantities, left_out)


def download(
    ids: Sequence[str] | None,
    quantities: Sequence[str],
    *,
    cache: Path | None = None,
    connect: Callable[[], Any] = connect_with_key,
) -> Download:
    """The pages that hold what `entries` needs, and their manifest; arguments and errors are as there."""
    for name in quantities:
        if name not in QUANTITIES:
            raise unknown_name("quantity of the Materials Project", name, QUANTITIES)
    groups = {QUANTITIES[name].group for name in quantities}
    query = Query(
        ids=None if ids is None else tuple(ids),
        group=groups.pop() if ids is None and len(groups) == 1 else None,
        fields=FIELDS,
        phonons=any(name in THERMAL for name in quantities),
    )
    return download_pages(query, cache, connect)


def entries_of(
    downloaded: Download, quantities: Sequence[str], left_out: Counter[str] | None = None
) -> Iterator[Entry]:
    """The entries of a download; see `entries`."""
    counts: Counter[str] = Counter() if left_out is None else left_out
    counts.update({"not in the database": len(downloaded.manifest["missing_ids"])})
    for document in downloaded.documents():
        try:
            structure = parse_structure(document["id"], Structure.from_dict, document.get("structure"))
        except InputError:
            counts["structure: unusable"] += 1
            continue
        values = {}
        for name in quantities:
            try:
                values[name] = _value(name, document, len(structure))
            except InputError as reason:
                counts[f"{name}: {reason}"] += 1
        if values or not quantities:
            yield Entry(document["id"], structure, values)


def _value(name: str, document: Mapping[str, Any], n_atoms: int) -> float:
    """A quantity of a material.

    Raises:
        InputError: the material does not have it, or not as a number that can be.
    """
    quantity = QUANTITIES[name]
    found: Any = document
    for key in quantity.field:
        found = found.get(key) if isinstance(found, Mapping) else None
    if found is None:
        raise InputError("not in the database")
    if name in THERMAL:
        return _thermal_value(name, found, n_atoms)
    if not isinstance(found, int | float) or not math.isfinite(found):
        raise InputError("not a number")
    if not quantity.above < found < quantity.below:
        raise InputError("unphysical")
    return float(found)


def _thermal_value(name: str, dos: Mapping[str, Sequence[float]], n_atoms: int) -> float:
    table = dos["frequencies"], dos["densities"]
    value = THERMAL[name](*table)
    try:
        thermal.check_mode_count(*table, n_atoms)
    except InputError as error:
        raise InputError("density of states of another cell") from error
    try:
        thermal.check_dulong_petit(thermal.heat_capacity(*table), n_atoms)
    except InputError as error:
        raise InputError("unphysical") from error
    return value
