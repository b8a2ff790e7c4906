"""Intervals that hold their promise: split conformal prediction (Vovk; Lei et al., JASA 113, 1094, 2018).

On crystals that were not trained on, errors are divided by the expected error of each crystal. Their
quantiles, times the expected error of a new crystal, give an interval that contains the target with the
stated probability, as long as the new crystal is like those.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

LEVELS = tuple(round(0.5 + 0.01 * i, 2) for i in range(50))  # 50 to 99 %
FEWEST = 9  # errors for an interval of 90 %: the tenth of ten is beyond the largest of nine
SHOWN = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


@dataclass(frozen=True)
class Calibration:
    """The quantiles of scaled errors of one target."""

    floor: float  # added to the spread of an ensemble, in the target's unit; its median over the crystals
    quantiles: tuple[float, ...]  # (len(LEVELS),) of |error| / (spread + floor)

    @classmethod
    def fit(cls, errors: np.ndarray, spread: np.ndarray) -> "Calibration":
        """From errors (n,) on crystals that were not trained on, and the ensemble's spread there.

        The quantile of n errors is the ⌈(n + 1) level⌉-th smallest, so that the promise holds for small n;
        beyond the last one, the largest is taken.
        """
        floor = float(np.median(spread)) or float(np.median(np.abs(errors))) or 1.0
        scaled = np.sort(np.abs(errors) / (spread + floor))
        ranks = np.ceil((len(scaled) + 1) * np.array(LEVELS)).astype(int).clip(1, len(scaled))
        return cls(floor, tuple(scaled[ranks - 1].tolist()))

    def half_width(self, spread: np.ndarray, level: float) -> np.ndarray:
        """Half the width of the intervals (n,) at a level, in the target's unit."""
        widths: np.ndarray = np.interp(level, LEVELS, self.quantiles) * (spread + self.floor)
        return widths

    def coverage(self, errors: np.ndarray, spread: np.ndarray) -> dict[str, float]:
        """The share of errors (n,) within the intervals at each level of SHOWN."""
        return {
            str(level): float((np.abs(errors) <= self.half_width(spread, level)).mean()) for level in SHOWN
        }

    def state_dict(self) -> dict[str, Any]:
        """The entry for JSON."""
        return {"floor": self.floor, "quantiles": list(self.quantiles)}

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> "Calibration":
        """The calibration from its entry.

        Raises:
            ValueError: there is another number of quantiles.
        """
        quantiles = tuple(map(float, state["quantiles"]))
        if len(quantiles) != len(LEVELS):
            raise ValueError(f"{len(quantiles)} quantiles instead of {len(LEVELS)}")
        return cls(float(state["floor"]), quantiles)
