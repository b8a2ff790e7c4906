"""What records say of the paper's statements under Table 2, in both directions, and of splits."""

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import record_row

from reproduction.figures.grouped_split import notes as grouped_split
from reproduction.figures.table2 import notes as table2
from reproduction.workflow import record, reproduce
from reproduction.workflow import runs as workflow_runs

CELL, ATOM = "phonon-cv", "phonon-cv-per-atom"


def row(dataset: str, network: str, error: float, seed: int = 0, **changes: Any) -> dict[str, Any]:
    named = {"dataset": dataset, "dataset_label": dataset, "variant": "paper"}
    return record_row(network, error, seed, **{**named, **changes})


def made_up(errors: dict[tuple[str, str], float], spread: float = 0.0) -> dict[str, Any]:
    rows = [
        row(dataset, network, error + spread * sign, seed)
        for (dataset, network), error in errors.items()
        for seed, sign in enumerate((-1, 1))
    ]
    return {"experiment": "table2", "scale": "cpu", "caption": "Errors", "rows": rows}


PAPERS = {
    (CELL, "natoms-baseline"): 0.3,
    (CELL, "cgcnn"): 0.759,
    (ATOM, "cgcnn"): 0.601,
    (CELL, "cgcnn-sum"): 0.272,
    (CELL, "de-cgcnn"): 0.058,
    (ATOM, "de-cgcnn"): 0.057,
    (CELL, "de-cgcnn-sum"): 0.051,
}
"""The paper's numbers for Cv, by which all three statements hold."""


def statement(number: int, errors: dict[tuple[str, str], float], spread: float = 0.0) -> str:
    """The paragraph of a statement."""
    text = "\n".join(table2(made_up(errors, spread)))
    return text.split(f"\n{number}. ")[1].split(f"\n{number + 1}. ")[0].split("\n\n")[0]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_by_the_papers_own_numbers_its_statements_hold(number: int) -> None:
    said = statement(number, PAPERS)
    assert "**Confirmed** in" in said
    assert "does not hold" not in said


def test_sum_pooling_that_gains_less_than_values_per_atom() -> None:
    said = statement(1, {**PAPERS, (CELL, "cgcnn-sum"): 0.7})
    assert "**Not confirmed**: in 0 of 1 comparisons" in said
    assert "0.759 per cell, 0.700 by sum pooling (-8 %), 0.601 per atom (-21 %): does not hold" in said


def test_settings_that_differ_more_with_descriptors() -> None:
    said = statement(2, {**PAPERS, (ATOM, "de-cgcnn"): 0.958})
    assert "**Not confirmed**: in 0 of 1 comparisons" in said
    assert "difference 0.487 and 0.907: does not hold" in said


def test_a_hybrid_that_is_worse_in_one_setting() -> None:
    said = statement(3, {**PAPERS, (CELL, "de-cgcnn-sum"): 0.3})
    assert "**Confirmed in part**: in 2 of 3 comparisons" in said
    assert "sum pooling per cell, not tuned: CGCNN 0.272, de-CGCNN 0.300: does not hold" in said
    assert "average pooling per atom, not tuned: CGCNN 0.601, de-CGCNN 0.057: holds" in said


def test_differences_that_seeds_make_are_said_to_be_such() -> None:
    assert "within the spread of the seeds" not in statement(3, PAPERS)
    close = {**PAPERS, (CELL, "de-cgcnn-sum"): 0.27}
    assert "de-CGCNN 0.270: holds, within the spread of the seeds" in statement(3, close, spread=0.01)


def test_each_trainer_is_judged_by_its_own_runs() -> None:
    tuned = {(dataset, f"{network}-tuned"): error for (dataset, network), error in PAPERS.items()}
    tuned[CELL, "cgcnn-sum-tuned"] = 0.7
    said = statement(1, {**PAPERS, **tuned})
    assert "**Confirmed in part**: in 1 of 2 comparisons" in said
    assert "Cv, CGCNN, tuned: 0.759 per cell, 0.700" in said


def test_what_has_not_been_trained_is_not_judged() -> None:
    some = {key: error for key, error in PAPERS.items() if key != (CELL, "cgcnn-sum")}
    assert "**Not tested**" in statement(1, some)
    assert "**Not tested**" in statement(2, some)
    assert "in 2 of 2 comparisons" in statement(3, some)
    made = made_up(PAPERS)
    for seed in made["rows"]:
        if seed["network"] == "cgcnn-sum":
            seed |= {"status": "diverged", "metrics": {}}
    assert "**Not tested**" in "\n".join(table2(made))


def test_another_model_is_judged_as_soon_as_it_is_in_the_record() -> None:
    aligned = {
        (dataset, network.replace("cgcnn", "alignn")): error for (dataset, network), error in PAPERS.items()
    }
    said = statement(3, aligned)
    assert "Cv, sum pooling per cell, not tuned: ALIGNN 0.272, de-ALIGNN 0.051: holds" in said


# --- what the gain consists of ---


def lines(errors: dict[tuple[str, str], float], spread: float = 0.0) -> list[str]:
    said = table2(made_up(errors, spread))
    return said[said.index("## What the gain of the hybrid consists of") :]


def test_the_share_of_cell_size_in_the_gain() -> None:
    errors = {(CELL, "cgcnn"): 0.7, (CELL, "natoms-baseline"): 0.3, (CELL, "de-cgcnn"): 0.2}
    (line,) = [line for line in lines(errors) if line.startswith("- Cell size")]
    assert "CGCNN 0.700, k x natoms 0.300, de-CGCNN 0.200" in line
    assert "80 % of the hybrid's gain, 20 % (0.100) remain" in line


@pytest.mark.parametrize(
    ("hybrid", "said"), [(0.2, "the hybrid gains nothing"), (0.1, "gives none of the hybrid's gain")]
)
def test_where_cell_size_has_no_share(hybrid: float, said: str) -> None:
    errors = {(CELL, "cgcnn"): 0.2, (CELL, "natoms-baseline"): 0.3, (CELL, "de-cgcnn"): hybrid}
    (line,) = [line for line in lines(errors) if line.startswith("- Cell size")]
    assert said in line


@pytest.mark.parametrize(
    ("alone", "spread", "verdict"),
    [
        (0.04, 0.001, "better than the hybrid."),
        (0.09, 0.001, "worse than the hybrid."),
        (0.062, 0.01, "as well as the hybrid, within the spread of the seeds."),
    ],
)
def test_where_sum_pooling_alone_does_as_well(alone: float, spread: float, verdict: str) -> None:
    errors = {(CELL, "cgcnn-sum"): alone, (CELL, "de-cgcnn"): 0.06}
    (line,) = [line for line in lines(errors, spread) if line.startswith("- Sum pooling alone")]
    assert line.endswith(verdict)


# --- splits ---


def test_the_rise_of_errors_by_formula() -> None:
    rows = [
        row("elastic-k", "cgcnn", 0.3, dataset_label="K"),
        row("elastic-k", "cgcnn", 0.36, dataset_label="K, split by formula", grouping="formula"),
        row("elastic-g", "cgcnn", 0.36, grouping="formula"),
    ]
    assert grouped_split({"rows": rows}) == ["- K, cgcnn: 0.300 by random split, 0.360 by formula (+20 %)"]


# --- where the lines stand ---


@pytest.mark.parametrize(("name", "judged"), [("table2", True), ("tableS1", False)])
def test_table_2_ends_with_the_statements(
    name: str, judged: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (workflow_runs, record, reproduce):
        monkeypatch.setattr(module, "RESULTS", tmp_path)
    machine = {"hardware": {"processor": "?", "cores": 1}, "environment": {"torch": "?"}}
    path = tmp_path / "cpu" / f"{name}.json"
    path.parent.mkdir()
    path.write_text(json.dumps({**made_up(PAPERS), **machine, "metric": "mae_over_mad"}))
    reproduce.draw(name, "cpu")
    written = path.with_suffix(".md").read_text()
    assert ("The paper's statements" in written) == judged
    assert "The paper's statements" not in path.with_suffix(".csv").read_text()
    if judged:
        assert written.rindex("| phonon-cv |") < written.index("1. “compared with average pooling")
