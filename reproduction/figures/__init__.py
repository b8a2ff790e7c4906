"""The figures and tables, with a module for each; the files in this folder are the list.

To add a figure, add a module; `my_figure.py` makes the target `make my-figure`. It has

- a docstring that says what the figure shows;
- `SPEC`, if networks are trained for it: which, on which data, and what the paper says about them
  (`reproduction.workflow.spec.Spec`; the names of networks are those in workflow/networks.yaml);
- `MEASUREMENT`, if trained models are measured (`reproduction.workflow.measurements.Measurement`);
- `draw(stem, record)`, or `draw(stem)` without a spec: writes <stem>.png, .pdf, .md and .csv;
- `PICTURE = False`, if it is a table without a picture.

`reproduction.drawing.recorded` has drawings that many figures share (`draw_bars`, `draw_errors`, `draw_parity`),
`reproduction.drawing.tables` writes tables, and `reproduction.paper` has the paper's numbers.
"""

import importlib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from hybrid.errors import unknown_name
from reproduction.paths import FIGURES
from reproduction.workflow.spec import UPSTREAM, Spec

if TYPE_CHECKING:
    from reproduction.workflow.measurements import Measurement


def names() -> set[str]:
    """The names of all figures and tables, as make targets."""
    return {path.stem.replace("_", "-") for path in FIGURES.glob("[!_]*.py")}


def path(name: str) -> Path:
    """The file of a figure's module, with or without the ending of upstream's scripts."""
    return FIGURES / f"{name.removesuffix(UPSTREAM).replace('-', '_')}.py"


def figure(name: str) -> ModuleType:
    """The module of a figure.

    Raises:
        InputError: no such figure; the message suggests the nearest name.
    """
    if name.removesuffix(UPSTREAM) not in names():
        raise unknown_name("figure or table", name, names())
    return importlib.import_module(f"{__name__}.{path(name).stem}")


def specs() -> dict[str, Spec]:
    """The specs of all figures for which networks are trained."""
    found = {name: getattr(figure(name), "SPEC", None) for name in sorted(names())}
    return {name: spec for name, spec in found.items() if spec}


def spec(name: str) -> Spec:
    """The spec of a figure, or of one that runs through upstream's scripts (`table2-upstream`).

    Raises:
        InputError: no such figure, or nothing is trained for it.
    """
    known = specs()
    if name.endswith(UPSTREAM):
        return spec(name.removesuffix(UPSTREAM)).by_upstream()
    if name not in known:
        raise unknown_name("experiment", name, known)
    return known[name]


def measurement(name: str) -> "Measurement | None":
    """The measurement of trained models for a figure, if there is one."""
    found: Measurement | None = getattr(figure(name), "MEASUREMENT", None)
    return found


def measurements() -> "dict[str, Measurement]":
    """All measurements by their names in records."""
    return {found.name: found for name in sorted(names()) if (found := measurement(name))}
