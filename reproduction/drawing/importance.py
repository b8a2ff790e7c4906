"""Figure 4: which features the head of a hybrid network lives on, learnt ones or descriptors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hybrid.descriptors.registry import choose
from hybrid.report.records import Bar, bars, scale_note
from hybrid.report.style import COLOURS, LARGE, PAGE, SMALL, new_figure, styled

PANELS = (("phonon-cv",), ("log-kappa", "elastic-g", "elastic-k"), ("magnetization", "band-gap"))
"""Datasets of panels a, b and c: the paper's property, and what stands in for it, the nearest first."""

PAPER = ("Cv", "log κ", "M")
N_NAMED = 4  # descriptors that are named in a spectrum
N_SHUFFLED = 8  # features whose shuffling is shown
FLOOR = 1e-4  # of the impurity importance, the axis' lower end
KINDS = {True: ("learnt features", "mean"), False: ("descriptors", "descriptors")}
MEASURES = {"impurity": "o", "forest": "s", "network": "D"}


@dataclass(frozen=True)
class Feature:
    """One feature over all seeds; learnt ones have no identity there but their rank among the learnt.

    Attributes:
        name: the descriptor, or the rank of the learnt feature.
        learnt: which of the two it is.
        impurity: (n_seeds,) share of the forest's importance.
        forest: (n_seeds,) rise of the forest's MAE/MAD when it is shuffled.
        network: (n_seeds,) the same of the network.
    """

    name: str
    learnt: bool
    impurity: np.ndarray
    forest: np.ndarray
    network: np.ndarray


@dataclass(frozen=True)
class Spectrum:
    """All features of the networks for one property.

    Attributes:
        dataset: name.
        label: what figures call it.
        features: by falling mean impurity importance.
        together: all learnt features as one, and all descriptors as one.
        errors: (n_seeds, 2) MAE/MAD of forest and network.
        paper: what the paper says of it, and where; empty if nothing.
    """

    dataset: str
    label: str
    features: list[Feature]
    together: tuple[Feature, Feature]
    errors: np.ndarray
    paper: tuple[str, str]

    def share(self, measure: str) -> np.ndarray:
        """The descriptors' share, (n_seeds,); of rises, that of shuffling all of them among both kinds'."""
        learnt, descriptors = (np.maximum(getattr(part, measure), 0) for part in self.together)
        share: np.ndarray = descriptors / (learnt + descriptors)
        return share


def spectra(record: dict[str, Any]) -> list[Spectrum]:
    """The spectra of all properties that have been measured, in the record's order."""
    found = []
    for bar in bars(record):
        rows = [row["importance"] for row in bar.done if row.get("importance")]
        if rows:
            found.append(_spectrum(bar, rows))
    return found


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
def draw(record: dict[str, Any]) -> Figure:
    """Figure 4: a, b, c spectra of impurity importance, below them what shuffling does; d shares.

    Args:
        record: with the measured importance in its rows.
    """
    measured = spectra(record)
    figure = new_figure(PAGE, 190)
    parts = np.ravel(figure.subfigures(2, 1, squeeze=False, height_ratios=(130, 60)))
    above = parts[0].subplots(2, 3, height_ratios=(55, 65))
    for column, (choice, paper) in enumerate(zip(PANELS, PAPER, strict=True)):
        spectrum = shown(measured, choice)
        title = "abc"[column]
        if spectrum is None:
            _leave_out(above[:, column], f"{paper}: not run")
        else:
            stands_in = "" if spectrum.dataset == choice[0] else f"\n(stands in for {paper})"
            above[0, column].set_title(f"{spectrum.label}{stands_in}", fontsize=LARGE)
            _draw_spectrum(above[0, column], spectrum)
            _draw_shuffled(above[1, column], spectrum)
        above[0, column].text(
            -0.12, 1.09, title, transform=above[0, column].transAxes, fontsize=LARGE + 1, weight="bold"
        )
    above[0, 0].set_ylabel("impurity importance")
    handles = [
        Line2D([], [], color=COLOURS[colour], marker="o", linestyle="", label=name)
        for name, colour in KINDS.values()
    ]
    handles += [
        Line2D([], [], color=COLOURS["text"], marker=MEASURES[key], linestyle="", label=text, mfc=fill)
        for key, text, fill in (
            ("forest", "shuffled for the forest", "white"),
            ("network", "shuffled for the network", COLOURS["text"]),
        )
    ]
    parts[0].legend(handles=handles, loc="outside upper center", ncols=4)
    _draw_shares(parts[1].subplots(), measured)
    parts[1].text(0.005, 0.98, "d", fontsize=LARGE + 1, weight="bold", va="top")
    figure.supxlabel(scale_note(record), fontsize=SMALL - 1, color=COLOURS["footnote"])
    return figure


def shown(measured: Sequence[Spectrum], choice: Sequence[str]) -> Spectrum | None:
    """The first of some datasets that has been measured."""
    by_name = {spectrum.dataset: spectrum for spectrum in measured}
    return next((by_name[name] for name in choice if name in by_name), None)


def _draw_spectrum(axes: Axes, spectrum: Spectrum) -> None:
    """All features by falling importance, as lines from the axis' lower end; the first descriptors named."""
    heights = [max(feature.impurity.mean(), FLOOR) for feature in spectrum.features]
    places = np.arange(1, len(heights) + 1)
    colours = [_colour(feature) for feature in spectrum.features]
    axes.vlines(places, FLOOR, heights, colors=colours, linewidth=1.0)
    axes.scatter(places, heights, c=colours, s=4, zorder=3)
    axes.set_yscale("log")
    axes.set_ylim(FLOOR, 300)  # the names stand above the bars
    axes.set_yticks((FLOOR, 1e-3, 1e-2, 1e-1, 1))
    axes.minorticks_off()
    axes.set_xlim(0, len(heights) + 1)
    axes.set_xlabel("rank of the feature")
    named = [
        f"{rank}. {_symbol(feature.name)}  {feature.impurity.mean():.3f}"
        for rank, feature in enumerate(spectrum.features, start=1)
        if not feature.learnt
    ]
    axes.text(
        0.99,
        0.99,
        "\n".join(["first descriptors", *named[:N_NAMED]]),
        transform=axes.transAxes,
        ha="right",
        va="top",
        fontsize=SMALL - 1,
        color=COLOURS["descriptors"],
        linespacing=1.3,
    )


def _draw_shuffled(axes: Axes, spectrum: Spectrum) -> None:
    """The features whose shuffling hurts forest or network most, and both kinds together."""
    most = sorted(spectrum.features, key=lambda f: -max(f.forest.mean(), f.network.mean()))[:N_SHUFFLED]
    listed = [*spectrum.together, *most]
    for y, feature in enumerate(listed):
        for values, marker, offset in (
            (feature.forest, MEASURES["forest"], -0.15),
            (feature.network, MEASURES["network"], 0.15),
        ):
            colour = _colour(feature)
            axes.plot([values.min(), values.max()], [y + offset] * 2, color=colour, linewidth=0.8)
            fill = "white" if offset < 0 else colour
            axes.plot(values.mean(), y + offset, marker, color=colour, markersize=3.5, mfc=fill)
    axes.axhline(1.5, color=COLOURS["image"], linewidth=0.6)
    axes.axvline(0, color=COLOURS["text"], linewidth=0.6)
    axes.set_yticks(range(len(listed)), [_symbol(feature.name) for feature in listed], fontsize=SMALL - 1)
    for label, feature in zip(axes.get_yticklabels(), listed, strict=True):
        label.set_color(_colour(feature))
    axes.set_ylim(len(listed) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("rise of MAE/MAD")


def _draw_shares(axes: Axes, measured: list[Spectrum]) -> None:
    """Panel d: the descriptors' share by property, by three measures."""
    names = {"impurity": "impurity", "forest": "shuffling, forest", "network": "shuffling, network"}
    colours = {"impurity": COLOURS["footnote"], "forest": COLOURS["sum"], "network": COLOURS["descriptors"]}
    for place, key in enumerate(names):
        offset = 0.2 * (place - 1)
        for x, spectrum in enumerate(measured):
            values = spectrum.share(key)
            axes.plot([x + offset] * 2, [values.min(), values.max()], color=colours[key], linewidth=0.8)
        means = [spectrum.share(key).mean() for spectrum in measured]
        axes.plot(
            np.arange(len(measured)) + offset,
            means,
            MEASURES[key],
            color=colours[key],
            markersize=4,
            label=names[key],
        )
    axes.set_xticks(range(len(measured)), [spectrum.label for spectrum in measured])
    axes.set_xlim(-0.6, len(measured) - 0.4)
    axes.set_ylim(0, 1.02)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("share of the descriptors")
    axes.grid(axis="y", color=COLOURS["image"], linewidth=0.4)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)


def _leave_out(column: Sequence[Axes], text: str) -> None:
    for axes in column:
        axes.set_axis_off()
    column[0].text(0.5, 0.5, text, transform=column[0].transAxes, ha="center", va="center")


def _colour(feature: Feature) -> str:
    return COLOURS[KINDS[feature.learnt][1]]


def _symbol(name: str) -> str:
    """As printed, for a descriptor that the project knows."""
    return {descriptor.name: descriptor.symbol for descriptor in choose()}.get(name, name)
