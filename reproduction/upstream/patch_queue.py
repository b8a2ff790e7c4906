"""A series of patches: numbered files of one purpose each, applied in order and without fuzz."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from hybrid.errors import InputError


def read_series(folder: Path) -> list[Path]:
    """The patches in order.

    Raises:
        InputError: the series names a missing file, or leaves out one that is there.
    """
    series = folder / "series"
    if not series.exists():
        raise InputError(f"{series} is missing")
    names = [line for line in series.read_text().splitlines() if line and not line.startswith("#")]
    present = {path.name for path in folder.glob("*.patch")}
    for name in names:
        if name not in present:
            raise InputError(f"{series} names {name}, which is not there")
    for name in sorted(present.difference(names)):
        raise InputError(f"{folder / name} is missing from {series}")
    return [folder / name for name in names]


def series_hash(patches: list[Path]) -> str:
    """Changes when a patch or the order does."""
    digest = hashlib.sha256()
    for patch in patches:
        digest.update(patch.name.encode() + b"\0" + hashlib.sha256(patch.read_bytes()).digest())
    return digest.hexdigest()


def apply_patch(patch: Path, tree: Path) -> None:
    """Applies a patch to a tree; every context line must match.

    Raises:
        InputError: it does not apply; the message names the patch and the first file.
    """
    outcome = _git("apply", "--whitespace=nowarn", str(patch.resolve()), folder=tree)
    if outcome.returncode:
        reason = outcome.stderr.decode().strip()
        failed = re.search(r"error: (?:patch failed: )?(\S+?)(?::\d+|: .*)?$", reason, re.MULTILINE)
        where = failed[1] if failed else reason
        raise InputError(f"{patch} does not apply to {where}")


def diff_trees(before: Path, after: Path) -> str:
    """The difference of two trees as a patch, with one line of context."""
    with tempfile.TemporaryDirectory() as scratch:
        for tree, name in [(before, "a"), (after, "b")]:
            for path in tree_files(tree):
                copy = Path(scratch, name, path)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(tree / path, copy)
        options = ["--no-index", "--no-prefix", "--no-renames", "--no-color", "--no-ext-diff", "-U1"]
        diff = _git("diff", *options, "a", "b", folder=Path(scratch)).stdout.decode()
    if "\nBinary files " in diff:
        raise InputError("a binary file was changed; patches hold text only")
    # blob names of --no-index diffs serve nobody, and a new file's header would name b twice
    diff = re.sub(r"^index .*\n", "", diff, flags=re.MULTILINE)
    return re.sub(r"^diff --git [ab]/(\S+) ", r"diff --git a/\1 ", diff, flags=re.MULTILINE)


def header(patch: Path) -> str:
    """What stands above the diff."""
    return patch.read_text().partition("diff --git ")[0]


def tree_files(tree: Path) -> list[str]:
    """The paths in a tree that count: no caches, no run's outputs, no stamp."""
    paths = [path.relative_to(tree) for path in tree.rglob("*") if path.is_file()]
    ignored = [p for p in paths if "__pycache__" in p.parts or p.parts[0].startswith(("output_", "."))]
    return sorted(p.as_posix() for p in set(paths).difference(ignored))


def file_hashes(tree: Path) -> dict[str, str]:
    """The sha256 of each file of a tree by path."""
    return {path: hashlib.sha256((tree / path).read_bytes()).hexdigest() for path in tree_files(tree)}


def tree_hash(files: dict[str, str]) -> str:
    """One hash of a tree from `file_hashes`."""
    listing = "".join(f"{digest}  {path}\n" for path, digest in sorted(files.items()))
    return hashlib.sha256(listing.encode()).hexdigest()


def _git(*arguments: str, folder: Path) -> "subprocess.CompletedProcess[bytes]":
    """Runs git on plain files, blind to the repository around them and to the user's settings.

    Inside a repository `git apply` silently skips what that repository ignores, such as vendor/.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment |= {
        "GIT_CEILING_DIRECTORIES": str(folder.resolve().parent),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "LC_ALL": "C",
    }
    try:
        # bytes: text mode would lose carriage returns
        return subprocess.run(["git", *arguments], cwd=folder.resolve(), env=environment, capture_output=True)
    except FileNotFoundError as error:
        raise InputError("git is needed to apply the patches and is not installed") from error
