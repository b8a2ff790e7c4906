"""Where the checkout keeps its things."""

import os
from pathlib import Path

from platformdirs import user_cache_path

ROOT = Path(__file__).resolve().parents[1]
VENDOR = ROOT / "vendor"
PATCHES = ROOT / "patches"
DATASETS = ROOT / "datasets"
EXPERIMENTS = ROOT / "experiments"
RESULTS = ROOT / "results"
WORKFLOW = ROOT / "workflow"


def user_cache() -> Path:
    """The folder that HYBRID_CACHE names, otherwise the user's cache folder."""
    return Path(os.environ.get("HYBRID_CACHE") or user_cache_path("hybrid")).expanduser()
