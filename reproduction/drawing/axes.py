"""Logarithmic axes with plain numbers."""

from collections.abc import Sequence

from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

CROWDED = 300  # the ratio of an axis' ends from which ticks at 2 and 5 have no room


def mark_plainly(axis: Axis, ticks: Sequence[float] = ()) -> None:
    """Ticks of a logarithmic axis in plain numbers: the given ones alone, or 1, 2 and 5 times powers of ten.

    Call it when everything is drawn: an axis over many decades has room for the powers alone.
    """
    if ticks:
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_minor_locator(NullLocator())
    else:
        low, high = axis.get_view_interval()
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < CROWDED else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
