"""What descriptors improve: the paper's own numbers give its percentages; what is not there is left out."""

from typing import Any

import pytest
from conftest import record_row

from reproduction.drawing.errors import improvements
from reproduction.site.tables import TABLE, table_of


def rows(network: str, errors: list[float], paper: float | None = None) -> list[dict[str, Any]]:
    """A network's rows, one a seed."""
    common = {"network_label": network.upper(), "n_train": 6, "n_val": 2, "n_test": 2}
    said = {"mae_over_mad": paper} if paper else None
    return [record_row(network, error, seed, paper=said, **common) for seed, error in enumerate(errors)]


def improved(*networks: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The rows of the table."""
    lines = improvements({"scale": "cpu", "rows": [row for network in networks for row in network]})
    return [row for text in TABLE.findall("\n".join(lines)) for row in table_of(text).to_dict("records")]


def test_the_papers_numbers_give_its_improvement() -> None:
    (row,) = improved(
        rows("mean-baseline", [1.0]),
        rows("forest", [0.1, 0.2]),
        rows("cgcnn", [0.7, 0.8], paper=0.759),
        rows("de-cgcnn", [0.1, 0.2], paper=0.058),
    )
    assert row["paper, improvement"] == "92.4 %"  # Table 1
    assert (row["without"], row["with descriptors"], row["improvement"]) == ("0.750", "0.150", "80.0 %")
    assert (row["training mean"], row["descriptors alone"]) == ("1.000", "0.150")
    assert (row["network"], row["crystals"], row["MAD"], row["unit"]) == ("CGCNN", "10", "50", "J")
    assert row["within the seeds' spread"] == "no"


@pytest.mark.parametrize(
    ("without", "joined", "within", "improvement"),
    [
        ([0.2, 0.3], [0.25, 0.27], "yes", "-4.0 %"),
        ([0.2, 0.3], [0.31, 0.33], "no", "-28.0 %"),
        ([0.2], [0.1], "one seed", "50.0 %"),
    ],
)
def test_what_lies_within_the_spread(
    without: list[float], joined: list[float], within: str, improvement: str
) -> None:
    (row,) = improved(rows("alignn-sum", without), rows("de-alignn-sum", joined))
    assert (row["within the seeds' spread"], row["improvement"]) == (within, improvement)
    assert row["paper, improvement"] == row["descriptors alone"] == ""


def test_without_a_hybrid_there_is_no_table() -> None:
    diverged = [{**row, "status": "diverged", "metrics": {}} for row in rows("de-cgcnn", [0.1])]
    assert improvements({"scale": "cpu", "rows": [*rows("cgcnn", [0.2]), *diverged]}) == []
