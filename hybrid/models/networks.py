"""The networks by name: which graphs each takes, and how it is built."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch

from torch import Tensor

from hybrid.errors import unknown_name
from hybrid.graphs.composition import CompositionGraphs
from hybrid.graphs.crystal import CrystalGraphs
from hybrid.graphs.kinds import KindGraphs
from hybrid.graphs.line_graph import LineGraphs
from hybrid.models import alignn, cgcnn
from hybrid.models.network import CrystalNetwork
from hybrid.settings import GraphSettings, ModelSettings

PackedGraphs = KindGraphs | CrystalGraphs | LineGraphs | CompositionGraphs
Build = Callable[[Tensor, GraphSettings, ModelSettings, int, int | None, bool], CrystalNetwork]


@dataclass(frozen=True)
class NetworkKind:
    """A network as training, checkpoints and predictions need to know it.

    Attributes:
        name: in checkpoints.
        graphs: the class of its graphs.
        sizes: the fields of ModelSettings that are its own.
        at_once: crystals that are predicted at a time, a matter of memory.
        build: makes one from element features, graph and model settings, the number of descriptors, the
            number of outputs (None: upstream's) and whether it classifies.
        last_layer: the biases in its weights of which there is one an output, as a pattern.
    """

    name: str
    graphs: type[KindGraphs] | type[LineGraphs] | type[CompositionGraphs]
    sizes: tuple[str, ...]
    at_once: int
    build: Build
    last_layer: str

    def n_outputs(self, weights: Mapping[str, Tensor]) -> int:
        """How many outputs a network with these weights has."""
        return sum(len(bias) for name, bias in weights.items() if fnmatch(name, self.last_layer))


def _roost(
    _: Tensor,  # upstream has its own
    __: GraphSettings,  # a formula has no distances
    model: ModelSettings,
    n_descriptors: int,
    n_outputs: int | None,
    classification: bool,
) -> CrystalNetwork:
    from hybrid.models.roost import Roost  # needs a package of its own

    return Roost(model, n_outputs, classification)


_SIZES = ("atom_fea_len", "n_conv", "h_fea_len", "n_h")
CGCNN = NetworkKind("cgcnn", KindGraphs, _SIZES, 256, cgcnn.CGCNN, "fc_out.bias")
ALIGNN = NetworkKind("alignn", LineGraphs, ("alignn",), 32, alignn.ALIGNN, "fc.bias")
ROOST = NetworkKind("roost", CompositionGraphs, ("roost",), 1024, _roost, "output_nns.*.fc_out.bias")
NETWORKS = {kind.name: kind for kind in (CGCNN, ALIGNN, ROOST)}


def get_network(name: str) -> NetworkKind:
    """The network that checkpoints call `name`.

    Raises:
        InputError: no such network; the message suggests the nearest name.
    """
    if name not in NETWORKS:
        raise unknown_name("network", name, NETWORKS)
    return NETWORKS[name]
