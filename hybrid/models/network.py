"""What training, checkpoints and predictions ask of a network."""

from typing import Any

from torch import Tensor, nn

from hybrid.readout import Crystals, Pooling, crystal_mean


class CrystalNetwork(nn.Module):
    """A network on graphs of crystals.

    Attributes:
        classification: whether its outputs are log-probabilities of classes.
        readout: its pooling.
        atom_features: (n_elements + 1, n_features), row Z holds the features of the element Z; zeros where
            it knows none.
    """

    classification: bool
    readout: Pooling
    atom_features: Tensor

    def forward(self, batch: Any, descriptors: Tensor | None = None) -> Tensor:
        """Outputs, or log-probabilities, (n_crystals, n_outputs).

        Args:
            batch: the crystals' graphs.
            descriptors: standardised descriptors (n_crystals, n_descriptors).
        """
        return self.read_out(self.atom_vectors(batch), batch.crystals, descriptors)

    def represent(self, batch: Any) -> Tensor:
        """The crystals' learnt vectors, mean_i a_i (n_crystals, n_features), whatever the pooling."""
        return crystal_mean(self.atom_vectors(batch), batch.crystals)

    def atom_vectors(self, batch: Any) -> Tensor:
        """The atom vectors a_i after the last layer, (n_rows, n_features), in the order of the batch."""
        raise NotImplementedError

    def read_out(self, atoms: Tensor, crystals: Crystals, descriptors: Tensor | None = None) -> Tensor:
        """What `forward` returns, from the atom vectors."""
        raise NotImplementedError
