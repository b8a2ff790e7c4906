"""Outputs of untrained networks: what input and pooling alone can distinguish, before any training."""

from collections.abc import Sequence

import numpy as np
import torch
from pymatgen.core import Structure

from hybrid.data.folder import ATOM_INIT, read_atom_features
from hybrid.graphs.merged_crystal import MergedCrystalGraphs
from hybrid.models.cgcnn import CGCNN, atom_feature_table
from hybrid.settings import GraphSettings, ModelSettings
from reproduction.data.chains import DOUBLE_OFFSET, chain_of_set, double_chain


@torch.inference_mode()
def untrained_outputs(
    structures: Sequence[Structure], max_neighbours: int, radius: float, seed: int, pooling: str = "mean"
) -> np.ndarray:
    """Outputs (n_structures,) of a default CGCNN with random weights, in double precision.

    Args:
        structures: crystals.
        max_neighbours: number of nearest neighbours of an atom.
        radius: cut-off in Å.
        seed: draws the weights.
        pooling: the readout's.
    """
    settings = GraphSettings(max_neighbours=max_neighbours, radius=radius)
    table = atom_feature_table(read_atom_features(ATOM_INIT))
    torch.manual_seed(seed)
    network = CGCNN(table, settings, ModelSettings(pooling=pooling)).double().eval()
    graphs = MergedCrystalGraphs.from_structures(structures, settings).to("cpu", torch.float64)
    output: np.ndarray = network(graphs.batch(torch.arange(len(graphs))))[:, 0].numpy()
    return output


def output_difference(
    crystals: tuple[Structure, Structure], max_neighbours: int, seeds: Sequence[int]
) -> float:
    """Largest difference of the outputs of untrained CGCNN for two crystals, relative to the outputs' size.

    Args:
        crystals: the two crystals.
        max_neighbours: number of nearest neighbours of an atom.
        seeds: one untrained network for each.
    """
    outputs = np.array([untrained_outputs(crystals, max_neighbours, 8.0, seed) for seed in seeds])
    return float(np.abs(outputs[:, 0] - outputs[:, 1]).max() / np.sqrt(np.mean(outputs**2)))


def double_chain_ratios(
    offsets: Sequence[float] = (DOUBLE_OFFSET, 20.0), seeds: Sequence[int] = (0, 1, 2)
) -> list[tuple[str, float, float]]:
    """How a copy beside a chain changes the output: (pooling, offset in Å, mean of output / single's).

    A copy beyond the cut-off is a separate graph. With any weights, the mean over atoms does not change and
    the sum doubles, although a is the same.
    """
    single = chain_of_set("single", 6, 0)
    chains = [single, *(double_chain(single, offset) for offset in offsets)]
    rows = []
    for pooling in ("mean", "sum"):
        outputs = np.array([untrained_outputs(chains, 12, 8.0, seed, pooling) for seed in seeds])
        ratios = (outputs[:, 1:] / outputs[:, :1]).mean(axis=0)
        rows += [(pooling, offset, float(ratio)) for offset, ratio in zip(offsets, ratios, strict=True)]
    return rows
