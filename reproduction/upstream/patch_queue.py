"""A series of patches as commits: `git am` applies them to a tree, `git format-patch` writes them again."""

import hashlib
import os
import re
import subprocess
from pathlib import Path

from hybrid.errors import InputError

WHEEL = "wheel"  # the tag of the commit that the patches start from
NO_EDITS = "__pycache__/\n/output_*/\n/.*\n"  # caches and outputs of runs
DATE = "2000-01-01T00:00:00+00:00"  # the same patches are the same commits
FORMAT = ("-U1", "--zero-commit", "--no-signature", "--no-stat", "--no-renames", "--quiet")


def read_series(folder: Path) -> list[Path]:
    """The patches in order.

    Raises:
        InputError: the series lists a missing file, lacks an existing one, or is out of order.
    """
    series = folder / "series"
    if not series.exists():
        raise InputError(f"{series} is missing")
    names = [line for line in series.read_text().splitlines() if line and not line.startswith("#")]
    present = {path.name for path in folder.glob("*.patch")}
    for name in names:
        if name not in present:
            raise InputError(f"{series} lists {name}, which does not exist")
    for name in sorted(present.difference(names)):
        raise InputError(f"{folder / name} is missing from {series}")
    for name, first in zip(names, sorted(names), strict=True):
        if name != first:
            raise InputError(f"{series} has {name} where its numbers put {first}")
    return [folder / name for name in names]


def start(tree: Path, message: str) -> None:
    """Makes an unpatched tree a repository."""
    git("init", "--quiet", tree=tree)
    (tree / ".git" / "info" / "exclude").write_text(NO_EDITS)
    git("add", "--all", tree=tree)
    git("commit", "--quiet", "--message", message, tree=tree)
    git("tag", WHEEL, tree=tree)


def apply_patch(patch: Path, tree: Path) -> None:
    """Commits a patch; every context line must match.

    Raises:
        InputError: it does not apply, or holds more than changes; the message names the patch and the first
            file or line.
    """
    _refuse_junk(patch)
    try:
        git("am", "--quiet", "--keep-cr", "--whitespace=nowarn", str(patch.resolve()), tree=tree)
    except subprocess.CalledProcessError as error:
        failed = re.search(r"error: (?:patch failed: )?(\S+?)(?::\d+|: .*)?$", error.stderr, re.MULTILINE)
        raise InputError(f"{patch} does not apply to {failed[1] if failed else error.stderr}") from error


def _refuse_junk(patch: Path) -> None:
    """Stops at a line after the header that belongs to no change, which git would pass over."""
    in_header, before, after = True, 0, 0  # lines that a hunk still has, before and after its change
    for number, line in enumerate(patch.read_text(errors="replace").split("\n"), start=1):
        in_header = in_header and not line.startswith("diff --git ")
        if before or after:
            before -= line[:1] not in ("+", "\\")
            after -= line[:1] not in ("-", "\\")
        elif hunk := re.match(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@", line):
            before, after = (int(size or 1) for size in hunk.groups())
        elif line and not (in_header or re.match(r"(diff|index|---|\+\+\+|new|old|deleted|\\) ", line)):
            raise InputError(f"{patch}: line {number} belongs to no change: {line[:60]}")


def write_patches(tree: Path, folder: Path) -> list[Path]:
    """Writes the commits after the wheel's as patches, with one line of context; returns them in order."""
    git("format-patch", *FORMAT, "--output-directory", str(folder), WHEEL, tree=tree)
    return sorted(folder.glob("*.patch"))


def fold_edit(tree: Path) -> None:
    """Commits what is edited in a tree as part of its last commit."""
    if changed_files(tree, "HEAD"):
        git("add", "--all", tree=tree)
        git("commit", "--quiet", "--amend", "--no-edit", tree=tree)


def changed_files(tree: Path, commit: str) -> list[str]:
    """The files of a tree that are not as in a commit."""
    git("add", "--all", "--intent-to-add", tree=tree)
    return git("diff", "--name-only", "--no-renames", commit, tree=tree).splitlines()


def tree_hash(tree: Path) -> str:
    """One sha256 of all files of a tree and their paths."""
    paths = sorted(git("ls-files", tree=tree).splitlines())
    listing = "".join(f"{hashlib.sha256((tree / path).read_bytes()).hexdigest()}  {path}\n" for path in paths)
    return hashlib.sha256(listing.encode()).hexdigest()


def git(*arguments: str, tree: Path) -> str:
    """Runs git in a tree, without the surrounding repository and the user's settings; returns its output.

    Raises:
        InputError: git is not installed.
        CalledProcessError: the command failed.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment |= {
        "GIT_CEILING_DIRECTORIES": str(tree.resolve().parent),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "LC_ALL": "C",
    }
    for who in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{who}_NAME": "hybrid", f"GIT_{who}_EMAIL": "hybrid@localhost"}
        environment[f"GIT_{who}_DATE"] = DATE
    command = ["git", "-c", "core.quotePath=off", "-c", "core.abbrev=10", "-c", "gc.auto=0", *arguments]
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, check=True, errors="replace"
        )
    except FileNotFoundError as error:
        raise InputError("git is needed to apply the patches and is not installed") from error
    return done.stdout.strip()
