"""The recipes of the data sets of real crystals, by what they are made from."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache, partial

from pymatgen.core import Structure

from hybrid.cells import reduced_cell
from hybrid.data.extensive_targets import n_units
from hybrid.descriptors.lattice import cell_shape, packing_fraction
from hybrid.descriptors.symmetry import space_group
from reproduction.data.checks import POSITIVE, Check
from reproduction.data.recipes import Recipe
from reproduction.data.sampling import thin_by_space_group
from reproduction.data.sources import authors, materials_project, mp_tables
from reproduction.data.sources.entries import Entry
from reproduction.data.thermal import check_dulong_petit

MP = "Materials Project"
MP_SYMPREC = 0.1  # Å
MP_LICENCE = "CC BY 4.0 (Materials Project)"


def descriptor_targets() -> Recipe:
    """The paper's "MP dataset": its ids and split, with our own a of the reduced cell as target.

    The other descriptors of the crystals are targets too, as columns of descriptors.csv. Crystals of elements
    without an atomic radius are left out: they have no packing fraction.
    """
    return replace(labelled("a"), target=_lattice_length)


def crystal_systems() -> Recipe:
    """The whole-database set of Figure 2c: the authors' ids and split, our own crystal systems."""
    return replace(
        labelled("crystal_system_int"),
        target=lambda cell: space_group(cell)["crys_sys"],
        task="classification",
    )


def labelled(quantity: str, check: Check | None = None) -> Recipe:
    """An intensive quantity of the authors', with their split."""
    return Recipe(
        source=f"the authors' labels and split on {MP} structures",
        licence=MP_LICENCE,
        labels=partial(authors.labels, quantity),
        published=True,
        quantity=quantity,
        check=check,
    )


def phonon(quantity: str, per: str) -> Recipe:
    """The authors' heat capacities (`cv`) or internal energies (`u`) at 300 K, with their split."""
    check = check_dulong_petit if quantity == "cv" else POSITIVE
    return replace(labelled(quantity, check), given=_of_primitive_cell, given_per="cell", per=per)


def uncut(quantity: str, check: Check | None = None) -> Recipe:
    """One of the authors' quantities with the outliers that they cut."""
    return replace(labelled(quantity, check), labels=partial(authors.labels, quantity, cut=False))


def natoms_as_published(by_crystal: bool) -> Recipe:
    """The rows of the authors' files of natoms; see `authors.natoms_as_published`."""
    return replace(labelled("natoms"), labels=partial(authors.natoms_as_published, by_crystal))


def phonon_by_formula(quantity: str) -> Recipe:
    """Values of a cell divided by the atoms of the reduced formula: neither per atom nor per formula unit."""

    def given(entry: Entry) -> Entry:
        entry = _of_primitive_cell(entry)
        n_atoms = entry.structure.composition.reduced_composition.num_atoms
        return replace(entry, values={name: value / n_atoms for name, value in entry.values.items()})

    return replace(phonon(quantity, "cell"), given=given)


def thermal_conductivity() -> Recipe:
    """The authors' lattice thermal conductivities of those crystals whose Materials Project id is known."""
    return replace(labelled("log_kappa"), labels=authors.thermal_conductivity)


def tabulated(quantity: str, check: Check | None = None) -> Recipe:
    """An intensive quantity of all Materials Project crystals at hand."""
    labels = partial(mp_tables.labels, quantity)
    return Recipe(MP, MP_LICENCE, labels, quantity=quantity, check=check)


def final_energy(check: Check | None) -> Recipe:
    """Final energies of all crystals at hand; without their table, of all that a key brings."""

    def today() -> Iterator[Entry]:
        for entry in materials_project.entries(None, ["uncorrected_energy_per_atom"]):
            yield replace(entry, values={"final_energy": entry.values["uncorrected_energy_per_atom"]})

    return replace(tabulated("final_energy", check), entries=today)


def magnetization(per: str) -> Recipe:
    """The magnitude of the total magnetization; its sign is the calculation's choice."""
    return replace(tabulated("magnetization"), given=_of_formula_unit, given_per="formula", per=per)


def benchmark(
    entries: Callable[[], Iterable[Entry]],
    quantity: str,
    source: str,
    check: Check | None,
    per: str | None = None,
) -> Recipe:
    """A quantity of one of matcalc's benchmark sets; extensive ones are given for the stored cell."""
    return Recipe(
        source,
        "CC BY 4.0; matcalc BSD-3-Clause",
        entries=entries,
        quantity=quantity,
        given_per=per and "cell",
        per=per,
        check=check,
    )


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

    return Recipe(
        f"{MP} by mp-api, thinned by space group", MP_LICENCE, entries=entries, target=_lattice_length
    )


def _of_primitive_cell(entry: Entry) -> Entry:
    """The cell that phonon values belong to: primitive as the Materials Project finds it.

    Its tolerance is wider than ours. Five of the cells are supercells by it alone, and their heat capacities
    are those of the smaller cells.
    """
    return replace(entry, structure=reduced_cell(entry.structure, MP_SYMPREC))


def _of_formula_unit(entry: Entry) -> Entry:
    """The magnetization of a formula unit. A cell whose number of units is not listed is a primitive one."""
    [(name, of_cell)] = entry.values.items()
    units = _formula_units().get(entry.id)
    if units is None:
        units = n_units(reduced_cell(entry.structure, MP_SYMPREC), "formula")
    return replace(entry, values={name: abs(of_cell) / units})


@cache
def _formula_units() -> dict[str, float]:
    return mp_tables.labels("formula_units").values


def _lattice_length(cell: Structure) -> float:
    packing_fraction(cell)
    return cell_shape(cell)["a"]
