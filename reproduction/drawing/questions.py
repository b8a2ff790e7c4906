"""Tables and figures of what the paper leaves open: learning curves, and which descriptors carry the gain."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hybrid.errors import InputError
from hybrid.report.records import Bar, scale_note
from hybrid.report.style import save
from hybrid.report.tables import write_table
from reproduction.drawing import learning_curve as curve_figure
from reproduction.drawing import selection as selection_figure


def learning_curve(stem: Path, record: dict[str, Any]) -> None:
    """Errors by the size of the training set; what descriptors gain at each; how fast errors fall.

    Raises:
        InputError: no run of the record has come to an end.
    """
    curves = curve_figure.curves(record)
    _require(curves, record)
    how = (
        "Validation and test crystals are the same throughout, and the number of batches is about the same, "
        f"so that smaller sets see more epochs; {scale_note(record)}."
    )
    rows = []
    for curve in curves:
        gained = curve_figure.gains(curve, curves)
        for bar, size in zip(curve.bars, curve.sizes, strict=True):
            share = bar.first["training_share"]
            gain = f"{100 * gained[share]:z.0f} %" if share in gained else ""
            rows.append([*_names(bar), f"{100 * share:g} %", f"{size:.0f}", *_errors(bar), gain])
    write_table(
        stem,
        f"{record['caption']}. Gain: by how much descriptors in the readout lower the error of the same "
        f"network with the same pooling. {how}",
        (
            "dataset",
            "network",
            "share of training",
            "training crystals",
            "MAE/MAD (mean)",
            "MAE/MAD (seeds)",
            "MAE",
            "gain by descriptors",
        ),
        rows,
    )
    write_table(
        stem.with_name(f"{stem.name}b"),
        f"Exponent x of MAE/MAD ~ n^-x in the number n of training crystals, by least squares on the "
        f"logarithms of the means over the seeds. {how}",
        ("dataset", "network", "from", "to", "exponent"),
        [
            [*_names(c.bars[0]), f"{c.sizes[0]:.0f}", f"{c.sizes[-1]:.0f}", f"{c.exponent:.2f}"]
            for c in curves
        ],
    )
    save(curve_figure.draw(record), stem)


def descriptor_groups(stem: Path, record: dict[str, Any]) -> None:
    """Errors with groups of descriptors left out and alone, and the forward selection on frozen vectors.

    Raises:
        InputError: no run of the record has come to an end.
    """
    ablations = selection_figure.ablations(record)
    compared = selection_figure.references(record)
    everything = next((b for b in compared if b.done and b.first["descriptors"] and b.first["pooling"]), None)
    _require(everything, record)
    assert everything is not None
    reference = everything.mean("mae_over_mad")
    rows = [[bar.first["network_label"], "", "", *_against(bar, reference)] for bar in compared]
    rows += [[a.label, a.how, str(a.n_descriptors), *_against(a.bar, reference)] for a in ablations]
    write_table(
        stem,
        f"{record['caption']}: trained anew for each choice of groups. Against all: the error over that of "
        f"{everything.first['network_label']} with all descriptors, whose seeds lie between "
        f"{_spread(everything)}; {scale_note(record)}.",
        ("groups", "how", "descriptors", "MAE/MAD (mean)", "MAE/MAD (seeds)", "MAE", "against all"),
        rows,
    )
    measured = selection_figure.selections(record)
    write_table(
        stem.with_name(f"{stem.name}b"),
        "Forward selection: a random forest on the frozen vectors of a network trained without descriptors "
        "takes up in each step the group that lowers the error on the validation set most. The test set is "
        "looked at once, for the groups up to the lowest validation error, and for none and all. MAE/MAD; "
        f"{scale_note(record)}.",
        ("network", "seed", "step", "group", "validation", "test", "chosen"),
        [cells for row in measured for cells in _selection_rows(row)],
    )
    save(selection_figure.draw(record), stem)


def _selection_rows(row: dict[str, Any]) -> list[list[str]]:
    found = row["selection"]
    tested = {
        0: found["test_none"],
        len(found["order"]): found["test_all"],
        found["n_chosen"]: found["test_chosen"],
    }
    return [
        [
            row["network_label"],
            str(row["seed"]),
            str(step),
            group,
            f"{found['validation'][step]:.3f}",
            f"{tested[step]:.3f}" if step in tested else "",
            "yes" if 0 < step <= found["n_chosen"] else "",
        ]
        for step, group in enumerate(["none", *found["order"]])
    ]


def _names(bar: Bar) -> list[str]:
    return [bar.first["dataset_label"], bar.first["network_label"]]


def _errors(bar: Bar) -> list[str]:
    """Mean and seeds of MAE/MAD, and the MAE with its unit."""
    seeds = bar.each("mae_over_mad")
    return [f"{bar.mean('mae_over_mad'):.3f}", seeds, bar.in_unit("mae")] if bar.done else ["", seeds, ""]


def _against(bar: Bar, reference: float) -> list[str]:
    return [*_errors(bar), f"{bar.mean('mae_over_mad') / reference:.2f}" if bar.done else ""]


def _spread(bar: Bar) -> str:
    values = bar.values("mae_over_mad")
    return f"{min(values):.3f} and {max(values):.3f}"


def _require(found: object, record: dict[str, Any]) -> None:
    if not found:
        raise InputError(
            f"{record['experiment']}: no run at scale {record['scale']} has come to an end; "
            f"`make {record['experiment']} SCALE={record['scale']}` trains the networks"
        )


DRAWINGS: dict[str, Callable[[Path, dict[str, Any]], None]] = {
    "learning-curve": learning_curve,
    "selection": descriptor_groups,
}
"""By the drawing that a spec names."""
