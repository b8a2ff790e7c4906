"""The training loop. Each epoch trains, validates and logs; a stopped run continues from a checkpoint."""

import contextlib
import copy
import math
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LRScheduler, MultiStepLR, OneCycleLR

from hybrid.errors import DivergedError
from hybrid.graphs.packed import to_device
from hybrid.settings import RunSettings, TrainerSettings
from hybrid.training.log import Log
from hybrid.training.objective import Objective
from hybrid.training.results import Job
from hybrid.training.samples import Samples
from hybrid.weights import read_weights, save_weights

OPTIMISERS: dict[str, Callable[..., Optimizer]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW}
RESUME_EVERY = 10  # epochs between the checkpoints from which a stopped run continues, …
LONGEST = 60.0  # … or seconds of training, if these are fewer epochs


class Training:
    """The training of one network.

    All data are on the device, but for the numbers that the sizes of batches follow from, and losses are
    summed there and read once in each epoch, so that no step waits for the one before.

    Args:
        network: called with a batch and its descriptors.
        graphs: of all crystals, or other data of them with the methods `batch(indices)`, which are on the
            host, and `to(device)`.
        descriptors: (n_crystals, n_descriptors), standardised, or None.
        objective: targets, loss and error.
        samples: the folds.
        settings: the trainer, and the seed of batches and dropout.
        job: folder, device and progress bar.
    """

    def __init__(
        self,
        network: nn.Module,
        graphs: Any,
        descriptors: Tensor | None,
        objective: Objective,
        samples: Samples,
        settings: RunSettings,
        job: Job,
    ):
        self.settings, self.seed, self.job = settings.trainer, settings.model_seed, job
        self.network, self.graphs = network.to(job.device), graphs.to(job.device)
        self.objective = objective.to(job.device)
        self.descriptors = None if descriptors is None else descriptors.to(job.device)
        self.training, self.validation = (
            torch.from_numpy(samples.at(fold)) for fold in ("training", "validation")
        )
        self.optimiser = _optimiser(network, self.settings)
        steps = self.settings.epochs * len(cut(self.training, self.settings.batch_size))
        self.schedule = _schedule(self.optimiser, self.settings, steps)
        self.precision = torch.autocast(
            job.device.type, torch.bfloat16, enabled=self.settings.precision == "bf16", cache_enabled=False
        )
        self.log = Log(job.folder / "log.csv", self.settings.epochs, job.folder.stem)
        self.best = network.state_dict()
        self.checkpoint = job.folder / "checkpoints" / "last.ckpt"

    def run(self) -> Log:
        """Trains, from the last checkpoint if there is one, and loads the best weights into the network.

        Raises:
            DivergedError: the validation error is not a number.
        """
        self._resume()
        unsaved = 0.0  # s
        with self.log.shown(self.job.progress), _sigterm_is_ctrl_c():
            for epoch in range(len(self.log.rows), self.settings.epochs):
                loss, error = self._train(epoch), self._validate()
                if not math.isfinite(error):
                    raise DivergedError(
                        f"training diverged in epoch {epoch + 1}: the validation error is not a number; try "
                        "a lower --learning-rate or a --gradient-clip"
                    )
                self.log.add(loss, error, self.optimiser.param_groups[0]["lr"])
                if self.log.best()[0] == epoch + 1:
                    self.best = copy.deepcopy(self.network.state_dict())
                unsaved += self.log.rows[-1]["seconds"]
                if (epoch + 1) % RESUME_EVERY == 0 or unsaved > LONGEST:
                    save_weights(self.checkpoint, self._state())
                    unsaved = 0.0
        self.network.load_state_dict(self.best)
        return self.log

    def _train(self, epoch: int) -> float:
        """Makes a step with each batch; returns the mean loss over the crystals."""
        torch.manual_seed(self.seed * 100_003 + epoch)  # of dropout
        self.network.train()
        _still(self.network)
        total = torch.zeros((), device=self.job.device)
        for indices in cut(shuffled(self.training, self.seed, epoch), self.settings.batch_size):
            self.optimiser.zero_grad()
            with self.precision:
                outputs, at = self._outputs(indices)
                loss = self.objective.loss(outputs, at)
            loss.backward()
            if self.settings.gradient_clip:
                nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.gradient_clip)
            self.optimiser.step()
            self.schedule.step()
            total += loss.detach() * len(indices)
        return float(total) / len(self.training)

    @torch.inference_mode()
    def _validate(self) -> float:
        """The mean error over the validation crystals."""
        self.network.eval()
        total = torch.zeros((), dtype=torch.float64, device=self.job.device)
        for indices in cut(self.validation, self.settings.batch_size):
            with self.precision:
                total += self.objective.error(*self._outputs(indices)) * len(indices)
        return float(total) / len(self.validation)

    def _outputs(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """The network's outputs for a batch of the host's indices, and these on the device."""
        at = to_device(indices, self.job.device)
        descriptors = None if self.descriptors is None else self.descriptors[at]
        return self.network(self.graphs.batch(indices), descriptors), at

    def _resume(self) -> None:
        """Continues from the checkpoint, if there is one and it can be used."""
        if not self.checkpoint.exists():
            return
        beginning = copy.deepcopy(self._state())
        try:
            self._set(read_weights(self.checkpoint, self.job.device))
        except Exception:  # any error is possible if the file is something else
            self._set(beginning)
            print(f"{self.checkpoint}: cannot be used; training starts again", file=sys.stderr)

    def _state(self) -> dict[str, Any]:
        """The state to continue from with the same result; each epoch has its own random numbers."""
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "best": self.best,
            "epochs": self.log.rows,
        }

    def _set(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.best, self.log.rows = state["best"], state["epochs"]


def _still(network: nn.Module) -> None:
    """Keeps the running statistics of layers that are not trained, or beside such without weights."""
    frozen = not all(weight.requires_grad for weight in network.parameters())
    for module in network.modules():
        learnt = [weight.requires_grad for weight in module.parameters()]
        if frozen and not any(learnt) and (learnt or hasattr(module, "running_mean")):
            module.eval()


def shuffled(indices: Tensor, seed: int, epoch: int) -> Tensor:
    """Indices (n,) in an order that depends on seed and epoch only, the same in a resumed run."""
    order = np.arange(len(indices))
    np.random.default_rng((seed, epoch)).shuffle(order)
    return indices[torch.from_numpy(order)]


def cut(indices: Tensor, size: int) -> Sequence[Tensor]:
    """Batches of indices (n,).

    A last batch of one crystal is added to the one before, because batch normalisation needs several rows.
    """
    full, rest = divmod(len(indices), size)
    return indices.tensor_split([size * i for i in range(1, full + (rest > 1))])


def _optimiser(network: nn.Module, chosen: TrainerSettings) -> Optimizer:
    options: dict[str, Any] = {"lr": chosen.learning_rate, "weight_decay": chosen.weight_decay}
    if chosen.optimiser == "sgd":
        options["momentum"] = chosen.momentum
    return OPTIMISERS[chosen.optimiser](network.parameters(), fused=True, **options)


def _schedule(optimiser: Optimizer, chosen: TrainerSettings, steps: int) -> LRScheduler:
    if chosen.schedule == "one-cycle":
        return OneCycleLR(optimiser, chosen.learning_rate, total_steps=steps)
    return MultiStepLR(optimiser, [round(milestone * steps) for milestone in chosen.milestones])


@contextlib.contextmanager
def _sigterm_is_ctrl_c() -> Iterator[None]:
    """A context in which SIGTERM, which queueing systems send, stops training as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread can set a handler
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
