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
    """What a user's file defines.

    Attributes:
        name: of the object in the file.
        path: of the file.
        digest: sha256 of the file.
        value: the object.
    """

    name: str
    path: Path
    digest: str
    value: Any


def is_user_code(name: str) -> bool:
    """Whether a name has the form FILE.py:NAME."""
    return name.rpartition(":")[0].endswith(".py")


def load_user_code(where: str) -> UserCode:
    """Runs a user's file and takes an object from it.

    Args:
        where: FILE.py:NAME.

    Raises:
        InputError: there is no such file or no such name in it, or the file cannot be run.
    """
    file, _, name = where.rpartition(":")
    path = Path(file)
    if not is_user_code(where) or not name:
        raise InputError(f"{where}: should be FILE.py:NAME, as in my_network.py:MyNetwork")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    module = _run(path)
    if not hasattr(module, name):
        own = [k for k, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
        raise unknown_name(f"name in {path}", name, own)
    return UserCode(name, path, hashlib.sha256(path.read_bytes()).hexdigest(), getattr(module, name))


def _run(path: Path) -> ModuleType:
    """The file as a module, under a name that no package has; files beside it can be imported."""
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
        theirs = [i for i, frame in enumerate(stack) if Path(frame.filename) == path]
        said = "".join(traceback.format_exception_only(error)).strip()
        if not theirs:  # a mistake in its syntax
            raise InputError(f"{path}: cannot be run\n{said}") from error
        line = stack[theirs[-1]].lineno
        below = "".join(traceback.format_list(stack[theirs[0] :]))
        raise InputError(f"{path}, line {line}: {said.splitlines()[-1]}\n{below}{said}") from error
