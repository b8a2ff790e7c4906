"""Figure 4: how the head of de-CGCNN with average pooling depends on learnt features and on descriptors.

The spectra are those of the paper, for Cv, κ and M. If one of these properties has no data, a similar one is shown
(`reproduction.drawing.importance`). In addition to the forest's impurity importance we show by how much the test
error rises when a feature is shuffled.
"""

from pathlib import Path
from typing import Any

from hybrid.report.records import scale_note
from hybrid.report.style import save
from reproduction.analysis.importance import N_REPEATS, N_TREES, importance
from reproduction.data.registry import PROPERTIES
from reproduction.drawing.importance import Spectrum, spectra
from reproduction.drawing.importance import draw as draw_figure
from reproduction.drawing.tables import over_seeds, require, section, write_rows
from reproduction.paper import statements
from reproduction.workflow.measurements import Measurement
from reproduction.workflow.spec import Part, Spec

SPEC = Spec(
    caption="Feature importance of de-CGCNN with average pooling",
    metric="mae_over_mad",
    parts=(Part(datasets=PROPERTIES, networks=("de-cgcnn",)),),
    paper=statements("""
        Figure 4a | phonon-cv | de-cgcnn | a being the most important feature, while the learned features are much less important
        Figure 4b | log-kappa | de-cgcnn | some input descriptors, including b, are important to the prediction of κ
        Figure 4c | magnetization | de-cgcnn | some descriptors like structural complexity and lattice constants contribute
    """),
)
MEASUREMENT = Measurement("importance", importance, models=("de-cgcnn",), poolings=("mean",))
N_TOP = 10  # features of a property in the table


def draw(stem: Path, record: dict[str, Any]) -> None:
    """Feature importance of hybrid networks: the figure, the first ten features of a property, and the shares.

    Raises:
        InputError: no run of the record has been measured.
    """
    found = spectra(record)
    require(found, record, measured=True)
    record = {**record, "rows": [row for row in record["rows"] if row.get(MEASUREMENT.name)]}
    how = (
        f"Impurity importance of a random forest of {N_TREES} trees on what enters the head, and by how much "
        f"MAE/MAD on the test set rises when a feature is shuffled ({N_REPEATS} times), for the forest and "
        "for the network. Learnt features are ranked in each network by themselves. Means over the seeds, "
        f"lowest and highest seed in parentheses; {scale_note(record)}."
    )
    features = [
        {
            "property": spectrum.label,
            "rank": str(rank),
            "feature": feature.name,
            "kind": "learnt" if feature.learnt else "descriptor",
            "impurity": over_seeds(feature.impurity),
            "shuffled, forest": over_seeds(feature.forest),
            "shuffled, network": over_seeds(feature.network),
        }
        for spectrum in found
        for rank, feature in enumerate(spectrum.features[:N_TOP], start=1)
    ]
    shares = section(
        "Descriptors and learnt features",
        f"Share of the descriptors, and what shuffling all features of a kind together does. {how}",
        [_shares(spectrum) for spectrum in found],
    )
    caption = f"The {N_TOP} most important features of de-CGCNN with average pooling. {how}"
    write_rows(stem, caption, features, shares)
    save(draw_figure(record, found), stem)


def _shares(spectrum: Spectrum) -> dict[str, str]:
    learnt, descriptors = spectrum.together
    forest, network = spectrum.errors.T
    values = {
        "share by impurity": descriptors.impurity,
        "descriptors shuffled, forest": descriptors.forest,
        "learnt shuffled, forest": learnt.forest,
        "descriptors shuffled, network": descriptors.network,
        "learnt shuffled, network": learnt.network,
        "MAE/MAD of the forest": forest,
        "MAE/MAD of the network": network,
    }
    says, source = spectrum.paper
    cells = {name: over_seeds(found) for name, found in values.items()}
    return {"property": spectrum.label, **cells, "paper": says, "source in the paper": source}
