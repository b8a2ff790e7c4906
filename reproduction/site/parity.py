"""Parity plots in which the pointer shows a crystal: its id, formula, target and prediction."""

import csv
import html as markup
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hybrid.report.records import Bar, bars
from reproduction.site.tables import raw
from reproduction.workflow import run_table
from reproduction.workflow.record import run_of

DIGITS = 5
ROOM = 30  # characters in the legend
HINT = "Test crystals of one seed. Point at a mark for its crystal; choose networks in the legend."
STATIC = "../../_static"
Point = tuple[str, float, float]  # id, target and prediction in the target's unit
Of = tuple[str, str, str]  # data set, network, seed


def plots(record: dict[str, Any], folder: Path, formulas: dict[str, str]) -> list[dict[str, Any]]:
    """The plots of a record: one for each data set, split and target of which predictions are kept.

    Args:
        record: with rows that name their runs.
        folder: of the records; the tables of runs are below it.
        formulas: by id; a crystal without one is shown without.

    Returns:
        for each plot its title, unit and networks, and for each network its points, of the first seed that is
        done, and whether it is shown at first.
    """
    written = _written(folder / f"{record['experiment']}.predictions.csv")
    found: dict[str, dict[str, Any]] = {}
    for bar in bars(record):
        if points := _points(bar, record, folder, written):
            plot = found.setdefault(
                _title(bar), {"unit": bar.unit, "target": bar.first["target"], "networks": []}
            )
            plot["networks"].append(_network(bar, points, formulas))
    for plot in found.values():
        _choose(plot["networks"])
    return [{"title": title, **plot} for title, plot in found.items()]


def html(found: list[dict[str, Any]]) -> str:
    """The plots as HTML, drawn by a script when the page is open."""
    data = json.dumps(found, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    options = "".join(f"<option>{markup.escape(plot['title'])}</option>" for plot in found)
    return raw(
        f'<div class="parity"><p><label>Data: <select>{options}</select></label></p>\n'
        f'<p class="hint">{HINT}</p>\n'
        f'<div class="plot"></div>\n<script type="application/json">{data}</script></div>\n'
        f'<script defer src="{STATIC}/plotly.min.js"></script>\n'
        f'<script defer src="{STATIC}/plots.js"></script>'
    )


def _title(bar: Bar) -> str:
    share = bar.first.get("training_share") or 1.0
    part = "" if share == 1 else f", {share:.0%} of the training crystals"
    panel = f"{bar.first['panel']}: " if bar.first["panel"] else ""
    return f"{panel}{bar.first['target']}, {bar.first['dataset_label']}{part}"


def _network(bar: Bar, points: list[Point], formulas: dict[str, str]) -> dict[str, Any]:
    row = bar.done[0]
    settings = f" ({bar.variant})" if bar.variant and len(bar.variant) < ROOM else ""
    return {
        "name": f"{row['network_label']}{settings}, seed {row['seed']}",
        "colour": bar.colour,
        "model": row["model"],
        "error": row["metrics"]["mae_over_mad"],
        "crystals": [
            " · ".join(filter(None, (identity, formula(identity, formulas)))) for identity, *_ in points
        ],
        "true": [_short(target) for _, target, _ in points],
        "predicted": [_short(prediction) for *_, prediction in points],
    }


def formula(identity: str, formulas: dict[str, str]) -> str:
    """A crystal's formula; the id of a chain holds the number of carbon atoms of a strand."""
    kind, *numbers = identity.split("-")
    if kind in ("single", "double") and numbers:
        return f"C{int(numbers[0]) * (1 + (kind == 'double'))}"
    return formulas.get(identity.partition("-row")[0], "")


def _choose(networks: list[dict[str, Any]]) -> None:
    """Shows the network with the smallest error, and the first that is no trivial one to compare with."""
    best = min(networks, key=lambda network: network["error"])
    first = next((n for n in networks if not n["model"].endswith("-baseline") and n is not best), best)
    for network in networks:
        network["shown"] = network is best or network is first


def _points(bar: Bar, record: dict[str, Any], folder: Path, written: dict[Of, list[Point]]) -> list[Point]:
    """The test crystals of a network's first seed; none if they are not kept."""
    if not bar.done or "mae_over_mad" not in bar.done[0]["metrics"]:
        return []
    row = bar.done[0]
    if points := written.get((row["dataset"], row["network"], str(row["seed"]))):
        return points
    name = run_of(row)
    if name not in record.get("runs", ()):
        return []
    runs = folder / "runs"
    columns = run_table.read(runs / f"{row['dataset']}.parquet", runs / name, "predictions")
    rows = zip(*(columns.get(column, ()) for column in ("id", "fold", "target", "prediction")), strict=True)
    return [(identity, target, value) for identity, fold, target, value in rows if fold == "test"]


def _written(path: Path) -> dict[Of, list[Point]]:
    """The points of a table of predictions by data set, network and seed."""
    found: dict[Of, list[Point]] = {}
    for row in _rows(path):
        point = (row["id"], float(row["target"]), float(row["prediction"]))
        found.setdefault((row["dataset"], row["network"], row["seed"]), []).append(point)
    return found


def _rows(path: Path) -> Iterator[dict[str, str]]:
    if path.exists():
        with path.open(newline="") as file:
            yield from csv.DictReader(file)


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
