"""Runs on splits that tear no formula apart, and small ones of the experiments from end to end."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import random_crystal, target_of, write_structure

from hybrid.data.folder import ATOM_INIT, read_folder
from hybrid.data.groups import formula
from hybrid.errors import InputError
from hybrid.settings import RunSettings
from hybrid.training.samples import Samples
from reproduction import figures
from reproduction.data import registry
from reproduction.workflow import availability, measurements, plan, record, reproduce, spec
from reproduction.workflow import runs as workflow_runs
from reproduction.workflow.runs import planned, runs_of

needs_elements = pytest.mark.skipif(not ATOM_INIT.exists(), reason="upstream has not been fetched")


@pytest.fixture
def polymorphs(tmp_path: Path) -> Path:
    """A dataset folder of ten formulas with three crystals each."""
    path = tmp_path / "polymorphs"
    path.mkdir()
    rows = []
    elements = ("Li", "O", "Na", "Cl", "Si")
    for i in range(30):
        crystal = random_crystal(i, n_atoms=2)
        first, second = elements[i % 5], elements[(i + 1 + i // 5 % 2) % 5]
        crystal.replace(0, first)
        crystal.replace(1, second)
        write_structure(crystal, path / f"x{i:02d}.json")
        rows.append(f"x{i:02d},{target_of(crystal)!r}\n")
    (path / "id_prop.csv").write_text("".join(rows))
    return path


@needs_elements
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_formula_is_in_two_folds(polymorphs: Path, seed: int) -> None:
    folder = read_folder(polymorphs)
    settings = RunSettings(split=(0.6, 0.2, 0.2), data_seed=seed)

    def torn_apart(grouping: str | None) -> int:
        samples = Samples.of(folder, settings.model_copy(update={"grouping": grouping}))
        assert set(samples.folds) == {"training", "validation", "test"}
        folds: dict[str, set[str]] = {}
        for structure, fold in zip(samples.folder.structures(), samples.folds, strict=True):
            folds.setdefault(formula(structure), set()).add(fold)
        return sum(len(found) > 1 for found in folds.values())

    assert torn_apart("formula") == 0
    assert torn_apart(None) > 0


@needs_elements
def test_a_published_split_cannot_be_grouped(polymorphs: Path) -> None:
    with pytest.raises(InputError, match=r"polymorphs: splits/authors\.csv gives the folds"):
        Samples.of(read_folder(polymorphs), RunSettings(split="authors", grouping="formula"))


def test_both_splits_have_the_same_fractions_and_as_many_runs() -> None:
    runs = planned(figures.spec("grouped-split"), "cpu")
    grouped = {run.name for run in runs if run.settings.grouping}
    assert 2 * len(grouped) == len({run.name for run in runs}) == 24
    assert {run.settings.split for run in runs} == {(0.6, 0.2, 0.2)}


# --- from end to end ---

SMALL = {
    "learning-curve": {
        "parts": [{"networks": ["cgcnn-tuned", "de-cgcnn-tuned"], "training_shares": [0.5, 1]}]
    },
    "descriptor-groups": {
        "parts": [
            {"networks": ["cgcnn-tuned", "de-cgcnn-tuned"], "panel": "for comparison"},
            {"networks": ["de-cgcnn-tuned"], "panel": "alone", "only": [["number of atoms"]]},
        ]
    },
    "grouped-split": {
        "parts": [{"networks": ["cgcnn-tuned"]}, {"networks": ["cgcnn-tuned"], "grouping": "formula"}]
    },
}
"""What is left of the specs' parts; each is on the one small dataset of the test."""


@pytest.mark.slow
@needs_elements
@pytest.mark.parametrize("name", SMALL)
def test_the_experiments_run(
    name: str, crystal_folder: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = "formation-energy" if name == "grouped-split" else "elastic-k"  # it has no split of its own
    crystals = crystal_folder(30, name=dataset)
    (crystals / "manifest.json").write_text("{}")
    (crystals / "splits").mkdir()
    folds = "".join(f"x{i:02d},{'test' if i % 5 == 0 else 'training'}\n" for i in range(30))
    (crystals / "splits" / "authors.csv").write_text(f"id,fold\n{folds}")
    module = figures.figure(name)
    content = module.SPEC.model_dump()
    content |= {"parts": [{**part, "datasets": [dataset]} for part in SMALL[name]["parts"]]}
    content["scales"] = {"smoke": {"n_structures": None}}
    monkeypatch.setattr(module, "SPEC", spec.Spec.model_validate(content))
    monkeypatch.setattr(registry, "DATASETS", tmp_path)
    monkeypatch.setattr(availability, "DATASETS", tmp_path)
    for module in (workflow_runs, record, reproduce):
        monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
    plan.all_runs.cache_clear()
    loaded = figures.spec(name)
    for run in runs_of(loaded, "smoke"):
        plan.execute(run.name, "smoke", "cpu")
        measurement = figures.measurement(name)
        if measurement and measurement.applies_to(run):
            assert measurements.measure(run, measurement, "cpu")
    record.write_record(name, "smoke")
    reproduce.draw(name, "smoke")
    stem = tmp_path / "results" / "smoke" / name
    rows = json.loads(stem.with_suffix(".json").read_text())["rows"]
    assert {row["status"] for row in rows} == {"done"}
    assert [row["grouping"] for row in rows] == [run.settings.grouping for run in runs_of(loaded, "smoke")]
    if name == "learning-curve":
        assert sorted({row["n_train"] for row in rows}) == [9, 18]
        assert len({(row["n_val"], row["n_test"]) for row in rows}) == 1
    if name == "descriptor-groups":
        assert [row["descriptors"] for row in rows] == [None, "all", ["natoms"]]
        assert len(rows[0]["selection"]["order"]) == 8
    assert stem.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    with stem.with_suffix(".csv").open() as file:
        assert len(list(csv.DictReader(file))) == len(rows)
