"""Descriptors of the atoms' surroundings: statistics over the faces of their Voronoi cells.

The definitions are matminer's: StructuralHeterogeneity (faces weighted by area), and SiteStatsFingerprint of
AverageBondLength (weighted by solid angle), AverageBondAngle and CoordinationNumber. With the defaults of
VoronoiNN, every face counts as a bond.
"""

import numpy as np
from pymatgen.core import Structure

from hybrid.descriptors.voronoi import VoronoiFaces, voronoi_faces


def environments(cell: Structure) -> dict[str, float]:
    """Bond lengths, angles, coordination numbers and Voronoi cell sizes of a crystal.

    Args:
        cell: an ordered structure with fractional coordinates in [0, 1).

    Raises:
        InputError: the Voronoi cells do not close.
    """
    faces = voronoi_faces(cell)
    return {**heterogeneity(faces), **bonds(faces)}


def heterogeneity(faces: VoronoiFaces) -> dict[str, float]:
    """How much bond lengths and Voronoi cells differ between atoms, and bond lengths around one atom.

    With l_i the mean neighbour distance of atom i: relative bond lengths are l_i / mean(l), the neighbour
    distance variation of i is the mean absolute deviation of its distances over l_i. Dimensionless.
    """
    length = _mean_of_atom(faces, faces.area, faces.distance)  # (n_atoms,)
    deviation = np.abs(faces.distance - length[faces.atom])
    variation = _mean_of_atom(faces, faces.area, deviation) / length
    relative = length / length.mean()
    size = np.bincount(faces.atom, faces.volume, faces.n_atoms)
    return {
        "MAD_in_rela_bond_len": _mean_absolute_deviation(relative),
        "max_rela_bond_len": float(relative.max()),
        "min_rela_bond_len": float(relative.min()),
        "max_neighb_dist_var": float(variation.max()),
        "min_neighb_dist_var": float(variation.min()),
        "range_neighb_dist_var": float(np.ptp(variation)),
        "mean_neighb_dist_var": float(variation.mean()),
        "dev_neighb_dist_var": _mean_absolute_deviation(variation),
        "MAD_in_rela_atom_vol": _mean_absolute_deviation(size) / float(size.mean()),
    }


def bonds(faces: VoronoiFaces) -> dict[str, float]:
    """Mean and standard deviation over atoms of bond length (Å), bond angle (rad), coordination number."""
    seen = faces.solid_angle > 0
    length = _mean_of_atom(faces, faces.solid_angle, faces.distance)
    coordination = np.bincount(faces.atom[seen], minlength=faces.n_atoms)
    angle = _bond_angles(faces, seen)
    return {
        "mean_avg_bond_len": float(length.mean()),
        "std_avg_bond_len": float(length.std()),
        "mean_avg_bond_ang": float(angle.mean()),
        "std_avg_bond_ang": float(angle.std()),
        "mean_CN_Voronoi": float(coordination.mean()),
        "std_CN_Voronoi": float(coordination.std()),
    }


def _bond_angles(faces: VoronoiFaces, seen: np.ndarray) -> np.ndarray:
    """Bond angle of each atom (n_atoms,), rad: from each bond to the nearest other bond, on average."""
    order = np.argsort(faces.atom[seen], kind="stable")
    atom = faces.atom[seen][order]
    directions = (faces.neighbour[seen] / faces.distance[seen, None])[order]
    count = np.bincount(atom, minlength=faces.n_atoms)
    place = np.arange(len(atom)) - np.repeat(np.cumsum(count) - count, count)
    slots = np.arange(count.max())
    padded = np.zeros((faces.n_atoms, len(slots), 3))
    padded[atom, place] = directions
    cosine = padded @ padded.transpose(0, 2, 1)  # (n_atoms, max_bonds, max_bonds)
    # a bond's angle to itself, and empty slots, do not count
    cosine = np.where((slots < count[:, None])[:, None, :], cosine, -1)
    cosine[:, slots, slots] = -1
    nearest = np.arccos(np.clip(cosine.max(axis=2)[atom, place], -1, 1))
    return np.bincount(atom, nearest, faces.n_atoms) / count


def _mean_of_atom(faces: VoronoiFaces, weight: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Weighted mean of a quantity of faces (n_faces,) for each atom (n_atoms,)."""
    total = np.bincount(faces.atom, weight * value, faces.n_atoms)
    return total / np.bincount(faces.atom, weight, faces.n_atoms)


def _mean_absolute_deviation(values: np.ndarray) -> float:
    return float(np.abs(values - values.mean()).mean())
