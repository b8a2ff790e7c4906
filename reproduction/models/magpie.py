"""Magpie statistics of formulas: properties of a crystal's elements, weighted by their shares.

They are defined by Ward et al., npj Computational Materials 2, 16028 (2016), with matminer's table of the
elements' properties: of each property the smallest and the largest value, their difference, the mean, the
mean absolute deviation from it, and that of the most frequent element (the smallest of several). Where the
table lacks a value, it is the mean over all elements.
"""

from functools import cache

import numpy as np
from pymatgen.core import Element

from hybrid.errors import InputError
from hybrid.graphs.composition import N_NUMBERS, CompositionGraphs
from hybrid.settings import RunSettings
from hybrid.training.baselines import fit_forest
from hybrid.training.model_registry import Model
from hybrid.training.results import Fitted, Job
from hybrid.training.samples import Samples

STATISTICS = ("minimum", "maximum", "range", "mean", "avg_dev", "mode")


def composition_features(graphs: CompositionGraphs) -> tuple[list[str], np.ndarray]:
    """The features' names (n_features,) and their values (n_crystals, n_features), in matminer's order.

    Raises:
        InputError: matminer is not installed.
    """
    properties, table = _elements()
    values, weights = table[graphs.species.numpy()], graphs.weights.double().numpy()[:, None]
    first = graphs.first_element.numpy()
    of_element = np.repeat(np.arange(len(graphs)), graphs.n_elements.numpy())
    smallest, largest = (ufunc.reduceat(values, first) for ufunc in (np.minimum, np.maximum))
    mean = np.add.reduceat(weights * values, first)
    deviation = np.add.reduceat(weights * np.abs(values - mean[of_element]), first)
    frequent = np.isclose(weights, np.maximum.reduceat(weights, first)[of_element])
    mode = np.minimum.reduceat(np.where(frequent, values, np.inf), first)
    statistics = np.stack([smallest, largest, largest - smallest, mean, deviation, mode], axis=2)
    names = [f"{statistic} {name}" for name in properties for statistic in STATISTICS]
    return names, statistics.reshape(len(graphs), -1)


@cache
def _elements() -> tuple[list[str], np.ndarray]:
    """The names of the properties (n_properties,), and their values by atomic number."""
    try:
        from matminer.featurizers.composition import ElementProperty
    except ImportError as error:
        raise InputError(
            f"composition-forest needs the package matminer ({error}); "
            "pip install 'hybrid-crystal-gnn[reproduce]'"
        ) from error
    magpie = ElementProperty.from_preset("magpie", impute_nan=True)
    table = np.full((N_NUMBERS, len(magpie.features)), np.nan)
    for element in Element:
        if element.symbol not in ("D", "T"):
            table[element.Z] = [
                magpie.data_source.get_elemental_property(element, name) for name in magpie.features
            ]
    return list(magpie.features), table


def composition_forest(samples: Samples, settings: RunSettings, _: Job) -> Fitted:
    """A random forest on the Magpie statistics of the formula, also trained on the validation set.

    Raises:
        InputError: the package that has the elements' properties is not installed.
    """
    names, rows = composition_features(samples.folder.graphs(settings.graph, CompositionGraphs))
    return fit_forest(samples, settings, rows, names)


MODEL = Model(composition_forest, sees_structure=False, learns_validation=True)
