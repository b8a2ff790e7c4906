"""The folder for cached results."""

import os
from pathlib import Path

from platformdirs import user_cache_path


def user_cache() -> Path:
    """The folder that HYBRID_CACHE names, otherwise the user's cache folder."""
    return Path(os.environ.get("HYBRID_CACHE") or user_cache_path("hybrid")).expanduser()
