"""A run's log: one CSV row and one step of the progress bar an epoch."""

import csv
import math
import time
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback
from tqdm import tqdm
from typing_extensions import override

from hybrid.atomic import atomic_file
from hybrid.errors import DivergedError

COLUMNS = ("epoch", "training_loss", "validation_error", "learning_rate", "seconds")


class EpochLog(Callback):
    """Writes log.csv as training goes on; a resumed run continues it.

    Args:
        path: the CSV file.
        epochs: how many there will be.
        name: of the run, for the bar; several may share a terminal.
        progress: show a bar.

    Raises:
        DivergedError: from within training, when the validation error is no longer a number.
    """

    def __init__(self, path: Path, epochs: int, name: str, progress: bool):
        self.path = path
        self.rows: list[dict[str, float]] = []
        self._bar = tqdm(total=epochs, desc=name, unit="epoch", mininterval=1, disable=not progress)
        self._started = time.perf_counter()

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = state_dict["rows"]

    @override
    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._bar.update(len(self.rows))

    @override
    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._started = time.perf_counter()

    @override
    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        error = float(trainer.callback_metrics["validation_error"])
        if not math.isfinite(error):
            raise DivergedError(
                f"training diverged in epoch {trainer.current_epoch + 1}: the validation error is not a "
                "number; try a lower --learning-rate or a --gradient-clip"
            )
        self.rows.append(
            {
                "epoch": trainer.current_epoch + 1,
                "training_loss": float(trainer.callback_metrics["training_loss"]),
                "validation_error": error,
                "learning_rate": trainer.optimizers[0].param_groups[0]["lr"],
                "seconds": time.perf_counter() - self._started,
            }
        )
        self._write()
        self._bar.set_postfix_str(f"validation error {error:.4g}", refresh=False)
        self._bar.update()

    @override
    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        self._bar.close()

    def best(self) -> tuple[int, float]:
        """Epoch and validation error of the best model."""
        row = min(self.rows, key=lambda row: row["validation_error"])
        return int(row["epoch"]), row["validation_error"]

    def seconds(self) -> float:
        """Time spent in epochs, over all sittings."""
        return sum(row["seconds"] for row in self.rows)

    def _write(self) -> None:
        with atomic_file(self.path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows([f"{row[column]:.6g}" for column in COLUMNS] for row in self.rows)
