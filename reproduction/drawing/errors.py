"""Tables 1, 2 and S1: a figure of errors relative to MAD, and the table of improvements by descriptors."""

from collections.abc import Iterator
from textwrap import fill
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hybrid.report.bars import why_not_run
from hybrid.report.records import Bar, bars, not_run, scale_note
from hybrid.report.style import COLOURS, PAGE, SMALL, legend_above, new_figure, styled
from reproduction.drawing.axes import (
    GOOD,
    draw_paper,
    draw_range,
    footnote,
    name_rows,
    paper_error,
    scale_errors,
)
from reproduction.drawing.tables import Error, section

ROW = 7.5  # mm
LABEL = 20  # characters
SPREAD = 0.55  # of a row, over which its models are spread


@styled
def draw(record: dict[str, Any]) -> Figure:
    """A row for each dataset: filled marks are ours, with a line over the seeds; hollow are the paper's.

    A dataset without results has the reason in its row. What else was not run is in the table.
    """
    drawn = [bar for bar in bars(record) if bar.done]
    known = {bar.first["dataset_label"] for bar in drawn}
    missing = [row for row in not_run(record) if row["dataset_label"] not in known]
    datasets = list(dict.fromkeys(bar.group for bar in drawn))
    labels = [group.replace("\n", ", ") for group in datasets]
    labels += [fill(row["dataset_label"], LABEL) for row in missing]
    networks = list(dict.fromkeys(bar.first["network_label"] for bar in drawn))
    figure = new_figure(PAGE, 35 + ROW * len(labels) * max(1, len(networks) / 6))
    axes = figure.subplots()
    for bar in drawn:
        place = networks.index(bar.first["network_label"])
        y = datasets.index(bar.group) + (place / max(1, len(networks) - 1) - 0.5) * SPREAD
        draw_range(axes, bar.values("mae_over_mad"), y, bar.colour, _mark(bar))
        draw_paper(axes, bar, y)
    for y, row in enumerate(missing, start=len(datasets)):
        text = why_not_run(row)
        place_of_text = axes.get_yaxis_transform()
        axes.text(0.01, y, text, va="center", fontsize=SMALL - 0.5, transform=place_of_text)
    name_rows(axes, labels)
    axes.axvline(GOOD, color=COLOURS["footnote"], linewidth=0.6, linestyle=":")
    scale_errors(axes, f"MAE/MAD, test set (below {GOOD:g}, dotted: a good model)")
    handles = {
        bar.first["network_label"]: Line2D([], [], color=bar.colour, marker=_mark(bar), markersize=4)
        for bar in drawn
    }
    if any(map(paper_error, drawn)):
        look: dict[str, Any] = {"markerfacecolor": "white", "markeredgecolor": COLOURS["text"]}
        handles["the paper's"] = Line2D([], [], color="none", marker="D", markersize=3.5, **look)
    legend_above(figure, handles)
    partial = "" if len(missing) == len(not_run(record)) else "; the table says what is not run"
    footnote(figure, scale_note(record) + partial)
    return figure


def _mark(bar: Bar) -> str:
    """Squares for the tuned trainer, triangles for upstream's scripts and for networks of full size."""
    return "s" if bar.tuned else "^" if bar.first["variant"].endswith(("upstream", "full size")) else "o"


def improvements(record: dict[str, Any]) -> list[str]:
    """Lines of Markdown: a table of the networks that were trained both without descriptors and with them.

    Args:
        record: with errors as MAE/MAD.
    """
    rows = list(_improvements([bar for bar in bars(record) if bar.done]))
    caption = (
        "MAE/MAD on the test set without and with descriptors in the readout, means over the seeds, and "
        "by how much descriptors lower it. Within the seeds' spread: the seeds without them and those "
        "with them overlap. Descriptors alone: a random forest. MAD is the test set's, mean over the "
        f"seeds; {scale_note(record)}."
    )
    return section("What descriptors improve", caption, rows)


def _improvements(done: list[Bar]) -> Iterator[dict[str, str]]:
    """A row for each network and dataset, one dataset after the other."""
    found = {(bar.first["dataset"], bar.first["network"]): bar for bar in done}
    datasets = list(dict.fromkeys(dataset for dataset, _ in found))
    for dataset, network in sorted(found, key=lambda name: datasets.index(name[0])):
        plain, hybrid = found[dataset, network], found.get((dataset, f"de-{network}"))
        if hybrid is None:
            continue
        alone = {
            name: f"{found[dataset, name].mean('mae_over_mad'):.3f}" if (dataset, name) in found else ""
            for name in ("mean-baseline", "forest")
        }
        without, joined = Error.of(plain), Error.of(hybrid)
        within = "yes" if joined.overlaps(without) else "no"
        if len(without.values) == len(joined.values) == 1:
            within = "one seed"
        said_without, said_joined = paper_error(plain), paper_error(hybrid)
        yield {
            "property": plain.first["dataset_label"],
            "unit": plain.unit,
            "crystals": str(sum(plain.done[0][f"n_{fold}"] for fold in ("train", "val", "test"))),
            "MAD": f"{plain.mean('mad'):.3g}",
            "training mean": alone["mean-baseline"],
            "descriptors alone": alone["forest"],
            "network": plain.first["network_label"],
            "without": str(without),
            "with descriptors": str(joined),
            "improvement": _improvement(without.mean, joined.mean),
            "within the seeds' spread": within,
            "paper, without": f"{said_without:.3f}" if said_without else "",
            "paper, with": f"{said_joined:.3f}" if said_joined else "",
            "paper, improvement": _improvement(said_without, said_joined),
        }


def _improvement(without: float | None, joined: float | None) -> str:
    """By how much descriptors lower an error; empty if one of the errors is not known."""
    return f"{100 * (1 - joined / without):.1f} %" if without and joined else ""
