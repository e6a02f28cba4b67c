"""Figure of instances and detections over the time of videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from aher_lightning.analyses.timeline_bars import TimelineBar, assign_lanes
from aher_lightning.figures import COLOURS, hide_frame, new_figure, save_figure

WIDTH_INCH = 10.0
LANE_INCH = 0.24
"""Height of a bar with its margin."""

PANEL_INCH = 0.75
"""Height of title, time axis and margins of a video."""

SCORE_SHARE = 0.05
"""Width of a written score, in widths of a panel."""

ROW_GAP = 0.5
"""Space between rows, in lanes."""

HATCHES = ("", "////", "....", "xxxx")
"""What tells categories apart once the colours are used up."""


DARK = (COLOURS[0], COLOURS[2], COLOURS[4], COLOURS[6])
"""Colours that white letters are read on more easily than black ones."""


class TimelinePanel(NamedTuple):
    """One video of the figure.

    Attributes:
        video_id: Its name.
        duration_sec: Its duration in seconds.
        rows: Bars by the name of their row, from top to bottom; a row may be empty.
    """

    video_id: str
    duration_sec: float
    rows: Mapping[str, Sequence[TimelineBar]]


class _Style(NamedTuple):
    """How the bars of a category look."""

    colour: str
    hatch: str


def draw_timelines(path: Path, panels: Sequence[TimelinePanel]) -> None:
    """Draw one panel per video and one row per system, as in figure 7 of the paper.

    Bars of one row that overlap in time are put below one another.

    Args:
        path: Image file to write; missing parent folders are made.
        panels: The videos, at least one.
    """
    styles = _styles(panels)
    lanes = [_lanes_by_row(panel) for panel in panels]
    heights = [PANEL_INCH + LANE_INCH * (_total_lanes(rows) + ROW_GAP * len(rows)) for rows in lanes]
    columns = _legend_columns(list(styles))
    figure = new_figure(WIDTH_INCH, sum(heights) + 0.3 + 0.22 * -(-len(styles) // columns))
    all_axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, panel, rows in zip(all_axes, panels, lanes, strict=True):
        _draw_panel(axes, panel, rows, styles)
    all_axes[-1].set_xlabel("time (s)")
    handles = [
        Patch(facecolor=style.colour, hatch=style.hatch, edgecolor="white", label=label)
        for label, style in styles.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=9, frameon=False)
    save_figure(figure, path)


def _draw_panel(axes: Axes, panel: TimelinePanel, lanes: Mapping[str, list[int]], styles: Mapping[str, _Style]) -> None:
    """Draw one video."""
    top, centres = 0.0, []
    for row, bars in panel.rows.items():
        for bar, lane in zip(bars, lanes[row], strict=True):
            _draw_bar(axes, bar, top + lane + 0.5, panel.duration_sec, styles[bar.label])
        height = _height(lanes[row])
        centres.append(top + height / 2)
        top += height + ROW_GAP
    axes.set_xlim(0, panel.duration_sec)
    axes.set_ylim(top - ROW_GAP / 2, -ROW_GAP / 2)  # first row on top
    axes.set_yticks(centres, list(panel.rows), fontsize=9)
    axes.tick_params(axis="y", length=0)
    axes.set_title(f"{panel.video_id}  ({panel.duration_sec:.1f} s)", loc="left", fontsize=10)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    hide_frame(axes)


def _draw_bar(axes: Axes, bar: TimelineBar, height: float, duration_sec: float, style: _Style) -> None:
    """Draw one bar, its score within it or, where it is too short, beside it."""
    width = bar.end - bar.start
    axes.barh(height, width, left=bar.start, height=0.82, color=style.colour, hatch=style.hatch, edgecolor="white")
    if bar.score is None:
        return
    side = _score_side(bar, duration_sec)
    place = {"center": (bar.start + bar.end) / 2, "left": bar.end, "right": bar.start}[side]
    is_inside = side == "center"
    score = axes.text(place, height, f" {bar.score:.2f} ", ha=side, va="center_baseline", fontsize=8)
    score.set_color("white" if is_inside and style.colour in DARK else "black")
    if is_inside and style.hatch:
        score.set_bbox({"facecolor": style.colour, "edgecolor": "none", "pad": 0.6})


def _score_side(bar: TimelineBar, duration_sec: float) -> Literal["center", "left", "right"]:
    """How the score is aligned: within the bar, from its end on, or up to its start at the end of the video."""
    room = SCORE_SHARE * duration_sec
    if bar.end - bar.start >= room:
        return "center"
    return "left" if bar.end + room <= duration_sec else "right"


def _span(bar: TimelineBar, duration_sec: float) -> tuple[float, float]:
    """Start and end of a bar with its score, in seconds."""
    side = "center" if bar.score is None else _score_side(bar, duration_sec)
    room = SCORE_SHARE * duration_sec
    return bar.start - room * (side == "right"), bar.end + room * (side == "left")


def _lanes_by_row(panel: TimelinePanel) -> dict[str, list[int]]:
    """The lane of each bar."""
    return {row: assign_lanes([_span(bar, panel.duration_sec) for bar in bars]) for row, bars in panel.rows.items()}


def _height(lanes: Sequence[int]) -> int:
    """Lanes of a row; an empty row takes one."""
    return max(lanes, default=0) + 1


def _total_lanes(rows: Mapping[str, list[int]]) -> int:
    """Lanes of a panel."""
    return sum(_height(lanes) for lanes in rows.values())


def _styles(panels: Sequence[TimelinePanel]) -> dict[str, _Style]:
    """The look of each category, in order of its first bar."""
    labels = dict.fromkeys(bar.label for panel in panels for bars in panel.rows.values() for bar in bars)
    return {
        label: _Style(COLOURS[number % len(COLOURS)], HATCHES[number // len(COLOURS) % len(HATCHES)])
        for number, label in enumerate(labels)
    }


def _legend_columns(labels: Sequence[str]) -> int:
    """How many of the names fit beside each other."""
    longest = max((len(label) for label in labels), default=1)
    return max(1, min(len(labels), int(WIDTH_INCH / (0.5 + 0.085 * longest))))
