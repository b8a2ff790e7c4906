"""How the descriptors change when a structure is slightly distorted, which the paper does not discuss.

Structures from experiment, from another functional or after another relaxation differ by thousandths of an Å.
If a descriptor jumps under such a change, a network that uses it learns from noise. Crystals of a dataset are
distorted in three ways, and the changes are given in units of the descriptor's standard deviation over the
dataset.
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from pymatgen.core import Lattice, Structure

from hybrid.cells import reduced_cell, symmetry_dataset
from hybrid.data.folder import CrystalFolder
from hybrid.descriptors.cached_rows import key_of
from hybrid.descriptors.compute import STEPS
from hybrid.descriptors.environments import bonds, environments, heterogeneity
from hybrid.descriptors.registry import paper_descriptors
from hybrid.descriptors.symmetry import ANGLE_TOLERANCE
from hybrid.descriptors.table import DescriptorTable
from hybrid.descriptors.voronoi import VoronoiFaces, voronoi_faces
from hybrid.errors import InputError
from hybrid.line_cache import LineCache
from hybrid.progress import Progress

Kind = Literal["positions", "lattice", "supercell"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SIZES: dict[Kind, tuple[float, ...]] = {
    "positions": (1e-4, 1e-3, 1e-2),  # Å
    "lattice": (1e-5, 1e-4, 1e-3),  # relative
    "supercell": (1e-4, 1e-3, 1e-2),  # Å
}
NAMES = tuple(d.name for d in paper_descriptors(space_group=True))
COUNTED = ("mean_CN_Voronoi", "std_CN_Voronoi", "mean_avg_bond_ang", "std_avg_bond_ang")
"""The descriptors for which every face has the same weight, however small it is."""

MAX_ATOMS = 40  # in the primitive cell of a crystal that is distorted
SLIVER = 0.01  # of the largest solid angle of an atom's faces; smaller faces are slivers
LOOSE_SYMPREC = 0.1  # Å, ten times that of the space group; also used for the structural complexity
RIGHT_ANGLE = 1e-8  # a smaller cosine is 0 within the rounding of a structure file
SMALL, LARGE = 0.01, 0.1  # of a standard deviation; larger changes are counted


@dataclass(frozen=True)
class Distortion:
    """Gaussian noise of one kind and size.

    Attributes:
        kind: of the atoms' `positions`, of the `lattice` as a strain, or of the positions in a `supercell` of
            two cells, as a conventional cell is one.
        size: standard deviation of each component, Å; for the lattice that of the strain's diagonal, and √2
            times that of its other components.
    """

    kind: Kind
    size: float

    def __call__(self, structure: Structure, rng: np.random.Generator) -> Structure:
        """The distorted structure."""
        if self.kind == "lattice":
            noise = rng.normal(0, self.size, (3, 3))
            strain = np.eye(3) + (noise + noise.T) / 2
            return Structure(
                Lattice(structure.lattice.matrix @ strain), structure.species, structure.frac_coords
            )
        if self.kind == "supercell":
            structure = structure * (2, 1, 1)
        places = structure.cart_coords + rng.normal(0, self.size, (len(structure), 3))
        return Structure(structure.lattice, structure.species, places, coords_are_cartesian=True)


DISTORTIONS = tuple(Distortion(kind, size) for kind in KINDS for size in SIZES[kind])


def choose_crystals(
    folder: CrystalFolder, table: DescriptorTable, n_crystals: int, max_atoms: int, seed: int
) -> list[int]:
    """Draws crystals of the folder at random, equally many of each crystal system if there are enough.

    Args:
        folder: the dataset.
        table: its descriptors; crystals that lack one are left out.
        n_crystals: how many.
        max_atoms: in the primitive cell.
        seed: of the draw.

    Returns:
        Their positions in the folder, in order.

    Raises:
        InputError: the folder contains too few.
    """
    columns = table.select(["crys_sys", "natoms"]).values.numpy()
    known = dict(zip(table.ids, columns, strict=True))
    groups: dict[int, list[int]] = {}
    for i, identity in enumerate(folder.ids):
        if identity in known and identity not in table.errors and known[identity][1] <= max_atoms:
            groups.setdefault(int(known[identity][0]), []).append(i)
    if sum(map(len, groups.values())) < n_crystals:
        raise InputError(
            f"{folder.path}: has fewer than {n_crystals} crystals of at most {max_atoms} atoms with "
            "descriptors"
        )
    rng = np.random.default_rng(seed)
    queues = [rng.permutation(groups[system])[::-1] for system in sorted(groups)]
    in_turn = [i for turn in zip_longest(*queues) for i in turn if i is not None]
    return sorted(map(int, in_turn[:n_crystals]))


def observe(structure: Structure) -> dict[str, float]:
    """All descriptors of a structure, and values that show why they change.

    The other values are: the descriptors of COUNTED without sliver faces (`… without slivers`), the
    space group's number at 0.1 Å (`loose space group`), the structural complexity per atom with all
    operations of that space group, also those that the lattice vectors of the cell do not allow
    (`complexity of orbits`), and the `Niggli type`.

    Raises:
        InputError: a descriptor cannot be computed.
    """
    cell = reduced_cell(structure)
    faces = voronoi_faces(cell)
    values = {**heterogeneity(faces), **bonds(faces)}
    for _, step in STEPS:
        if step is not environments:
            values |= step(cell)
    whole = bonds(without_slivers(faces))
    values |= {f"{name} without slivers": whole[name] for name in COUNTED}
    loose = symmetry_dataset(cell, LOOSE_SYMPREC, ANGLE_TOLERANCE)
    values["loose space group"] = float(loose.number)
    share = np.unique(loose.crystallographic_orbits, return_counts=True)[1] / len(cell)
    values["complexity of orbits"] = abs(float(share @ np.log2(share)))
    values["Niggli type"] = niggli_type(cell.lattice)
    return {name: float(value) for name, value in values.items()}


def without_slivers(faces: VoronoiFaces) -> VoronoiFaces:
    """The faces that are not slivers, as seen from their atom."""
    largest = np.zeros(faces.n_atoms)
    np.maximum.at(largest, faces.atom, faces.solid_angle)
    kept = faces.solid_angle >= SLIVER * largest[faces.atom]
    names = ("atom", "neighbour", "distance", "area", "solid_angle", "volume")
    return replace(faces, **{name: getattr(faces, name)[kept] for name in names})


def niggli_type(lattice: Lattice) -> int:
    """The type of a Niggli cell: 1 if its angles are below 90°, 2 if none is.

    The angle furthest from 90° decides, because the others may be on either side by rounding.
    """
    cosines = np.cos(np.radians(lattice.angles))
    return 1 if cosines[np.abs(cosines).argmax()] > RIGHT_ANGLE else 2


@dataclass(frozen=True, eq=False)
class Study:
    """Descriptors of crystals before and after each of the DISTORTIONS.

    Attributes:
        ids: (n_crystals,).
        names: (n_values,) the descriptors, and what else `observe` gives.
        scale: (n_values,) standard deviation over the whole dataset; NaN for what is not a descriptor.
        before: (n_crystals, n_values).
        after: (n_distortions, n_crystals, n_draws, n_values).
    """

    ids: tuple[str, ...]
    names: tuple[str, ...]
    scale: np.ndarray
    before: np.ndarray
    after: np.ndarray

    def changes(self, name: str) -> np.ndarray:
        """|after - before| of a descriptor in standard deviations: (n_distortions, n_crystals * n_draws)."""
        changes: np.ndarray = self.differences(name) / self.scale[self.names.index(name)]
        return changes

    def differences(self, name: str) -> np.ndarray:
        """|after - before| in the value's unit: (n_distortions, n_crystals * n_draws)."""
        i = self.names.index(name)
        change: np.ndarray = np.abs(self.after[..., i] - self.before[:, None, i])
        return change.reshape(len(self.after), -1)


@dataclass(frozen=True, eq=False)
class Movements:
    """The changes of the descriptors, in units of their standard deviations over the dataset.

    Attributes:
        median: (n_descriptors, n_distortions) of the change.
        percentile95: its 95th percentile.
        over_small: share of the distorted structures that change by more than 1 % of a standard deviation.
        over_large: share of those that change by more than 10 %.
    """

    median: np.ndarray
    percentile95: np.ndarray
    over_small: np.ndarray
    over_large: np.ndarray


def movements(study: Study) -> Movements:
    """The changes of the descriptors in NAMES by the DISTORTIONS."""
    changes = np.array([study.changes(name) for name in NAMES])
    return Movements(
        np.median(changes, axis=2),
        np.percentile(changes, 95, axis=2),
        (changes > SMALL).mean(axis=2),
        (changes > LARGE).mean(axis=2),
    )


def run_study(folder: CrystalFolder, n_crystals: int = 200, n_draws: int = 3, seed: int = 0) -> Study:
    """Distorts crystals of a dataset and computes their descriptors again; a stopped call continues.

    Args:
        folder: the dataset, with its descriptor table.
        n_crystals: how many of its crystals.
        n_draws: times that each distortion is drawn for a crystal.
        seed: of the choice and of the noise.

    Raises:
        InputError: the table or the folder lacks something.
    """
    table = DescriptorTable.read(folder.path / "descriptors.csv").select(NAMES)
    chosen = folder.take(choose_crystals(folder, table, n_crystals, MAX_ATOMS, seed))
    n_observed = len(chosen) * (1 + len(DISTORTIONS) * n_draws)
    version = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    observed = []  # of each crystal: undistorted, then each draw of each distortion
    with (
        LineCache(folder.path / ".hybrid" / "distortion.jsonl") as rows,
        Progress(desc="distorted crystals", total=n_observed, unit="crystals") as progress,
    ):
        for i, (identity, structure) in enumerate(zip(chosen.ids, chosen.structures(), strict=True)):
            for one in _with_distortions(structure, n_draws, (seed, i)):
                key = key_of(one, (), f"distortion {version}")
                if key not in rows:
                    try:
                        rows.add(key, observe(one))
                    except InputError as error:
                        raise InputError(f"{folder.path}: '{identity}', distorted: {error}") from error
                observed.append(rows[key])
                progress.update()
    names = tuple(observed[0])
    values = np.array([[row[name] for name in names] for row in observed]).reshape(
        len(chosen), -1, len(names)
    )
    after = values[:, 1:].reshape(len(chosen), len(DISTORTIONS), n_draws, len(names)).swapaxes(0, 1)
    deviation = dict(zip(NAMES, np.nanstd(table.values.numpy(), axis=0), strict=True))
    scale = np.array([deviation.get(name, math.nan) for name in names])
    return Study(tuple(chosen.ids), names, scale, values[:, 0], after)


def _with_distortions(structure: Structure, n_draws: int, seed: tuple[int, ...]) -> Iterator[Structure]:
    """A structure, and each distortion of it drawn several times."""
    yield structure
    for j, distortion in enumerate(DISTORTIONS):
        rng = np.random.default_rng((*seed, j))
        for _ in range(n_draws):
            yield distortion(structure, rng)
