"""Drawings of metric values in torchmetrics' manner: a single result, or several in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from aher_lightning.figures import COLOURS, hide_frame, new_figure

Scores = Mapping[str, Tensor]
"""Scalars in ``[0, 1]`` by name."""

_LONGEST_LEGEND = 8
"""Largest number of curves that are all named; of more, only the first and the last."""


class Plot(NamedTuple):
    """Figure, which has no pyplot window, and axes of a drawing."""

    figure: Figure | SubFigure
    axes: Axes


def draw_curves(
    positions: Sequence[float],
    names: Sequence[str],
    values: Scores | Sequence[Scores],
    axes: Axes | None = None,
    *,
    summary: str,
) -> Plot:
    """Draw some of the scores as a curve per result; later results are darker.

    Args:
        positions: Horizontal position of each score.
        names: Scores to draw.
        values: One result, or several, earliest first.
        axes: Axes to draw into; ``None`` for a new figure.
        summary: Score for the legend.
    """
    plot = _new_plot((4.8, 3.6)) if axes is None else Plot(axes.figure, axes)
    results = [values] if isinstance(values, Mapping) else list(values)
    for number, result in enumerate(results):
        is_last = number == len(results) - 1
        is_named = is_last or number == 0 or len(results) <= _LONGEST_LEGEND
        label = f"{summary} {float(result[summary]):.3f}"
        shade = mpl.colormaps["viridis_r"]((number + 1) / len(results))
        plot.axes.plot(
            positions,
            [float(result[name]) for name in names],
            color=COLOURS[0] if len(results) == 1 else shade,
            label=(label if len(results) == 1 else f"{number}: {label}") if is_named else None,
            marker="o",
            markersize=4,
        )
    plot.axes.set_ylim(0, 1)
    plot.axes.grid(alpha=0.3)
    plot.axes.legend(frameon=False)
    return plot


def draw_bars(values: Scores, axes: Axes | None = None) -> Plot:
    """Draw each score as a bar with its number, from top to bottom."""
    plot = _new_plot((4.8, 0.8 + 0.24 * len(values))) if axes is None else Plot(axes.figure, axes)
    numbers = [float(value) for value in values.values()]
    bars = plot.axes.barh(list(values), numbers, color=COLOURS[0])
    plot.axes.bar_label(bars, [f"{number:.3f}" for number in numbers], padding=3, fontsize=8)
    plot.axes.margins(y=0.02)
    plot.axes.invert_yaxis()
    # Room for the number of a full bar.
    plot.axes.set(xlim=(0, 1.15), xticks=[0, 0.25, 0.5, 0.75, 1], xlabel="score")
    return plot


def draw_history(values: Sequence[Scores], axes: Axes | None = None) -> Plot:
    """Draw the summary scores, those without ``@`` in their names, over the results, earliest first."""
    plot = _new_plot((4.8, 3.6)) if axes is None else Plot(axes.figure, axes)
    names = [name for name in (values[0] if values else ()) if "@" not in name]
    for number, name in enumerate(names):
        line = [float(result[name]) for result in values]
        # Lines are dashed once colours repeat.
        style = "-" if number < len(COLOURS) else "--"
        plot.axes.plot(line, style, color=COLOURS[number % len(COLOURS)], label=name, marker="o", markersize=4)
    plot.axes.set(xlabel="result", ylabel="score", ylim=(0, 1))
    plot.axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    plot.axes.grid(alpha=0.3)
    plot.axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3, frameon=False)
    return plot


def _new_plot(size_inch: tuple[float, float]) -> Plot:
    """Return an empty figure with one panel."""
    figure = new_figure(*size_inch)
    axes = figure.subplots()
    hide_frame(axes)
    return Plot(figure, axes)
