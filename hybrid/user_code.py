"""Networks, poolings and descriptors in a user's own Python file, called FILE.py:NAME."""

import contextlib
import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from modulefinder import ModuleFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from hybrid.errors import InputError, unknown_name
from hybrid.reading import read_bytes


@dataclass(frozen=True)
class UserCode:
    """A user's object, such as a class of networks."""

    where: str  # FILE.py:NAME without the folder, or another name of the object
    path: Path | None  # of the file; None: the object was registered in Python
    digest: str  # sha256 of the file, and of those in its folder that it imports
    value: Any  # the object


_FILES: dict[str, UserCode] = {}  # by file name: those that this process has run
_OBJECTS: dict[str, UserCode] = {}  # by name: those that were registered in Python


def names_a_file(name: str) -> bool:
    """Whether a name has the form FILE.py:NAME."""
    return name.rpartition(":")[0].endswith(".py")


def is_user_code(name: str) -> bool:
    """Whether a name has the form FILE.py:NAME, or is that of a registered object."""
    return names_a_file(name) or name in _OBJECTS


def run_user_file(path: Path) -> None:
    """Runs a user's file once. Its objects, and what it registers, are then known by name.

    Raises:
        InputError: there is no such file, it cannot be run, or it or another of this name was run before with
            other content.
    """
    if path.suffix != ".py" or not path.is_file():
        raise InputError(f"{path}: no such Python file")
    before = _FILES.get(path.name)
    if not before:
        module = _run(path)
        _FILES[path.name] = UserCode(path.name, path, _digest(path), module)
    elif before.digest != _digest(path):
        assert before.path is not None
        if path.resolve() == before.path.resolve():
            raise InputError(
                f"{path}: it, or a file that it imports, has changed since it was run; start Python anew"
            )
        raise InputError(
            f"{path}: another file of this name, {before.path}, was run before; rename one of them"
        )


def resolve_name(where: str) -> str:
    """Runs the file of FILE.py:NAME and returns the name without the folder; returns other names unchanged.

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
    """Registers an object under a name, which is returned."""
    _OBJECTS[name] = UserCode(name, None, "", value)
    return name


def registered_objects() -> set[str]:
    """The names of the objects that were registered in Python."""
    return set(_OBJECTS)


def user_code(where: str) -> UserCode:
    """The object called FILE.py:NAME in a file that was run, or a registered object.

    Raises:
        InputError: the file was not run, or has no such object.
    """
    if where in _OBJECTS:
        return _OBJECTS[where]
    file, _, name = where.rpartition(":")
    if file not in _FILES:
        raise InputError(
            f"{where}: a model is stored without the code of {file}; give the file by --code {file}"
        )
    known = _FILES[file]
    module = known.value
    if not hasattr(module, name):
        own = [k for k, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
        raise unknown_name(f"name in {known.path}", name, own)
    return UserCode(where, known.path, known.digest, getattr(module, name))


def digests() -> dict[str, str]:
    """The sha256 of each file that was run, with those in its folder that it imports, by file name."""
    return {name: file.digest for name, file in sorted(_FILES.items())}


def check_digests(known: dict[str, str]) -> None:
    """Raises an InputError if a file that a model was trained with was not run, or differs now."""
    now = digests()
    for name, digest in known.items():
        if name not in now:
            raise InputError(f"{name}: the model was trained with this file; give it by --code {name}")
        if now[name] != digest:
            raise InputError(
                f"{_FILES[name].path}: has changed since the model was trained, or a file that it imports has"
            )


def _digest(path: Path) -> str:
    """See `UserCode`."""
    finder = ModuleFinder(path=[str(path.resolve().parent)])  # reads the imports, and runs nothing
    with running(path):
        finder.run_script(str(path))
    del finder.modules["__main__"]
    imported = [getattr(module, "__file__", None) for _, module in sorted(finder.modules.items())]
    files = [path, *(Path(file) for file in imported if file)]
    return hashlib.sha256(b"".join(map(read_bytes, files))).hexdigest()


def _run(path: Path) -> ModuleType:
    """Runs the file as a module under a name of its own; it can import files in its folder."""
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
        del sys.modules[name]  # so that its functions are pickled by value for other processes
    return module


@contextlib.contextmanager
def running(path: Path | None) -> Iterator[None]:
    """Converts any exception of a user's code, also an exit, to an error with its file and line.

    Without a path the code is that of the Python session, whose errors are not converted.

    Raises:
        InputError: the code raised an exception; the user's part of the traceback is below the sentence.
    """
    try:
        yield
    except (InputError, KeyboardInterrupt):
        raise
    except BaseException as error:
        if path is None:
            raise
        raise InputError(blamed(error, {path}) or f"{path}: cannot be run\n{_said(error)}") from error


def blamed(error: BaseException, paths: Iterable[Path] | None = None) -> str | None:
    """The message for an error in a user's file; None if it is in none of these, or of those that were run.

    It is a sentence with file and line, and below it the user's part of the traceback.
    """
    files = (file.path for file in _FILES.values() if file.path) if paths is None else paths
    known = {path.resolve(): path for path in files}
    stack = traceback.extract_tb(error.__traceback__)
    theirs = [i for i, frame in enumerate(stack) if Path(frame.filename).resolve() in known]
    if not theirs:
        return None
    last, below = stack[theirs[-1]], "".join(traceback.format_list(stack[theirs[0] :]))
    said, path = _said(error), known[Path(last.filename).resolve()]
    return f"{path}, line {last.lineno}: {said.splitlines()[-1]}\n{below}{said}"


def _said(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip()
