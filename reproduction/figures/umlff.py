"""SI section 7: Cv and U from a universal force field, beside networks trained on Cv and U.

All are judged on exactly the same test crystals. The paper takes M3GNet; here it is CHGNet, whose weights come
with its package. Both were trained on relaxation trajectories of the Materials Project, and so on energies and
forces of many of these crystals, not on their phonons. The Alexandria binaries are not in that database under
their own ids.
"""

from pathlib import Path
from typing import Any

from hybrid.report.records import Bar, bars, not_run
from hybrid.report.style import save
from hybrid.report.tables import write_table
from reproduction.drawing import force_field_figure as figure
from reproduction.workflow.force_field_record import NETWORK
from reproduction.workflow.spec import ForceFieldScale, ForceFieldStudy, PaperStatement, Part, Spec

SPEC = Spec(
    experiment="umlff",
    caption="Cv and U at 300 K from a force field (CHGNet, phonopy) and from networks, on the same test crystals",
    metric="mae_over_mad",
    parts=(
        Part(
            datasets=("phonon-cv", "phonon-u"),
            networks=(
                "natoms-baseline",
                "debye",
                "forest",
                "cgcnn-sum",
                "cgcnn-sum-tuned",
                "de-cgcnn",
                "de-cgcnn-tuned",
                "de-cgcnn-sum-tuned",
            ),
        ),
        Part(
            datasets=("alexandria-cv",),
            seeds=(0,),  # another seed would be another test set
            networks=(
                "natoms-baseline",
                "debye",
                "forest",
                "cgcnn-sum",
                "cgcnn-sum-tuned",
                "de-cgcnn",
                "de-cgcnn-tuned",
                "de-cgcnn-sum-tuned",
            ),
        ),
    ),
    force_field=ForceFieldStudy(
        # the crystals of a set are calculated once, for all of its data sets
        sets={"phonon": ("phonon-cv", "phonon-u"), "alexandria": ("alexandria-cv",)},
        # of each data set's test crystals: so many of the smallest supercells, or those of at most so many atoms
        scales={
            "smoke": ForceFieldScale(smallest=2),
            "quick": ForceFieldScale(smallest=10),
            "cpu": ForceFieldScale(max_supercell=150),
            "paper": ForceFieldScale(),
        },
    ),
    paper=(
        PaperStatement(
            dataset="phonon-u", network="chgnet", mae_over_mad=0.1115, source="SI section 7 (M3GNet)"
        ),
        PaperStatement(
            dataset="phonon-cv", network="chgnet", mae_over_mad=0.1298, source="SI section 7 (M3GNet)"
        ),
        PaperStatement(dataset="phonon-u", network="de-cgcnn", mae=1.54, mae_over_mad=0.06, source="Table 2"),
        PaperStatement(
            dataset="phonon-cv", network="de-cgcnn", mae=3.25, mae_over_mad=0.058, source="Table 2"
        ),
        PaperStatement(
            dataset="phonon-u", network="cgcnn-sum", mae=6.53, mae_over_mad=0.254, source="Table 2"
        ),
        PaperStatement(
            dataset="phonon-cv", network="cgcnn-sum", mae=15.1, mae_over_mad=0.272, source="Table 2"
        ),
    ),
)


def draw(stem: Path, record: dict[str, Any]) -> None:
    """Errors of the force field and of networks on the same crystals, and how the calculations went."""
    drawn = bars(record)
    asked = [bar.first for bar in drawn if bar.first["network"] == NETWORK]
    notes = dict.fromkeys(row["note"] for row in asked)
    write_table(
        stem,
        f"{record['caption']}. Metrics are of the test crystals that the force field has a result for; "
        f"MAE/MAD (whole test part) is of all. {'. '.join(notes)}. Scale {record['scale']}.",
        (
            "dataset",
            "model",
            "variant",
            "test crystals",
            "MAE",
            "MAD",
            "MAE/MAD (mean)",
            "MAE/MAD (seeds)",
            "R²",
            "MAE/MAD (whole test part)",
            "paper",
            "source in the paper",
        ),
        [
            *(_error_cells(bar) for bar in drawn),
            *(
                [row["dataset_label"], "", "", "", "", "", "not run", *[""] * 4, row["note"]]
                for row in not_run(record)
            ),
        ],
    )
    write_table(
        stem.with_name(f"{stem.name}-calculations"),
        "How the force field's calculations went. Unstable: over 0.1 % of the modes are imaginary. Seconds "
        f"are of one processor core ({record['hardware']['processor']}).",
        (
            "dataset",
            "settings",
            "test part",
            "asked about",
            "with a result",
            "too large",
            "failed",
            "unstable",
            "MAE/MAD",
            "MAE/MAD, imaginary modes at their magnitude",
            "MAE/MAD, stable ones alone",
            "median s a crystal",
            "core minutes",
        ),
        [_calculation_cells(row) for row in asked],
        [
            f"- failed: {identity}: {why}"
            for identity, why in {
                i: w for row in asked for i, w in row["force_field"]["failed"].items()
            }.items()
        ],
    )
    save(figure.draw(record, stem.with_name(f"{stem.name}.predictions.csv")), stem)


def _error_cells(bar: Bar) -> list[str]:
    first, done, paper = bar.first, bar.done, bar.first["paper"] or {}
    names = [first["dataset_label"], first["network_label"], first["variant"]]
    said = [f"{paper['mae_over_mad']:g}" if "mae_over_mad" in paper else "", paper.get("source", "")]
    if not done:
        return [*names, "", "", "", "diverged", *[""] * 3, *said]
    whole = [row["whole_test_part"]["mae_over_mad"] for row in done if "whole_test_part" in row]
    return [
        *names,
        str(done[0]["n_test"]),
        bar.in_unit("mae"),
        bar.in_unit("mad"),
        f"{bar.mean('mae_over_mad'):.3f}",
        bar.each("mae_over_mad"),
        f"{bar.mean('r2'):.3f}",
        f"{sum(whole) / len(whole):.3f}" if whole else "",
        *said,
    ]


def _calculation_cells(row: dict[str, Any]) -> list[str]:
    found = row["force_field"]
    stable = found["stable"]
    return [
        row["dataset_label"],
        row["variant"],
        *(str(found[key]) for key in ("n_test_part", "n_asked")),
        str(row["n_test"]),
        str(len(found["too_large"])),
        str(len(found["failed"])),
        str(found["n_unstable"]),
        f"{row['metrics']['mae_over_mad']:.3f}",
        f"{found['magnitude']['mae_over_mad']:.3f}",
        f"{stable['mae_over_mad']:.3f}" if stable else "",
        f"{found['cpu_seconds_median']:.1f}",
        f"{found['cpu_seconds'] / 60:.1f}",
    ]
