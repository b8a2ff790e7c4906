"""The page of a finished run, with its pictures, and the page that sets several runs side by side."""

import base64
import hashlib
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import matplotlib

from hybrid.atomic import atomic_file, write_text
from hybrid.data.folder import CrystalFolder
from hybrid.report.drawn import Drawn
from hybrid.report.finished_run import FinishedRun, best_epoch
from hybrid.report.inline_svg import inline_svg
from hybrid.report.run_figures import compared_figures, run_figures
from hybrid.report.run_files import describe_data, printable, shown
from hybrid.training.run_folder import said

PAGES = Path(__file__).with_name("pages")
TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(PAGES),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)
PAGE, FIGURES = "report.html", "figures"
WORST = 20
COLUMNS = {
    "mae": "MAE",
    "rmse": "RMSE",
    "mae_over_mad": "MAE/MAD",
    "r2": "R²",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "majority": "most frequent class",
    "roc_auc": "ROC AUC",
}


def write_report(
    run: Path, folder: CrystalFolder | None = None, split_file: Path | None = None, out: Path | None = None
) -> Path:
    """Writes report.html and figures/ into a run folder, and returns the page; nothing else there changes.

    Args:
        run: the folder of a finished run.
        folder: its crystals; None: what is known of them from an earlier report.
        split_file: that gave the folds.
        out: another place for the page; no figures are written beside it.

    Raises:
        InputError: there is no finished run, it is damaged, or the folder holds other crystals.
    """
    if folder is not None:
        describe_data(run, folder, split_file)
    result, page = FinishedRun.read(run), out or run / PAGE
    drawn = run_figures(result)
    if out is None:
        for figure in drawn:
            _write_picture(figure, run / FIGURES / f"{figure.name}.png")
    text = _rendered(
        "run.html",
        run=result,
        figures=_inlined(drawn),
        facts=_facts(result),
        scores=_scores({"": result}, result.parts),
        worst=[_crystal(result, int(i), page) for i in result.worst(WORST)],
        shown=shown,
    )
    write_text(page, text)
    return page


def write_comparison(runs: Sequence[Path], out: Path) -> Path:
    """Writes a page that sets finished runs side by side.

    Raises:
        InputError: one is no finished run, or is damaged.
    """
    found = {run: FinishedRun.read(run) for run in runs}
    labels = _labels(list(found))
    named = {labels[path]: run for path, run in found.items()}
    judged = [{run.ids[i] for i in run.parts[run.judged]} for run in named.values()]
    text = _rendered(
        "runs.html",
        runs=named,
        paths={label: printable(run.path) for label, run in named.items()},
        links={label: _link(run.path, out) for label, run in named.items()},
        figures=_inlined(compared_figures(named)),
        scores=_scores(named),
        settings=_that_differ(named),
        same_crystals=all(ids == judged[0] for ids in judged),
    )
    write_text(out, text)
    return out


def _labels(paths: list[Path]) -> dict[Path, str]:
    """Short names of runs: what their folders' names do not begin with in common."""
    names = [printable(path.resolve().name) for path in paths]
    if len(set(names)) < len(names):
        return {path: printable(path) for path in paths}
    common = os.path.commonprefix(names).rpartition("-")[0]  # noqa: RUF071 - names, not paths
    begin = f"{common}-" if common else ""
    return {path: name.removeprefix(begin) for path, name in zip(paths, names, strict=True)}


def _facts(run: FinishedRun) -> list[tuple[str, str]]:
    """What is said first: the scores of the judged part, and how long the training took."""
    facts = []
    if len(run.names) == 1:  # the table says it of several
        scores = run.scores(run.judged)
        for metric in ("accuracy", "roc_auc", "mae", "mae_over_mad", "r2"):
            if metric in scores:
                unit = f" {run.unit}" if metric == "mae" and run.unit else ""
                facts.append((f"{run.judged} {COLUMNS[metric]}", f"{shown(scores[metric])}{unit}"))
    if len(run.logs) == 1:
        (log,) = run.logs.values()
        best, n = log["epoch"][best_epoch(log)], run.metrics.get("epochs", len(log["epoch"]))
        facts.append(("best epoch", f"{best:g} of {n}"))
    seconds = run.metrics.get("train_seconds")
    if isinstance(seconds, int | float):
        facts.append(("training", f"{seconds:,.0f} s" if seconds < 600 else f"{seconds / 60:,.0f} min"))
    return facts


def _scores(runs: dict[str, FinishedRun], parts: Sequence[str] | dict[str, Any] = ()) -> dict[str, Any]:
    """A table of scores: a row for each part and target, or for each run and target."""
    rows = []
    for label, run in runs.items():
        for part in reversed(list(parts or [run.judged])):
            for i, name in enumerate(run.labels):
                words = [label or part, name] if run.names != ("",) else [label or part]
                rows.append((words, len(run.parts[part]), run.scores(part, i)))
    metrics = [metric for metric in COLUMNS if any(metric in scores for *_, scores in rows)]
    several = max(len(words) for words, *_ in rows)
    first = ["run" if "" not in runs else "part", "target"][:several]
    cells = [
        [*[*words, ""][:several], f"{n:,}", *(shown(scores.get(m, float("nan"))) for m in metrics)]
        for words, n, scores in rows
    ]
    return {"header": [*first, "crystals", *(COLUMNS[m] for m in metrics)], "rows": cells, "words": several}


def _that_differ(runs: dict[str, FinishedRun]) -> list[tuple[str, list[str]]]:
    """Each setting that is not the same in all runs, with its values."""
    names = list(dict.fromkeys(name for run in runs.values() for name in run.settings))
    rows = []
    for name in names:
        values = [", ".join(map(said, run.settings.get(name, ["–"]))) for run in runs.values()]
        if len(set(values)) > 1 and "code" not in name:
            rows.append((name[-1].replace("_", "-"), list(map(printable, values))))
    return rows


def _crystal(run: FinishedRun, i: int, page: Path) -> dict[str, Any]:
    """A row of the table of the worst crystals."""
    file, formula, n_atoms = run.crystal(i)
    spread = run.numbers("std")
    return {
        "id": run.ids[i],
        "link": _link(run.path / file, page) if file else "",
        "formula": formula,
        "n_atoms": n_atoms or "",
        "targets": list(map(shown, run.targets[i])),
        "predictions": list(map(shown, run.predictions[i])),
        "spreads": [] if spread is None else list(map(shown, spread[i])),
        "error": shown(run.errors[i]),
    }


def _link(to: Path, page: Path) -> str:
    """The address of a file or folder, as seen from a page."""
    return quote(os.fsencode(os.path.relpath(to, page.parent)))


def _inlined(drawn: list[Drawn]) -> list[dict[str, Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # letters that the font lacks
        pictures = [inline_svg(one.figure, f"{i}-{one.name}", one.said) for i, one in enumerate(drawn)]
    pairs = zip(pictures, drawn, strict=True)
    return [{"svg": svg, "caption": one.caption, "wide": one.wide} for svg, one in pairs]


def _write_picture(drawn: Drawn, path: Path) -> None:
    with atomic_file(path) as temporary, warnings.catch_warnings(), matplotlib.rc_context():
        warnings.simplefilter("ignore")
        drawn.figure.savefig(temporary, format="png", dpi=200, metadata={"Software": None})
    drawn.figure.set_layout_engine("none")  # its parts stay where they are now


def _rendered(template: str, **values: Any) -> str:
    """A page. Only its own script may run: a browser refuses any other, whatever a data file holds."""
    script = (PAGES / "pointing.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return TEMPLATES.get_template(template).render(script=script, digest=digest, **values)
