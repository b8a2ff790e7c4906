"""Figure 4: what the head of de-CGCNN with average pooling lives on, learnt features or descriptors.

Of the paper's three spectra that of Cv can be had; others stand in for κ and M
(`reproduction.drawing.importance`). Beside the forest's impurity importance stands what shuffling a feature does
to test errors.
"""

from pathlib import Path
from typing import Any

import numpy as np

from hybrid.device import resolve_device
from hybrid.report.records import scale_note
from hybrid.report.style import save
from hybrid.report.tables import write_table
from reproduction.analysis.importance import N_REPEATS, N_TREES, Features
from reproduction.analysis.importance import importance as importance_of
from reproduction.data.registry import PROPERTIES
from reproduction.drawing import importance
from reproduction.drawing.recorded import over_seeds, require
from reproduction.workflow.measurements import Measurement, model_of, samples_of_run
from reproduction.workflow.runs import Run
from reproduction.workflow.spec import PaperStatement, Part, Spec

SPEC = Spec(
    experiment="figure4",
    caption="Feature importance of de-CGCNN with average pooling",
    metric="mae_over_mad",
    parts=(
        Part(
            datasets=PROPERTIES,
            networks=("de-cgcnn",),
        ),
    ),
    paper=(
        PaperStatement(
            dataset="phonon-cv",
            network="de-cgcnn",
            says="a being the most important feature, while the learned features are much less important",
            source="Figure 4a",
        ),
        PaperStatement(
            dataset="log-kappa",
            network="de-cgcnn",
            says="some input descriptors, including b, are important to the prediction of κ",
            source="Figure 4b",
        ),
        PaperStatement(
            dataset="magnetization",
            network="de-cgcnn",
            says="some descriptors like structural complexity and lattice constants contribute",
            source="Figure 4c",
        ),
    ),
)


N_TOP = 10  # features of a property in the table


def measure(run: Run, device: str) -> dict[str, Any]:
    """What the head of a trained de-CGCNN lives on, by importance of its features."""
    model, samples = model_of(run), samples_of_run(run)
    assert samples.descriptors is not None
    features = Features.of(
        model,
        samples.folder.graphs(model.graph, model.kind.graphs),
        samples.descriptors,
        samples.folder.ids,
        resolve_device(device),
    )
    found = importance_of(model, features, samples.targets[:, 0], samples.folds, run.settings.model_seed)
    return {
        "n_trees": N_TREES,
        "n_repeats": N_REPEATS,
        "n_learnt": found.n_learnt,
        "descriptors": list(found.names[found.n_learnt :]),
        **{key: _rounded(getattr(found, key)) for key in ("impurity", "forest", "network")},
        "forest_error": found.forest_error,
        "network_error": found.network_error,
    }


def _rounded(values: np.ndarray) -> list[float]:
    return [float(f"{value:.6g}") for value in values]


def draw(stem: Path, record: dict[str, Any]) -> None:
    """Feature importance of hybrid networks: the figure, its ten first features a property, and the shares.

    Raises:
        InputError: no run of the record has been measured.
    """
    require(any(row.get("importance") for row in record["rows"]), record, measured=True)
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
    return [feature.name, kind, *map(over_seeds, values)]


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
    return [spectrum.label, *map(over_seeds, values), *spectrum.paper]


MEASUREMENT = Measurement("importance", measure, models=("de-cgcnn",), poolings=("mean",))
