"""How time and memory grow with the number of crystals: a data set, its graphs and descriptors, an epoch.

The crystals are 1,000 of the Materials Project with at most 20 atoms, repeated with other strains of the
volume, so that the mean size of a cell is the same in all sets.
"""

import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from pymatgen.core import Structure

from hybrid.data.folder import read_folder
from hybrid.descriptors.many import write_descriptors
from hybrid.graphs.merged_crystal import MergedCrystalGraphs
from hybrid.settings import GraphSettings
from hybrid.training.choices import chosen_settings
from hybrid.training.run import train
from reproduction.benchmarks.measure import Task
from reproduction.data.recipes import Recipe
from reproduction.data.sources.entries import Entry
from reproduction.data.structures import LOCAL

N_DIFFERENT, EVERY = 1000, 25  # crystals; of 25 one is taken
LARGEST = 20  # atoms
STRAIN = 0.01  # largest, of a length


def building(path: Path, count: str) -> Task:
    """The folder of so many crystals from structures in memory: reduced cells, files, table of structures."""
    structures = _structures()

    def build(n: int = int(count)) -> None:
        entries = islice(_strained(structures), n)
        recipe = Recipe("strained crystals", "CC BY 4.0", entries=lambda: entries, quantity="volume")
        recipe.build(_crystals(path), "V", "Å³/atom")

    return Task(build, 5)


def graphs(path: Path, count: str) -> Task:
    """The graphs of a folder whose structures have been read before."""

    def make(_: int | None = None) -> None:
        for file in (crystals / ".hybrid").glob("graphs-*"):
            file.unlink()
        read_folder(crystals).graphs(GraphSettings(), MergedCrystalGraphs)

    crystals = _prepared(path, count)
    return Task(make, 0)


def descriptors(path: Path, count: str) -> Task:
    """The table of a folder's descriptors."""

    def describe(_: int | None = None) -> None:
        (crystals / ".hybrid" / "descriptors.jsonl").unlink(missing_ok=True)
        write_descriptors(crystals, progress=False)

    crystals = _prepared(path, count)
    return Task(describe, 0)


def epoch(path: Path, count: str) -> Task:
    """Training of one epoch from kept graphs, with the prediction of all crystals at its end."""

    def one_epoch(_: int | None = None) -> None:
        shutil.rmtree(path / "run", ignore_errors=True)
        settings = chosen_settings("cgcnn", "mean", "tuned", epochs=1)
        train(read_folder(crystals), settings, path / "run", device="cpu", progress=False)

    crystals = _prepared(path, count)
    return Task(one_epoch, 0)


def _prepared(path: Path, count: str) -> Path:
    """The folder of so many crystals, built if it does not exist, with its graphs."""
    if not _crystals(path).exists():
        building(path, count).run()
    read_folder(_crystals(path)).graphs(GraphSettings(), MergedCrystalGraphs)
    return _crystals(path)


def _crystals(path: Path) -> Path:
    return path / "crystals"


def _structures() -> list[Structure]:
    small = (structure for _, structure in LOCAL.structures() if len(structure) <= LARGEST)
    return list(islice(small, 0, N_DIFFERENT * EVERY, EVERY))


def _strained(structures: list[Structure]) -> Iterator[Entry]:
    """Any number of crystals."""
    random, number = np.random.default_rng(0), 0
    while True:
        for structure in structures:
            strained = structure.copy()
            strained.scale_lattice(structure.volume * (1 + random.uniform(-STRAIN, STRAIN)) ** 3)
            yield Entry(f"crystal-{number:06d}", strained, {"volume": strained.volume / len(strained)})
            number += 1
