"""Tables of crystal vectors, of any model: an id a row and a column a feature."""

import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from hybrid.atomic import atomic_file
from hybrid.errors import InputError

ID = "id"


@dataclass(frozen=True, eq=False)
class Embeddings:
    """The vectors of many crystals.

    Attributes:
        ids: (n_crystals,) unique.
        names: (n_features,) column names.
        values: (n_crystals, n_features) float64; what is no number is NaN, an error for crystals that are
            asked for.
        path: where they were read, for messages.
    """

    ids: tuple[str, ...]
    names: tuple[str, ...]
    values: np.ndarray
    path: Path

    @classmethod
    def read(cls, path: Path) -> "Embeddings":
        """Reads a table: .csv and .parquet with a column `id`, .npz with an array `id`.

        The other columns are the features, or of an .npz the other arrays, (n_crystals,) or
        (n_crystals, n_features) each.

        Raises:
            InputError: no such file, no ids, ids that stand there twice, or no feature.
        """
        refuse_format(path)
        try:
            frame = _READERS[path.suffix](path)
        except (ImportError, OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            reason = " ".join(str(error).split())[:160]
            raise InputError(f"{path}: cannot be read as a table of embeddings ({reason})") from error
        if ID not in frame:
            columns = ", ".join(map(str, frame.columns[:5])) or "none"
            raise InputError(f"{path}: has no column '{ID}'; its columns are {columns} ...")
        ids = frame.pop(ID).astype(str).str.strip()
        if ids.duplicated().any():
            raise InputError(f"{path}: id '{ids[ids.duplicated()].iloc[0]}' occurs twice")
        if not frame.shape[1]:
            raise InputError(f"{path}: has no feature column beside '{ID}'")
        numbers = frame.apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
        return cls(tuple(ids), tuple(map(str, frame.columns)), numbers, path)

    def rows(self, ids: Sequence[str]) -> np.ndarray:
        """The vectors (n_ids, n_features) of the crystals `ids`.

        Raises:
            InputError: a crystal has no row, or one that holds something else than finite numbers.
        """
        missing = self.missing(ids)
        if missing:
            others = f" and for {len(missing) - 1} others" if len(missing) > 1 else ""
            raise InputError(f"{self.path}: has no row for id '{missing[0]}'{others}")
        values: np.ndarray = self.values[[self._position[identity] for identity in ids]]
        wrong = np.argwhere(~np.isfinite(values))
        if len(wrong):
            row, column = wrong[0]
            raise InputError(
                f"{self.path}: row {self._position[ids[row]] + 1} below the header ('{ids[row]}'), column "
                f"'{self.names[column]}': is not a finite number"
            )
        return values

    def missing(self, ids: Iterable[str]) -> list[str]:
        """Those of `ids` that have no row."""
        return [identity for identity in ids if identity not in self._position]

    def write(self, path: Path) -> None:
        """Writes the table atomically in the format of the path's ending.

        Raises:
            InputError: the format is unknown.
        """
        refuse_format(path)
        with atomic_file(path) as temporary:
            if path.suffix == ".npz":
                np.savez(temporary, id=np.array(self.ids), vectors=self.values)
                return
            frame = pd.DataFrame(self.values, columns=list(self.names))
            frame.insert(0, ID, list(self.ids))
            if path.suffix == ".csv":
                frame.to_csv(temporary, index=False, lineterminator="\n")
            else:
                frame.to_parquet(temporary, index=False)

    @cached_property
    def _position(self) -> dict[str, int]:
        return {identity: position for position, identity in enumerate(self.ids)}


def _read_csv(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={ID: str}, encoding="utf-8-sig")


def _read_npz(path: Path) -> pd.DataFrame:
    with np.load(path) as arrays:
        if ID not in arrays:
            return pd.DataFrame(columns=list(arrays))
        columns = {ID: arrays[ID].astype(str)}
        for name in arrays.files:
            if name != ID:
                array = arrays[name].reshape(len(arrays[name]), -1)
                single = arrays[name].ndim == 1
                columns |= {name if single else f"{name}_{i}": array[:, i] for i in range(array.shape[1])}
    return pd.DataFrame(columns)


_READERS = {".csv": _read_csv, ".npz": _read_npz, ".parquet": pd.read_parquet}


def refuse_format(path: Path) -> None:
    """Refuses a file whose ending is none of those that are read and written.

    Raises:
        InputError: it is another one, or a package that it needs is not there.
    """
    if path.suffix not in _READERS:
        known = ", ".join(_READERS)
        raise InputError(f"{path}: unknown format '{path.suffix}' of embeddings; known: {known}")
    if path.suffix == ".parquet" and not find_spec("pyarrow"):
        raise InputError(f"{path}: the format needs the package pyarrow; pip install pyarrow")
