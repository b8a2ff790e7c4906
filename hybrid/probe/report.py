"""Records of probes: their rows, and their table and figure."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from hybrid.atomic import write_text
from hybrid.descriptors.registry import Descriptor, choose
from hybrid.probe.candidates import Candidate
from hybrid.report import bars
from hybrid.report.records import bars as bars_of
from hybrid.report.records import read_record
from hybrid.report.rows import Row, not_run_row
from hybrid.report.style import save
from hybrid.report.tables import write_record_table
from hybrid.settings import RunSettings
from hybrid.training.samples import Samples

LOCAL, GLOBAL, SYMMETRY, OTHERS = PANELS = (
    "a  local descriptors",
    "b  global descriptors",
    "c  crystal system",
    "d  other columns",
)
TRIVIAL = ("mean-baseline", "majority-baseline")


def result_rows(
    model: Candidate, samples: Samples, run: RunSettings, result: dict[str, Any], device: str
) -> list[dict[str, Any]]:
    """A row for each target of a fit, in the form of an experiment's record."""
    return [_row(model, samples, run, result, device, target) for target in samples.names]


def _row(
    model: Candidate,
    samples: Samples,
    run: RunSettings,
    result: dict[str, Any],
    device: str,
    target: str,
) -> dict[str, Any]:
    known, label = _known(target), samples.folder.path.resolve().name
    row = Row(
        dataset=label,
        dataset_label=label,
        target=_symbol(target),
        descriptor=target,
        unit=known.unit if known else "",
        network=model.label,
        network_label=model.label,
        model=model.model,
        pooling=None,
        descriptors=None,
        variant=model.variant + (", multi-target" if len(samples.names) > 1 else ""),
        panel=_panel(known),
        seed=run.model_seed,
        epochs=model.epochs,
        status=result["status"],
        note=result.get("note", ""),
    )
    return row.of_run({**result, **result.get("metrics", {}), **samples.sizes(), "device": device}, target)


def left_out_row(target: str, reason: str) -> dict[str, Any]:
    """A row for a descriptor that is not probed."""
    return not_run_row(_symbol(target), reason, _panel(_known(target)), descriptor=target)


def as_table(record: dict[str, Any]) -> pd.DataFrame:
    """R2, or accuracy, on the test set: a row a descriptor, a column a model; the mean over seeds."""
    table: dict[str, dict[str, float]] = {}
    for bar in bars_of(record):
        metric = "accuracy" if bar.done and "accuracy" in bar.done[0]["metrics"] else "r2"
        column = "trivial" if bar.first["model"] in TRIVIAL else bar.first["network_label"]
        table.setdefault(bar.first["descriptor"], {})[column] = bar.mean(metric)
    return pd.DataFrame.from_dict(table, orient="index").rename_axis("descriptor")


def write(record: dict[str, Any], out: Path, beside: Path | None = None) -> None:
    """Writes a probe's record, table and figure.

    Args:
        record: of `hybrid.probe.probe.probe`.
        out: the files' common name: .json, .csv, .md, .png, .pdf are added.
        beside: a record of other networks on the same descriptors, whose rows join table and figure.
    """
    others = _rows_beside(record, beside) if beside else []
    record = {**record, "experiment": out.name}
    write_text(out.with_name(f"{out.name}.json"), json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    rows = sorted([*others, *record["rows"]], key=lambda row: PANELS.index(row["panel"]))
    write_record_table({**record, "rows": rows}, out)
    save(bars.draw({**record, "rows": [_as_drawn(row, record) for row in rows]}), out)


def _rows_beside(record: dict[str, Any], path: Path) -> list[dict[str, Any]]:
    """The rows of another record that are about the same descriptors."""
    probed = {row["descriptor"]: row["panel"] for row in record["rows"]}
    rows = []
    for row in read_record(path)["rows"]:
        name = row.get("descriptor") or ("crys_sys" if "accuracy" in row["metrics"] else None)
        if row["status"] == "done" and name in probed and row["model"] not in TRIVIAL:
            rows.append({**row, "descriptor": name, "panel": probed[name]})
    return rows


def _as_drawn(row: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    """A row under the label of the probed dataset, so that a descriptor's bars stand together."""
    own = next((row["dataset"] for row in record["rows"] if row["dataset"]), None)
    if row["status"] == "not run" or row["dataset"] == own:
        return row
    return {
        **row,
        "dataset_label": own,
        "target": _symbol(row["descriptor"]),
        "network_label": f"{row['network_label']}, {row['dataset_label']}",
    }


def _known(name: str) -> Descriptor | None:
    return {descriptor.name: descriptor for descriptor in choose()}.get(name)


def _symbol(name: str) -> str:
    """What figures call a descriptor."""
    if name == "crys_sys":
        return "crystal system"
    known = _known(name)
    return known.symbol if known else name


def _panel(descriptor: Descriptor | None) -> str:
    if descriptor is None:
        return OTHERS
    if descriptor.group == "symmetry":
        return SYMMETRY
    return LOCAL if descriptor.local else GLOBAL
