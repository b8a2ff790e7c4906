"""Debye's model as a baseline for Cv and U: one stiffness, fitted on the training set (eqs. 15 to 19)."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from hybrid.errors import InputError
from hybrid.training.registry import Model
from hybrid.training.results import Fitted
from hybrid.training.samples import Samples
from reproduction.models.debye import (
    debye_temperature,
    effective_stiffness,
    fit_stiffness,
    heat_capacity,
    internal_energy,
)

QUANTITIES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
    "Cv": (heat_capacity, "J/(mol-{} K)"),
    "U": (internal_energy, "kJ/mol-{}"),
}


def debye(samples: Samples, *_: Any) -> Fitted:
    """Cv or U at 300 K, per cell or per atom, from the crystals' volume, mass and number of atoms.

    Raises:
        InputError: the targets are something else.
    """
    quantity, per = _target(samples)
    structures = list(samples.folder.structures())
    count = np.array([len(structure) for structure in structures], float)
    volume = np.array([structure.volume for structure in structures]) / count
    mass = np.array([float(structure.composition.weight) for structure in structures]) / count
    factor = count if per == "cell" else np.ones_like(count)
    at = samples.at("training")
    k0 = fit_stiffness(quantity, volume[at], mass[at], factor[at], samples.targets[at, 0])
    theta = debye_temperature(effective_stiffness(k0, volume), volume, mass)
    notes = {"stiffness_gpa": round(k0, 4), "median_debye_temperature_k": round(float(np.median(theta)), 2)}
    return Fitted((factor * quantity(theta))[:, None], notes)


def _target(samples: Samples) -> tuple[Callable[[np.ndarray], np.ndarray], str]:
    """The quantity that the targets are, and whether per cell or per atom."""
    manifest = samples.folder.path / "manifest.json"
    try:
        content = json.loads(manifest.read_text())
        target, unit = str(content["target"]), str(content["unit"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{manifest}: does not say what the target and its unit are") from error
    if samples.names:
        target, unit = samples.names[0], ""
    for symbol, (quantity, written) in QUANTITIES.items():
        for per in ("cell", "atom"):
            if (target, unit) == (symbol, written.format(per)):
                return quantity, per
    units = " or ".join(f"{symbol} in {unit.format('cell')}" for symbol, (_, unit) in QUANTITIES.items())
    raise InputError(f"{manifest}: Debye's model gives {units} (or per atom), not {target} in '{unit}'")


MODEL = Model(debye)
