"""Scatter plot of foreground, synthetic and real background."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from aher_lightning.figures import COLOURS, new_figure, save_figure

_MARKERS = ("o", "^", "s")
"""One per kind, so that a print without colours can be read."""


def draw_context_scatter(path: Path, points: Mapping[str, Tensor], title: str) -> None:
    """Draw the points of each kind, as in figure 5 of the paper.

    Args:
        path: Image file to write; missing parent folders are created.
        points: Points of the plane by kind, at most three kinds, ``(M, 2)`` each.
        title: Title of the figure.
    """
    figure = new_figure(6.4, 5.8)
    axes = figure.subplots()
    for number, (kind, places) in enumerate(points.items()):
        axes.scatter(
            places[:, 0].numpy(),
            places[:, 1].numpy(),
            s=14,
            alpha=0.65,
            linewidths=0,
            color=COLOURS[(1, 0, 2)[number]],
            marker=_MARKERS[number],
            label=f"{kind} ({len(places)})",
        )
    # t-SNE distances have no unit; only neighbourhoods are meaningful.
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel("t-SNE, first dimension")
    axes.set_ylabel("t-SNE, second dimension")
    axes.set_title(title, fontsize=10)
    figure.legend(loc="outside lower center", ncols=len(points), frameon=False, fontsize=9, markerscale=1.6)
    save_figure(figure, path)
