"""Figure of the classification accuracy of each pyramid level."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aher_lightning.analyses.level_accuracy import LevelAccuracy
from aher_lightning.figures import COLOURS, hide_frame, new_figure, save_figure

_SYSTEMS = (("accuracy_ahernet_minus", "AherNet\N{SUPERSCRIPT MINUS}"), ("accuracy_ahernet", "AherNet"))
"""Columns of the table with the paper's names, from left to right."""

_BAR_WIDTH = 0.38
"""Fraction of the distance between two levels."""


def draw_level_bars(path: Path, accuracies: Sequence[LevelAccuracy]) -> None:
    """Draw two bars for each level, as in figure 4 of the paper.

    Args:
        path: Image file to write; missing parent folders are created.
        accuracies: The levels, from fine to coarse; one without proposals gets no bars.
    """
    figure = new_figure(max(5.0, 1.6 + 0.9 * len(accuracies)), 4.0)
    axes = figure.subplots()
    for number, (column, name) in enumerate(_SYSTEMS):
        values = [getattr(one, column) for one in accuracies]
        places = [one.level + (number - 0.5) * _BAR_WIDTH for one in accuracies]
        heights = [100 * (value or 0.0) for value in values]
        bars = axes.bar(places, heights, _BAR_WIDTH, label=name, color=COLOURS[1 - number], zorder=2)
        texts = ["" if value is None else f"{100 * value:.0f}" for value in values]
        axes.bar_label(bars, texts, fontsize=8, padding=2)
    axes.set_xticks([one.level for one in accuracies])
    axes.set_xticklabels([_name(one) for one in accuracies], fontsize=9)
    axes.set_xlim(0.4, len(accuracies) + 0.6)
    axes.set_ylim(0, 100)
    axes.set_xlabel("pyramid level (n proposals counted)")
    axes.set_ylabel("classification accuracy (%)")
    axes.grid(axis="y", alpha=0.3)
    hide_frame(axes)
    figure.legend(loc="outside upper center", ncols=len(_SYSTEMS), frameon=False)
    save_figure(figure, path)


def _name(one: LevelAccuracy) -> str:
    """Return the label below the bars of a level."""
    return f"level {one.level}\n{one.cells} cell{'' if one.cells == 1 else 's'}\nn = {one.proposals:,}"
