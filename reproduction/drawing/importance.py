"""Figure 4: how important the learnt features and the descriptors are for the head of a hybrid network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hybrid.descriptors.registry import select_descriptors
from hybrid.report.records import Bar, bars, scale_note
from hybrid.report.style import COLOURS, LARGE, PAGE, SMALL, new_figure, styled
from reproduction.drawing.axes import LETTER, draw_range, footnote

PANELS = (
    ("Cv", ("phonon-cv",)),
    ("log κ", ("log-kappa", "elastic-g", "elastic-k")),
    ("M", ("magnetization", "band-gap")),
)
"""Panels a, b and c: the paper's property, its dataset, and possible substitutes, the most similar first."""

N_NAMED = 4  # descriptors that are named in a spectrum
N_SHUFFLED = 8  # features whose shuffling is shown
FLOOR = 1e-4  # of the impurity importance, the lower end of the axis
MEASURES = {  # label and colour in panel d, and mark
    "impurity": ("impurity", COLOURS["footnote"], "o"),
    "forest": ("shuffling, forest", COLOURS["sum"], "s"),
    "network": ("shuffling, network", COLOURS["descriptors"], "D"),
}


@dataclass(frozen=True)
class Feature:
    """One feature over all seeds; learnt ones are identified by their rank in each seed.

    Attributes:
        name: the descriptor, or the rank of the learnt feature.
        learnt: whether it is a learnt feature.
        impurity: (n_seeds,) share of the forest's importance.
        forest: (n_seeds,) increase of the forest's MAE/MAD when it is shuffled.
        network: (n_seeds,) the same for the network.
    """

    name: str
    learnt: bool
    impurity: np.ndarray
    forest: np.ndarray
    network: np.ndarray

    @property
    def colour(self) -> str:
        """Of its kind."""
        return COLOURS["mean" if self.learnt else "descriptors"]

    @property
    def symbol(self) -> str:
        """The symbol of a descriptor, otherwise the name."""
        return {descriptor.name: descriptor.symbol for descriptor in select_descriptors()}.get(
            self.name, self.name
        )


@dataclass(frozen=True)
class Spectrum:
    """All features of the networks for one property.

    Attributes:
        dataset: name.
        label: what figures call it.
        features: in descending order of the mean impurity importance.
        together: all learnt features as one, and all descriptors as one.
        errors: (n_seeds, 2) MAE/MAD of forest and network.
        paper: what the paper says about it, and where; empty if nothing.
    """

    dataset: str
    label: str
    features: list[Feature]
    together: tuple[Feature, Feature]
    errors: np.ndarray
    paper: tuple[str, str]

    def share(self, measure: str) -> np.ndarray:
        """The descriptors' share (n_seeds,) of the importance of all descriptors and all learnt features."""
        learnt, descriptors = (np.maximum(getattr(part, measure), 0) for part in self.together)
        share: np.ndarray = descriptors / (learnt + descriptors)
        return share


def spectra(record: dict[str, Any]) -> list[Spectrum]:
    """The spectra of all properties that have been measured, in the record's order."""
    measured = [
        (bar, [row["importance"] for row in bar.done if row.get("importance")]) for bar in bars(record)
    ]
    return [_spectrum(bar, rows) for bar, rows in measured if rows]


def _spectrum(bar: Bar, rows: list[dict[str, Any]]) -> Spectrum:
    n_learnt, names = rows[0]["n_learnt"], rows[0]["descriptors"]
    ordered = []
    for row in rows:
        values = np.array([row["impurity"], row["forest"][:-2], row["network"][:-2]])
        by_rank = np.argsort(-values[0, :n_learnt], kind="stable")
        ordered.append(np.concatenate([values[:, by_rank], values[:, n_learnt:]], axis=1))
    seeds = np.array(ordered)  # (n_seeds, 3, n_features)
    labels = [f"learnt, no. {i + 1}" for i in range(n_learnt)] + names
    features = [Feature(name, i < n_learnt, *seeds[:, :, i].T) for i, name in enumerate(labels)]
    features.sort(key=lambda feature: -feature.impurity.mean())
    shares = seeds[:, 0, :n_learnt].sum(axis=1)
    forest, network = (np.array([row[key][-2:] for row in rows]) for key in ("forest", "network"))
    together = (
        Feature("all learnt features", True, shares, forest[:, 0], network[:, 0]),
        Feature("all descriptors", False, 1 - shares, forest[:, 1], network[:, 1]),
    )
    errors = np.array([[row["forest_error"], row["network_error"]] for row in rows])
    said = bar.first["paper"] or {}
    paper = (said.get("says", ""), said.get("source", ""))
    return Spectrum(bar.first["dataset"], bar.first["dataset_label"], features, together, errors, paper)


@styled
def draw(record: dict[str, Any], measured: list[Spectrum]) -> Figure:
    """Figure 4: a, b, c spectra of impurity importance, below them what shuffling does; d shares."""
    figure = new_figure(PAGE, 190)
    parts = np.ravel(figure.subfigures(2, 1, squeeze=False, height_ratios=(130, 60)))
    above = parts[0].subplots(2, 3, height_ratios=(55, 65))
    by_name = {spectrum.dataset: spectrum for spectrum in measured}
    for letter, (upper, lower), (paper, choice) in zip("abc", above.T, PANELS, strict=True):
        name = next((name for name in choice if name in by_name), None)
        if name is None:
            upper.set_axis_off()
            lower.set_axis_off()
            upper.text(0.5, 0.5, f"{paper}: not run", transform=upper.transAxes, ha="center", va="center")
        else:
            stands_in = "" if name == choice[0] else f"\n(stands in for {paper})"
            upper.set_title(f"{by_name[name].label}{stands_in}", fontsize=LARGE)
            _draw_spectrum(upper, by_name[name])
            _draw_shuffled(lower, by_name[name])
        upper.text(-0.12, 1.09, letter, transform=upper.transAxes, **LETTER)
    above[0, 0].set_ylabel("impurity importance")
    text = COLOURS["text"]
    marks = (
        ("learnt features", COLOURS["mean"], "o", None),
        ("descriptors", COLOURS["descriptors"], "o", None),
        ("shuffled for the forest", text, MEASURES["forest"][2], "white"),
        ("shuffled for the network", text, MEASURES["network"][2], text),
    )
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="", label=label, mfc=fill)
        for label, colour, marker, fill in marks
    ]
    parts[0].legend(handles=handles, loc="outside upper center", ncols=4)
    _draw_shares(parts[1].subplots(), measured)
    parts[1].text(0.005, 0.98, "d", va="top", **LETTER)
    footnote(figure, scale_note(record))
    return figure


def _draw_spectrum(axes: Axes, spectrum: Spectrum) -> None:
    """Draws all features in descending order as vertical lines, and names the first descriptors."""
    heights = [max(feature.impurity.mean(), FLOOR) for feature in spectrum.features]
    places = np.arange(1, len(heights) + 1)
    colours = [feature.colour for feature in spectrum.features]
    axes.vlines(places, FLOOR, heights, colors=colours, linewidth=1.0)
    axes.scatter(places, heights, c=colours, s=4, zorder=3)
    axes.set_yscale("log")
    # the limit leaves room for the names above the bars
    axes.set(xlim=(0, len(heights) + 1), ylim=(FLOOR, 300), xlabel="rank of the feature")
    axes.set_yticks((FLOOR, 1e-3, 1e-2, 1e-1, 1))
    axes.minorticks_off()
    named = [
        f"{rank}. {feature.symbol}  {feature.impurity.mean():.3f}"
        for rank, feature in enumerate(spectrum.features, start=1)
        if not feature.learnt
    ]
    look: dict[str, Any] = {"fontsize": SMALL - 1.5, "color": COLOURS["descriptors"], "linespacing": 1.3}
    text = "\n".join(["first descriptors", *named[:N_NAMED]])
    axes.text(0.99, 0.99, text, transform=axes.transAxes, ha="right", va="top", **look)


def _draw_shuffled(axes: Axes, spectrum: Spectrum) -> None:
    """Draws the features whose shuffling increases the errors most, and both kinds together."""
    most = sorted(spectrum.features, key=lambda f: -max(f.forest.mean(), f.network.mean()))[:N_SHUFFLED]
    listed: Sequence[Feature] = [*spectrum.together, *most]
    for y, one in enumerate(listed):
        draw_range(axes, one.forest, y - 0.15, one.colour, MEASURES["forest"][2], 0.8, 3.5, "white")
        draw_range(axes, one.network, y + 0.15, one.colour, MEASURES["network"][2], 0.8, 3.5, one.colour)
    axes.axhline(1.5, color=COLOURS["image"], linewidth=0.6)
    axes.axvline(0, color=COLOURS["text"], linewidth=0.6)
    axes.set_yticks(range(len(listed)), [feature.symbol for feature in listed], fontsize=SMALL - 1)
    for label, feature in zip(axes.get_yticklabels(), listed, strict=True):
        label.set_color(feature.colour)
    axes.set_ylim(len(listed) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("rise of MAE/MAD")


def _draw_shares(axes: Axes, measured: list[Spectrum]) -> None:
    """Panel d: the descriptors' share by property, by three measures."""
    for place, (key, (label, colour, marker)) in enumerate(MEASURES.items()):
        shares = [spectrum.share(key) for spectrum in measured]
        at = np.arange(len(measured)) + 0.2 * (place - 1)
        for x, values in zip(at, shares, strict=True):
            axes.plot([x, x], [values.min(), values.max()], color=colour, linewidth=0.8)
        means = [values.mean() for values in shares]
        axes.plot(at, means, marker, color=colour, markersize=4, label=label)
    axes.set_xticks(range(len(measured)), [one.label.replace(" per ", "\nper ") for one in measured])
    axes.set(xlim=(-0.6, len(measured) - 0.4), ylim=(0, 1.02), ylabel="share of the descriptors")
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y", color=COLOURS["image"], linewidth=0.4)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
