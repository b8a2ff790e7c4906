"""The released models: files, cards, and how one is made."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pymatgen.core import Structure

import hybrid
from hybrid.cli import main
from hybrid.data.folder import read_folder
from hybrid.settings import ModelSettings, RunSettings, TrainerSettings
from hybrid.trained import released
from hybrid.trained.loading import load
from reproduction.release import make
from reproduction.release.card import Card, markdown
from reproduction.release.releases import RELEASES, Release

NAMES = released.released_names()


def test_what_is_promised_is_released() -> None:
    assert set(NAMES) == set(RELEASES)
    assert sum(file.stat().st_size for file in released.FOLDER.rglob("*")) < 20e6


@pytest.mark.parametrize("name", NAMES)
def test_a_card_is_checked_and_is_that_of_its_model(name: str) -> None:
    card = Card.model_validate(released.read_card(name))
    ensemble = load(name)
    assert card.sha256 == json.loads((released.FOLDER / name / released.MODEL).read_text())["sha256"]
    assert card.n_members == len(ensemble.members) == RELEASES[name].members  # type: ignore[union-attr]
    assert markdown(card) == released.card_text(name)
    kept = 0.85 <= card.coverage["0.9"] <= 0.95
    assert kept == ("does not keep its promise" not in released.card_text(name))
    assert card.test.mae_over_mad is not None
    assert card.test.mae_over_mad < min(0.8, max(card.single))


@pytest.mark.parametrize("name", NAMES)
def test_a_released_model_predicts(name: str, NaCl_primitive: Structure, Si: Structure) -> None:
    table = hybrid.load(name).predict({"salt": NaCl_primitive, "silicon": Si})
    assert (table.lower < table.prediction).all()
    assert (table.prediction < table.upper).all()


def test_heat_capacity_of_rock_salt(NaCl_primitive: Structure) -> None:
    """Measured at 300 K: 50.5 J/(mol K) at constant pressure (NIST), about 2 less at constant volume."""
    (value,) = hybrid.load("cv").predict([NaCl_primitive]).prediction
    assert value == pytest.approx(48.5, abs=3)


def test_the_models_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in NAMES)
    assert main(["models", "cv"]) == 0
    assert "Not for" in capsys.readouterr().out


def test_a_release_is_made(
    crystal_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From training to a card, whose scores are those of the predictions that the model makes again."""
    path, other = crystal_folder(40), crystal_folder(12, name="others", seed=1)
    manifest = {"source": "made up", "licence": "none", "target": "volume", "unit": "Å3"}
    for folder in (path, other):
        (folder / "manifest.json").write_text(json.dumps(manifest))
    (other / "x00.json").write_text((path / "x00.json").read_text())

    class Small(Release):
        def settings(self, scale: str) -> RunSettings:
            sizes = ModelSettings(atom_fea_len=8, h_fea_len=8, n_conv=1)
            return RunSettings(model=sizes, trainer=TrainerSettings(epochs=2, batch_size=8))

        def run(self, scale: str) -> object:  # type: ignore[override]
            return type("NoRun", (), {"settings": None, "folder": tmp_path})

    mine = Small("Volume", "phonon-cv", members=2, external="phonon-u")
    monkeypatch.setattr(make, "RELEASES", {"mine": mine})
    folders = {"phonon-cv": path, "phonon-u": other}
    monkeypatch.setattr(make, "dataset_folder", lambda name: read_folder(folders[name]))
    for module in (make, released):
        monkeypatch.setattr(module, "FOLDER", tmp_path / "released")
    monkeypatch.setattr(make, "RESULTS", tmp_path / "results")
    place = make.make_release("mine", "cpu")
    card = Card.model_validate_json((place / released.CARD).read_text())
    assert (card.training.n_crystals, card.test.n, card.n_members) == (40, 4, 2)
    assert sum(score.n for score in card.by_crystal_system) == sum(s.n for s in card.by_n_atoms) == 4
    assert card.external is not None
    assert (card.external.n_left_out, card.external.score.n) == (1, 11)
