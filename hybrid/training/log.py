"""The log of a training: a CSV row for each epoch, and a progress bar."""

import contextlib
import platform
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from hybrid.atomic import write_csv
from hybrid.progress import Progress

COLUMNS = ("epoch", "training_loss", "validation_error", "learning_rate", "seconds")


class Log:
    """Writes log.csv during training, with the run's name in a progress bar; a resumed run continues it."""

    def __init__(self, path: Path, epochs: int, name: str):
        self.path, self.epochs, self.name = path, epochs, name
        self.rows: list[dict[str, float]] = []

    @contextlib.contextmanager
    def shown(self, progress: bool) -> Iterator[None]:
        """A context for the training, with a progress bar if `progress`."""
        self._epoch_began = time.perf_counter()
        with Progress(
            desc=self.name,
            total=self.epochs,
            unit="epochs",
            shown=progress,
            initial=len(self.rows),
            mininterval=1,
        ) as self._bar:
            yield

    def add(self, training_loss: float, validation_error: float, learning_rate: float) -> None:
        """Logs the epoch that has just ended."""
        now = time.perf_counter()
        seconds, self._epoch_began = now - self._epoch_began, now
        numbers = (len(self.rows) + 1, training_loss, validation_error, learning_rate, seconds)
        self.rows.append(dict(zip(COLUMNS, numbers, strict=True)))
        texts = [[f"{row[column]:.6g}" for column in COLUMNS] for row in self.rows]
        write_csv(self.path, [COLUMNS, *texts])
        self._bar.set_postfix_str(f"validation error {validation_error:.4g}", refresh=False)
        self._bar.update()

    def best(self) -> tuple[int, float]:
        """Epoch and validation error of the best model."""
        row = min(self.rows, key=lambda row: row["validation_error"])
        return int(row["epoch"]), row["validation_error"]

    def notes(self, device: torch.device) -> dict[str, object]:
        """Entries for metrics.json; the time includes earlier, stopped calls."""
        return {
            "best_epoch": self.best()[0],
            "train_seconds": round(sum(row["seconds"] for row in self.rows), 1),
            "device": _named(device),
        }


def _named(device: torch.device) -> str:
    """The device as metrics.json has it: the name of a GPU, or how much of the processor is used."""
    if device.type == "cuda":
        return f"cuda, {torch.cuda.get_device_name(device)}"
    return f"{device.type}, {torch.get_num_threads()} threads, {platform.machine()}"
