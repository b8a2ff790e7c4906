"""Why descriptors jump when a structure is distorted, each cause checked on the structures that changed."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reproduction.analysis.distortion import COUNTED, DISTORTIONS, LARGE, SMALL, Distortion, Study

ANGLES = ("alpha", "beta", "gamma")
Holds = Callable[[Study, str, int], np.ndarray]


@dataclass(frozen=True)
class Cause:
    """Why some descriptors jump, and how that is checked.

    Attributes:
        name: in a word or two.
        names: the descriptors.
        distortion: under which it is checked.
        text: what happens.
        test: what holds for a jump that has this cause.
        holds: of a study, a descriptor and the place of the distortion: for each distorted structure, whether
            the test holds.
    """

    name: str
    names: tuple[str, ...]
    distortion: Distortion
    text: str
    test: str
    holds: Holds


def _gone_without_slivers(study: Study, name: str, place: int) -> np.ndarray:
    gone: np.ndarray = (
        study.differences(f"{name} without slivers")[place] <= LARGE * study.scale[study.names.index(name)]
    )
    return gone


def _same_lengths(study: Study, _: str, place: int) -> np.ndarray:
    changes = np.array([study.changes(length)[place] for length in ("a", "b", "c")])
    same: np.ndarray = np.all(changes < SMALL, axis=0)
    return same


def _same(other: str) -> Holds:
    return lambda study, _, place: study.differences(other)[place] < 1e-9


def _another(other: str) -> Holds:
    return lambda study, _, place: study.differences(other)[place] > 1e-9


CAUSES = (
    Cause(
        "sliver faces",
        COUNTED,
        Distortion("positions", 1e-3),
        "every Voronoi face counts as a bond, and where more than four cells meet in a corner any noise "
        "makes new, tiny faces",
        "no change over 10 % if faces under 1 % of the atom's largest do not count",
        _gone_without_slivers,
    ),
    Cause(
        "equally short bases",
        ANGLES,
        Distortion("lattice", 1e-4),
        "the Niggli conditions choose between bases of the same three lengths by equalities of the metric, "
        "which any strain breaks",
        "a, b and c change by less than 1 % of a standard deviation each",
        _same_lengths,
    ),
    Cause(
        "type of the Niggli cell",
        ANGLES,
        Distortion("lattice", 1e-4),
        "the most frequent such choice: right angles become acute or obtuse, and the cell of type I (all "
        "angles acute) or II (none)",
        "the Niggli cell is of the other type",
        _another("Niggli type"),
    ),
    Cause(
        "symmetry tolerance",
        ("crys_sys", "space_group_number"),
        Distortion("positions", 1e-2),
        "atoms are further from their symmetric places than the tolerance of 0.01 Å",
        "the space group at a tolerance of 0.1 Å is the same",
        _same("loose space group"),
    ),
    Cause(
        "lost translation",
        ("natoms", "a", "b", "c", "struct_comp_cell"),
        Distortion("supercell", 1e-2),
        "the translation between the two cells is no longer found at 0.01 Å, so the primitive cell is larger",
        "natoms is another",
        _another("natoms"),
    ),
    Cause(
        "orbits of a larger cell",
        ("struct_comp_atom",),
        Distortion("supercell", 1e-2),
        "once the translation is lost, spglib counts as equivalent only atoms that an operation which the "
        "larger cell's vectors allow maps onto each other",
        "no change if all operations of the space group at 0.1 Å count",
        _same("complexity of orbits"),
    ),
)


@dataclass(frozen=True)
class Check:
    """How many of a descriptor's jumps have their cause."""

    name: str
    cause: Cause
    changed: float  # share of the distorted structures that change by more than 10 % of a standard deviation
    explained: float  # share of those for which the cause's test holds


def checks(study: Study) -> list[Check]:
    """The causes, checked on the structures that changed."""
    rows = []
    for cause in CAUSES:
        place = DISTORTIONS.index(cause.distortion)
        for name in cause.names:
            changed = study.changes(name)[place] > LARGE
            explained = cause.holds(study, name, place)[changed]
            share = float(explained.mean()) if changed.any() else math.nan
            rows.append(Check(name, cause, float(changed.mean()), share))
    return rows
