"""What all remedies have in common: CGCNN with average pooling."""

from typing import ClassVar

from torch import Tensor, nn

from hybrid.models.cgcnn import CGCNN
from hybrid.readout import Crystals, Pooling
from hybrid.settings import GraphSettings, ModelSettings


class Remedy(CGCNN):
    """CGCNN with average pooling, of which a remedy changes one thing.

    Attributes:
        told_the_cell: whether its input or its readout depends on the choice of the cell, so that the cell's
            size is given to it; otherwise all cells of a crystal have the same prediction.

    Args:
        atom_features: (n_elements + 1, n_features), row Z holds the features of the element Z.
        graph: the graph's settings.
        n_outputs: number of targets or classes.
        n_layers: number of convolutions.
    """

    told_the_cell: ClassVar[bool] = False

    def __init__(self, atom_features: Tensor, graph: GraphSettings, n_outputs: int, n_layers: int = 3):
        super().__init__(atom_features, graph, ModelSettings(n_conv=n_layers), n_outputs=n_outputs)
        self.width = self.embedding.out_features


class Readout(Remedy):
    """A remedy that only pools in another way, by `pooled`.

    Attributes:
        n_pooled: how many numbers `pooled` gives for each number of an atom vector.
    """

    n_pooled: ClassVar[int] = 1

    def __init__(self, atom_features: Tensor, graph: GraphSettings, n_outputs: int):
        super().__init__(atom_features, graph, n_outputs)
        self.pooling = Pooling(type(self).__name__, atoms=self.pooled, outputs=None, extensive=False)
        self.conv_to_fc = nn.Linear(self.n_pooled * self.width, self.conv_to_fc.out_features)

    def pooled(self, atoms: Tensor, crystals: Crystals) -> Tensor:
        """A row for each crystal, (n_crystals, n_pooled * width), from atom vectors (n_rows, width)."""
        raise NotImplementedError
