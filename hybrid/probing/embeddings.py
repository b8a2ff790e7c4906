"""Tables of embeddings of crystals by any model: a row for each crystal, a column for each feature."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from hybrid.atomic import atomic_file
from hybrid.errors import InputError, one_line
from hybrid.reading import as_text, read_bytes, refuse_separators

ID = "id"


@dataclass(frozen=True, eq=False)
class Embeddings:
    """The embeddings of many crystals."""

    table: pd.DataFrame  # (n_crystals, n_features) float64, by unique ids; NaN for what is no number
    path: Path  # of the file, for messages

    @classmethod
    def read(cls, path: Path) -> "Embeddings":
        """Reads a table: .csv and .parquet with a column `id`, .npz with an array `id`.

        The other columns are the features. In an .npz they are the other arrays, (n_crystals,) or
        (n_crystals, n_features) each.

        Raises:
            InputError: the file cannot be read, has no ids or no features, or an id occurs twice.
        """
        check_format(path)
        try:
            frame = READERS[path.suffix](path, read_bytes(path))
        except InputError:
            raise
        except Exception as error:  # whatever a file of something else raises
            raise InputError(
                f"{path}: cannot be read as a table of embeddings ({one_line(error)})"
            ) from error
        if ID not in frame:
            columns = ", ".join(map(str, frame.columns[:5])) or "none"
            raise InputError(f"{path}: has no column '{ID}'; its columns are {columns} ...")
        frame.index = pd.Index(frame.pop(ID).astype(str).str.strip(), name=ID)
        repeated = frame.index[frame.index.duplicated()]
        if len(repeated):
            raise InputError(f"{path}: id '{repeated[0]}' occurs twice")
        if not len(frame.columns):
            raise InputError(f"{path}: has no feature column beside '{ID}'")
        complex_ = [name for name, kind in frame.dtypes.items() if getattr(kind, "kind", "") == "c"]
        if complex_:
            raise InputError(f"{path}: column '{complex_[0]}' holds complex numbers; real ones are needed")
        return cls(frame.apply(pd.to_numeric, errors="coerce").astype(np.float64), path)

    def rows(self, ids: Sequence[str]) -> np.ndarray:
        """The embeddings (n_ids, n_features) of the crystals `ids`.

        Raises:
            InputError: a crystal has no row, or a row with an entry that is not a finite number.
        """
        missing = self.missing(ids)
        if missing:
            others = f" and for {len(missing) - 1} others" if len(missing) > 1 else ""
            raise InputError(f"{self.path}: has no row for id '{missing[0]}'{others}")
        values = self.table.loc[list(ids)].to_numpy()
        wrong = np.argwhere(~np.isfinite(values))
        if len(wrong):
            identity, column = ids[wrong[0][0]], self.table.columns[wrong[0][1]]
            row = f"row {self.table.index.get_loc(identity) + 1} below the header ('{identity}')"
            raise InputError(f"{self.path}: {row}, column '{column}': is not a finite number")
        return np.asarray(values)

    def missing(self, ids: Iterable[str]) -> list[str]:
        """The crystals of `ids` that have no row."""
        return [identity for identity in ids if identity not in self.table.index]

    def write(self, path: Path) -> None:
        """Writes the table atomically in the format of the path's ending.

        Raises:
            InputError: the format is unknown.
        """
        check_format(path)
        with atomic_file(path) as temporary:
            if path.suffix == ".npz":
                np.savez(temporary, id=self.table.index.to_numpy(str), vectors=self.table.to_numpy())
            elif path.suffix == ".csv":
                self.table.to_csv(temporary, index_label=ID, lineterminator="\n")
            else:
                self.table.rename_axis(ID).reset_index().to_parquet(temporary, index=False)


def _read_csv(path: Path, content: bytes) -> pd.DataFrame:
    text = as_text(content, path)
    refuse_separators([text.partition("\n")[0].partition(",")[0]], path)
    frame = pd.read_csv(io.StringIO(text), dtype={ID: str}, keep_default_na=False)
    if any(str(name).startswith("Unnamed: ") for name in frame):
        raise InputError(f"{path}: a column has no name, as the row numbers that pandas writes; remove it")
    return frame


def _read_parquet(_: Path, content: bytes) -> pd.DataFrame:
    return pd.read_parquet(io.BytesIO(content))


def _read_npz(_: Path, content: bytes) -> pd.DataFrame:
    columns: dict[str, np.ndarray] = {}
    with np.load(io.BytesIO(content)) as arrays:
        for name, array in arrays.items():
            if name == ID or array.ndim == 1:
                columns[name] = array
            else:
                columns |= {f"{name}_{i}": column for i, column in enumerate(array.reshape(len(array), -1).T)}
    return pd.DataFrame(columns)


READERS = {".csv": _read_csv, ".npz": _read_npz, ".parquet": _read_parquet}


def check_format(path: Path) -> None:
    """Raises an InputError if files with this ending cannot be read and written here."""
    if path.suffix not in READERS:
        raise InputError(f"{path}: unknown format '{path.suffix}' of embeddings; known: {', '.join(READERS)}")
    if path.suffix == ".parquet" and not find_spec("pyarrow"):
        raise InputError(f"{path}: the format needs the package pyarrow; pip install pyarrow")
