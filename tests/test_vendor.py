"""The vendoring of upstream codes, on a small made-up wheel."""

import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hybrid.errors import InputError
from reproduction.paths import PATCHES
from reproduction.upstream import vendor

MODEL = "".join(f"line {n}\n" for n in range(1, 21))
FIRST, SECOND = "0001-Change-line-3.patch", "0002-Change-line-10.patch"


def _patch(number: int, line: int, text: str) -> str:
    return (
        f"From: hybrid <hybrid@localhost>\nSubject: [PATCH {number}/2] Change line {line}\n\n"
        "Why: to test.\n\n"
        "diff --git a/toy/model.py b/toy/model.py\n--- a/toy/model.py\n+++ b/toy/model.py\n"
        f"@@ -{line - 1},3 +{line - 1},3 @@\n line {line - 1}\n-line {line}\n+{text}\n line {line + 1}\n"
    )


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout, a git repository that ignores vendor/, with one pinned wheel and two patches."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("/vendor/*\n")
    monkeypatch.setattr(vendor, "VENDOR", tmp_path / "vendor")
    monkeypatch.setattr(vendor, "PATCHES", tmp_path / "patches")
    cache, patches = tmp_path / "vendor" / ".cache", tmp_path / "patches" / "toy"
    cache.mkdir(parents=True)
    patches.mkdir(parents=True)
    wheel = cache / "toy-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("toy/model.py", MODEL)
        archive.writestr("toy/dos.py", "a\r\nb\r\n")
        archive.writestr("toy-1.0.dist-info/METADATA", "Name: toy\nVersion: 1.0\n")
    (tmp_path / "vendor" / "sources.toml").write_text(
        f'# a comment\n[toy]\nname = "toy"\nversion = "1.0"\nfile = "{wheel.name}"\n'
        f'sha256 = "{hashlib.sha256(wheel.read_bytes()).hexdigest()}"\nlicence = "MIT"\ntree_sha256 = ""\n'
    )
    (patches / "series").write_text(f"# in this order\n{FIRST}\n{SECOND}\n")
    (patches / FIRST).write_text(_patch(1, 3, "third"))
    (patches / SECOND).write_text(_patch(2, 10, "tenth"))
    vendor.repatch("toy")
    return tmp_path


def _model(checkout: Path) -> Path:
    return checkout / "vendor" / "toy" / "toy" / "model.py"


def _patched() -> str:
    return MODEL.replace("line 3\n", "third\n").replace("line 10\n", "tenth\n")


def test_build_applies_the_series_inside_a_repository_that_ignores_it(toy: Path) -> None:
    assert vendor.build("toy") == toy / "vendor" / "toy"
    assert _model(toy).read_text() == _patched()
    vendor.check("toy")


def test_build_is_idempotent(toy: Path) -> None:
    vendor.build("toy")
    inode = _model(toy).stat().st_ino
    vendor.build("toy")
    assert _model(toy).stat().st_ino == inode


def test_build_follows_changed_patches_if_the_tree_is_unedited(toy: Path) -> None:
    vendor.build("toy")
    (toy / "patches" / "toy" / SECOND).write_text(_patch(2, 10, "zehnte"))
    with pytest.raises(InputError, match="older than its pinned wheel or patches"):
        vendor.check("toy")
    with pytest.raises(InputError, match="not the tree recorded"):
        vendor.build("toy")
    assert _model(toy).read_text() == _patched(), "the former tree must survive a failed build"
    vendor.clean("toy")
    vendor.repatch("toy")
    vendor.build("toy")
    assert "zehnte" in _model(toy).read_text()


def test_caches_and_outputs_are_no_edits(toy: Path) -> None:
    tree = vendor.build("toy")
    for path in ["toy/__pycache__/model.cpython-311.pyc", "output_1/best_model.ckpt"]:
        (tree / path).parent.mkdir()
        (tree / path).write_text("x")
    vendor.check("toy")


def test_wrong_hash(toy: Path) -> None:
    wheel = toy / "vendor" / ".cache" / "toy-1.0-py3-none-any.whl"
    wheel.write_bytes(wheel.read_bytes() + b"x")
    with pytest.raises(InputError, match=r"toy-1\.0-py3-none-any\.whl is not the pinned toy 1\.0"):
        vendor.build("toy")
    assert not (toy / "vendor" / "toy").exists()


def test_fetched_file_with_the_wrong_hash_is_not_kept(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = toy / "vendor" / ".cache" / "toy-1.0-py3-none-any.whl"
    wheel.unlink()

    def download(command: list[str], **_: object) -> "subprocess.CompletedProcess[str]":
        (Path(command[command.index("--dest") + 1]) / wheel.name).write_text("another file")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", download)
    with pytest.raises(InputError, match="is not the pinned"):
        vendor.build("toy")
    assert not wheel.exists()


def test_no_network(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (toy / "vendor" / ".cache" / "toy-1.0-py3-none-any.whl").unlink()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(
        InputError, match=r"cannot be fetched from the package index \(.*put it into"
    ) as error:
        vendor.build("toy")
    assert "\n" not in str(error.value)


def test_patch_that_does_not_apply(toy: Path) -> None:
    (toy / "patches" / "toy" / SECOND).write_text(_patch(2, 10, "tenth").replace(" line 11", " line 12"))
    with pytest.raises(InputError, match=rf"{SECOND} does not apply to toy/model\.py"):
        vendor.build("toy")
    assert not (toy / "vendor" / "toy").exists()


def test_patch_missing_from_the_series(toy: Path) -> None:
    (toy / "patches" / "toy" / "series").write_text(f"{FIRST}\n")
    with pytest.raises(InputError, match=rf"{SECOND} is missing from .*series"):
        vendor.build("toy")


def test_series_names_a_missing_patch(toy: Path) -> None:
    (toy / "patches" / "toy" / SECOND).unlink()
    with pytest.raises(InputError, match=rf"series lists {SECOND}, which does not exist"):
        vendor.build("toy")


def test_a_series_out_of_order_is_refused_even_if_it_applies(toy: Path) -> None:
    (toy / "patches" / "toy" / "series").write_text(f"{SECOND}\n{FIRST}\n")
    with pytest.raises(InputError, match=rf"series has {SECOND} where its numbers put {FIRST}"):
        vendor.build("toy")


@pytest.mark.parametrize("junk", ["junk\n", "\nimport os\n", "-- \n2.40\n", "+line 99\n", " line 99\n"])
def test_junk_after_a_patch(toy: Path, junk: str) -> None:
    patch = toy / "patches" / "toy" / SECOND
    text = patch.read_text().rstrip("\n") + "\n"
    patch.write_text(text + junk)
    line = text.count("\n") + 1 + junk.startswith("\n")
    with pytest.raises(InputError, match=rf"{SECOND}: line {line} belongs to no change"):
        vendor.build("toy")
    assert not (toy / "vendor" / "toy").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"sources\.toml: cannot be read \(No such file"),
        ("[toy\n", r"sources\.toml: is not a table of pins \("),
        ('[toy]\nname = "toy"\n', r"is not a table of pins \(.*missing .*'version'"),
        ("toy = 1\n", r"sources\.toml: is not a table of pins \("),
    ],
)
def test_pins_that_are_missing_or_broken(
    toy: Path, capsys: pytest.CaptureFixture[str], content: str | None, message: str
) -> None:
    pins = toy / "vendor" / "sources.toml"
    pins.unlink()
    if content:
        pins.write_text(content)
    assert vendor.main(["build"]) == 2
    said = capsys.readouterr().err
    assert re.search(message, said)
    assert said.count("\n") == 1


def test_a_cached_wheel_that_is_a_folder(toy: Path) -> None:
    wheel = toy / "vendor" / ".cache" / "toy-1.0-py3-none-any.whl"
    wheel.unlink()
    wheel.mkdir()
    with pytest.raises(InputError, match=r"any\.whl cannot be read \(Is a directory\); remove it"):
        vendor.build("toy")


@pytest.mark.parametrize("call", [vendor.build, vendor.check])
def test_hand_edited_tree(toy: Path, call: object) -> None:
    vendor.build("toy")
    _model(toy).write_text(_patched() + "mine\n")
    assert callable(call)
    with pytest.raises(
        InputError, match=r"vendor/toy/toy/model\.py was edited by hand.*repatch.*vendor-clean"
    ):
        call("toy")
    assert _model(toy).read_text().endswith("mine\n")


def test_added_and_removed_files_are_edits(toy: Path) -> None:
    tree = vendor.build("toy")
    (tree / "new.py").write_text("")
    (tree / "toy" / "dos.py").unlink()
    with pytest.raises(InputError, match=r"vendor/toy/new\.py and 1 more was edited"):
        vendor.check("toy")


def _commit(tree: Path, *arguments: str) -> None:
    """Commits everything in a tree as its user would."""
    identity = ("-c", "user.name=me", "-c", "user.email=me@localhost", "-c", "sequence.editor=true")
    for command in (["add", "--all"], *([*words.split()] for words in arguments)):
        subprocess.run(["git", *identity, *command], cwd=tree, check=True, capture_output=True)


@pytest.mark.parametrize("first", [False, True])
def test_repatch_round_trip(toy: Path, first: bool) -> None:
    tree = vendor.build("toy")
    edited = _patched().replace("line 17\n", "seventeenth\n")
    _model(toy).write_text(edited)
    (tree / "script.py").write_text("print()\n")
    (tree / "toy" / "dos.py").write_bytes(b"a\r\nc\r\n")
    if first:
        _commit(tree, "commit --fixup HEAD~", "rebase --interactive --autosquash wheel")
    vendor.repatch("toy")
    vendor.build("toy")
    patches = toy / "patches" / "toy"
    changed, kept = (FIRST, SECOND) if first else (SECOND, FIRST)
    assert "+seventeenth" in (patches / changed).read_text()
    assert "seventeenth" not in (patches / kept).read_text()
    assert "\nSubject: [PATCH" in (patches / changed).read_text()
    assert "\nWhy: to test.\n" in (patches / changed).read_text()
    assert (toy / "vendor" / "sources.toml").read_text().startswith("# a comment")
    vendor.clean("toy")
    vendor.build("toy")
    assert _model(toy).read_text() == edited
    assert (tree / "script.py").read_text() == "print()\n"
    assert (tree / "toy" / "dos.py").read_bytes() == b"a\r\nc\r\n"


def test_a_new_commit_is_a_new_patch(toy: Path) -> None:
    tree = vendor.build("toy")
    _model(toy).write_text(_patched() + "mine\n")
    _commit(tree, "commit --message Third")
    with pytest.raises(InputError, match=r"vendor/toy/toy/model\.py was edited by hand"):
        vendor.check("toy")
    vendor.repatch("toy")
    patches = toy / "patches" / "toy"
    assert (patches / "series").read_text().split() == [FIRST, SECOND, "0003-Third.patch"]
    vendor.clean("toy")
    vendor.build("toy")
    assert _model(toy).read_text() == _patched() + "mine\n"


def test_repatch_changes_nothing_if_the_patches_do_not_give_the_tree(toy: Path) -> None:
    tree = vendor.build("toy")
    _commit(tree, "commit --allow-empty --message Nothing")  # which no patch can hold
    before = {path.name: path.read_text() for path in (toy / "patches" / "toy").iterdir()}
    with pytest.raises(InputError):
        vendor.repatch("toy")
    assert {path.name: path.read_text() for path in (toy / "patches" / "toy").iterdir()} == before


def test_repatch_refuses_when_patches_changed_since_the_build(toy: Path) -> None:
    vendor.build("toy")
    (toy / "patches" / "toy" / SECOND).write_text(_patch(2, 10, "zehnte"))
    with pytest.raises(InputError, match="changed after vendor/toy was built"):
        vendor.repatch("toy")


def test_a_folder_of_other_origin_is_left_alone(toy: Path) -> None:
    (toy / "vendor" / "toy").mkdir()
    with pytest.raises(InputError, match="was not made by `make vendor`"):
        vendor.build("toy")


def test_command_line(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert vendor.main(["build"]) == 0
    assert vendor.main(["check", "toy"]) == 0
    _model(toy).write_text("")
    assert vendor.main(["check", "toy"]) == 2
    assert capsys.readouterr().err.startswith("error: vendor/toy/toy/model.py was edited")
    assert vendor.main(["clean"]) == 0
    assert vendor.main(["check", "tyo"]) == 2
    assert "did you mean 'toy'?" in capsys.readouterr().err


def test_importing_it_needs_neither_torch_nor_pymatgen() -> None:
    code = "import sys, reproduction.upstream.vendor; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    root = Path(vendor.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 0


@pytest.mark.parametrize("name", vendor.sources())
def test_the_vendored_tree_is_what_the_patches_give(name: str) -> None:
    vendor.check(name)


def test_patches_are_thin() -> None:
    """A header that says why, and at most one line of context on either side of a change."""
    for patch in sorted(PATCHES.glob("*/*.patch")):
        text = patch.read_text()
        for field in ["Subject: [PATCH ", "\nWhy: ", "\nUpstream: ", "\nForwarded: ", "\nPaper: "]:
            assert field in text.partition("diff --git")[0], f"{patch.name} lacks {field.strip()}"
        for hunk in text.split("\n@@ ")[1:]:
            marks = "".join(line[:1] for line in hunk.split("\ndiff --git")[0].splitlines()[1:])
            too_much = marks.startswith("  ") or marks.endswith("  ") or "   " in marks
            assert not too_much, patch.name
