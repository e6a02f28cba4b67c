"""Figure of losses and metrics over iterations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes

from aher_lightning.figures import new_figure

History = dict[str, list[tuple[int, float]]]
"""Points ``(iteration, value)`` by log key, such as ``train/recognition`` and ``val/mAP``."""

_SHOWN_METRICS = (
    *("mAP@0.50", "mAP@0.75", "mAP@0.95", "mAP", "AUC", "instance_accuracy"),
    *("untrimmed/mAP", "moment/mAP", "harmonic/mAP"),
)
"""Validation metrics to draw, the last ones if both sets are evaluated; all metrics are in the log."""

_SMOOTHING_POINTS = 9
"""Window of the moving average, in points."""


def draw_curves(path: Path, history: History, title: str, losses: Sequence[str] | None = None) -> None:
    """Draw losses on the left, raw and smoothed, and validation metrics, if any, on the right.

    Args:
        path: Image file to write; missing parent folders are created.
        history: Points by log key; ``train/`` keys are losses, ``val/`` keys metrics in ``[0, 1]``.
        title: Title of the figure.
        losses: Names of the losses to draw, in order; ``None`` for all.
    """
    names = sorted(_with_prefix(history, "train/")) if losses is None else losses
    drawn = {name: history[f"train/{name}"] for name in names if f"train/{name}" in history}
    metrics = {name: history[f"val/{name}"] for name in _SHOWN_METRICS if f"val/{name}" in history}
    figure = new_figure(11 if metrics else 6, 4.2)
    figure.suptitle(title)
    panels = figure.subplots(1, 2 if metrics else 1, squeeze=False)[0]
    for number, (name, points) in enumerate(drawn.items()):
        iterations, values = zip(*points, strict=True)
        panels[0].plot(iterations, values, color=f"C{number}", alpha=0.25, linewidth=0.8)
        panels[0].plot(iterations, _smooth(values), color=f"C{number}", label=name, linewidth=1.6)
    panels[0].set_yscale("log")
    _finish(panels[0], "training loss")
    if metrics:
        for name, points in metrics.items():
            panels[1].plot(*zip(*points, strict=True), label=name, marker="o", markersize=4)
        panels[1].set_ylim(0, 1)
        _finish(panels[1], "validation")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def _with_prefix(history: History, prefix: str) -> list[str]:
    """Return the log keys with a prefix, without it."""
    return [key.removeprefix(prefix) for key in history if key.startswith(prefix)]


def _smooth(values: Sequence[float]) -> list[float]:
    """Return the moving average, over fewer points at the ends."""
    half = _SMOOTHING_POINTS // 2
    windows = [values[max(0, place - half) : place + half + 1] for place in range(len(values))]
    return [sum(window) / len(window) for window in windows]


def _finish(axes: Axes, label: str) -> None:
    """Label a panel; its legend is below the axes, where it hides nothing."""
    axes.set_xlabel("iteration")
    axes.set_ylabel(label)
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=5, frameon=False)
