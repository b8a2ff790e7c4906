"""What all figures share."""

from itertools import pairwise

import pytest
from conftest import record_row
from matplotlib.lines import Line2D

from hybrid.report import bars
from hybrid.report.records import scale_note
from hybrid.report.style import legend_above, new_figure
from reproduction.drawing import errors


@pytest.mark.parametrize(("length", "columns"), [(5, 3), (30, 2), (60, 1)])
def test_a_legend_takes_as_many_columns_as_the_figure_has_room_for(length: int, columns: int) -> None:
    figure = new_figure(180.0, 60.0)
    legend_above(figure, {f"{number}{'x' * length}": Line2D([], []) for number in range(6)})
    (legend,) = figure.legends
    figure.draw_without_rendering()
    assert len({round(text.get_window_extent().x0) for text in legend.get_texts()}) == columns
    assert 0 <= legend.get_window_extent().x0 < legend.get_window_extent().x1 <= figure.bbox.width


@pytest.mark.parametrize("lowest", [0.004, 0.018, 0.3])
@pytest.mark.parametrize("highest", [0.4, 1.2, 500])
def test_errors_of_any_size_are_within_the_picture_and_between_plain_numbers(
    lowest: float, highest: float
) -> None:
    rows = [record_row("cgcnn", highest, paper={"mae_over_mad": 0.5}), record_row("cgcnn-sum", lowest)]
    figure = errors.draw({"scale": "cpu", "rows": [*rows, record_row("cgcnn-sum", 1.1 * lowest, seed=1)]})
    figure.draw_without_rendering()
    (axes,) = figure.axes
    left, right = axes.get_xlim()
    assert left < lowest < 1.1 * lowest < highest < right
    shown = [text for text in axes.get_xticklabels() if left <= text.get_position()[0] <= right]
    assert len(shown) >= 2
    for text in shown:
        assert float(text.get_text()) == pytest.approx(text.get_position()[0])
    boxes = sorted((text.get_window_extent() for text in shown), key=lambda box: box.x0)
    assert all(one.x1 < two.x0 for one, two in pairwise(boxes))


def test_a_figure_says_how_many_seeds_each_network_has() -> None:
    one, three = [record_row("cgcnn", 0.3)], [record_row("de-cgcnn", 0.2, seed) for seed in range(3)]
    assert "3 epochs, 1 seed, 9 " in scale_note({"scale": "cpu", "rows": one})
    assert "3 epochs, 1/3 seeds, 9 " in scale_note({"scale": "cpu", "rows": one + three})
    many = [record_row("cgcnn", 0.3) | {"epochs": epochs} for epochs in (60, 8, 300, 12)]
    assert "8 to 300 epochs, " in scale_note({"scale": "cpu", "rows": many})


@pytest.mark.parametrize("n_datasets", [1, 12])
def test_a_bar_that_is_cut_has_its_value_beside_it(n_datasets: int) -> None:
    rows = [
        record_row(network, 0.3, dataset=name, dataset_label=name, metrics={"r2": r2})
        for name in (f"set {number}" for number in range(n_datasets))
        for network, r2 in (("cgcnn", 0.6), ("cgcnn-sum", -1.26))
    ]
    (axes,) = bars.draw({"scale": "cpu", "rows": rows}).axes
    written = [text.get_text() for text in axes.texts]
    assert written.count("−1.26") == n_datasets
    assert axes.get_ylim()[0] > -1.26


@pytest.mark.parametrize("highest", [0.05, 0.4, 1.2])
def test_bars_of_errors_fill_the_picture_with_their_values_in_it(highest: float) -> None:
    rows = [record_row("cgcnn", highest), record_row("cgcnn-sum", 0.5 * highest)]
    figure = bars.draw({"scale": "cpu", "metric": "mae_over_mad", "rows": rows})
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert highest > 0.8 * axes.get_ylim()[1]
    for text in axes.texts:
        assert text.get_window_extent().y1 <= axes.get_window_extent().y1
