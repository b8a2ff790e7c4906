"""The style of all figures: widths of journal columns, small sans-serif type, one colour for each meaning."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from hybrid.atomic import write_bytes

COLUMN = 85.0  # mm, one column
PAGE = 180.0  # mm, two columns
SMALL = 7.0  # pt, ticks, legends and annotations
LARGE = 8.0  # pt, axis labels and titles

# Okabe and Ito's palette, which colour-blind readers can tell apart
COLOURS = {
    "mean": "#0072B2",
    "sum": "#D55E00",
    "shifted-sum": "#8F3D00",
    "sum-of-shifted": "#B8860B",
    "atom-sum": "#CC6677",
    "sum paper": "#F2B48A",
    "descriptors": "#009E73",
    "8-layers": "#E69F00",
    "18-neighbours-12A": "#56B4E9",
    "fine-tuned": "#E69F00",
    "de-cgcnn": "#009E73",
    "cgcnn+descriptors": "#CC79A7",
    "forest": "#8C6D31",
    "composition-forest": "#CDB380",
    "roost": "#882255",
    "alignn": "#7B3294",
    "alignn sum": "#C2A5CF",
    "de-alignn": "#A6611A",
    "de-alignn sum": "#DFC27D",
    "e3nn": "#DDAA33",
    "e3nn sum": "#EFD9A0",
    "de-e3nn": "#AA3377",
    "de-e3nn sum": "#DDA0C4",
    "subset": "#9ECAE1",
    "linear-probe": "#AA4499",
    "linear-probe-sum": "#E0A8D6",
    "linear-probe-cumulants": "#661155",
    "forest-probe": "#44AA99",
    "own": "#332288",
    "mean-baseline": "#B3B3B3",
    "majority-baseline": "#B3B3B3",
    "natoms-baseline": "#7F7F7F",
    "line-baseline": "#7F7F7F",
    "debye": "#999933",
    "chgnet": "#EE3377",
    "sevennet-0": "#88CCEE",
    "sevennet-l3i5": "#0077BB",
    "diep": "#999933",
    "de-cgcnn sum": "#00573F",
    "training": "#999999",
    "validation": "#56B4E9",
    "test": "#D55E00",
    "unseen": "#D55E00",
    "footnote": "#7F7F7F",
    "baseline": "#B3B3B3",
    "text": "#222222",
    "atom": "#3F3F3F",
    "image": "#C9C9C9",
    "cell": "#EAF2F8",
    "first strand": "#0072B2",
    "second strand": "#D55E00",
    "1-2": "#0072B2",
    "1-3": "#D55E00",
    "1-4": "#009E73",
}

RC: dict[Any, Any] = {
    # matplotlib includes this font, so figures are the same on every machine
    "font.family": "DejaVu Sans",
    "mathtext.fontset": "dejavusans",
    "font.size": SMALL,
    "axes.labelsize": LARGE,
    "axes.titlesize": LARGE,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "text.color": COLOURS["text"],
    "axes.labelcolor": COLOURS["text"],
    "axes.edgecolor": COLOURS["text"],
    "xtick.color": COLOURS["text"],
    "ytick.color": COLOURS["text"],
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.0,
    "lines.markersize": 4.0,
    "figure.dpi": 100,
    "savefig.dpi": 300,
    "pdf.fonttype": 42,  # TrueType: text stays text in an editor
}


P = ParamSpec("P")
R = TypeVar("R")


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Decorates a drawing function, so that the style applies inside it only."""
    decorated: Callable[P, R] = matplotlib.rc_context(RC)(draw)
    return decorated


@styled
def new_figure(width: float, height: float, **options: Any) -> Figure:
    """An empty figure of `width` x `height` mm; `options` go to Figure."""
    return Figure(figsize=(width / 25.4, height / 25.4), **{"layout": "constrained", **options})


def legend_above(figure: Figure, handles: Mapping[str, Artist] | None = None, most: int = 3) -> None:
    """Draws a legend above all panels, in as many columns as fit, but no more than `most`.

    `handles` are by label; default: everything with a label in a panel, each label once.
    """
    if handles is None:
        handles = {
            label: handle
            for axes in figure.axes
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
    labels, artists = list(handles), list(handles.values())
    for columns in range(most, 0, -1):
        legend = figure.legend(artists, labels, loc="outside upper center", ncols=columns)
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()


@styled
def save(figure: Figure, stem: Path) -> list[Path]:
    """Writes `<stem>.png` (300 dpi) and `<stem>.pdf`, without dates and program versions in the files.

    Returns:
        The two paths.
    """
    metadata = {".png": {"Software": None}, ".pdf": {"CreationDate": None, "Creator": None, "Producer": None}}
    paths = []
    for suffix, entries in metadata.items():
        path = stem.with_name(stem.name + suffix)
        drawn = io.BytesIO()  # matplotlib itself would not say why a file cannot be written
        figure.savefig(drawn, format=suffix[1:], metadata=entries)
        write_bytes(path, drawn.getbuffer())
        paths.append(path)
    return paths
