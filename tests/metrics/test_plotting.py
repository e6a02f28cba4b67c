from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from aher_lightning.metrics.plotting import Plot, draw_bars, draw_curves, draw_history

RESULT = {
    "mAP@0.50": torch.tensor(0.5),
    "mAP@0.75": torch.tensor(0.25),
    "mAP": torch.tensor(0.375),
    "AUC": torch.tensor(0.75),
}
NAMES = ["mAP@0.50", "mAP@0.75"]


def lines(plot: Plot) -> list[list[float]]:
    return [np.asarray(line.get_ydata()).tolist() for line in plot.axes.lines]


def legend(plot: Plot) -> list[str]:
    shown = plot.axes.get_legend()
    assert shown is not None
    return [text.get_text() for text in shown.get_texts()]


def later(result: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value / 2 for name, value in result.items()}


def test_a_result_is_a_curve_with_its_summary() -> None:
    plot = draw_curves([0.5, 0.75], NAMES, RESULT, summary="mAP")
    assert lines(plot) == [[0.5, 0.25]]
    assert legend(plot) == ["mAP 0.375"]


def test_later_results_are_darker_curves() -> None:
    plot = draw_curves([0.5, 0.75], NAMES, [RESULT, later(RESULT)], summary="mAP")
    assert lines(plot) == [[0.5, 0.25], [0.25, 0.125]]
    assert legend(plot) == ["0: mAP 0.375", "1: mAP 0.188"]
    first, second = (np.sum(line.get_color()[:3]) for line in plot.axes.lines)
    assert first > second


def test_of_many_curves_the_ends_are_named() -> None:
    plot = draw_curves([0.5, 0.75], NAMES, [RESULT] * 30, summary="AUC")
    assert len(lines(plot)) == 30
    assert legend(plot) == ["0: AUC 0.750", "29: AUC 0.750"]


def test_bars_stand_in_the_order_of_the_scores() -> None:
    plot = draw_bars(RESULT)
    assert [bar.get_width() for bar in plot.axes.patches] == [0.5, 0.25, 0.375, 0.75]  # type: ignore[attr-defined]
    assert [label.get_text() for label in plot.axes.get_yticklabels()] == list(RESULT)
    assert [text.get_text() for text in plot.axes.texts] == ["0.500", "0.250", "0.375", "0.750"]
    assert plot.axes.yaxis_inverted()


def test_a_history_has_a_line_for_each_summary() -> None:
    plot = draw_history([RESULT, later(RESULT), RESULT])
    assert lines(plot) == [[0.375, 0.1875, 0.375], [0.75, 0.375, 0.75]]
    assert legend(plot) == ["mAP", "AUC"]
    groups = {f"{letter}/mAP": torch.tensor(0.5) for letter in "abcdefghi"}
    styles = [line.get_linestyle() for line in draw_history([groups]).axes.lines]
    assert styles == ["-"] * 7 + ["--"] * 2


def test_undefined_scores_can_be_drawn() -> None:
    nothing = dict.fromkeys(RESULT, torch.tensor(torch.nan))
    for plot in (draw_curves([0.5, 0.75], NAMES, nothing, summary="mAP"), draw_bars(nothing), draw_history([nothing])):
        plot.figure.canvas.draw()
        assert plot.axes.lines or plot.axes.patches


@pytest.mark.parametrize("is_given", [False, True])
def test_a_panel_can_be_given_and_windows_are_left_alone(is_given: bool) -> None:
    axes = Figure().subplots() if is_given else None
    plots = (
        draw_curves([0.5, 0.75], NAMES, RESULT, axes, summary="mAP"),
        draw_bars(RESULT, axes),
        draw_history([RESULT], axes),
    )
    assert all((plot.axes is axes) == is_given for plot in plots)
    assert all(plot.figure is plot.axes.figure for plot in plots)
    assert plt.get_fignums() == []
