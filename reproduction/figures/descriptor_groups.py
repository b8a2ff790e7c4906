"""Not in the paper, which leaves it to a future study: which descriptors carry the gain.

de-CGCNN is trained anew with each group of descriptors (`reproduction.models.descriptor_groups`) left out and
with each alone, beside de-CGCNN with all and CGCNN with none, whose runs are those of Tables 1 and 2. Groups
that make up for one another are left out together as well. A random forest on the frozen vectors of CGCNN then
takes up group after group, the one that helps most on the validation set first
(`reproduction.analysis.selection`).
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from hybrid.descriptors.of_folder import folder_descriptors
from hybrid.descriptors.table import Standardisation
from hybrid.device import resolve_device
from hybrid.report.records import Bar, scale_note
from hybrid.report.style import save
from hybrid.report.tables import write_table
from reproduction.analysis.selection import forward_selection
from reproduction.drawing import selection as selection_figure
from reproduction.drawing.recorded import require
from reproduction.models.descriptor_groups import GROUPS
from reproduction.workflow.measurements import Measurement, model_of, samples_of_run
from reproduction.workflow.runs import Run
from reproduction.workflow.spec import Part, Spec

SPEC = Spec(
    experiment="descriptor-groups",
    caption="MAE/MAD of Cv by the descriptors that de-CGCNN takes",
    metric="mae_over_mad",
    parts=(
        Part(
            panel="for comparison",
            datasets=("phonon-cv",),
            networks=("natoms-baseline", "forest", "cgcnn-tuned", "de-cgcnn-tuned"),
        ),
        Part(
            panel="left out",
            datasets=("phonon-cv",),
            networks=("de-cgcnn-tuned",),
            leave_out="groups",
            seeds=(0, 1),
        ),
        Part(
            panel="left out",
            datasets=("phonon-cv",),
            networks=("de-cgcnn-tuned",),
            leave_out=(
                ("number of atoms", "lattice lengths"),
                # nothing tells the cell's size
                ("number of atoms", "lattice lengths", "complexity and symmetry"),
            ),
            seeds=(0, 1),
        ),
        Part(
            panel="alone", datasets=("phonon-cv",), networks=("de-cgcnn-tuned",), only="groups", seeds=(0, 1)
        ),
        Part(
            panel="alone",
            datasets=("phonon-cv",),
            networks=("de-cgcnn-tuned",),
            only=(("number of atoms",),),  # another seed where one group does better than all
            seeds=(2,),
        ),
    ),
)


def measure(run: Run, device: str) -> dict[str, Any]:
    """Which groups of descriptors a forest on frozen vectors takes up, and in which order."""
    model, samples = model_of(run), samples_of_run(run)
    vectors = model.represent(samples.folder.graphs(model.graph, model.kind.graphs), resolve_device(device))
    table = folder_descriptors(samples.folder)
    standardisation = Standardisation.fit(table, samples.ids("training"), gaps=True)
    rows = standardisation.filled(table, samples.folder.ids)[0].numpy()
    groups = {
        group: rows[:, [table.names.index(name) for name in names if name in table.names]]
        for group, names in GROUPS.items()
    }
    seed = run.settings.model_seed
    found = forward_selection(vectors, groups, samples.targets[:, 0], samples.folds, seed)
    return asdict(found)


def draw(stem: Path, record: dict[str, Any]) -> None:
    """Errors with groups of descriptors left out and alone, and the forward selection on frozen vectors.

    Raises:
        InputError: no run of the record has come to an end.
    """
    ablations = selection_figure.ablations(record)
    compared = selection_figure.references(record)
    everything = next((b for b in compared if b.done and b.first["descriptors"] and b.first["pooling"]), None)
    require(everything, record)
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


def _errors(bar: Bar) -> list[str]:
    """Mean and seeds of MAE/MAD, and the MAE with its unit."""
    seeds = bar.each("mae_over_mad")
    return [f"{bar.mean('mae_over_mad'):.3f}", seeds, bar.in_unit("mae")] if bar.done else ["", seeds, ""]


def _against(bar: Bar, reference: float) -> list[str]:
    return [*_errors(bar), f"{bar.mean('mae_over_mad') / reference:.2f}" if bar.done else ""]


def _spread(bar: Bar) -> str:
    values = bar.values("mae_over_mad")
    return f"{min(values):.3f} and {max(values):.3f}"


MEASUREMENT = Measurement("selection", measure, models=("cgcnn",))
