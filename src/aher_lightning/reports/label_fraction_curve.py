"""Figure of full supervision on a growing fraction of annotations, against learning from moments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aher_lightning.analyses.label_fractions import FractionPoint
from aher_lightning.figures import COLOURS, hide_frame, new_figure, save_figure


def draw_label_fraction_curve(path: Path, supervised: Sequence[FractionPoint], ahernet: float) -> None:
    """Draw the curve of AherNet* and the level of AherNet, as in figure 6 of the paper.

    Args:
        path: Image file to write; missing parent folders are created.
        supervised: The points of AherNet*, by ascending fraction.
        ahernet: Average mAP of AherNet, in ``[0, 1]``.
    """
    figure = new_figure(5.6, 4.0)
    axes = figure.subplots()
    fractions, values = [100 * point.fraction for point in supervised], [100 * point.mAP for point in supervised]
    axes.plot(fractions, values, color=COLOURS[0], marker="o", label="AherNet*", clip_on=False, zorder=3)
    axes.axhline(100 * ahernet, color=COLOURS[4], linestyle="--", label=f"AherNet, from moments ({100 * ahernet:.1f})")
    for fraction, value in zip(fractions, values, strict=True):
        label = axes.annotate(f"{value:.1f}", (fraction, value), (0, 7), textcoords="offset points", ha="center")
        label.set_fontsize(8)
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 1.2 * max(*values, 100 * ahernet, 1.0))
    axes.set_xticks(range(0, 101, 10))
    axes.set_xlabel("temporal annotations that AherNet* is trained on (%)")
    axes.set_ylabel("average mAP (%)")
    axes.grid(alpha=0.3)
    hide_frame(axes)
    axes.legend(loc="lower right", frameon=False)
    save_figure(figure, path)
