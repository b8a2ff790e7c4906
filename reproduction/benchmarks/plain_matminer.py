"""One measurement of plain matminer: plain_matminer.py descriptors FOLDER."""

import sys
import warnings
from pathlib import Path

from clock import report

from hybrid.data.folder import read_folder
from hybrid.descriptors.compute import describe

warnings.simplefilter("ignore")
structures = list(read_folder(Path(sys.argv[2])).structures())


def describe_all(count: int | None = None) -> None:
    """The descriptors of the first `count` structures."""
    for structure in structures[:count]:
        describe(structure, backend="matminer")


report(describe_all, warm_up=lambda: describe_all(1))
