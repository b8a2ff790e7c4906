"""Packed graphs: the graphs of a data set in a few tensors, which are moved and saved together."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from hybrid.atomic import atomic_file


@dataclass(frozen=True)
class Packed:
    """The graphs of a data set as tensors, one after the other."""

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> Self:
        """The graphs on `device`, with floating-point tensors converted to `dtype` if it is given."""
        moved = {f.name: getattr(self, f.name).to(device) for f in fields(self)}
        if dtype is not None:
            moved |= {name: t.to(dtype) for name, t in moved.items() if t.is_floating_point()}
        return type(self)(**moved)

    def save(self, path: Path) -> None:
        """Writes the graphs to one .npz file, atomically."""
        with atomic_file(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **{f.name: getattr(self, f.name).numpy() for f in fields(self)})

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """Reads what `save` wrote; None if the file does not exist, is damaged, or is another file."""
        if not path.is_file():  # a pipe would be waited for
            return None
        try:
            with path.open("rb") as file, np.load(file) as arrays:  # zip, which checks what it reads
                return cls(**{f.name: torch.from_numpy(arrays[f.name]) for f in fields(cls)})
        except Exception:  # another kind of file can raise any error
            return None


@dataclass(frozen=True)
class Rows:
    """The rows of a batch of crystals in a packed tensor, in the order of the batch."""

    at: Tensor  # (n_rows,) positions in the packed tensor
    crystal: Tensor  # (n_rows,) position of the row's crystal in the batch
    first: Tensor  # (n_crystals + 1,) position in the batch of each crystal's first row; last, their number

    @classmethod
    def of(cls, first: Tensor, counts: Tensor) -> "Rows":
        """The rows of crystals that have `counts` (n_crystals,) from position `first` on."""
        crystal = torch.repeat_interleave(counts)
        begin = F.pad(counts.cumsum(0), (1, 0))
        places = torch.arange(len(crystal), device=counts.device)
        return cls(places + (first - begin[:-1])[crystal], crystal, begin)

    def shifted(self, packed: Tensor, rows: "Rows") -> Tensor:
        """From indices into `rows` within each crystal (packed) to indices within the batch (n_rows,)."""
        return packed[self.at] + rows.first[self.crystal]
