"""Shared parts of all figures: a canvas without a screen, colours, and saving."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#666666")
"""Distinguishable with any colour vision: the set of Okabe and Ito, "Color Universal Design" (2008), with grey for its
black and without its yellow, which is too pale on white."""

_DOTS_PER_INCH = 150
"""Resolution of image files."""


def new_figure(width_inch: float, height_inch: float) -> Figure:
    """Return an empty figure, in inches, without pyplot and its windows."""
    figure = Figure(figsize=(width_inch, height_inch), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def hide_frame(axes: Axes) -> None:
    """Hide the top and right spines."""
    axes.spines[["top", "right"]].set_visible(False)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure in the format of the file extension; missing parent folders are created."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=_DOTS_PER_INCH)
