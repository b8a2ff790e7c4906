"""Tables of upstream's scripts beside ours: which can be asked for, and what stands below them."""

from collections.abc import Iterator
from typing import Any

from hybrid.errors import InputError
from hybrid.report.records import Bar, bars
from reproduction import figures
from reproduction.upstream import engine
from reproduction.workflow.runs import planned
from reproduction.workflow.spec import UPSTREAM


def refuse_experiment(name: str, scale: str) -> None:
    """Stops if an experiment cannot run through upstream's scripts.

    Args:
        name: of the experiment, with the ending that stands for upstream's scripts.
        scale: name.

    Raises:
        InputError: it looks into networks, compares training sets, or has what a script has no option for.
    """
    shown = name.removesuffix(UPSTREAM)
    spec, ours = figures.spec(name), figures.spec(shown)
    if figures.measurement(shown) or ours.force_field:
        raise InputError(f"ENGINE=upstream: {shown} looks into networks that hybrid trained; run it without")
    if any(len(part.training_shares) > 1 for part in ours.parts):
        raise InputError(f"ENGINE=upstream: {shown} compares sizes of the training set; run it without")
    for run in planned(spec, scale):
        if run.network.endswith(UPSTREAM):
            engine.refuse(run.settings)


def notes(record: dict[str, Any]) -> list[str]:
    """A line for each network and dataset: errors, best epochs and seconds, ours and upstream's."""
    return [f"- {line}" for line in _lines(bars(record))]


def _lines(found: list[Bar]) -> Iterator[str]:
    ours = {(bar.group, bar.first["network"]): bar for bar in found if bar.done}
    for bar in found:
        mine = ours.get((bar.group, bar.first["network"].removesuffix(UPSTREAM)))
        if bar.done and mine and mine is not bar:
            what = f"{bar.group.replace(chr(10), ', ')}, {mine.first['network_label']}"
            yield f"{what}: ours {_result(mine)}, upstream {_result(bar)}, {bar.done[0]['note']}."


def _result(bar: Bar) -> str:
    epochs = ", ".join(str(row["best_epoch"]) for row in bar.done)
    seconds = ", ".join(f"{row['train_seconds']:.0f}" for row in bar.done)
    return f"{bar.mean('mae_over_mad'):.3f} (best epoch {epochs}; {seconds} s)"
