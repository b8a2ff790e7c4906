"""The descriptors from plain matminer, with which ours are compared.

It takes about 0.1 s for each atom, because every site featurizer repeats the Voronoi tessellation for every
atom. Its VoronoiNN takes the atoms within 13 Å, and more only if a cell is not closed. In sparse
crystals, whose `VoronoiFaces.reach` is larger, its faces can be wrong without a warning.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from matminer.featurizers import site, structure
from pymatgen.analysis.local_env import VoronoiNN
from pymatgen.core import Structure

from hybrid.descriptors.cached_rows import Row
from hybrid.descriptors.compute import Step, compute
from hybrid.descriptors.lattice import cell_shape
from hybrid.descriptors.registry import Descriptor, select_descriptors


def described_by_matminer(crystal: Structure, names: Iterable[str] | None = None) -> Row:
    """The descriptors of one crystal, of its reduced cell as ours; all known ones if `names` is None."""
    chosen = select_descriptors(names)
    return compute(crystal, chosen, _steps(chosen))


def _featurizers() -> dict[str, Callable[..., Any]]:
    """The featurizers by the `source` of the descriptors they define."""

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


def _steps(descriptors: Iterable[Descriptor]) -> list[Step]:
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
    def featurize(cell: Structure) -> dict[str, float]:
        made = featurizer()
        values = dict(zip(made.feature_labels(), made.featurize(cell), strict=True))
        return {name: float(values[label]) for label, name in labels.items()}

    return featurize
