"""The report of a finished run, and of several side by side."""

import base64
import csv
import hashlib
import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest

from hybrid.cli import main
from hybrid.report import drawn, run_figures, run_page
from hybrid.report.finished_run import FinishedRun
from hybrid.report.run_files import printable

SMALL = ["--epochs", "2", "--atom-fea-len", "8", "--h-fea-len", "8", "--n-conv", "1", "--device", "cpu"]
HOSTILE = '<script>alert("1")</script> & $x_{$ \u0007'


class Page(HTMLParser):
    """What a browser would make of a page: its elements, links, titles of points and text."""

    def __init__(self, path: Path):
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.said: list[str] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attributes]

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.tags[-1:] == ["title"] and "svg" in self.tags:
            self.said.append(data)

    def values(self, tag: str, name: str) -> list[str]:
        return [value for t, n, value in self.attributes if (t, n) == (tag, name)]


@pytest.fixture(autouse=True)
def _work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path, table: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, table[0])
        writer.writeheader()
        writer.writerows(table)


def made_up(path: Path, folds: list[str], members: int = 1, **columns: list[Any]) -> Path:
    """A finished run with these columns of predictions beside id and fold."""
    path.mkdir()
    table = [{"id": f"x{i:02d}", "fold": fold} for i, fold in enumerate(folds)]
    for i, row in enumerate(table):
        row.update({name: values[i] for name, values in columns.items()})
    write_rows(path / "predictions.csv", table)
    (path / "metrics.json").write_text('{"coverage": {"0.5": 0.4, "0.9": 0.95}}')
    settings = {"model": {"name": "cgcnn", "pooling": "sum"}, "task": "regression"}
    log = [
        {"epoch": e, "training_loss": 1 / e, "validation_error": 2 / e, "learning_rate": 0.1, "seconds": 1}
        for e in (1, 2, 3)
    ]
    for k in range(members):
        place = path if members == 1 else path / f"seed-{k}"
        place.mkdir(exist_ok=True)
        (place / "settings.json").write_text(json.dumps({**settings, "model_seed": k}))
        write_rows(place / "log.csv", log)
    return path


def test_a_training_leaves_its_report(
    crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(30, ".cif", "my crystals")
    for _ in range(2):  # the second call finds the finished run
        assert main(["train", str(path), "--split", "0.5", "0.2", "0.3", "--out", "runs/one", *SMALL]) == 0
        told = capsys.readouterr().out.splitlines()
        assert told[-2:] == ["report: runs/one/report.html", "runs/one"]
    run, page = Path("runs/one"), Page(Path("runs/one/report.html"))
    names = ("parity", "learning-curves", "error-by-atoms", "error-by-element")
    assert sorted(file.stem for file in (run / "figures").iterdir()) == sorted(names)
    assert all(file.read_bytes()[:4] == b"\x89PNG" for file in (run / "figures").iterdir())
    assert page.tags.count("svg") == len(names)
    # nothing is fetched, and every link leads to a structure
    assert not page.values("link", "href") + page.values("script", "src") + page.values("img", "src")
    links = [unquote(link) for link in page.values("a", "href")]
    assert all((run / link).resolve().parent == path.resolve() for link in links)
    assert all((run / link).exists() for link in links)
    table = rows(run / "predictions.csv")
    tested = {row["id"] for row in table if row["fold"] == "test"}
    assert {Path(link).stem for link in links} == tested
    pointed = {said.split(" · ")[0] for said in page.said}
    assert {row["id"] for row in table} <= pointed
    metrics = json.loads((run / "metrics.json").read_text())
    assert f"{metrics['test']['mae']:.4g}" in page.text
    assert "at random, 50 % / 20 % / 30 %" in page.text
    assert main(["predict", "runs/one", str(path), "--out", "p.csv", "--device", "cpu"]) == 0


@pytest.mark.parametrize(
    ("options", "pictures"),
    [
        (["--task", "classification"], {"roc", "confusion", "learning-curves"}),
        (["--targets", "target_1", "target_2"], {"parity-1", "parity-2", "learning-curves"}),
        (["--model", "mean-baseline"], {"parity-1", "parity-2"}),
        (
            ["--seeds", "2"],
            {"parity-1", "parity-2", "spread-1", "spread-2", "calibration", "learning-curves"},
        ),
        (["--folds", "2"], {"parity-1", "parity-2", "learning-curves"}),
    ],
)
def test_every_kind_of_run_has_its_pictures(
    options: list[str], pictures: set[str], crystal_folder: Callable[..., Path]
) -> None:
    path = crystal_folder(20)
    table = [line.split(",") for line in (path / "id_prop.csv").read_text().split()]
    classes = "classification" in options
    lines = [f"{name},{i % 2}" if classes else f"{name},{y},{i}" for i, (name, y) in enumerate(table)]
    (path / "id_prop.csv").write_text("\n".join(lines))
    small = [] if "mean-baseline" in options else SMALL
    split = [] if "--folds" in options else ["--split", "0.6", "0.2", "0.2"]
    assert main(["train", str(path), *options, *split, "--out", "run", *small]) == 0
    found = {file.stem for file in Path("run/figures").iterdir()}
    assert found == pictures | {"error-by-atoms", "error-by-element"}


def test_a_failure_to_draw_loses_nothing(
    crystal_folder: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = crystal_folder(10)
    assert main(["train", str(path), "--out", "plain", "--no-report", *SMALL]) == 0
    assert not Path("plain/report.html").exists()
    Path("plain/figures").write_text("a file of the user's")
    capsys.readouterr()
    assert main(["train", str(path), "--out", "plain", *SMALL]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[-1] == "plain"
    assert re.fullmatch(r"no report: .*plain/figures: File exists", told.err.splitlines()[-1])
    monkeypatch.setattr(run_page, "run_figures", lambda run: 1 / 0)
    assert main(["train", str(path), "--out", "run", *SMALL]) == 0
    told = capsys.readouterr()
    assert (told.out.splitlines()[-1], told.err.splitlines()[-1]) == ("run", "no report: division by zero")
    assert {file.name for file in Path("run").iterdir()} >= {"metrics.json", "predictions.csv", "model.ckpt"}
    assert not [file for file in Path("run").rglob("*") if ".tmp" in file.name]


@pytest.mark.parametrize("folds", ["three", "parts"])
def test_spread_intervals_and_members(folds: str, tmp_path: Path) -> None:
    n, rng = 40, np.random.default_rng(0)
    target = rng.normal(size=n)
    prediction = target + rng.normal(size=n) / 10
    names = ["training", "validation", "test", "test"] if folds == "three" else ["1", "2", "3", "4"]
    run = made_up(
        tmp_path / "run",
        [names[i % 4] for i in range(n)],
        members=11,
        target=target.tolist(),
        prediction=prediction.tolist(),
        std=[0.1] * n,
        lower=(prediction - 0.2).tolist(),
        upper=(prediction + 0.2).tolist(),
    )
    page = Page(run_page.write_report(run))
    pictures = {file.stem for file in (run / "figures").iterdir()}
    assert pictures == {"parity", "learning-curves", "calibration", "spread"}
    found = FinishedRun.read(run)
    assert list(found.logs) == [f"seed-{k}" for k in range(11)]
    assert found.judged == ("test" if folds == "three" else "unseen")
    at = np.arange(n) % 4 >= 2 if folds == "three" else np.full(n, True)
    assert found.scores(found.judged)["mae"] == pytest.approx(np.abs(prediction - target)[at].mean())
    assert "90 % promised, 95.0 % held" in page.said
    assert ", 11 members" in page.text
    assert not page.values("a", "href")  # where the structures are is not known
    largest = np.flatnonzero(at)[np.argmax(np.abs(prediction - target)[at])]
    assert found.worst(3)[0] == largest


def test_a_folder_without_the_test_crystals(crystal_folder: Callable[..., Path]) -> None:
    path = crystal_folder(20)
    assert main(["train", str(path), "--out", "run", "--no-report", *SMALL]) == 0
    for row in rows(Path("run/predictions.csv")):
        if row["fold"] == "test":
            (path / f"{row['id']}.json").unlink()
    assert main(["report", "run", "--folder", str(path)]) == 0
    assert main(["report", "run"]) == 0


def test_nothing_in_the_data_becomes_code(tmp_path: Path) -> None:
    names = [HOSTILE, "$\\frac{1}$"]
    columns = {f"{what} {name}": [1.0, 2.0, 3.5, 4.0] for what in ("target", "prediction") for name in names}
    run = made_up(tmp_path / "<b>run", ["training", "validation", "test", "test"], **columns)
    table = rows(run / "predictions.csv")
    table[2]["id"] = HOSTILE
    write_rows(run / "predictions.csv", table)
    settings = (run / "settings.json").read_text().replace('"cgcnn"', '"evil.py:Net"')
    (run / "settings.json").write_text(settings)
    Path("evil.py").write_text("1 / 0")
    shutil.copytree(run, tmp_path / "other")
    pages = [run_page.write_report(run), run_page.write_comparison([run, tmp_path / "other"], Path("c.html"))]
    for page in map(Page, pages):
        assert page.tags.count("script") == 1
        assert "b" not in page.tags
        policy = page.values("meta", "content")[0]
        script = re.search(r"<script>(.*?)</script>", pages[0].read_text(), re.DOTALL)
        assert script is not None
        digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
        assert f"script-src 'sha256-{digest}'" in policy
        assert any(said.startswith(printable(HOSTILE)) for said in page.said)
        assert "\u0007" not in page.text


def test_too_many_points_are_one_picture_and_the_page_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folds = ["training"] * 6 + ["validation"] * 2 + ["test"] * 2
    numbers = [float(i) for i in range(10)]
    run = made_up(tmp_path / "run", folds, target=numbers, prediction=numbers)
    for module in (drawn, run_figures):
        monkeypatch.setattr(module, "POINTED", 4)
    page = Page(run_page.write_report(run))
    assert {said.split(" · ")[0] for said in page.said if said.startswith("x")} == {
        "x06",
        "x07",
        "x08",
        "x09",
    }
    assert "Only 4 points can be pointed at; training cannot." in page.text
    assert "image" in page.tags


def test_runs_side_by_side_and_again(
    crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(20, ".cif")
    for seed in ("0", "1"):
        options = ["--data-seed", seed, "--out", f"run-{seed}", *SMALL]
        assert main(["train", str(path), "--no-report", *options]) == 0
    capsys.readouterr()
    assert main(["report", "run-0", "run-1", "--out", "pages/both.html"]) == 0
    assert capsys.readouterr().out == "pages/both.html\n"
    page = Page(Path("pages/both.html"))
    assert page.tags.count("svg") == 3
    assert "data-seed" in page.text
    assert "not the same crystals" in page.text
    assert [(Path("pages") / link).resolve() for link in page.values("a", "href")] == [
        Path(f"run-{seed}").resolve() for seed in "01"
    ]
    assert not Path("run-0/report.html").exists()
    assert main(["report", "run-0"]) == 0
    assert "hybrid report RUN --folder FOLDER" in Page(Path("run-0/report.html")).text
    shutil.copy(path / "x00.cif", path / "x01.cif")  # no longer the crystal that the run learnt from
    assert main(["report", "run-0", "--folder", str(path)]) == 0
    known = json.loads(Path("run-0/data.json").read_text())["crystals"]
    assert sorted(known) == [f"x{i:02d}" for i in range(20) if i != 1]
    before = Path("run-0/report.html").read_bytes()
    assert main(["report", "run-0"]) == 0  # what was known is known
    assert Path("run-0/report.html").read_bytes() == before


def test_learning_curves_have_whole_epochs(tmp_path: Path) -> None:
    folds = ["training", "validation", "test"]
    path = made_up(tmp_path / "run", folds, target=[1, 2, 3], prediction=[1, 2, 3])
    run = FinishedRun.read(path)
    for curves in (run_figures.learning_curves(run), run_figures.compared_figures({"run": run})[0]):
        assert all(tick == round(tick) for tick in curves.figure.axes[-1].get_xticks())


@pytest.mark.parametrize(
    ("damage", "options", "message"),
    [
        ("metrics.json", [], "run: is not the folder of a finished run"),
        ("", ["--out", "page.pdf"], "choose a name that ends with .html"),
        ("", ["run", "--folder", "."], "--folder: is for one run"),
        ("", ["--folder", "."], "contains no structures that can be used"),
        ("predictions.csv", [], "run/predictions.csv: lacks the column prediction"),
        ("log.csv", [], "run/log.csv: has no numbers in the column validation_error"),
        ("settings.json", [], "run/settings.json: is no JSON"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    damage: str, options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = made_up(
        tmp_path / "run", ["training", "validation", "test"], target=[1, 2, 3], prediction=[1, 2, 3]
    )
    damaged = {"metrics.json": None, "predictions.csv": "id,fold,target\nx,test,1\n"}
    damaged |= {"log.csv": "epoch,training_loss,validation_error\n1,1,x\n", "settings.json": "{"}
    if damage and damaged[damage] is None:
        (run / damage).unlink()
    elif damage:
        (run / damage).write_text(str(damaged[damage]))
    assert main(["report", "run", *options]) == 2
    assert message in capsys.readouterr().err
    assert not (run / "report.html").exists()
