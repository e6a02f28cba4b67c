"""Figure of losses and metrics over iterations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

History = dict[str, list[tuple[int, float]]]
"""Points ``(iteration, value)`` by log key, such as ``train/recognition`` and ``val/mAP``."""


def draw_curves(path: Path, history: History, title: str) -> None:
    """Draw losses on the left and, if there are any, validation metrics on the right.

    Args:
        path: Image file to write; missing parent folders are made.
        history: Points by log key; ``train/`` keys are losses, ``val/`` keys metrics in ``[0, 1]``.
        title: Title of the figure.
    """
    losses = _with_prefix(history, "train/")
    metrics = {key: points for key, points in _with_prefix(history, "val/").items() if "AR@" not in key}
    figure = Figure(figsize=(11, 4.2) if metrics else (6, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    panels = figure.subplots(1, 2 if metrics else 1, squeeze=False)[0]
    _draw(panels[0], losses, "loss")
    panels[0].set_yscale("log")
    if metrics:
        _draw(panels[1], metrics, "validation", marker="o")
        panels[1].set_ylim(0, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def _with_prefix(history: Mapping[str, list[tuple[int, float]]], prefix: str) -> History:
    return {key.removeprefix(prefix): points for key, points in history.items() if key.startswith(prefix)}


def _draw(axes: Axes, curves: History, label: str, marker: str = "") -> None:
    for name, points in sorted(curves.items()):
        iterations, values = zip(*points, strict=True)
        axes.plot(iterations, values, label=name, marker=marker, markersize=4, linewidth=1.2)
    axes.set_xlabel("iteration")
    axes.set_ylabel(label)
    axes.grid(alpha=0.3)
    if curves:
        axes.legend(fontsize=8, loc="best", ncols=2)
