"""The search for training settings: what is tried, what is counted, what is kept."""

import json
from pathlib import Path

import numpy as np
import optuna
import pytest
from pymatgen.core import Structure

from hybrid.data.folder import read_folder
from hybrid.data.written_folder import CrystalFile
from reproduction.data.folders import write_folder
from reproduction.paths import RESULTS
from reproduction.workflow import search as searching
from reproduction.workflow.search import load_search, search, trial_settings
from reproduction.workflow.spec import Size, load_networks


@pytest.fixture
def small_search(tmp_path: Path, NaCl: Structure, Si: Structure, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A search of two networks on 24 strained crystals, with results in the folder that is returned."""
    rng = np.random.default_rng(0)
    crystals = []
    for number, strain in enumerate(rng.uniform(-0.05, 0.05, 24)):
        crystal = (NaCl if number % 2 else Si).copy()
        crystal.apply_strain(strain)
        crystals.append(CrystalFile.of(f"crystal-{number:02d}", crystal, len(crystal) * (1 + strain)))
    write_folder(tmp_path / "crystals", crystals, {})
    loaded = load_search("search").model_copy(
        update={
            "networks": ("cgcnn", "cgcnn-sum"),
            "scales": {"smoke": searching.Effort(epochs=1, trials=3)},
        }
    )
    split = {"split": (0.5, 0.25, 0.25)}
    of_search = searching.trial_settings
    monkeypatch.setattr(searching, "load_search", lambda _: loaded)
    monkeypatch.setattr(searching, "dataset_folder", lambda _: read_folder(tmp_path / "crystals"))
    monkeypatch.setattr(searching, "RESULTS", tmp_path)
    monkeypatch.setattr(
        searching, "trial_settings", lambda *given: of_search(*given).model_copy(update=split)
    )
    return tmp_path / "smoke"


def test_every_network_has_the_same_number_of_trials_and_begins_alike(small_search: Path) -> None:
    table = search("search", "smoke", progress=False)
    record = json.loads(table.with_suffix(".json").read_text())
    for network in ("cgcnn", "cgcnn-sum"):
        trials = [trial for trial in record["trials"] if trial["network"] == network]
        assert [trial["trial"] for trial in trials] == [0, 1, 2]
        first = load_search("search").first
        assert trials[0]["settings"] == {k: first[k] for k in first if k != searching.DESCRIPTOR_LIMIT}
        chosen = [trial for trial in trials if trial["chosen"]]
        assert chosen == [min(trials, key=lambda trial: trial["validation_mae_over_mad"])]
    assert table.read_text().count("chosen") == 2


def test_a_stopped_search_goes_on(small_search: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = []

    def stop_at_third(*arguments: object, **options: object) -> dict[str, object]:
        done.append(1)
        if len(done) == 3:
            raise KeyboardInterrupt
        return of_training(*arguments, **options)

    of_training = searching.train
    monkeypatch.setattr(searching, "train", stop_at_third)
    with pytest.raises(KeyboardInterrupt):
        search("search", "smoke", progress=False)
    table = search("search", "smoke", progress=False)
    assert len(done) == 7  # six trials, one of them begun twice
    finished = table.read_text()
    assert search("search", "smoke", progress=False).read_text() == finished
    assert len(done) == 7


def test_a_first_trial_that_was_killed_is_tried_again(
    small_search: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(searching, "train", kill)
        with pytest.raises(KeyboardInterrupt):
            search("search", "smoke", progress=False)
    record = json.loads(search("search", "smoke", progress=False).with_suffix(".json").read_text())
    tried = [trial["settings"] for trial in record["trials"] if trial["network"] == "cgcnn"]
    first = load_search("search").first
    assert len(tried) == 3
    assert {key: first[key] for key in tried[0]} in tried


def test_a_first_trial_that_another_process_does_is_not_tried_again(
    small_search: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin_another(*given: object, **options: object) -> object:
        begun.append(1)
        if len(begun) == 1:  # while the first trial runs
            search("search", "smoke", progress=False)
        return of_training(*given, **options)

    begun: list[int] = []
    of_training = searching.train
    monkeypatch.setattr(searching, "train", begin_another)
    record = json.loads(search("search", "smoke", progress=False).with_suffix(".json").read_text())
    tried = [trial["settings"] for trial in record["trials"] if trial["network"] == "cgcnn"]
    assert len(tried) == 4  # processes at once may do one more
    assert len({json.dumps(settings) for settings in tried}) == 4


def test_a_diverged_trial_counts_and_is_never_chosen(
    small_search: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge_once(folder: object, settings: object, *arguments: object, **options: object) -> object:
        if settings.trainer.learning_rate == 0.005:  # type: ignore[attr-defined]
            raise searching.DivergedError("training diverged")
        return of_training(folder, settings, *arguments, **options)

    of_training = searching.train
    monkeypatch.setattr(searching, "train", diverge_once)
    record = json.loads(search("search", "smoke", progress=False).with_suffix(".json").read_text())
    first = [trial for trial in record["trials"] if trial["trial"] == 0]
    assert [trial["status"] for trial in first] == ["diverged", "diverged"]
    assert not any(trial["chosen"] for trial in first)
    assert len(record["trials"]) == 6


def test_the_error_is_that_of_validation(small_search: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def better_on_test(*_: object, **__: object) -> dict[str, object]:
        found.append(1)
        test = {"mae_over_mad": -len(found), "r2": len(found)}
        scores = {"validation": {"mae_over_mad": len(found)}, "test": test}
        return {**scores, "train_seconds": 1.0, "best_epoch": 1}

    found: list[int] = []
    monkeypatch.setattr(searching, "train", better_on_test)
    record = json.loads(search("search", "smoke", progress=False).with_suffix(".json").read_text())
    assert [trial["trial"] for trial in record["trials"] if trial["chosen"]] == [0, 0]


def test_tuned_networks_have_the_chosen_settings() -> None:
    searched, networks = load_search("search"), load_networks()
    record = json.loads((RESULTS / "cpu" / "search.json").read_text())
    chosen = {trial["network"]: trial["settings"] for trial in record["trials"] if trial["chosen"]}
    assert set(chosen) == set(searched.networks)
    size = Size(epochs=1)
    for network, settings in chosen.items():
        tuned = trial_settings(searched, networks[f"{network}-tuned"], size, {})
        expected = trial_settings(searched, networks[network], size, settings)
        assert tuned.model == expected.model
        for name in ("optimiser", "loss", "schedule", "batch_size", "gradient_clip"):
            assert getattr(tuned.trainer, name) == getattr(expected.trainer, name)
        for name in ("learning_rate", "weight_decay"):
            assert getattr(tuned.trainer, name) == pytest.approx(getattr(expected.trainer, name), rel=0.03)


def test_the_search_of_the_remedies_begins_with_the_settings_of_their_table() -> None:
    searched, networks, size = load_search("search-remedies"), load_networks(), Size(epochs=1)
    for name in searched.networks:
        assert searched.space_of(networks[name]) == searched.space
        of_table = trial_settings(searched, networks[name], size, {})
        assert trial_settings(searched, networks[name], size, searched.first) == of_table


def test_two_processes_never_try_the_same(small_search: Path) -> None:
    searched = searching.load_search("search")
    network = load_networks()["cgcnn"]
    storage, drawn = optuna.storages.InMemoryStorage(), []
    optuna.create_study(study_name="one", storage=storage)
    for _process in range(2):
        sampler = optuna.samplers.TPESampler(seed=1)
        study = optuna.load_study(study_name="one", storage=storage, sampler=sampler)
        trial = study.ask()
        searching._objective(searched, network, searched.scales["smoke"], searching.dataset_folder(""))(trial)
        drawn.append(trial.params["trainer.learning_rate"])
    assert drawn[0] != drawn[1]
