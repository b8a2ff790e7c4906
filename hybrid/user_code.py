"""Objects from a user's own Python file, named as FILE.py:NAME: networks, poolings, descriptors."""

import contextlib
import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from hybrid.errors import InputError, unknown_name


@dataclass(frozen=True)
class UserCode:
    """An object of a user's.

    Attributes:
        where: FILE.py:NAME without the folder, or another name of the object.
        path: of the file; none: the object was given in Python.
        digest: sha256 of the file.
        value: the object.
    """

    where: str
    path: Path | None
    digest: str
    value: Any


@dataclass(frozen=True)
class _File:
    path: Path
    digest: str
    module: ModuleType


_FILES: dict[str, _File] = {}  # by file name: those that this process has run
_OBJECTS: dict[str, UserCode] = {}  # by name: those that were given in Python


def names_a_file(name: str) -> bool:
    """Whether a name has the form FILE.py:NAME."""
    return name.rpartition(":")[0].endswith(".py")


def is_user_code(name: str) -> bool:
    """Whether a name has the form FILE.py:NAME, or is that of an object that was given in Python."""
    return names_a_file(name) or name in _OBJECTS


def run_user_file(path: Path) -> None:
    """Runs a user's file, whose objects can be named then; what it registers is there too.

    Raises:
        InputError: there is no such file, it cannot be run, or another one of its name was run before.
    """
    if path.suffix != ".py" or not path.is_file():
        raise InputError(f"{path}: no such Python file")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    before = _FILES.get(path.name)
    if before and before.digest != digest:
        raise InputError(f"{path}: {before.path}, which has been run, has the same name; rename one of them")
    if not before:
        _FILES[path.name] = _File(path, digest, _run(path))


def resolve_name(where: str) -> str:
    """FILE.py:NAME without the folder, after the file was run; any other name as it is.

    Raises:
        InputError: see `run_user_file`.
    """
    file, _, name = where.rpartition(":")
    if where.endswith(".py"):
        raise InputError(f"{where}: should be FILE.py:NAME, as in my_network.py:MyNetwork")
    if not file.endswith(".py"):
        return where
    run_user_file(Path(file))
    return f"{Path(file).name}:{name}"


def register_object(name: str, value: Any) -> str:
    """Makes an object of the caller's available under a name, which is returned."""
    _OBJECTS[name] = UserCode(name, None, "", value)
    return name


def registered_objects() -> set[str]:
    """The names of the objects that were given in Python."""
    return set(_OBJECTS)


def user_code(where: str) -> UserCode:
    """The object called FILE.py:NAME, of a file that was run, or that was given in Python.

    Raises:
        InputError: the file was not given, or has no such object.
    """
    if where in _OBJECTS:
        return _OBJECTS[where]
    file, _, name = where.rpartition(":")
    if file not in _FILES:
        raise InputError(
            f"{where}: the code of {file} is not stored with a model; give the file by --code {file}"
        )
    known = _FILES[file]
    module = known.module
    if not hasattr(module, name):
        own = [k for k, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
        raise unknown_name(f"name in {known.path}", name, own)
    return UserCode(where, known.path, known.digest, getattr(module, name))


def digests() -> dict[str, str]:
    """The sha256 of each file that was run, by file name."""
    return {name: file.digest for name, file in sorted(_FILES.items())}


def check_digests(known: dict[str, str]) -> None:
    """Checks that files are those that a model was trained with.

    Raises:
        InputError: one was not given, or has changed.
    """
    now = digests()
    for name, digest in known.items():
        if name not in now:
            raise InputError(f"{name}: the model was trained with this file; give it by --code {name}")
        if now[name] != digest:
            raise InputError(f"{_FILES[name].path}: differs from the file that the model was trained with")


def _run(path: Path) -> ModuleType:
    """The file as a module, under a name that no package has; it can import files beside it."""
    name = f"user_code_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.append(str(path.resolve().parent))
    try:
        with running(path):
            spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.resolve().parent))
        del sys.modules[name]  # so that its functions are sent to other processes by value
    return module


@contextlib.contextmanager
def running(path: Path | None) -> Iterator[None]:
    """Turns whatever a user's code raises, an exit too, into an error that names their file and line.

    Args:
        path: the user's file; without one, errors are those of the caller's own session and stay as they are.

    Raises:
        InputError: the code raised; the user's part of the traceback is below the sentence.
    """
    try:
        yield
    except (InputError, KeyboardInterrupt):
        raise
    except BaseException as error:
        if path is None:
            raise
        stack = traceback.extract_tb(error.__traceback__)
        theirs = [i for i, frame in enumerate(stack) if Path(frame.filename).resolve() == path.resolve()]
        said = "".join(traceback.format_exception_only(error)).strip()
        if not theirs:  # a mistake in its syntax
            raise InputError(f"{path}: cannot be run\n{said}") from error
        line = stack[theirs[-1]].lineno
        below = "".join(traceback.format_list(stack[theirs[0] :]))
        raise InputError(f"{path}, line {line}: {said.splitlines()[-1]}\n{below}{said}") from error
