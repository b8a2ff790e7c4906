"""What all figures share."""

import pytest
from matplotlib.lines import Line2D

from hybrid.figures.style import legend_above, new_figure


@pytest.mark.parametrize(("length", "columns"), [(5, 3), (30, 2), (60, 1)])
def test_a_legend_takes_as_many_columns_as_the_figure_has_room_for(length: int, columns: int) -> None:
    figure = new_figure(180.0, 60.0)
    legend_above(figure, {f"{number}{'x' * length}": Line2D([], []) for number in range(6)})
    (legend,) = figure.legends
    figure.draw_without_rendering()
    assert len({round(text.get_window_extent().x0) for text in legend.get_texts()}) == columns
    assert 0 <= legend.get_window_extent().x0 < legend.get_window_extent().x1 <= figure.bbox.width
