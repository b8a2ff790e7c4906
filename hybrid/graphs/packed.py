"""Packed graphs: the graphs of a data set in a few tensors, which are moved and saved together."""

import io
import math
import mmap
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
import torch
from numpy.lib import format as npy
from torch import Tensor
from torch.nn import functional as F

from hybrid.atomic import atomic_file

P = TypeVar("P", bound="Packed")
B = TypeVar("B")
ALIGNED = 64  # bytes: where columns begin in a file
AT_ONCE = 2**24  # bytes that are checked together


@dataclass(frozen=True)
class Packed:
    """The graphs of a data set as tensors, one after the other.

    Every column has rows for each crystal, or for each of its atoms, edges or whatever there is; no number in
    them depends on the crystals before. So the graphs of two parts of a data set follow each other as they
    are.

    Columns in `on_host` stay in the memory of the processor: the numbers of rows of the crystals, from which
    the sizes of a batch are known without waiting for the device.
    """

    on_host: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 1  # of what the columns hold; kept graphs of another one are made anew
    file: ClassVar[mmap.mmap | None] = None  # in which the columns of an object are, if they are in one

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> Self:
        """The graphs on `device`, with floating-point tensors converted to `dtype` if it is given."""
        columns = {f.name: getattr(self, f.name) for f in fields(self)}
        moved = {name: t if name in self.on_host else t.to(device) for name, t in columns.items()}
        if dtype is not None:
            moved |= {name: t.to(dtype) for name, t in moved.items() if t.is_floating_point()}
        return self if all(moved[name] is columns[name] for name in columns) else type(self)(**moved)

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The graphs of several parts, one after the other."""
        if len(parts) == 1:
            return parts[0]
        return cls(**{f.name: torch.cat([getattr(part, f.name) for part in parts]) for f in fields(cls)})

    @classmethod
    def save(cls, parts: Sequence[Self], path: Path) -> None:
        """Writes the graphs of several parts to one file, atomically: a column after the other, a checksum.

        A column is an array as in numpy's .npy files. Of parts that are in files, one is in memory at a time.
        """
        with atomic_file(path) as temporary, temporary.open("wb") as file:
            checksum = 0
            for block in (block for field in fields(cls) for block in _blocks(parts, field.name)):
                file.write(block)
                checksum = zlib.crc32(block, checksum)
            file.write(checksum.to_bytes(4, "little"))

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """The graphs that `save` wrote, which stay in the file until they are used.

        None if the file does not exist, is damaged, or is another file.
        """
        if not path.is_file():  # a pipe would be waited for
            return None
        try:
            with path.open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
                whole = np.frombuffer(mapped, np.uint8)
                _check(mapped, whole)
                graphs = cls(**{f.name: torch.from_numpy(_column(file, whole)) for f in fields(cls)})
                object.__setattr__(graphs, "file", mapped)
                return graphs
        except Exception:  # another kind of file can raise any error
            return None


def bounded(batch: Callable[[P, Tensor], B]) -> Callable[[P, Tensor], B]:
    """Decorates the method that makes a batch of graphs: what it reads of a file does not stay in memory."""

    @wraps(batch)
    def made(graphs: P, indices: Tensor) -> B:
        found = batch(graphs, indices)
        _let_go(graphs.file)
        return found

    return made


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """A small tensor of the host on a device, which is not waited for."""
    return tensor.to(device, non_blocking=True)


def begins(counts: Tensor) -> Tensor:
    """(n_crystals, …) positions of each crystal's first row, from the numbers of rows (n_crystals, …)."""
    return counts.cumsum(0) - counts


def _blocks(parts: Sequence[Packed], name: str) -> Iterator[Any]:
    """A column as bytes: a header, the rows of each part, and what is missing to a whole line."""
    columns: list[Tensor] = [getattr(part, name) for part in parts]
    dtype = columns[0].numpy().dtype
    shape = (sum(map(len, columns)), *columns[0].shape[1:])
    header = io.BytesIO()
    described = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(header, described)
    yield header.getvalue()
    for part, column in zip(parts, columns, strict=True):
        yield np.ascontiguousarray(column.numpy()).data.cast("B") if column.numel() else b""
        _let_go(part.file)
    yield bytes(-math.prod(shape) * dtype.itemsize % ALIGNED)


def _let_go(mapped: mmap.mmap | None) -> None:
    """Frees the memory of what has been read of a file, if there is one; it is read again when needed."""
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def _check(mapped: mmap.mmap, whole: np.ndarray) -> None:
    """Raises an error unless the last four bytes are the checksum of the others."""
    stored, checksum = whole[-4:].tobytes(), 0
    for first in range(0, len(whole) - 4, AT_ONCE):
        checksum = zlib.crc32(whole[first : min(first + AT_ONCE, len(whole) - 4)].data, checksum)
        _let_go(mapped)
    if checksum.to_bytes(4, "little") != stored:
        raise ValueError("is damaged")


def _column(file: Any, whole: np.ndarray) -> np.ndarray:
    """The column at the file's position, which moves to the next one."""
    npy.read_magic(file)
    shape, _, dtype = npy.read_array_header_1_0(file)
    begin = file.tell()
    end = begin + math.prod(shape) * dtype.itemsize
    file.seek(end + -(end - begin) % ALIGNED)
    return whole[begin:end].view(dtype).reshape(shape)


@dataclass(frozen=True)
class Rows:
    """The rows of a batch of crystals in a packed tensor, in the order of the batch."""

    at: Tensor  # (n_rows,) positions in the packed tensor
    crystal: Tensor  # (n_rows,) position of the row's crystal in the batch
    first: Tensor  # (n_crystals + 1,) position in the batch of each crystal's first row; last, their number

    @classmethod
    def of(cls, first: Tensor, counts: Tensor, device: torch.device) -> "Rows":
        """The rows of crystals that have `counts` (n_crystals,) from position `first` (n_crystals,) on.

        Both are on the host, so that `device`, on which the rows are, is not waited for.
        """
        total = int(counts.numpy().sum())
        first, counts = to_device(first, device), to_device(counts, device)
        crystal = torch.repeat_interleave(counts, output_size=total)
        begin = F.pad(counts.cumsum(0), (1, 0))
        places = torch.arange(total, device=device)
        return cls(places + (first - begin[:-1])[crystal], crystal, begin)

    def shifted(self, packed: Tensor, rows: "Rows") -> Tensor:
        """From indices into `rows` within each crystal (packed) to indices within the batch (n_rows,)."""
        return packed[self.at] + rows.first[self.crystal]
