"""Folders for cached results."""

import os
import shutil
from pathlib import Path

from platformdirs import user_cache_path

from hybrid.atomic import atomic_file
from hybrid.errors import InputError


def user_cache() -> Path:
    """The folder that HYBRID_CACHE names, otherwise the user's cache folder."""
    return Path(os.environ.get("HYBRID_CACHE") or user_cache_path("hybrid")).expanduser()


def nearby(file: Path) -> Path:
    """A copy in the folder that HYBRID_SCRATCH names, on a disk of this machine; without one the file itself.

    The file's name has to tell its content.
    """
    scratch = os.environ.get("HYBRID_SCRATCH")
    if not scratch or not file.is_file():
        return file
    copy = Path(scratch).expanduser() / file.name
    try:
        if not copy.exists():
            with atomic_file(copy) as temporary:
                shutil.copyfile(file, temporary)
    except (OSError, InputError):  # the disk is full, for example
        return file
    return copy
