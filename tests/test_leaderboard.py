"""The probe's leaderboard: entries of our models are those of the records, and faults are named."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import record_row
from pymatgen.core import Structure

from hybrid.errors import InputError
from hybrid.probing.probe import probe
from hybrid.reading import read_json
from hybrid.settings import ProbeSettings
from reproduction import leaderboard
from reproduction.__main__ import main
from reproduction.site import leaderboard as page

HASH = "0" * 64


def entry(**changes: Any) -> dict[str, Any]:
    """An entry's content, made up."""
    return {
        "model": "Mine",
        "settings": "own",
        "reads": "structure",
        "dataset": "mp-descriptors",
        "n_train": 60,
        "n_test": 20,
        "epochs": 3,
        "seeds": [0, 1],
        "scores": {"natoms": [0.5, 0.75], "crys_sys": [0.25]},
        "records": {"my-probe.json": HASH},
        "created": "2026-01-01",
        "code": {"version": "0.1"},
        **changes,
    }


def saved(folder: Path, content: Any, name: str = "mine-own") -> Path:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(content))
    return path


def made_up_record(folder: Path) -> Path:
    """A record as the probe writes it: a network with two seeds, and the training mean."""
    rows = [
        record_row(
            network, 0.5, seed, target=name, descriptor=name, model=model, variant=variant, metrics=metrics
        )
        for network, model, variant in (
            ("Mine", "my.py:Mine", "own, 2 targets"),
            ("training mean", "mean-baseline", "trivial"),
        )
        for seed in (0, 1)
        for name, metrics in (("natoms", {"r2": 0.5 + seed / 4}), ("crys_sys", {"accuracy": 0.25}))
    ]
    path = folder / "my-probe.json"
    path.write_text(json.dumps({"rows": rows, "created": "2026-01-01", "code": {"version": "0.1"}}))
    return path


def test_entries_of_our_models_are_those_of_the_records(tmp_path: Path) -> None:
    paths = leaderboard.write_own("cpu", tmp_path)
    committed = {path.name: path for path in leaderboard.FOLDER.glob("*.json")}
    own = {name for name, path in committed.items() if leaderboard.Entry(**json.loads(path.read_text())).own}
    assert own == {path.name for path in paths}, "make leaderboard"
    for path in paths:
        assert path.read_text() == committed[path.name].read_text(), "make leaderboard"
    assert not [fault for path in committed.values() for fault in leaderboard.faults(path)]


def test_the_board_has_every_kind_of_model() -> None:
    entries = leaderboard.read()
    assert {one.reads for one in entries} == {
        "structure",
        "embeddings",
        "formula",
        "number of atoms",
        "nothing",
    }
    figure2 = json.loads((leaderboard.RESULTS / "cpu" / "figure2.json").read_text())["rows"]
    for one in entries:
        named = [json.loads((leaderboard.ROOT / path).read_text())["rows"] for path in one.records]
        mine = [
            r for rows in named for r in rows if (r.get("network_label"), r["status"]) == (one.model, "done")
        ]
        for name, scores in one.scores.items():
            fits = [
                r["metrics"].get("r2")
                for r in mine
                if r["descriptor"] == name and r["n_train"] == one.n_train
            ]
            assert name == leaderboard.SYMMETRY or scores[0] in fits
    (cgcnn,) = (one for one in entries if (one.model, one.settings) == ("CGCNN", "paper"))
    rows = [row for row in figure2 if (row.get("network"), row.get("descriptor")) == ("cgcnn", "natoms")]
    assert cgcnn.scores["natoms"] == tuple(row["metrics"]["r2"] for row in rows)


def test_a_record_of_the_probe_becomes_an_entry(tmp_path: Path) -> None:
    record, network = made_up_record(tmp_path), tmp_path / "my.py"
    network.write_text("pass\n")
    (path,) = leaderboard.add(record, [network], tmp_path / "board", link="https://example.org")
    assert path.name == "mine-own.json"
    (found,) = leaderboard.read(tmp_path / "board")
    assert found.scores == {"natoms": (0.5, 0.75), "crys_sys": (0.25, 0.25)}
    assert (found.seeds, found.n_train, found.reads) == ((0, 1), 9, "structure")
    assert found.records == {"my-probe.json": hashlib.sha256(record.read_bytes()).hexdigest()}
    assert found.files == {"my.py": hashlib.sha256(b"pass\n").hexdigest()}
    shown = page.page([found], set())
    assert '<a href="https://example.org">Mine</a>' in shown
    assert "0.62" in shown


class Volumes:
    """Predicts everything from the volume, by a straight line."""

    def fit(self, structures: list[Structure], targets: np.ndarray) -> None:
        self.line = np.polyfit([s.volume for s in structures], targets[:, 0], 1)

    def predict(self, structures: list[Structure]) -> np.ndarray:
        return np.polyval(self.line, [s.volume for s in structures])


def test_what_the_probe_writes_becomes_an_entry(crystal_folder: Callable[..., Path], tmp_path: Path) -> None:
    settings = ProbeSettings(
        descriptors=("natoms", "a"), split=(0.5, 0.1, 0.4), seeds=(3, 7), one_by_one=True
    )
    record = probe(Volumes, crystal_folder(20), settings, progress=False)
    path = tmp_path / "volumes.json"
    path.write_text(json.dumps(record))
    (entry,) = [
        leaderboard.Entry(**read_json(one)) for one in leaderboard.add(path, folder=tmp_path / "board")
    ]
    assert (entry.model, entry.settings, entry.seeds, entry.n_test) == ("Volumes", "own", (3, 7), 8)
    for name, scores in entry.scores.items():
        rows = [row for row in record["rows"] if (row["model"], row["descriptor"]) == ("Volumes", name)]
        assert scores == tuple(row["metrics"]["r2"] for row in rows)
    assert set(entry.scores) == {"natoms", "a"}
    assert entry.code == record["code"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n_train": None}, "n_train: input should be a valid integer"),
        ({"seed": 0}, "seed: unknown field 'seed'; did you mean 'seeds'?"),
        ({"scores": {"natom": [0.5]}}, "scores: unknown descriptor 'natom'; did you mean 'natoms'?"),
        ({"scores": {"natoms": [1.5]}}, "scores.natoms.0: input should be less than or equal to 1"),
        ({"scores": {"crys_sys": [-0.5]}}, "scores: crys_sys is an accuracy, and -0.5 is below 0"),
        ({"scores": {"natoms": [0.1] * 3}}, "scores: natoms has 3 scores, of 2 seeds"),
        ({"scores": {"natoms": [float("nan")]}}, "scores.natoms.0: input should be a finite number"),
        ({"records": {"my-probe.json": "abc"}}, "records.my-probe.json: string should match pattern"),
        ({"link": "javascript:alert(1)"}, "link: string should match pattern"),
        ({"reads": "images"}, "reads: input should be 'structure'"),
        ({"model": "Other"}, "model and settings: the file should be called other-own.json"),
        ({"records": {"results/cpu/figure2.json": HASH}}, "records.results/cpu/figure2.json: has changed"),
        ({"code": {"c": "x" * 60_000}}, "larger than 50000 bytes; name predictions and embeddings in files"),
    ],
)
def test_a_fault_is_one_sentence(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    path = saved(tmp_path, entry(**changes))
    (fault,) = leaderboard.faults(path)
    assert fault.startswith(f"{path}: {said}")
    assert "\n" not in fault


def test_all_faults_are_named_and_good_files_have_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = saved(tmp_path, entry())
    assert main(["leaderboard", "--check", str(good)]) == 0
    assert capsys.readouterr().out.splitlines() == [str(good), "all good"]
    content = entry(n_test=0)
    del content["dataset"]
    bad, broken = saved(tmp_path, content, "bad"), tmp_path / "broken.json"
    broken.write_text("{")
    capsys.readouterr()
    assert main(["leaderboard", "--check", str(good), str(bad), str(broken)]) == 2
    lines = capsys.readouterr().err.removeprefix("error: ").splitlines()
    assert [line.partition(": ")[2].partition(":")[0] for line in lines[:2]] == ["dataset", "n_test"]
    assert lines[2].startswith(f"{broken}: is no JSON")


@pytest.mark.parametrize(
    ("content", "changes", "said"),
    [
        ({"rows": [{"status": "done"}]}, {}, "is not a record of `hybrid probe`"),
        ({"rows": []}, {}, "no model in it has learnt a descriptor"),
        (None, {"link": "here"}, "link: string should match pattern"),
    ],
)
def test_what_is_no_record_of_a_probe_is_refused(
    content: Any, changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    record = made_up_record(tmp_path)
    if content is not None:
        record.write_text(json.dumps(content))
    with pytest.raises(InputError) as raised:
        leaderboard.add(record, folder=tmp_path / "board", **changes)
    assert str(raised.value).startswith(f"{record}: {said}")
    assert not (tmp_path / "board").exists()


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    one = leaderboard.Entry(**entry())
    with pytest.raises(InputError, match="two models would have this name"):
        leaderboard.write([one, one.model_copy(update={"model": "mine"})], tmp_path)
    assert not list(tmp_path.iterdir())
