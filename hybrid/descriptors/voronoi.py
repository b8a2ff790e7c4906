"""The Voronoi tessellation of a crystal: one Qhull run for all atoms of the cell, provably complete.

With too few points a Voronoi cell is larger than the true one, never smaller. Therefore, if all vertices of
the cells lie within R of their atom, and all atoms within 2R were included, no atom further away can change
the cells. The tessellation is repeated with more points until this holds.
"""

import itertools
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy  # whose spatial is loaded when it is used, as what needs no descriptors starts sooner without it
from pymatgen.core import Structure

from hybrid.cells import SYMPREC
from hybrid.errors import InputError

START_RADIUS = 2.1  # times the cube root of the volume per atom; fastest on average, repeats included
MAX_POINTS = 30_000  # plus 100 for each atom; bulk crystals need tens for each, layers in vacuum any number
MAX_IMAGES = 5_000_000


@dataclass(frozen=True)
class VoronoiFaces:
    """The faces between the Voronoi cells of a crystal, each as seen from one atom of the cell.

    Attributes:
        n_atoms: atoms in the cell.
        reach: how far away an atom can be and still shape a cell: twice the largest distance of a vertex, Å.
        atom: (n_faces,) the atom whose cell it is.
        neighbour: (n_faces, 3) vector to the atom on the other side, Å.
        distance: (n_faces,) its length, Å.
        area: (n_faces,) Å².
        solid_angle: (n_faces,) as seen from the atom, steradian.
        volume: (n_faces,) of the pyramid over the face with its apex at the atom, Å³.
    """

    n_atoms: int
    reach: float
    atom: np.ndarray
    neighbour: np.ndarray
    distance: np.ndarray
    area: np.ndarray
    solid_angle: np.ndarray
    volume: np.ndarray


def voronoi_faces(cell: Structure) -> VoronoiFaces:
    """Tessellates a crystal.

    Args:
        cell: an ordered structure with fractional coordinates in [0, 1).

    Raises:
        InputError: the tessellation needs too many atoms, as for layers far apart, or two atoms have the
            same position.
    """
    matrix, fractional = cell.lattice.matrix, cell.frac_coords
    n_atoms = len(cell)
    limit = MAX_POINTS + 100 * n_atoms
    radius = START_RADIUS * (cell.volume / n_atoms) ** (1 / 3)
    while True:
        points = _points_within(matrix, fractional, radius, limit)
        tessellation = _tessellate(points, n_atoms)
        if tessellation is None:
            radius *= 1.4
            continue
        if tessellation.reach <= radius:
            faces = tessellation.faces()
            _check(faces, cell.volume)
            return faces
        # all points within the reach would suffice, but a far vertex may itself be due to too few points
        radius = min(1.0001 * tessellation.reach, 1.6 * radius)


def _check(faces: VoronoiFaces, volume: float) -> None:
    """Raises an error if Qhull has merged atoms or lost a part of the crystal."""
    of_atom = np.bincount(faces.atom, minlength=faces.n_atoms)
    if not of_atom.all() or faces.distance.min() < SYMPREC:
        raise InputError("two atoms have the same position")
    if abs(faces.volume.sum() / volume - 1) > 1e-6:
        raise InputError("the Voronoi cells do not fill the crystal")


def _points_within(matrix: np.ndarray, fractional: np.ndarray, radius: float, limit: int) -> np.ndarray:
    """The atoms of the cell, then all their images within `radius` of any of them: (n_points, 3), Å."""
    widths = radius * np.linalg.norm(np.linalg.inv(matrix), axis=0)  # the radius in fractional units
    low, high = fractional.min(axis=0) - widths, fractional.max(axis=0) + widths
    first = np.ceil(low - fractional.max(axis=0)).astype(int)
    last = np.floor(high - fractional.min(axis=0)).astype(int)
    if np.prod(last - first + 1.0) * len(fractional) > MAX_IMAGES:
        raise _endless(limit)
    shifts = np.stack(
        np.meshgrid(*(np.arange(a, b + 1) for a, b in zip(first, last, strict=True)), indexing="ij"), axis=-1
    ).reshape(-1, 3)
    shifts = shifts[shifts.any(axis=1)]
    images = (fractional[None] + shifts[:, None]).reshape(-1, 3)
    images = images[((images >= low) & (images <= high)).all(axis=1)] @ matrix
    atoms = fractional @ matrix
    centre = atoms.mean(axis=0)
    extent = np.linalg.norm(atoms - centre, axis=1).max() + radius
    images = images[np.einsum("ij,ij->i", images - centre, images - centre) <= extent**2]
    if len(atoms) > 1:
        nearest, _ = scipy.spatial.cKDTree(atoms).query(images, distance_upper_bound=radius)
        images = images[np.isfinite(nearest)]
    if len(atoms) + len(images) > limit:
        raise _endless(limit)
    points: np.ndarray = np.concatenate([atoms, images]) - centre
    return points


def _endless(limit: int) -> InputError:
    return InputError(f"the Voronoi cells need more than {limit:,} atoms to close; is there a vacuum?")


@dataclass(frozen=True)
class _Tessellation:
    """The bounded ridges around the first `n_atoms` of a set of points.

    Attributes:
        points: (n_points, 3), Å.
        n_atoms: how many of them are the cell's.
        pairs: (n_ridges, 2) the two points on either side.
        n_corners: (n_ridges,).
        corners: (sum of n_corners, 3) the vertices of each ridge in order around it, Å.
    """

    points: np.ndarray
    n_atoms: int
    pairs: np.ndarray
    n_corners: np.ndarray
    corners: np.ndarray

    @cached_property
    def reach(self) -> float:
        """Twice the largest distance of a cell's vertex from its atom, Å."""
        pairs = np.repeat(self.pairs, self.n_corners, axis=0)
        # the two points of a ridge are equally far from its vertices
        inner = np.where(pairs[:, 0] < self.n_atoms, pairs[:, 0], pairs[:, 1])
        away = self.corners - self.points[inner]
        return 2 * math.sqrt(np.einsum("ij,ij->i", away, away).max())

    def faces(self) -> VoronoiFaces:
        """The ridges as seen from the cell's atoms; one between two such atoms gives two faces."""
        ridge, side = np.nonzero(self.pairs < self.n_atoms)
        atom = self.pairs[ridge, side]
        neighbour = self.points[self.pairs[ridge, 1 - side]] - self.points[atom]
        distance = np.sqrt(np.einsum("ij,ij->i", neighbour, neighbour))
        # a fan of triangles from each face's first corner
        n_triangles = self.n_corners[ridge] - 2
        face = np.repeat(np.arange(len(ridge)), n_triangles)
        within = np.arange(len(face)) - np.repeat(np.cumsum(n_triangles) - n_triangles, n_triangles)
        start = (np.cumsum(self.n_corners) - self.n_corners)[ridge][face]
        apex = self.points[atom][face]
        u, v, w = (self.corners[i] - apex for i in (start, start + within + 1, start + within + 2))
        triple = np.abs(np.einsum("ij,ij->i", u, _cross(v, w)))
        volume = np.bincount(face, triple, len(ridge)) / 6
        # solid angle of a triangle: Van Oosterom and Strackee
        lu, lv, lw = (np.sqrt(np.einsum("ij,ij->i", x, x)) for x in (u, v, w))
        uv, uw, vw = (np.einsum("ij,ij->i", x, y) for x, y in ((u, v), (u, w), (v, w)))
        angle = 2 * np.arctan2(triple, lu * lv * lw + lw * uv + lv * uw + lu * vw)
        solid_angle = np.bincount(face, angle, len(ridge))
        area = 6 * volume / distance
        return VoronoiFaces(self.n_atoms, self.reach, atom, neighbour, distance, area, solid_angle, volume)


def _cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Vector products (n, 3) of the rows; several times faster than np.cross."""
    (a, b, c), (d, e, f) = u.T, v.T
    return np.stack([b * f - c * e, c * d - a * f, a * e - b * d], axis=1)


def _tessellate(points: np.ndarray, n_atoms: int) -> _Tessellation | None:
    """The ridges around the first `n_atoms` points, or None if one of their cells is open."""
    if len(points) < 5:
        return None
    try:
        voronoi = scipy.spatial.Voronoi(points)
    except scipy.spatial.QhullError:  # all points in one plane
        return None
    chosen = np.nonzero((voronoi.ridge_points < n_atoms).any(axis=1))[0]
    ridges = [voronoi.ridge_vertices[i] for i in chosen]
    n_corners = np.fromiter(map(len, ridges), int, len(ridges))
    vertices = np.fromiter(itertools.chain.from_iterable(ridges), int, int(n_corners.sum()))
    if not len(vertices) or vertices.min() < 0:
        return None
    return _Tessellation(points, n_atoms, voronoi.ridge_points[chosen], n_corners, voronoi.vertices[vertices])
