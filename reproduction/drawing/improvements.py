"""What descriptors in the readout improve, property by property, beside the paper: Tables 1, 2 and S1."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hybrid.report.records import Bar, bars, scale_note
from hybrid.report.tables import write_table
from reproduction.drawing.statements import Error

COLUMNS = (
    "property",
    "unit",
    "crystals",
    "MAD",
    "training mean",
    "descriptors alone",
    "network",
    "without",
    "with descriptors",
    "improvement",
    "within the seeds' spread",
    "paper, without",
    "paper, with",
    "paper, improvement",
)


def write_improvements(record: dict[str, Any], stem: Path) -> None:
    """Writes the table of every network that was trained both without descriptors and with them.

    Args:
        record: with errors as MAE/MAD.
        stem: of the record's table; a b is added to it. Nothing is written where nothing can be compared.
    """
    rows = list(_rows([bar for bar in bars(record) if bar.done]))
    if rows:
        write_table(
            stem.with_name(f"{stem.name}b"),
            "MAE/MAD on the test set without and with descriptors in the readout, means over the seeds, and "
            "by how much descriptors lower it. Within the seeds' spread: the seeds without them and those "
            "with them overlap. Descriptors alone: a random forest. MAD is the test set's, mean over the "
            f"seeds; {scale_note(record)}.",
            COLUMNS,
            rows,
        )


def _rows(done: list[Bar]) -> Iterator[list[str]]:
    found = {(bar.first["dataset"], bar.first["network"]): bar for bar in done}
    datasets = list(dict.fromkeys(dataset for dataset, _ in found))
    for dataset, network in sorted(found, key=lambda name: datasets.index(name[0])):
        plain, hybrid = found[dataset, network], found.get((dataset, f"de-{network}"))
        if hybrid:
            alone = [_mean(found.get((dataset, name))) for name in ("mean-baseline", "forest")]
            yield [*_property(plain), *alone, plain.first["network_label"], *_compared(plain, hybrid)]


def _property(bar: Bar) -> list[str]:
    crystals = sum(bar.done[0][f"n_{fold}"] for fold in ("train", "val", "test"))
    return [bar.first["dataset_label"], bar.unit, str(crystals), f"{bar.mean('mad'):.3g}"]


def _compared(plain: Bar, hybrid: Bar) -> list[str]:
    without, joined = Error.of(plain), Error.of(hybrid)
    said_without, said_joined = ((b.first["paper"] or {}).get("mae_over_mad") for b in (plain, hybrid))
    return [
        str(without),
        str(joined),
        _improvement(without.mean, joined.mean),
        _within_spread(without, joined),
        *(f"{said:.3f}" if said else "" for said in (said_without, said_joined)),
        _improvement(said_without, said_joined) if said_without and said_joined else "",
    ]


def _improvement(without: float, joined: float) -> str:
    return f"{100 * (1 - joined / without):.1f} %"


def _within_spread(without: Error, joined: Error) -> str:
    if len(without.values) == len(joined.values) == 1:
        return "one seed"
    return "yes" if joined.overlaps(without) else "no"


def _mean(bar: Bar | None) -> str:
    return f"{bar.mean('mae_over_mad'):.3f}" if bar else ""
