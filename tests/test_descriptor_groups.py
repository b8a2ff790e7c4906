"""Groups of descriptors: what is in them, networks without them, and forward selection on frozen vectors."""

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import record_row, tables_in

from hybrid.descriptors.registry import paper_descriptors
from hybrid.errors import InputError
from reproduction import figures
from reproduction.analysis.selection import Selection, forward_selection
from reproduction.figures import descriptor_groups
from reproduction.figures.descriptor_groups import ablations, references
from reproduction.models.descriptor_groups import GROUPS, members, without
from reproduction.workflow import spec
from reproduction.workflow.runs import ablated, planned
from reproduction.workflow.spec import Part, load_networks

FOLDS = np.array(["training"] * 60 + ["validation"] * 30 + ["test"] * 30)
ALL = {descriptor.name for descriptor in paper_descriptors(space_group=True)}


# --- groups ---


def test_each_descriptor_is_in_one_group() -> None:
    names = [name for group in GROUPS.values() for name in group]
    assert len(names) == len(set(names))
    assert set(names) == ALL


def test_a_group_and_the_others_are_all_descriptors() -> None:
    chosen = ["lattice lengths", "number of atoms"]
    assert members(chosen) == ("natoms", "a", "b", "c")
    assert set(without(chosen)) == ALL - {"natoms", "a", "b", "c"}


def test_a_group_that_is_none() -> None:
    with pytest.raises(
        InputError, match="unknown group of descriptors 'latice lengths'; did you mean 'lattice"
    ):
        without(["latice lengths"])


# --- networks and runs ---


def part(**keys: Any) -> Part:
    return Part(datasets=("phonon-cv",), networks=("de-cgcnn-tuned",), **keys)


def test_a_part_without_ablation_has_the_networks_as_they_are() -> None:
    network = load_networks()["de-cgcnn-tuned"]
    assert ablated("de-cgcnn-tuned", network, part()) == [("de-cgcnn-tuned", network)]


def test_each_group_is_left_out_in_turn_and_taken_alone() -> None:
    network = load_networks()["de-cgcnn-tuned"]
    each = tuple((group,) for group in GROUPS)
    found = dict(ablated("de-cgcnn-tuned", network, part(leave_out=each, only=each)))
    assert len(found) == 2 * len(GROUPS)
    lacking = found["de-cgcnn-tuned-without-lattice-lengths"]
    assert set(lacking.model.descriptors) == ALL - {"a", "b", "c"}
    assert lacking.trainer == network.trainer
    assert found["de-cgcnn-tuned-only-lattice-lengths"].model.descriptors == ("a", "b", "c")
    assert len({made.label for made in found.values()}) == len(found)


def test_groups_may_be_left_out_together() -> None:
    whole = load_networks()["de-cgcnn-tuned"]
    together = part(leave_out=[["number of atoms", "lattice lengths"]])
    ((_, network),) = ablated("de-cgcnn-tuned", whole, together)
    assert set(network.model.descriptors) == ALL - {"natoms", "a", "b", "c"}
    assert network.label == "de-CGCNN, tuned, without number of atoms, lattice lengths"


def test_the_spec_names_groups_that_there_are() -> None:
    part = Part(datasets=("phonon-cv",), networks=("de-cgcnn",), leave_out=(("latice lengths",),))
    with pytest.raises(InputError, match="unknown group of descriptors 'latice lengths'"):
        spec.Spec(caption="", parts=(part,))


def test_what_is_compared_is_trained_for_the_tables_anyway() -> None:
    runs = planned(figures.spec("descriptor-groups"), "cpu")
    tables = {run.name for table in ("table1", "table2") for run in planned(figures.spec(table), "cpu")}
    new = [run for run in runs if run.name not in tables]
    seeds = Counter(run.network for run in new)
    alone = "de-cgcnn-tuned-only-number-of-atoms"
    assert len(seeds) == 2 * len(GROUPS) + 2
    assert seeds.pop(alone) == 3
    assert set(seeds.values()) == {2}
    assert all(run.settings.model.descriptors for run in new)
    (whole,) = {r.settings.trainer for r in runs if r.network == "de-cgcnn-tuned"}
    assert {run.settings.trainer for run in new} == {whole}
    assert {run.network for run in runs if run.name in tables} >= {"cgcnn-tuned", "de-cgcnn-tuned"}
    measured = [run for run in runs if figures.measurements()["selection"].applies_to(run)]
    assert {run.network for run in measured} == {"cgcnn-tuned"}


# --- forward selection ---


@pytest.fixture
def crystals() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    vectors, size, noise = rng.normal(size=(120, 3)), rng.integers(1, 9, (120, 1)), rng.normal(size=(120, 2))
    groups = {"noise": noise, "size": size.astype(float), "more noise": rng.normal(size=(120, 1))}
    return {"vectors": vectors, "groups": groups, "targets": 3.0 * size[:, 0] + vectors[:, 0]}


def selected(crystals: dict[str, Any], **changes: Any) -> Selection:
    return forward_selection(**{**crystals, **changes}, folds=FOLDS, seed=0, n_trees=20, progress=False)


def test_the_group_that_the_target_needs_comes_first(crystals: dict[str, Any]) -> None:
    found = selected(crystals)
    assert found.order[0] == "size"
    assert set(found.order) == set(crystals["groups"])
    assert found.validation[1] < 0.6 * found.validation[0]
    assert found.validation[found.n_chosen] == min(found.validation)
    assert found.test_chosen < 0.6 * found.test_none


def test_test_targets_choose_nothing(crystals: dict[str, Any]) -> None:
    found = selected(crystals)
    targets = np.where(FOLDS == "test", -100 * crystals["targets"], crystals["targets"])
    other = selected(crystals, targets=targets)
    assert (other.order, other.validation, other.n_chosen) == (found.order, found.validation, found.n_chosen)
    assert other.test_chosen != found.test_chosen


def test_groups_that_only_harm_are_not_chosen(crystals: dict[str, Any]) -> None:
    groups = {"noise": np.random.default_rng(1).normal(size=(120, 30))}
    found = selected(crystals, groups=groups, targets=crystals["vectors"][:, 0])
    assert found.n_chosen == 0
    assert found.test_chosen == found.test_none


def test_targets_that_do_not_vary_select_nothing(crystals: dict[str, Any]) -> None:
    targets = np.where(FOLDS == "validation", 1.0, crystals["targets"])
    with pytest.raises(InputError, match="the validation targets are all the same"):
        selected(crystals, targets=targets)


# --- drawn from records ---


def row(network: str, panel: str, error: float, seed: int = 0, **changes: Any) -> dict[str, Any]:
    model = network.split("-t")[0]
    return record_row(network, error, seed, panel=panel, model=model, dataset_label="Cv", **changes)


@pytest.fixture
def record() -> dict[str, Any]:
    selection = {
        "order": list(GROUPS),
        "validation": [0.5, 0.2, 0.1, *[0.15] * (len(GROUPS) - 2)],
        "n_chosen": 2,
        "test_none": 0.6,
        "test_chosen": 0.12,
        "test_all": 0.13,
        "n_trees": 9,
    }
    rows = [row("cgcnn-tuned", "for comparison", 0.7, seed, selection=selection) for seed in (0, 1)]
    rows += [row("de-cgcnn-tuned", "for comparison", 0.05 + 0.01 * s, s, descriptors="all") for s in (0, 1)]
    for group in GROUPS:
        network = f"de-cgcnn-tuned-{group}"
        rows.append(row(f"{network}-out", "left out", 0.11, descriptors=list(without([group]))))
        rows.append(row(f"{network}-in", "alone", 0.33, descriptors=list(members([group]))))
    pair = ["number of atoms", "lattice lengths"]
    rows.append(row("de-cgcnn-tuned-pair", "left out", 0.22, descriptors=list(without(pair))))
    return {"experiment": "descriptor-groups", "scale": "cpu", "caption": "Errors", "rows": rows}


def test_records_tell_what_was_left_out_and_what_was_alone(record: dict[str, Any]) -> None:
    found = ablations(record)
    assert [a.groups for a in found if a.how == "alone"] == [(group,) for group in GROUPS]
    assert [a.groups for a in found if a.how == "left out"][-1] == ("number of atoms", "lattice lengths")
    assert [bar.first["network"] for bar in references(record)] == ["cgcnn-tuned", "de-cgcnn-tuned"]


def test_tables_and_figure_come_from_the_record(record: dict[str, Any], tmp_path: Path) -> None:
    descriptor_groups.draw(tmp_path / "descriptor-groups", record)
    with (tmp_path / "descriptor-groups.csv").open() as file:
        table = {(line["groups"], line["how"]): line for line in csv.DictReader(file)}
    assert table["lattice lengths", "left out"]["against all"] == "2.00"
    assert table["lattice lengths", "alone"]["descriptors"] == "3"
    assert table["number of atoms + lattice lengths", "left out"]["MAE/MAD (mean)"] == "0.220"
    assert table["cgcnn-tuned", ""]["against all"] == "12.73"
    steps = [line for line in tables_in(tmp_path / "descriptor-groups.md")[1] if line["seed"] == "1"]
    assert [line["group"] for line in steps] == ["none", *GROUPS]
    assert [line["chosen"] for line in steps[:4]] == ["", "yes", "yes", ""]
    assert [line["test"] for line in steps if line["test"]] == ["0.600", "0.120", "0.130"]
    assert (tmp_path / "descriptor-groups.png").read_bytes().startswith(b"\x89PNG")


def test_a_figure_can_be_had_before_vectors_are_measured(record: dict[str, Any], tmp_path: Path) -> None:
    for measured in record["rows"]:
        measured.pop("selection", None)
    descriptor_groups.draw(tmp_path / "descriptor-groups", record)
    assert (tmp_path / "descriptor-groups.png").exists()


def test_without_the_network_with_all_there_is_nothing_to_compare_with(
    record: dict[str, Any], tmp_path: Path
) -> None:
    record["rows"] = [r for r in record["rows"] if r["network"] != "de-cgcnn-tuned"]
    with pytest.raises(InputError, match="`make descriptor-groups SCALE=cpu` trains the networks"):
        descriptor_groups.draw(tmp_path / "descriptor-groups", record)
