"""Figures 4 and S6 and the supercells' table: what trained networks have learnt, drawn from records."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hybrid.analysis.importance import N_REPEATS, N_TREES
from hybrid.analysis.supercells import SupercellRow, supercell_table
from hybrid.checkpoint import TrainedModel
from hybrid.data.folder import CrystalFolder
from hybrid.errors import InputError
from hybrid.figures import importance, representation, supercell
from hybrid.figures.records import scale_note
from hybrid.figures.style import save
from hybrid.report import write_record_table, write_table

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


SUPERCELL_COLUMNS = (
    "supercell",
    "crystals",
    "expected ratio",
    "median",
    "lowest",
    "highest",
    "off by over 1 %",
    "other neighbours",
    "other descriptors",
)
EXPLAINED = (
    "Expected: 1 with average and the number of cells with sum pooling, with descriptors too, as these are "
    "of the reduced cell and stay the same, and so does the constant of a shifted sum. Off by over 1 %, "
    "other neighbours, other descriptors: shares of the crystals. Neighbours differ where the last shell has "
    "more atoms than the graph has room for, so that the order in which they are found decides which of "
    "them count."
)


def supercell_cells(row: SupercellRow) -> list[str]:
    """A row of the supercells' table, in the order of SUPERCELL_COLUMNS."""
    ratios = (row.median, row.lowest, row.highest)
    shares = (row.deviating, row.other_neighbours, row.other_descriptors)
    return [
        "x".join(map(str, row.size)),
        str(row.n_crystals),
        f"{row.expected:g}",
        *(f"{ratio:.4f}" for ratio in ratios),
        *(f"{100 * share:.0f} %" for share in shares),
    ]


def write_supercells(
    stem: Path, model: TrainedModel, folder: CrystalFolder, **options: Any
) -> list[SupercellRow]:
    """Writes <stem>.md and <stem>.csv for a model and a folder of one's own; see `supercell_table`."""
    rows = supercell_table(model, folder, **options)
    write_table(
        stem,
        f"Prediction for a supercell over that for the cell, crystals of {folder.path.name}. {EXPLAINED}",
        ("target", *SUPERCELL_COLUMNS),
        [[row.target, *supercell_cells(row)] for row in rows],
    )
    return rows


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
