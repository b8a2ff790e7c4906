"""Computes the descriptors of one crystal. Imported by every worker process, so it stays light."""

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pymatgen.core import Structure

from hybrid.cells import reduced_cell
from hybrid.descriptors.cached_rows import Row
from hybrid.descriptors.environments import environments
from hybrid.descriptors.lattice import cell_shape, density, packing_fraction
from hybrid.descriptors.registry import Descriptor, paper_descriptors, select_descriptors
from hybrid.descriptors.symmetry import space_group, structural_complexity
from hybrid.errors import InputError
from hybrid.structures import read_structure

Step = tuple[Sequence[str], Callable[[Structure], dict[str, float]]]
"""Names of descriptors, and the function that computes them from the reduced cell."""

STEPS: tuple[Step, ...] = (
    (tuple(d.name for d in paper_descriptors() if d.local), environments),
    (("density", "vpa"), density),
    (("packing_frac",), packing_fraction),
    (("struct_comp_atom", "struct_comp_cell"), structural_complexity),
    (("natoms", "a", "b", "c", "alpha", "beta", "gamma"), cell_shape),
    (("crys_sys", "space_group_number"), space_group),
)


def describe(structure: Structure, names: Iterable[str] | None = None) -> dict[str, float]:
    """The descriptors of one crystal, by name.

    They are computed for its reduced cell, so they do not depend on the choice of the cell or of the origin.
    Only what the descriptors in `names` need is computed: the lattice lengths of a chain in vacuum need no
    Voronoi tessellation.

    Args:
        structure: an ordered crystal.
        names: which, all known ones if None.

    Raises:
        InputError: a name is unknown, or a descriptor cannot be computed; the message says which and why.
    """
    row = compute(structure, select_descriptors(names))
    if row.error:
        raise InputError(row.error)
    return row.values


def descriptor_row(structure: Structure | Path, chosen: Sequence[Descriptor]) -> Row:
    """The descriptors of a crystal or of a structure file; an InputError becomes the row's error."""
    try:
        if isinstance(structure, Path):
            structure = read_structure(structure)
        return compute(structure, chosen)
    except InputError as error:
        return Row({}, str(error))


def compute(structure: Structure, chosen: Sequence[Descriptor], steps: Sequence[Step] = STEPS) -> Row:
    """The chosen descriptors that can be computed by some steps, and why the others cannot be."""
    wanted = {descriptor.name for descriptor in chosen}
    steps = [*steps, *(_own(descriptor) for descriptor in chosen if descriptor.function)]
    found: dict[str, float] = {}
    reasons: dict[str, str] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            cell = reduced_cell(structure)
        except Exception as error:  # any error of pymatgen concerns this crystal only
            return Row({}, _reason(error))
        for names, step in steps:
            if wanted.isdisjoint(names):
                continue
            try:
                values = step(cell)
            except Exception as error:  # likewise of a user's function
                reasons[", ".join(names)] = _reason(error)
                continue
            for name in names:
                if math.isfinite(values[name]):
                    found[name] = float(values[name])
                else:
                    reasons[name] = f"is {values[name]}"
    missing = "; ".join(f"{names}: {reason}" for names, reason in reasons.items())
    return Row({d.name: found[d.name] for d in chosen if d.name in found}, missing)


def _own(descriptor: Descriptor) -> Step:
    """A registered descriptor's function as a step."""
    function = descriptor.function
    assert function
    return (descriptor.name,), lambda cell: {descriptor.name: float(function(cell))}


def _reason(error: Exception) -> str:
    """An error in one line."""
    text = " ".join(str(error).split())
    return text if isinstance(error, InputError) else f"{type(error).__name__} {text[:160]}".strip()
