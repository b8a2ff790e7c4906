"""The pictures of finished runs: parity, learning curves, where the errors are, calibration, classes."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from hybrid.report.drawn import MAP, POINTED, WIDTH, Drawn, drawing, ink_on, logarithmic, look_of, said_of
from hybrid.report.error_figures import error_by_atoms, error_by_element
from hybrid.report.finished_run import FinishedRun, best_epoch
from hybrid.report.run_files import printable
from hybrid.report.style import COLOURS, SMALL, legend_above, new_figure


@drawing
def run_figures(run: FinishedRun) -> list[Drawn]:
    """All pictures that a run has."""
    return [
        *([roc(run)] if run.classification and run.probabilities is not None else []),
        *([confusion(run)] if run.classification else [parity(run, i) for i in range(len(run.names))]),
        *([learning_curves(run)] if run.logs else []),
        *calibration(run),
        *([error_by_atoms(run), error_by_element(run)] if run.data.get("crystals") else []),
    ]


def parity(run: FinishedRun, i: int, only_judged: bool = False, title: str = "") -> Drawn:
    """Prediction against target i, with the distributions of both; training below, the judged part on top."""
    name = run.labels[i]
    drawn = Drawn(f"parity-{i + 1}" if name else "parity", "", new_figure(WIDTH, WIDTH))
    grid = {"width_ratios": [5, 1], "height_ratios": [1, 5]}
    axes = drawn.figure.subplot_mosaic([["top", "."], ["main", "right"]], gridspec_kw=grid)
    main = axes["main"]
    parts = {part: at for part, at in run.parts.items() if part == run.judged or not only_judged}
    x, y = run.targets[:, i], run.predictions[:, i]
    shown_at = np.concatenate(list(parts.values()))
    both = np.concatenate([x[shown_at], y[shown_at]])
    both = both[np.isfinite(both)]
    low, high = (both.min(), both.max()) if len(both) else (0.0, 1.0)
    edge = 0.03 * (high - low) or 0.5
    limits, bins = (low - edge, high + edge), np.linspace(low - edge, high + edge, 41).tolist()
    pictured = []
    for part in reversed(parts):  # the judged part has the first right to be pointed at
        at, colour = parts[part], COLOURS[part]
        size = 2.6 if part == run.judged else 1.8
        look: dict[str, Any] = {"markersize": size, "alpha": 0.75, "markeredgewidth": 0}
        order = 3 - list(reversed(parts)).index(part)
        (points,) = main.plot(x[at], y[at], "o", color=colour, label=part, zorder=order, **look)
        if not drawn.point_at(points, [said_of(run, j, i) for j in at]):
            pictured.append(part)
        look = {"histtype": "stepfilled" if part == run.judged else "step", "density": True, "color": colour}
        axes["top"].hist(x[at], bins, zorder=order, alpha=0.8, **look)
        axes["right"].hist(y[at], bins, zorder=order, alpha=0.8, orientation="horizontal", **look)
    main.axline((low, low), slope=1, color=COLOURS["text"], linewidth=0.6, zorder=2.5)
    unit = f" ({run.unit})" if run.unit else ""
    main.set(xlim=limits, ylim=limits, xlabel=f"target{unit}", ylabel=f"prediction{unit}")
    for side, hidden in (("top", "left"), ("right", "bottom")):
        axes[side].set(**{"xlim" if side == "top" else "ylim": limits}, xticks=[], yticks=[])
        axes[side].spines[hidden].set_visible(False)
    if title:
        drawn.figure.suptitle(title, fontsize=SMALL)
    elif len(parts) > 1:
        legend_above(drawn.figure)
    drawn.caption = (
        f"Predictions against targets{f' of {name}' if name else ''}, and how both are distributed."
    )
    if pictured:
        drawn.caption += f" Only {POINTED:,} points can be pointed at; {' and '.join(pictured)} cannot."
    return drawn


def learning_curves(run: FinishedRun) -> Drawn:
    """Training loss and validation error by epoch, of all members."""
    figure = new_figure(WIDTH, WIDTH)
    upper, lower = figure.subplots(2, sharex=True)
    for log in run.logs.values():
        look: dict[str, Any] = {"linewidth": 0.8, "alpha": 1 if len(run.logs) == 1 else 0.7}
        best = best_epoch(log)
        upper.plot(log["epoch"], log["training_loss"], color=COLOURS["text"], **look)
        lower.plot(log["epoch"], log["validation_error"], color=COLOURS["validation"], **look)
        lower.plot(log["epoch"][best], log["validation_error"][best], "o", color=COLOURS["test"])
    unit = f" ({run.unit})" if run.unit else ""
    upper.set_ylabel("training loss")
    lower.set(xlabel="epoch", ylabel=f"validation error{unit}")
    lower.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (upper, lower):
        logarithmic(axes, "y")
    of = f" of {len(run.logs)} members" if len(run.logs) > 1 else ""
    caption = f"Learning curves{of}. The point is the epoch whose weights are kept."
    return Drawn("learning-curves", caption, figure)


def calibration(run: FinishedRun) -> Iterator[Drawn]:
    """How often intervals hold the target, and the errors that go with a spread, where a run has them."""
    coverage, spread = run.metrics.get("coverage"), run.numbers("std")
    if coverage:
        caption = "Calibration: intervals that promise a share should hold the target that often."
        drawn = Drawn("calibration", caption, new_figure(WIDTH, 0.9 * WIDTH))
        axes = drawn.figure.subplots()
        several = all(isinstance(value, dict) for value in coverage.values())
        for name, found in (coverage if several else {"": coverage}).items():
            nominal = sorted(found, key=float)
            shares = [found[share] for share in nominal]
            (line,) = axes.plot([float(share) for share in nominal], shares, "o-", label=printable(name))
            pairs = zip(nominal, shares, strict=True)
            drawn.point_at(line, [f"{100 * float(x):g} % promised, {100 * y:.1f} % held" for x, y in pairs])
        axes.axline((0.5, 0.5), slope=1, color=COLOURS["text"], linewidth=0.6)
        held = f"share of {run.judged} targets within the interval"
        axes.set(xlabel="nominal coverage", ylabel=held, xlim=(0, 1.02), ylim=(0, 1.02))
        if several:
            axes.legend()
        yield drawn
    if spread is not None and not run.classification:
        for i, name in enumerate(run.labels):
            yield _spread(run, i, name, spread[:, i])


def _spread(run: FinishedRun, i: int, name: str, spread: np.ndarray) -> Drawn:
    """Root mean square errors of groups of crystals with like spread."""
    figure = new_figure(WIDTH, 0.9 * WIDTH)
    axes = figure.subplots()
    at = run.parts[run.judged]
    at = at[np.argsort(spread[at])]
    groups = [group for group in np.array_split(at, min(10, max(1, len(at) // 5))) if len(group)]
    x = [np.sqrt((spread[group] ** 2).mean()) for group in groups]
    y = [np.sqrt(((run.predictions - run.targets)[group, i] ** 2).mean()) for group in groups]
    axes.plot(x, y, "o-", color=COLOURS["test"])
    axes.axline((0, 0), slope=1, color=COLOURS["text"], linewidth=0.6)
    unit = f" ({run.unit})" if run.unit else ""
    axes.set(
        xlabel=f"predicted std{unit}", ylabel=f"root mean square error{unit}", xlim=(0, None), ylim=(0, None)
    )
    of = f" of {name}" if name else ""
    caption = f"Error{of} against predicted spread, for {len(groups)} groups of crystals of like spread."
    return Drawn(f"spread-{i + 1}" if name else "spread", caption, figure)


def roc(run: FinishedRun) -> Drawn:
    """The ROC curve of the judged part: of the larger of two classes, or of each against all others."""
    from sklearn.metrics import roc_auc_score, roc_curve

    assert run.probabilities is not None
    figure = new_figure(WIDTH, 0.9 * WIDTH)
    axes = figure.subplots()
    at = run.parts[run.judged]
    chosen = range(1, 2) if len(run.classes) == 2 else range(len(run.classes))
    for k in chosen:
        true, probability = run.targets[at, 0] == run.classes[k], run.probabilities[at, k]
        if 0 < true.mean() < 1:
            label = f"class {run.classes[k]:g}, area {roc_auc_score(true, probability):.3f}"
            axes.plot(*roc_curve(true, probability)[:2], **look_of(k), label=label)
    axes.axline((0, 0), slope=1, color=COLOURS["baseline"], linewidth=0.6)
    axes.set(
        xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02)
    )
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right")
    return Drawn("roc", f"ROC curve of the {run.judged} crystals.", figure)


def confusion(run: FinishedRun) -> Drawn:
    """How many crystals of each class are predicted as each class, in the judged part."""
    at, n = run.parts[run.judged], len(run.classes)
    true, predicted = (
        np.searchsorted(run.classes, values[at, 0]) for values in (run.targets, run.predictions)
    )
    counts = np.zeros((n, n), dtype=int)
    np.add.at(counts, (true, predicted), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = new_figure(WIDTH, 0.9 * WIDTH)
    axes = figure.subplots()
    axes.imshow(shares, MAP, vmin=0, vmax=1)
    if n <= 15:
        for (row, column), count in np.ndenumerate(counts):
            colour = ink_on(MAP(shares[row, column]))
            axes.text(column, row, f"{count}", ha="center", va="center", color=colour)
    labels = [f"{label:g}" for label in run.classes]
    axes.set(xlabel="predicted class", ylabel="class")
    axes.set_xticks(range(n), labels)
    axes.set_yticks(range(n), labels)
    caption = (
        f"How many {run.judged} crystals of each class are predicted as which; colours are shares of a row."
    )
    return Drawn("confusion", caption, figure)


@drawing
def compared_figures(runs: dict[str, FinishedRun]) -> list[Drawn]:
    """Learning curves of several runs in one picture, and a parity plot of the judged part of each."""
    drawn = []
    if any(run.logs for run in runs.values()):
        figure = new_figure(1.6 * WIDTH, WIDTH)
        axes = figure.subplots()
        for k, (label, run) in enumerate(runs.items()):
            for member, log in enumerate(run.logs.values()):
                once = None if member else label
                axes.plot(log["epoch"], log["validation_error"], **look_of(k), linewidth=0.8, label=once)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        logarithmic(axes, "y")
        axes.set(xlabel="epoch", ylabel="validation error")
        legend_above(figure)
        caption = "Validation error of each run, in the unit of its own target."
        drawn.append(Drawn("learning-curves", caption, figure, wide=True))
    for label, run in runs.items():
        if run.classification:
            plots = [confusion(run)]
        else:
            plots = [parity(run, i, only_judged=True, title=label) for i in range(len(run.names))]
        for plot in plots:
            plot.caption = f"{label}: {plot.caption}"
        drawn += plots
    return drawn
