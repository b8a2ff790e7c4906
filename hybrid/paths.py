"""Where the checkout keeps its things."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENDOR = ROOT / "vendor"
PATCHES = ROOT / "patches"
DATASETS = ROOT / "datasets"
EXPERIMENTS = ROOT / "experiments"
RESULTS = ROOT / "results"
WORKFLOW = ROOT / "workflow"
