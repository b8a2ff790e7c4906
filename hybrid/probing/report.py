"""Records, tables and figures of probes."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from hybrid.atomic import write_text
from hybrid.descriptors.registry import select_descriptors
from hybrid.errors import InputError
from hybrid.probing.probed_models import ProbedModel
from hybrid.report.bars import draw
from hybrid.report.records import Row, bars, not_run_row, read_record
from hybrid.report.style import save
from hybrid.report.tables import write_record_table
from hybrid.settings import RunSettings
from hybrid.training.samples import Samples

PANELS = ("a  local descriptors", "b  global descriptors", "c  crystal system", "d  other columns")
TRIVIAL = ("mean-baseline", "majority-baseline")
NEEDED = {"status", "model", "metrics", "network_label", "dataset", "dataset_label"}  # of a row beside


def result_rows(
    model: ProbedModel, samples: Samples, run: RunSettings, result: dict[str, Any], device: str
) -> list[dict[str, Any]]:
    """A row of the record for each target of a fit."""
    found = {**result, **result.get("metrics", {}), **samples.sizes(), "device": device}
    dataset = samples.folder.path.resolve().name
    rows = []
    for target in samples.names:
        symbol, unit, panel = _described(target)
        row = Row(
            dataset=dataset,
            dataset_label=dataset,
            target=symbol,
            descriptor=target,
            unit=unit,
            network=model.label,
            network_label=model.label,
            model=model.model,
            pooling=None,
            descriptors=None,
            variant=model.variant + (f", {len(samples.names)} targets" if len(samples.names) > 1 else ""),
            panel=panel,
            seed=run.model_seed,
            epochs=model.epochs,
            status=result["status"],
            note=result.get("note", ""),
        )
        rows.append(row.of_run(found, target))
    return rows


def left_out_row(target: str, reason: str) -> dict[str, Any]:
    """A row for a descriptor that is not probed."""
    symbol, _, panel = _described(target)
    return not_run_row(symbol, reason, panel, descriptor=target)


def as_table(record: dict[str, Any]) -> pd.DataFrame:
    """R² or accuracy on the test set, by descriptor (rows) and model (columns); means over the seeds."""
    table: dict[str, dict[str, float]] = {}
    for bar in bars(record):
        metric = "accuracy" if bar.done and "accuracy" in bar.done[0]["metrics"] else "r2"
        column = "trivial" if bar.first["model"] in TRIVIAL else bar.first["network_label"]
        table.setdefault(bar.first["descriptor"], {})[column] = bar.mean(metric)
    return pd.DataFrame.from_dict(table, orient="index").rename_axis("descriptor")


def write(record: dict[str, Any], out: Path, beside: Path | None = None) -> None:
    """Writes a probe's record, table and figure: <out>.json, .csv, .md, .png and .pdf.

    The rows of the record `beside` for the same descriptors are added to table and figure.
    """
    others = _rows_beside(record, beside) if beside else []
    record = {**record, "experiment": out.name}
    write_text(out.with_name(f"{out.name}.json"), json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    rows = sorted([*others, *record["rows"]], key=lambda row: PANELS.index(row["panel"]))
    write_record_table({**record, "rows": rows}, out)
    own = next((row["dataset"] for row in record["rows"] if row["dataset"]), "")
    known = {row["descriptor"] for row in others}  # their bars stand where this record has none
    shown = [row for row in rows if row["status"] != "not run" or row["descriptor"] not in known]
    drawn = [_as_drawn(row, own) for row in shown]
    save(draw({**record, "rows": drawn}), out)


def _rows_beside(record: dict[str, Any], path: Path) -> list[dict[str, Any]]:
    """The rows of another record for the same descriptors."""
    probed = {row["descriptor"]: row["panel"] for row in record["rows"]}
    found = read_record(path)["rows"]
    if not all(
        isinstance(row, dict) and (row.get("status") != "done" or row.keys() >= NEEDED) for row in found
    ):
        raise InputError(f"{path}: is not a record of networks")
    rows = []
    for row in (row for row in found if row.get("status") == "done"):
        name = row.get("descriptor") or ("crys_sys" if "accuracy" in row["metrics"] else None)
        if name in probed and row["model"] not in TRIVIAL:
            rows.append({**row, "descriptor": name, "panel": probed[name]})
    return rows


def _as_drawn(row: dict[str, Any], own: str) -> dict[str, Any]:
    """The row relabelled with the probed dataset, so that all bars of a descriptor are in one group."""
    if row["status"] == "not run" or row["dataset"] == own:
        return row
    label, symbol = f"{row['network_label']}, {row['dataset_label']}", _described(row["descriptor"])[0]
    return {**row, "dataset_label": own, "target": symbol, "network_label": label}


def _described(name: str) -> tuple[str, str, str]:
    """A descriptor's symbol in figures, its unit and its panel."""
    found = {descriptor.name: descriptor for descriptor in select_descriptors()}.get(name)
    if found is None:
        return name, "", PANELS[3]
    panel = PANELS[2] if found.group == "symmetry" else PANELS[0] if found.local else PANELS[1]
    return "crystal system" if name == "crys_sys" else found.symbol, found.unit, panel
