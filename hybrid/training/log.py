"""The log of a training: a CSV row for each epoch, and a progress bar or, in a file, some lines."""

import contextlib
import csv
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from tqdm import tqdm

from hybrid.atomic import atomic_file

COLUMNS = ("epoch", "training_loss", "validation_error", "learning_rate", "seconds")
LINE_EVERY = 60.0  # seconds, where there is no terminal for a bar


class Log:
    """Writes log.csv during training; a resumed run continues it.

    Args:
        path: the CSV file.
        epochs: their number.
        name: of the run, for the progress bar.
    """

    def __init__(self, path: Path, epochs: int, name: str):
        self.path, self.epochs, self.name = path, epochs, name
        self.rows: list[dict[str, float]] = []

    @contextlib.contextmanager
    def shown(self, progress: bool) -> Iterator[None]:
        """A context for the training, with a progress bar if `progress`."""
        self._progress, self._epoch_began = progress, time.perf_counter()
        self._line_was = self._epoch_began
        with tqdm(
            total=self.epochs,
            initial=len(self.rows),
            desc=self.name,
            unit="epoch",
            mininterval=1,
            disable=None if progress else True,  # None: if there is no terminal
        ) as self._bar:
            yield

    def add(self, training_loss: float, validation_error: float, learning_rate: float) -> None:
        """Logs the epoch that has just ended."""
        now = time.perf_counter()
        seconds, self._epoch_began = now - self._epoch_began, now
        numbers = (len(self.rows) + 1, training_loss, validation_error, learning_rate, seconds)
        self.rows.append(dict(zip(COLUMNS, numbers, strict=True)))
        with atomic_file(self.path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows([f"{row[column]:.6g}" for column in COLUMNS] for row in self.rows)
        said = f"validation error {validation_error:.4g}"
        self._bar.set_postfix_str(said, refresh=False)
        self._bar.update()
        if self._progress and self._bar.disable and now - self._line_was > LINE_EVERY:
            print(f"{self.name}: epoch {len(self.rows)} of {self.epochs}, {said}", file=sys.stderr)
            self._line_was = now

    def best(self) -> tuple[int, float]:
        """Epoch and validation error of the best model."""
        row = min(self.rows, key=lambda row: row["validation_error"])
        return int(row["epoch"]), row["validation_error"]

    def notes(self, device: torch.device) -> dict[str, object]:
        """Entries for metrics.json; the time includes earlier, stopped calls."""
        return {
            "best_epoch": self.best()[0],
            "train_seconds": round(sum(row["seconds"] for row in self.rows), 1),
            "device": f"{device.type}, {torch.get_num_threads()} threads, {platform.machine()}",
        }
