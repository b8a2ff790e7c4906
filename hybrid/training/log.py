"""A training's log: one CSV row an epoch, and a progress bar."""

import contextlib
import csv
import platform
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from hybrid.atomic import atomic_file
from hybrid.progress import Progress

COLUMNS = ("epoch", "training_loss", "validation_error", "learning_rate", "seconds")


class Log:
    """Writes log.csv as training goes on; a resumed run continues it.

    Args:
        path: the CSV file.
        epochs: how many there will be.
        name: of the run, for the bar; several may share a terminal.
    """

    def __init__(self, path: Path, epochs: int, name: str):
        self.path, self.epochs, self.name = path, epochs, name
        self.rows: list[dict[str, float]] = []

    @contextlib.contextmanager
    def shown(self, progress: bool) -> Iterator[None]:
        """While training goes on; shows how far it has come if there should be progress."""
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
        """Logs the epoch that ends now."""
        now = time.perf_counter()
        seconds, self._epoch_began = now - self._epoch_began, now
        numbers = (len(self.rows) + 1, training_loss, validation_error, learning_rate, seconds)
        self.rows.append(dict(zip(COLUMNS, numbers, strict=True)))
        with atomic_file(self.path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows([f"{row[column]:.6g}" for column in COLUMNS] for row in self.rows)
        self._bar.set_postfix_str(f"validation error {validation_error:.4g}", refresh=False)
        self._bar.update()

    def best(self) -> tuple[int, float]:
        """Epoch and validation error of the best model."""
        row = min(self.rows, key=lambda row: row["validation_error"])
        return int(row["epoch"]), row["validation_error"]

    def notes(self, device: torch.device) -> dict[str, object]:
        """What metrics.json says of a training; the time is that of all sittings."""
        return {
            "best_epoch": self.best()[0],
            "train_seconds": round(sum(row["seconds"] for row in self.rows), 1),
            "device": f"{device.type}, {torch.get_num_threads()} threads, {platform.machine()}",
        }
