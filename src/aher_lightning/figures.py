"""What all figures share: a canvas that needs no screen, colours, and the way into a file."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#666666")
"""Told apart with any kind of colour vision: the set of Okabe and Ito, "Color Universal Design" (2008), with grey
for its black and without its yellow, which is too pale on white."""

DOTS_PER_INCH = 150
"""Resolution of image files."""


def new_figure(width_inch: float, height_inch: float) -> Figure:
    """Return an empty figure that leaves pyplot and its windows alone.

    Args:
        width_inch: Width in inches.
        height_inch: Height in inches.

    Returns:
        The figure.
    """
    figure = Figure(figsize=(width_inch, height_inch), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def hide_frame(axes: Axes) -> None:
    """Take away the lines above and to the right of a panel.

    Args:
        axes: The panel.
    """
    axes.spines[["top", "right"]].set_visible(False)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure; the ending of the path decides the format.

    Args:
        figure: The figure.
        path: File to write; missing parent folders are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DOTS_PER_INCH)
