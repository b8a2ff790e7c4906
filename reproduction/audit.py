"""The audit: what of the paper is not met here, and what experiments say of the causes.

A suspected cause is a module `reproduction/figures/audit_*.py`: a spec of what is trained to test it, and
`SUSPECT`, which judges it by the record. This module collects the judgements, and beside them every number of
the paper's tables that lies outside the spread of our seeds.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hybrid.atomic import write_text
from hybrid.errors import unknown_name
from hybrid.report.records import Bar, bars, read_record, scale_note
from reproduction import figures
from reproduction.drawing.suspects import Judgement, Suspect
from reproduction.paths import RESULTS, ROOT
from reproduction.workflow.record import record_path, run_of
from reproduction.workflow.runs import planned
from reproduction.workflow.spec import SCALES

COMMITTED = "cpu"  # the scale that docs/audit.md is written from
TABLES = ("table2", "table1", "tableS1")  # a number that two of them have is listed once
MARGIN = 0.05  # of the paper's number, by which it may miss our seeds
CAUSES = {
    "magnetization-per": "values of 2018, a part of the crystals",
    "-per-atom": "audit-per-atom",
    "-sum": "audit-sum-pooling",
    "alignn": "a smaller ALIGNN in fewer epochs",
    "magnetization": "values of 2018, a part of the crystals",
    "band-gap": "values of 2019, a part of the crystals",
    "final-energy": "derived energies, a part of the crystals",
    "log-kappa": "1,485 of 2,668 labels, on structures of the Materials Project",
}
"""Suspected causes by what the names of data set or network contain, the first that fits."""


def suspects() -> dict[str, Suspect]:
    """All suspects by the name of their experiment."""
    return {
        name: figures.figure(name).SUSPECT for name in sorted(figures.names()) if name.startswith("audit-")
    }


def write(scale: str) -> Path:
    """Writes the audit: docs/audit.md from the committed scale, otherwise beside the records.

    Returns:
        The file.

    Raises:
        InputError: no such scale.
    """
    if scale not in SCALES:
        raise unknown_name("scale", scale, SCALES)
    path = ROOT / "docs" / "audit.md" if scale == COMMITTED else RESULTS / scale / "audit.md"
    write_text(path, "\n".join([*_head(scale), *_judged(scale, path), *_outside(scale)]) + "\n")
    return path


def _head(scale: str) -> list[str]:
    return [
        "# Audit",
        "",
        "What of the paper is not met here, what may be behind it, and what experiments say of that. "
        f"`make audit SCALE={scale}` writes this page, and each experiment can be run by itself, for example "
        "`make audit-natoms`. *Explained*: the suspected cause acts and is large enough; *partly explained*: "
        "it acts and is not; *unexplained*: it does not act. That the authors published labels and splits is "
        "what makes such checks possible.",
        "",
    ]


def _judged(scale: str, path: Path) -> Iterator[str]:
    """The table of all suspects and a section for each."""
    found = {name: (suspect, *_judgement(name, suspect, scale)) for name, suspect in suspects().items()}
    yield "| paper | ours | suspected cause | experiment | verdict |"
    yield "| --- | --- | --- | --- | --- |"
    for name, (suspect, judgement, _) in found.items():
        yield f"| {suspect.paper} | {judgement.ours} | {suspect.cause} | `{name}` | {judgement.verdict} |"
    for name, (suspect, judgement, record) in found.items():
        yield from ("", f"## {name}", "", *suspect.lines(judgement))
        if record:
            table = os.path.relpath(RESULTS / scale / f"{name}.md", path.parent)
            yield from ("", f"[All results]({table}): {scale_note(record)}.")


def _judgement(name: str, suspect: Suspect, scale: str) -> tuple[Judgement, dict[str, Any] | None]:
    path = record_path(name, scale)
    if not path.exists():
        return Judgement("", "not run", (f"`make {name} SCALE={scale}` runs it.",)), None
    record = read_record(path)
    return suspect.judged(record), record


def _outside(scale: str) -> Iterator[str]:
    """The table of the paper's numbers that lie outside our spread."""
    yield from ("", "## Numbers outside our spread", "")
    yield (
        f"MAE/MAD of Tables 1, S1 and 2 outside the range of our seeds by over {MARGIN:.0%} of the "
        "paper's number. A row that was trained on older data sets is left out, and so are networks "
        "with our tuned trainer, for which the paper has no number. A cause without an experiment's name "
        "is a difference that is known and not tested."
    )
    yield from ("", "| source | property | network | paper | ours | seeds | cause |", "|" + " --- |" * 7)
    compared = missed = 0
    for bar, tuned, full_size in _compared(scale):
        said, ours = bar.first["paper"]["mae_over_mad"], f"{bar.mean('mae_over_mad'):.3f}"
        compared += 1
        if not _meets(bar, said):
            missed += 1
            names = (bar.first["paper"]["source"], bar.first["dataset_label"], bar.first["network_label"])
            cells = (*names, f"{said:g}", ours, bar.each("mae_over_mad"), _cause(bar, said, tuned, full_size))
            yield f"| {' | '.join(cells)} |"
    yield from ("", f"{missed} of {compared} numbers.")


def _compared(scale: str) -> Iterator[tuple[Bar, Bar | None, Bar | None]]:
    """What the paper has a number for, once each, and the network with our trainer and at full size, if done.

    Rows of runs that are no longer planned, on data that were replaced, are left out.
    """
    seen = set()
    for table in TABLES:
        path = record_path(table, scale)
        if not path.exists():
            continue
        planned_now = {run.name for run in planned(figures.spec(table), scale)}
        record = read_record(path)
        rows = [row for row in record["rows"] if run_of(row) in planned_now]
        found = {
            (b.first["dataset"], b.first["network"]): b for b in bars({**record, "rows": rows}) if b.done
        }
        for name, bar in found.items():
            if name not in seen and (bar.first["paper"] or {}).get("mae_over_mad"):
                seen.add(name)
                tuned, full_size = (
                    found.get((name[0], f"{name[1]}-{end}")) for end in ("tuned", "full-size")
                )
                yield bar, tuned, full_size


def _meets(bar: Bar, said: float) -> bool:
    values, margin = bar.values("mae_over_mad"), MARGIN * said
    return min(values) - margin <= said <= max(values) + margin


def _cause(bar: Bar, said: float, tuned: Bar | None = None, full_size: Bar | None = None) -> str:
    if tuned and _reaches(tuned, said) and said < bar.mean("mae_over_mad"):
        epochs, plain = tuned.first["epochs"], bar.first["epochs"]
        more = f" and {epochs} epochs in place of {plain}" if epochs > plain else ""
        return f"the trainer{more}: with ours {tuned.mean('mae_over_mad'):.3f}"
    names = f"{bar.first['dataset']} {bar.first['network']}"
    cause = next((cause for part, cause in CAUSES.items() if part in names), "unexplained")
    if cause.startswith("audit-"):
        return f"[{cause}](#{cause})"
    if full_size:
        cause = cause if _reaches(full_size, said) else "unexplained"
        cause += f"; {full_size.mean('mae_over_mad'):.3f} at full size, in {full_size.first['epochs']} epochs"
    return cause


def _reaches(bar: Bar, said: float) -> bool:
    return bar.mean("mae_over_mad") <= (1 + MARGIN) * said
