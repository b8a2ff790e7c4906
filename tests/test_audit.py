"""The audit: how suspects are judged, what its page lists, and comparisons with the authors' predictions."""

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import record_row
from pymatgen.core import Structure

from hybrid.report.records import Bar
from hybrid.settings import RunSettings
from reproduction import audit, figures
from reproduction.data import recipe_book
from reproduction.data.sources import authors
from reproduction.data.sources.entries import Entry
from reproduction.figures import (
    audit_long_chains,
    audit_natoms,
    audit_outliers,
    audit_per_atom,
    audit_sum_pooling,
    table1,
)
from reproduction.workflow import paired as pairing
from reproduction.workflow import record as recording
from reproduction.workflow.runs import Run, planned
from reproduction.workflow.spec import SCALES

MACHINE = {"hardware": {"processor": "?", "cores": 1}, "environment": {"torch": "?"}}


def record(name: str, metric: str, *rows: dict[str, Any]) -> dict[str, Any]:
    about = {"experiment": name, "scale": "cpu", "caption": name, "metric": metric}
    return {**about, **MACHINE, "rows": list(rows)}


def natoms(published: float, clean: float) -> dict[str, Any]:
    metrics = {"mae": 1.0, "mad": 2.0, "mae_over_mad": 0.5}
    lookup = {"seen": 0.99, "r2": 0.97}
    return record(
        "audit-natoms",
        "r2",
        *(
            record_row(
                "cgcnn", 0.5, dataset=name, dataset_label=name, metrics={**metrics, "r2": r2}, lookup=lookup
            )
            for name, r2 in ((audit_natoms.PUBLISHED, published), (audit_natoms.CLEAN, clean))
        ),
    )


@pytest.mark.parametrize(
    ("published", "clean", "verdict"),
    [(0.8, 0.1, "explained"), (0.5, 0.1, "partly explained"), (0.8, 0.75, "unexplained")],
)
def test_a_cause_acts_and_is_large_enough_or_not(published: float, clean: float, verdict: str) -> None:
    judgement = audit_natoms.SUSPECT.judged(natoms(published, clean))
    assert judgement.verdict == verdict
    text = "\n".join(audit_natoms.SUSPECT.lines(judgement))
    assert f"an R² of {published:.2f} ({published:.3f})" in text
    assert "99.0% are of crystals that have another row in the training file" in text
    assert verdict.capitalize() in text


@pytest.mark.parametrize("name", sorted(audit.suspects()))
def test_every_suspect_is_judged_by_what_its_spec_plans(name: str, tmp_path: Path) -> None:
    spec, suspect = figures.spec(name), audit.suspects()[name]
    metrics = {"mae": 1.0, "mad": 2.0, "mae_over_mad": 0.5, "r2": 0.5, "accuracy": 0.5}
    rows = [
        record_row(run.network, 0.5, dataset=run.dataset, grouping=run.settings.grouping, metrics=metrics)
        for run in planned(spec, "smoke")
    ]
    made = record(name, spec.metric, *rows)
    judgement = suspect.judged(made)
    assert judgement.verdict != "not run", judgement.evidence
    assert judgement.ours
    suspect.draw(tmp_path / name, made)
    written = (tmp_path / f"{name}.md").read_text()
    assert all(line in written for line in (suspect.paper, suspect.cause, *judgement.evidence, *suspect.seen))


def test_what_is_not_all_there_is_not_judged() -> None:
    half = natoms(0.8, 0.1)
    half["rows"].pop()
    judgement = audit_natoms.SUSPECT.judged(half)
    assert (judgement.verdict, judgement.ours) == ("not run", "")
    assert "has no result of cgcnn on natoms-by-crystal" in judgement.evidence[0]


def test_both_mads_and_all_errors_are_needed() -> None:
    """The paper's own numbers explain; another MAD of U explains in part."""

    def made_up(mad_of_u: float) -> dict[str, Any]:
        rows = []
        mads = {"phonon-cv": 55.6, "phonon-cv-per-atom": 2.3, "phonon-cv-by-formula": 13.8}
        mads |= {"phonon-u": 25.7, "phonon-u-per-atom": 1.1, "phonon-u-by-formula": mad_of_u}
        for name, mad in mads.items():
            metrics = {"mae": mad, "mad": mad, "mae_over_mad": 1.0, "r2": 0.0}
            rows.append(record_row("mean-baseline", 1.0, dataset=name, metrics=metrics))
        for network, error in (("cgcnn", 0.6), ("de-cgcnn", 0.058)):
            rows += [record_row(network, error, dataset=f"phonon-{q}-by-formula") for q in ("cv", "u")]
        return record("audit-per-atom", "mae_over_mad", *rows)

    assert audit_per_atom.SUSPECT.judged(made_up(5.09)).verdict == "explained"
    partly = audit_per_atom.SUSPECT.judged(made_up(6.13))
    assert partly.verdict == "partly explained"
    assert partly.ours == "dividing by the formula's atoms gives the paper's MAD of Cv only"


def test_the_page_lists_suspects_and_the_numbers_that_are_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (audit, recording):
        monkeypatch.setattr(module, "RESULTS", tmp_path)
    (tmp_path / "quick").mkdir()
    paper = {"mae_over_mad": 0.272, "source": "Table 2"}
    runs = planned(figures.spec("table2"), "quick")
    notes = {run.network: f"run {run.name}" for run in runs if run.dataset == "phonon-cv"}
    errors = {
        "cgcnn-sum": (0.272, 0.04, 0.05),
        "cgcnn": (0.759, 0.73, 0.75),
        "de-cgcnn": (0.058, 0.1, 0.11),
        "de-cgcnn-tuned": (None, 0.05, 0.05),
    }
    rows = []
    for network, (said, *seeds) in errors.items():
        about = {"paper": said and {**paper, "mae_over_mad": said}, "note": notes[network]}
        rows += [record_row(network, error, seed, **about) for seed, error in enumerate(seeds)]
    rows.append(record_row("forest", 0.5, paper=paper, note="run phonon-cv-forest-of-other-data"))
    files = {"table2": record("table2", "mae_over_mad", *rows), "audit-natoms": natoms(0.8, 0.1)}
    for name, content in files.items():
        (tmp_path / "quick" / f"{name}.json").write_text(json.dumps(content))
    page = audit.write("quick")
    assert page == tmp_path / "quick" / "audit.md"
    text = page.read_text()
    cause = "[audit-sum-pooling](#audit-sum-pooling)"
    assert f"| Table 2 | Cv per cell | cgcnn-sum | 0.272 | 0.045 | 0.040, 0.050 | {cause} |" in text
    cause = "the trainer: with ours 0.050"
    assert f"| Table 2 | Cv per cell | de-cgcnn | 0.058 | 0.105 | 0.100, 0.110 | {cause} |" in text
    assert "\n2 of 3 numbers." in text
    for name, suspect in audit.suspects().items():
        verdict = "explained" if name == "audit-natoms" else "not run"
        assert f"| {suspect.cause} | `{name}` | {verdict} |" in text
        assert f"\n## {name}\n" in text
    assert "[All results](audit-natoms.md)" in text


@pytest.mark.parametrize("scale", SCALES)
def test_with_and_without_outliers_as_much_is_learnt(scale: str) -> None:
    runs = planned(figures.spec("audit-outliers"), scale)
    sizes = {name: set() for name in ("mean-baseline", "cgcnn")}
    for run in runs:
        sizes[run.network].add((run.settings.n_structures, run.settings.trainer.epochs))
    assert all(len(found) == 1 for found in sizes.values())


@pytest.mark.parametrize(("n_seeds", "beyond"), [(1, "with one seed"), (2, "beyond the seeds")])
def test_one_seed_has_no_spread(n_seeds: int, beyond: str) -> None:
    networks = {run.network for run in planned(figures.spec("audit-long-chains"), "smoke")}
    rows = [
        record_row(network, 0.5, seed, dataset="chains-long")
        for network in networks
        for seed in range(n_seeds)
    ]
    evidence = audit_long_chains.SUSPECT.judged(record("audit-long-chains", "r2", *rows)).evidence
    assert len(evidence) == 4
    assert all(line.endswith(f": not better {beyond}.") for line in evidence)


def test_the_outliers_evidence_says_how_many_crystals_were_learnt() -> None:
    rows = [
        record_row(run.network, 0.5, dataset=run.dataset)
        for run in planned(figures.spec("audit-outliers"), "smoke")
    ]
    evidence = audit_outliers.SUSPECT.judged(record("audit-outliers", "mae_over_mad", *rows)).evidence
    assert all("MAE/MAD of CGCNN on 15 crystals" in line for line in evidence)


@pytest.mark.parametrize(
    ("epochs", "cause"),
    [(2, "the trainer"), (3, "the trainer"), (4, "the trainer and 4 epochs in place of 3")],
)
def test_a_longer_training_is_named_beside_the_trainer(epochs: int, cause: str) -> None:
    plain, tuned = Bar([record_row("cgcnn", 0.2)]), Bar([record_row("cgcnn-tuned", 0.1, epochs=epochs)])
    assert audit._cause(plain, 0.15, tuned) == f"{cause}: with ours 0.100"


@pytest.mark.parametrize(("at_full_size", "cause"), [(0.1, audit.CAUSES["alignn"]), (0.3, "unexplained")])
def test_the_full_size_shows_whether_the_size_is_the_cause(at_full_size: float, cause: str) -> None:
    small, full = (Bar([record_row("alignn", error, epochs=150)]) for error in (0.3, at_full_size))
    assert (
        audit._cause(small, 0.1, full_size=full) == f"{cause}; {at_full_size:.3f} at full size, in 150 epochs"
    )


def test_every_kind_of_sum_is_compared_with_the_paper() -> None:
    def made_up(clipped: float) -> dict[str, Any]:
        errors = dict.fromkeys(audit_sum_pooling.OTHERS, 0.9)
        errors |= {"cgcnn-atom-sum-clipped": clipped, "cgcnn-sum": 0.04, "natoms-baseline": 0.31}
        names = audit_sum_pooling.DATASETS.values()
        rows = [record_row(n, e, dataset=name) for n, e in errors.items() for name in names]
        return record("audit-sum-pooling", "mae_over_mad", *rows)

    assert audit_sum_pooling.SUSPECT.judged(made_up(0.26)).verdict == "explained"
    assert audit_sum_pooling.SUSPECT.judged(made_up(0.5)).verdict == "partly explained"


# --- the authors' rows of natoms ---


def test_rows_of_a_crystal_stay_together_or_where_the_files_have_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [(f"mp-{i}", 2 + i % 7) for i in range(60) for _ in range(3)]
    for fold, chosen in (("test", rows[::9]), ("training", [r for i, r in enumerate(rows) if i % 9])):
        lines = "".join(f"{identity},{value}\n" for identity, value in chosen)
        (tmp_path / f"{fold}_natoms.csv").write_text(f"cif_id,property\n{lines}")
    monkeypatch.setattr(authors, "data_file", lambda name: tmp_path / Path(name).name)
    published, clean = (authors.natoms_as_published(by, n_crystals=40) for by in (False, True))
    assert published.values == clean.values
    assert published.crystals == clean.crystals
    assert (len(clean.values), len(set(clean.crystals.values()))) == (120, 40)
    by_crystal: dict[str, set[str]] = {}
    for name, fold in clean.folds.items():
        by_crystal.setdefault(clean.crystals[name], set()).add(fold)
    assert {len(found) for found in by_crystal.values()} == {1}
    sizes = [sum(fold == "test" for fold in labels.folds.values()) for labels in (published, clean)]
    assert abs(sizes[0] - sizes[1]) <= 3
    assert set(clean.folds.values()) == {"training", "validation", "test"}


def test_outliers_are_left_out_unless_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = authors.SELECTED["K"]
    far = known.median + 2.1 * known.spread
    (tmp_path / "fetched_ids.csv").write_text(f"ID,K_VRH\nnear,{known.median}\nfar,{far}\n")
    (tmp_path / "paper_test_ids.csv").write_text("near,0,0.1\n")
    monkeypatch.setattr(authors, "data_file", lambda name: tmp_path / Path(name).name)
    assert authors.labels("K").values == {"near": known.median}
    assert authors.labels("K", cut=False).values == {"near": known.median, "far": far}


def test_values_of_a_cell_are_divided_by_the_atoms_of_the_formula(NaCl: Structure, Si: Structure) -> None:
    given = recipe_book.phonon_by_formula("cv").given
    assert given is not None
    for cell, divisor in ((NaCl, 2), (Si, 1)):
        assert given(Entry("x", cell, {"cv": 47.844})).values["cv"] == pytest.approx(47.844 / divisor)


# --- the authors' predictions ---


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Six test crystals, of which the authors predicted five."""
    tested = [(f"x{i}", float(i), i + 0.5) for i in range(6)]
    monkeypatch.setattr(Run, "tested", property(lambda _: tested))
    monkeypatch.setattr(pairing, "DATASETS", tmp_path)
    (tmp_path / "elastic-k").mkdir()
    errors = (0.25, 0.25, 1.0, -1.0, 2.0)
    lines = "".join(f"x{i},{i + error},cgcnn\n" for i, error in enumerate(errors))
    (tmp_path / "elastic-k" / pairing.PREDICTIONS).write_text(f"id,prediction,model\n{lines}y,0,cgcnn\n")
    return Run("elastic-k", "cgcnn", "CGCNN", "paper", "cpu", RunSettings())


def test_predictions_are_compared_crystal_by_crystal(run: Run) -> None:
    found = pairing.paired(run)
    assert found["model"] == "cgcnn"
    assert found["all"] == pytest.approx({"n": 5, "mae": 0.5, "authors_mae": 0.9, "closer": 0.6})
    assert [part["n"] for part in found["parts"]] == [2, 2, 1]
    assert [part["closer"] for part in found["parts"]] == [0, 1, 1]
    row = record_row("cgcnn", 0.2, dataset_label="K", unit="GPa", paired=found)
    line = table1.notes(record("table1", "mae_over_mad", row))[-1]
    assert line == "| K | cgcnn | 5 | 0.5 GPa | 0.9 GPa | 60 % | 0 %, 100 %, 100 % | ± 45 % |"


def test_without_the_authors_predictions_nothing_is_compared(run: Run, tmp_path: Path) -> None:
    (tmp_path / "elastic-k" / pairing.PREDICTIONS).unlink()
    assert pairing.paired(run) == {}
    assert table1.notes(record("table1", "mae_over_mad", record_row("cgcnn", 0.2))) == []
