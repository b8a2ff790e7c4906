"""The optimisation: batches, optimiser and schedule, as Lightning takes them."""

from collections.abc import Iterator
from typing import Any, Protocol

import lightning as L
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.utils.data import Dataset, Sampler
from typing_extensions import override

from hybrid.settings import TrainerSettings
from hybrid.training.objective import Objective

OPTIMISERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


class EpochBatches(Sampler[list[int]]):
    """Batches of positions, shuffled by seed and epoch alone, so that a resumed run draws the same.

    A last batch of one crystal joins the one before it: batch normalisation needs more than one row.
    """

    def __init__(self, n: int, batch_size: int, seed: int | None):
        self.n, self.batch_size, self.seed = n, batch_size, seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before every epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        full, rest = divmod(self.n, self.batch_size)
        return max(1, full + (rest > 1))

    def __iter__(self) -> Iterator[list[int]]:
        order = np.arange(self.n)
        if self.seed is not None:
            np.random.default_rng((self.seed, self.epoch)).shuffle(order)
        bounds = np.arange(1, len(self)) * self.batch_size
        yield from (batch.tolist() for batch in np.split(order, bounds))


class Positions(Dataset[Tensor]):
    """Gives a batch of positions as the tensor of indices that they stand for."""

    def __init__(self, indices: np.ndarray):
        self.indices = torch.from_numpy(indices)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, positions: list[int]) -> Tensor:
        return self.indices[positions]


class Batches(Protocol):
    """What batches are cut from: crystal graphs, or anything else with a row a crystal."""

    def batch(self, indices: Tensor) -> Any:
        """The crystals at `indices` (n,)."""
        ...

    def to(self, device: torch.device) -> "Batches":
        """The same on `device`."""
        ...


class Optimisation(L.LightningModule):
    """Fits a network to its objective; graphs, descriptors and targets stay on the device.

    Args:
        network: what is trained; it takes a batch and its descriptors.
        graphs: of all crystals, or what stands for them.
        descriptors: (n_crystals, n_descriptors), standardised, or None.
        objective: the targets.
        settings: optimiser and schedule.
        seed: draws what the network drops out, anew in each epoch, so that a resumed run draws the same.
    """

    def __init__(
        self,
        network: nn.Module,
        graphs: Batches,
        descriptors: Tensor | None,
        objective: Objective,
        settings: TrainerSettings,
        seed: int,
    ):
        super().__init__()
        self.network, self.objective, self.settings, self.seed = network, objective, settings, seed
        self.graphs, self.descriptors = graphs, descriptors

    @override
    def on_fit_start(self) -> None:
        self.graphs, self.objective = self.graphs.to(self.device), self.objective.to(self.device)
        if self.descriptors is not None:
            self.descriptors = self.descriptors.to(self.device)

    @override
    def on_train_epoch_start(self) -> None:
        torch.manual_seed(self.seed * 100_003 + self.current_epoch)

    @override
    def forward(self, indices: Tensor) -> Tensor:
        """Outputs (n, n_outputs) of the crystals at `indices` (n,)."""
        descriptors = None if self.descriptors is None else self.descriptors[indices]
        outputs: Tensor = self.network(self.graphs.batch(indices), descriptors)
        return outputs

    @override
    def training_step(self, indices: Tensor, _: int) -> Tensor:
        loss = self.objective.loss(self(indices), indices)
        self.log("training_loss", loss, on_step=False, on_epoch=True, batch_size=len(indices))
        return loss

    @override
    def validation_step(self, indices: Tensor, _: int) -> None:
        error = self.objective.error(self(indices), indices)
        self.log("validation_error", error, batch_size=len(indices))

    @override
    def configure_optimizers(self) -> OptimizerLRScheduler:
        chosen = self.settings
        options: dict[str, Any] = {"lr": chosen.learning_rate, "weight_decay": chosen.weight_decay}
        if chosen.optimiser == "sgd":
            options["momentum"] = chosen.momentum
        optimiser = OPTIMISERS[chosen.optimiser](self.network.parameters(), **options)
        steps = int(self.trainer.estimated_stepping_batches)
        scheduler: torch.optim.lr_scheduler.LRScheduler
        if chosen.schedule == "one-cycle":
            scheduler = torch.optim.lr_scheduler.OneCycleLR(
                optimiser, chosen.learning_rate, total_steps=steps
            )
        else:
            milestones = [round(milestone * steps) for milestone in chosen.milestones]
            scheduler = torch.optim.lr_scheduler.MultiStepLR(optimiser, milestones)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
