"""The paper's structural descriptors (Table 3), and those a user adds."""

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymatgen.core import Structure

from hybrid.errors import InputError, unknown_name

SPACE_GROUP = "space_group_number"


@dataclass(frozen=True)
class Descriptor:
    """One number that describes a crystal structure.

    Attributes:
        name: the paper's abbreviation, the column's name in tables.
        symbol: as printed in figures.
        full_name: in words.
        unit: "1" if it has none.
        intensive: whether it does not grow with the number of atoms in the primitive cell.
        local: whether it is a statistic of the atoms' surroundings (Figure 2a), not of the crystal (2b, 2c).
        group: the kind of quantity, such as symmetry.
        source: the matminer or pymatgen class that defines it.
        label: matminer's name of the feature, if there is one.
        function: computes a registered descriptor from the reduced cell.
    """

    name: str
    symbol: str
    full_name: str
    unit: str
    intensive: bool
    local: bool
    group: str
    source: str
    label: str = ""
    function: Callable[[Structure], float] | None = field(default=None, compare=False)


def _read(path: Path) -> tuple[Descriptor, ...]:
    """Reads a table with a column for each attribute; true is `yes` and false is empty."""
    with path.open(newline="", encoding="utf-8") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    switches = ("intensive", "local")
    return tuple(Descriptor(**{**row, **{name: bool(row[name]) for name in switches}}) for row in rows)


# Table 3 speaks of the standard deviation of the neighbour distance variation. matminer's avg_dev is a mean
# absolute deviation, and the table says so.
_PAPER = _read(Path(__file__).with_name("paper.csv"))
_REGISTERED: dict[str, Descriptor] = {}


def paper_descriptors(space_group: bool = False) -> tuple[Descriptor, ...]:
    """The paper's descriptors in the order of Table 3: 28, or 29 with the space-group number.

    The paper probes 28 descriptors, and hybridises 29: "all descriptors in Table 3, except 'space group
    number'". Its Table 3 lists 26, without the space-group number. The text and Figure 2 also name the
    density and std_avg_bond_ang, which gives the 28. It is not clear which one is the 29th; here it is the
    space-group number, which can be left out.
    """
    return tuple(d for d in _PAPER if space_group or d.name != SPACE_GROUP)


def register(
    name: str,
    function: Callable[[Structure], float],
    *,
    full_name: str = "",
    symbol: str = "",
    unit: str = "1",
    intensive: bool = True,
    local: bool = False,
    group: str = "own",
    source: str = "",
) -> Descriptor:
    """Adds a descriptor, which is then computed and written together with the paper's.

    Args:
        name: its column in tables; registering a name again replaces the function.
        function: takes the reduced cell of a crystal and returns a finite number.
        full_name: in words; default: `name`.
        symbol: for figures; default: `name`.
        unit: of the returned number.
        intensive: whether it does not grow with the number of atoms in the primitive cell.
        local: whether it is a statistic of the atoms' surroundings.
        group: the kind of quantity.
        source: where it is defined.

    Raises:
        InputError: the name is that of one of the paper's descriptors, or `id` or `error`.
    """
    if not name or name in {d.name for d in _PAPER} | {"id", "error"}:
        raise InputError(f"descriptor '{name}' cannot be registered; the name is taken")
    if name != name.strip() or any(sign in name for sign in ',;"\n\r\t'):
        raise InputError(f"descriptor {name!r}: the name of a column has no commas, quotes or line ends")
    descriptor = Descriptor(
        name, symbol or name, full_name or name, unit, intensive, local, group, source, "", function
    )
    _REGISTERED[name] = descriptor
    return descriptor


def select_descriptors(names: Iterable[str] | None = None) -> tuple[Descriptor, ...]:
    """The descriptors with these names, in their order; all, with the space-group number, if None.

    Raises:
        InputError: a name is unknown.
    """
    known = {d.name: d for d in (*_PAPER, *_REGISTERED.values())}
    if names is None:
        return tuple(known.values())
    chosen = list(dict.fromkeys(names))
    for name in chosen:
        if name not in known:
            raise unknown_name("descriptor", name, known)
    return tuple(known[name] for name in chosen)


def numeric_descriptors(local: bool | None = None) -> tuple[str, ...]:
    """The names of the 27 descriptors in Figures 2a and 2b: all that are probed except the crystal system.

    If `local` is True only those of the atoms' surroundings (2a), if False only the others (2b).
    """
    shown = [d for d in paper_descriptors() if d.name != "crys_sys"]
    return tuple(d.name for d in shown if local in (None, d.local))
