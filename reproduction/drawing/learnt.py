"""Figures 4 and S6 and the supercells' table: what trained networks have learnt, drawn from records."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hybrid.errors import InputError
from hybrid.report.records import scale_note
from hybrid.report.style import save
from hybrid.report.supercells import EXPLAINED, SUPERCELL_COLUMNS, supercell_cells
from hybrid.report.tables import write_record_table, write_table
from hybrid.supercells import SupercellRow
from reproduction.analysis.importance import N_REPEATS, N_TREES
from reproduction.drawing import importance, representation, supercell

N_TOP = 10  # features of a property in the table


def figure4(stem: Path, record: dict[str, Any]) -> None:
    """Feature importance of hybrid networks: the figure, its ten first features a property, and the shares.

    Raises:
        InputError: no run of the record has been measured.
    """
    _require(record, "importance")
    spectra = importance.spectra(record)
    how = (
        f"Impurity importance of a random forest of {N_TREES} trees on what enters the head, and by how much "
        f"MAE/MAD on the test set rises when a feature is shuffled ({N_REPEATS} times), for the forest and "
        "for the network. Learnt features are ranked in each network by themselves. Means over the seeds, "
        f"lowest and highest seed in parentheses; {scale_note(record)}."
    )
    write_table(
        stem,
        f"The {N_TOP} most important features of de-CGCNN with average pooling. {how}",
        ("property", "rank", "feature", "kind", "impurity", "shuffled, forest", "shuffled, network"),
        [
            [spectrum.label, str(rank), *_feature_cells(feature)]
            for spectrum in spectra
            for rank, feature in enumerate(spectrum.features[:N_TOP], start=1)
        ],
    )
    write_table(
        stem.with_name(f"{stem.name}d"),
        f"Share of the descriptors, and what shuffling all features of a kind together does. {how}",
        (
            "property",
            "share by impurity",
            "descriptors shuffled, forest",
            "learnt shuffled, forest",
            "descriptors shuffled, network",
            "learnt shuffled, network",
            "MAE/MAD of the forest",
            "MAE/MAD of the network",
            "paper",
            "source in the paper",
        ),
        [_share_cells(spectrum) for spectrum in spectra],
    )
    save(importance.draw(record), stem)


def _feature_cells(feature: importance.Feature) -> list[str]:
    kind = "learnt" if feature.learnt else "descriptor"
    values = (feature.impurity, feature.forest, feature.network)
    return [feature.name, kind, *map(_over_seeds, values)]


def _share_cells(spectrum: importance.Spectrum) -> list[str]:
    learnt, descriptors = spectrum.together
    values = (
        descriptors.impurity,
        descriptors.forest,
        learnt.forest,
        descriptors.network,
        learnt.network,
        *spectrum.errors.T,
    )
    return [spectrum.label, *map(_over_seeds, values), *spectrum.paper]


def figureS6(stem: Path, record: dict[str, Any]) -> None:  # noqa: N802 (the paper's name)
    """What learnt vectors hold of the descriptors, and errors with and without descriptors.

    Raises:
        InputError: no run of the record has been measured.
    """
    _require(record, "representation")
    write_record_table(record, stem)
    compared = representation.comparisons(record)
    write_table(
        stem.with_name(f"{stem.name}a"),
        "R² on the test set of linear regressions from the learnt vectors to each descriptor, with a ridge "
        "penalty chosen on the validation set. Crystal system and space group are taken as numbers. Means "
        "over the seeds, lowest and highest seed in parentheses. The paper sees, for log κ, learnt vectors "
        f"of de-CGCNN that are less correlated with the descriptors; {scale_note(record)}.",
        ("learnt for", "descriptor", "CGCNN", "de-CGCNN", "difference"),
        [row for comparison in compared for row in _comparison_rows(comparison)],
    )
    save(representation.draw(record), stem)


def _comparison_rows(comparison: representation.Comparison) -> list[list[str]]:
    rows = [("mean of all", comparison.mean_over_descriptors), *comparison.r2.items()]
    return [
        [
            comparison.label,
            name,
            _over_seeds(alone),
            _over_seeds(hybrid),
            f"{hybrid.mean() - alone.mean():+.3f}",
        ]
        for name, (alone, hybrid) in rows
    ]


def supercells(stem: Path, record: dict[str, Any]) -> None:
    """What trained networks predict for supercells: a table and a figure.

    Raises:
        InputError: no run of the record has been measured.
    """
    _require(record, "supercells")
    rows = [
        [
            row["dataset_label"],
            row["network_label"],
            str(row["seed"]),
            *supercell_cells(SupercellRow(**found)),
        ]
        for row in record["rows"]
        if row.get("supercells")
        for found in row["supercells"]["rows"]
    ]
    write_table(
        stem,
        "Prediction for a supercell of a test crystal over that for its cell. " + EXPLAINED,
        ("learnt", "network", "seed", *SUPERCELL_COLUMNS),
        rows,
    )
    save(supercell.draw(record), stem)


def _require(record: dict[str, Any], what: str) -> None:
    if not any(row.get(what) for row in record["rows"]):
        raise InputError(
            f"{record['experiment']}: no model has been measured at scale {record['scale']}; "
            f"`make {record['experiment']} SCALE={record['scale']}` trains and measures them"
        )


def _over_seeds(values: Sequence[float] | np.ndarray) -> str:
    """The mean, and where there are several seeds the lowest and the highest."""
    spread = f" ({_number(min(values))} to {_number(max(values))})" if len(values) > 1 else ""
    return f"{_number(float(np.mean(values)))}{spread}"


def _number(value: float) -> str:
    return f"{value:z.3f}"


DRAWINGS: dict[str, Callable[[Path, dict[str, Any]], None]] = {
    "importance": figure4,
    "representation": figureS6,
    "supercells": supercells,
}
"""By the drawing that a spec names, which is also the measurement."""
