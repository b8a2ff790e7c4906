"""The recipes of the data sets of real crystals, by what they are made from."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from functools import cache, partial

from pymatgen.core import Structure

from hybrid.cells import reduced_cell
from hybrid.descriptors.lattice import cell_shape, packing_fraction
from hybrid.descriptors.symmetry import space_group
from hybrid.errors import InputError
from reproduction.data.checks import POSITIVE, Check, dulong_petit
from reproduction.data.files import MissingDataError, data_file
from reproduction.data.recipes import Recipe
from reproduction.data.sampling import thin_by_space_group
from reproduction.data.sources import authors, materials_project, matminer_release, snapshot
from reproduction.data.sources.entries import Entry, Labels

MP = "Materials Project"
MP_SYMPREC = 0.1  # Å
MP_LICENCE = "CC BY 4.0 (Materials Project)"


def descriptor_targets() -> Recipe:
    """The paper's "MP dataset": its ids and split, with our own a of the reduced cell as target.

    The other descriptors of the crystals are targets too, as columns of descriptors.csv. Crystals of elements
    without an atomic radius are left out: they have no packing fraction.
    """
    return Recipe(
        source=f"{MP} structures of the authors' ids",
        licence=MP_LICENCE,
        entries=lambda: _labelled("a"),
        target=_lattice_length,
        folds=lambda: _labels("a").folds,
    )


def crystal_systems() -> Recipe:
    """The whole-database set of Figure 2c: the authors' ids and split, our own crystal systems."""
    return Recipe(
        source=f"{MP} structures of the authors' ids",
        licence=MP_LICENCE,
        entries=lambda: _labelled("crystal_system_int"),
        target=lambda cell: space_group(cell)["crys_sys"],
        folds=lambda: _labels("crystal_system_int").folds,
        task="classification",
    )


def phonon(quantity: str, per: str) -> Recipe:
    """The authors' heat capacities (`cv`) or internal energies (`u`) at 300 K, with their split."""
    return Recipe(
        source=f"the authors' labels on {MP} structures",
        licence=MP_LICENCE,
        entries=lambda: _of_primitive_cells(quantity),
        quantity=quantity,
        given_per="cell",
        per=per,
        check=dulong_petit if quantity == "cv" else POSITIVE,
        folds=lambda: _labels(quantity).folds,
    )


def thermal_conductivity() -> Recipe:
    """The authors' lattice thermal conductivities, whose structures nobody has published."""
    return Recipe("the authors' labels", "", _without_structures)


def released(table: str, quantity: str, check: Check) -> Recipe:
    """A column of the tables in the matminer 0.3.2 source distribution."""
    return Recipe(
        source=f"{MP}, as in the {table} table of matminer 0.3.2",
        licence=MP_LICENCE,
        entries=partial(matminer_release.entries, table),
        quantity=quantity,
        check=check,
    )


def benchmark(
    entries: Callable[[], Iterable[Entry]],
    quantity: str,
    source: str,
    check: Check | None,
    per: str | None = None,
) -> Recipe:
    """A quantity of one of matcalc's benchmark sets; extensive ones are given for the stored cell."""
    return Recipe(source, "CC BY 4.0; matcalc BSD-3-Clause", entries, quantity, per and "cell", per, check)


def downloaded(quantity: str, per: str | None = None) -> Recipe:
    """A quantity of all Materials Project entries that have it, by mp-api with a key."""
    return Recipe(
        source=f"{MP} by mp-api",
        licence=MP_LICENCE,
        entries=lambda: materials_project.entries(None, [quantity]),
        quantity=quantity,
        given_per=per and "cell",
        per=per,
    )


def thinned(seed: int = 0) -> Recipe:
    """The paper's way to its "MP dataset", from what the Materials Project serves today."""

    def entries() -> Iterator[Entry]:
        number = "space_group_number"
        numbers = {e.id: int(e.values[number]) for e in materials_project.entries(None, [number])}
        kept = thin_by_space_group(list(numbers.values()), seed)
        chosen = {identity for identity, stays in zip(numbers, kept, strict=True) if stays}
        yield from (e for e in materials_project.entries(None, [number]) if e.id in chosen)

    return Recipe(f"{MP} by mp-api, thinned by space group", MP_LICENCE, entries, target=_lattice_length)


@cache
def _labels(quantity: str) -> Labels:
    return authors.labels(quantity)


def _labelled(quantity: str) -> Iterator[Entry]:
    """Structures of the authors' ids, with the authors' values."""
    labels = _labels(quantity).values
    for identity, structure in _structures(labels):
        yield Entry(identity, structure, {quantity: labels[identity]})


def _structures(ids: Collection[str]) -> Iterator[tuple[str, Structure]]:
    """Those of the snapshot; without it, those that the Materials Project serves today, with a key."""
    try:
        data_file(snapshot.FILE)
    except MissingDataError:
        if not os.environ.get("MP_API_KEY"):
            raise
        for entry in materials_project.entries(sorted(ids), []):
            yield entry.id, entry.structure
    else:
        yield from snapshot.structures(ids)


def _of_primitive_cells(quantity: str) -> Iterator[Entry]:
    """The same with the cells that the values belong to: primitive as the Materials Project finds them.

    Its tolerance is wider than ours. Five of the snapshot's cells are supercells by it alone, and their heat
    capacities are those of the smaller cells.
    """
    for entry in _labelled(quantity):
        yield replace(entry, structure=reduced_cell(entry.structure, MP_SYMPREC))


def _lattice_length(cell: Structure) -> float:
    packing_fraction(cell)
    return cell_shape(cell)["a"]


def _without_structures() -> Iterator[Entry]:
    labels = _labels("log_kappa").values
    raise InputError(
        f"the authors published {len(labels)} labels by ICSD number and no structures; give yours "
        "with `hybrid dataset --from FOLDER`"
    )
