"""The optimisation: batches, loss, optimiser and schedule, as Lightning takes them."""

from collections.abc import Iterator
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.utils.data import Dataset, Sampler
from typing_extensions import override

from hybrid.graphs.crystal import CrystalGraphs
from hybrid.models.cgcnn import CGCNN
from hybrid.readout import TargetScale
from hybrid.settings import TrainerSettings

OPTIMISERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
LOSSES = {"mse": torch.nn.functional.mse_loss, "l1": torch.nn.functional.l1_loss}


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


class Regression(L.LightningModule):
    """Fits a network to normalised targets; graphs and targets stay on the device.

    Args:
        network: what is trained.
        graphs: of all crystals.
        targets: (n_crystals,) in the target's unit, in double precision.
        scale: between that unit and the network's outputs.
        settings: loss, optimiser and schedule.
    """

    def __init__(
        self,
        network: CGCNN,
        graphs: CrystalGraphs,
        targets: Tensor,
        scale: TargetScale,
        settings: TrainerSettings,
    ):
        super().__init__()
        self.network, self.scale, self.settings = network, scale, settings
        self.graphs, self.targets = graphs, targets
        self.normalised = scale.normalise(targets).float()

    @override
    def on_fit_start(self) -> None:
        self.graphs = self.graphs.to(self.device)
        self.targets, self.normalised = self.targets.to(self.device), self.normalised.to(self.device)

    @override
    def training_step(self, indices: Tensor, _: int) -> Tensor:
        output = self.network(self.graphs.batch(indices))[:, 0]
        loss: Tensor = LOSSES[self.settings.loss](output, self.normalised[indices])
        self.log("training_loss", loss, on_step=False, on_epoch=True, batch_size=len(indices))
        return loss

    @override
    def validation_step(self, indices: Tensor, _: int) -> None:
        predictions = self.scale.restore(self.network(self.graphs.batch(indices))[:, 0].double())
        error = (predictions - self.targets[indices]).abs().mean()
        self.log("validation_mae", error, batch_size=len(indices))

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
