"""The same descriptors from plain matminer: the slow reference for the fast ones.

It takes about 0.1 s for each atom, because every site featurizer repeats the Voronoi tessellation for every
atom. matminer's VoronoiNN takes the atoms within 13 Å, and more only if a cell is not closed. In sparse
crystals, whose `VoronoiFaces.reach` is larger, its faces can be wrong without a warning.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from pymatgen.core import Structure

from hybrid.descriptors.lattice import cell_shape
from hybrid.descriptors.registry import Descriptor
from hybrid.errors import InputError

Step = tuple[Sequence[str], Callable[[Structure], dict[str, float]]]
"""Names of descriptors, and the function that computes them from the reduced cell."""


def _featurizers() -> dict[str, Callable[..., Any]]:
    """The featurizers by the `source` of the descriptors they define."""
    try:
        from matminer.featurizers import site, structure
        from pymatgen.analysis.local_env import VoronoiNN
    except ImportError as error:
        raise InputError(f"backend 'matminer' needs matminer: pip install matminer ({error})") from error

    def statistics(of: Callable[[Any], Any]) -> Callable[[], Any]:
        return lambda: structure.SiteStatsFingerprint(of(VoronoiNN()))

    return {
        "matminer StructuralHeterogeneity": structure.StructuralHeterogeneity,
        "matminer SiteStatsFingerprint(AverageBondLength(VoronoiNN))": statistics(site.AverageBondLength),
        "matminer SiteStatsFingerprint(AverageBondAngle(VoronoiNN))": statistics(site.AverageBondAngle),
        "matminer SiteStatsFingerprint(CoordinationNumber(VoronoiNN))": statistics(site.CoordinationNumber),
        "matminer DensityFeatures": structure.DensityFeatures,
        "matminer StructuralComplexity": structure.StructuralComplexity,
        "matminer GlobalSymmetryFeatures": structure.GlobalSymmetryFeatures,
    }


def matminer_steps(descriptors: Iterable[Descriptor]) -> list[Step]:
    """Functions of the reduced cell, each with the names of the descriptors it computes.

    Raises:
        InputError: matminer is not installed.
    """
    featurizers = _featurizers()
    steps: list[Step] = []
    by_source: dict[str, dict[str, str]] = {}
    for descriptor in descriptors:
        if descriptor.label:
            by_source.setdefault(descriptor.source, {})[descriptor.label] = descriptor.name
    for source, labels in by_source.items():
        if source == "matminer DensityFeatures":
            # separately, so that a crystal of noble gases lacks its packing fraction only
            steps += [
                ((name,), _step(partial(featurizers[source], [label]), {label: name}))
                for label, name in labels.items()
            ]
        else:
            steps.append((tuple(labels.values()), _step(featurizers[source], labels)))
    return [*steps, (("natoms", "a", "b", "c", "alpha", "beta", "gamma"), cell_shape)]


def _step(featurizer: Callable[[], Any], labels: dict[str, str]) -> Callable[[Structure], dict[str, float]]:
    def compute(cell: Structure) -> dict[str, float]:
        made = featurizer()
        values = dict(zip(made.feature_labels(), made.featurize(cell), strict=True))
        return {name: float(values[label]) for label, name in labels.items()}

    return compute
