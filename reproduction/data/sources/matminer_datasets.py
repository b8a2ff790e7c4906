"""The datasets with structures that matminer can download: Matbench's, elastic_tensor_2015 and others.

Values are in the units that matminer's description of the dataset states.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from pymatgen.core import Structure

from hybrid.errors import InputError, unknown_name
from reproduction.data.files import DataFile, MissingDataError, obtain
from reproduction.data.sources.entries import Entry, parse_structure, without_duplicates

ID_COLUMNS = ("material_id", "mpid")


def entries(dataset: str, columns: Sequence[str]) -> Iterator[Entry]:
    """The entries of one of matminer's datasets.

    Args:
        dataset: its name in matminer, for example "matbench_mp_gap".
        columns: the quantities, by the names of its columns; a value that is not there is left out of the
            entry. Ids are the dataset's own, otherwise its name and the row, from 0.

    Raises:
        MissingDataError: matminer is not installed, or the dataset cannot be downloaded.
        InputError: no such dataset or column, or a row that cannot be used.
    """
    try:
        from matminer.datasets import get_available_datasets, get_dataset_attribute, load_dataset
    except ImportError as error:
        raise MissingDataError(
            f"dataset {dataset} is missing: matminer is not installed; `pip install matminer` brings it"
        ) from error
    known = get_available_datasets(print_format=None)
    if dataset not in known:
        raise unknown_name("matminer dataset", dataset, known)
    described = get_dataset_attribute(dataset, "columns")
    if "structure" not in described:
        raise InputError(f"matminer's dataset {dataset} has no structures")
    path = obtain(
        DataFile(
            f"matminer/{dataset}.{get_dataset_attribute(dataset, 'file_type')}",
            get_dataset_attribute(dataset, "hash"),
            "matminer's datasets",
            "see matminer's description of the dataset",
            get_dataset_attribute(dataset, "url"),
        )
    )
    table = load_dataset(dataset, data_home=str(path.parent), download_if_missing=False)
    for column in columns:
        if column not in table.columns:
            raise unknown_name(f"column of {dataset}", column, map(str, table.columns))
    return without_duplicates(path, _rows(str(path), dataset, table, columns))


def _rows(path: str, dataset: str, table: Any, columns: Sequence[str]) -> Iterator[Entry]:
    identities = next((name for name in ID_COLUMNS if name in table.columns), None)
    for number, row in enumerate(table.to_dict("records")):
        identity = str(row[identities]) if identities else f"{dataset}-{number}"
        where = f"{path}: row {number} ({identity})"
        structure = parse_structure(where, _as_structure, row["structure"])
        values = {}
        for column in columns:
            try:
                value = float(row[column])
            except (TypeError, ValueError) as error:
                raise InputError(f"{where}: {column} is '{row[column]}', not a number") from error
            if math.isfinite(value):
                values[column] = value
        yield Entry(identity, structure, values)


def _as_structure(structure: object) -> Structure:
    if not isinstance(structure, Structure):
        raise TypeError(f"is a {type(structure).__name__}")
    return structure
