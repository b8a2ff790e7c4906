"""The folders of the checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENDOR = ROOT / "vendor"
PATCHES = ROOT / "patches"
DATASETS = ROOT / "datasets"
RESULTS = ROOT / "results"
FIGURES = ROOT / "reproduction" / "figures"
REMEDIES = ROOT / "reproduction" / "remedies"
WORKFLOW = ROOT / "reproduction" / "workflow"
